/** What a catalogue was made from and by: all that decides whether it still says what the configuration says. */
import { BUILD } from "../base/build.ts";
import { stampFiles } from "../store/due-index.ts";

/** The identity of a catalogue, read back. */
export interface Identity {
  readonly build: string;
  /** Files and folders that the configuration was read from, the main file first. */
  readonly paths: readonly string[];
  /** `stampFiles` of these, as they were before they were read. */
  readonly stamp: string;
}

/** The text of an identity. */
export function identityText(paths: readonly string[], stamp: string): string {
  const identity: Identity = { build: BUILD, paths, stamp };
  return JSON.stringify(identity);
}

/** Reads it back; null when it is none. */
export function parseIdentity(text: string): Identity | null {
  try {
    const value: unknown = JSON.parse(text);
    return isIdentity(value) ? value : null;
  } catch {
    return null;
  }
}

/** Whether the same program would read the same from the same files. */
export function isCurrent({ build, paths, stamp }: Identity): boolean {
  return build === BUILD && stamp === stampFiles(paths);
}

function isIdentity(value: unknown): value is Identity {
  if (typeof value !== "object" || value === null) return false;
  if (!("build" in value && "paths" in value && "stamp" in value)) return false;
  const { build, paths, stamp } = value;
  const isList = Array.isArray(paths) && paths.every((path) => typeof path === "string");
  return typeof build === "string" && typeof stamp === "string" && isList;
}
