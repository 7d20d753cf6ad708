/** What a server's configuration says of one certificate file, and what the readers of configurations share. */
import { matchesGlob } from "./words.ts";
import type { Tree } from "./tree.ts";

export type ServerProgram = "postfix" | "dovecot" | "nginx" | "apache" | "haproxy";

/** One directive of a configuration that names a certificate file. */
export interface CertificateUse {
  readonly program: ServerProgram;
  /** The file with the certificate, or a folder of such (HAProxy). */
  readonly file: string;
  /** What else belongs to it: the key's file. */
  readonly companions: readonly string[];
  readonly directive: string;
  readonly configuration: string;
  /** From 1. */
  readonly line: number;
  /** Names that the server is called by, as far as its configuration says. */
  readonly hosts: readonly string[];
  readonly ports: readonly number[];
  /** What stands in the configuration: the line with the certificate, then those of its companions. */
  readonly written: readonly WrittenLine[];
  /** What has to be set besides for TLS to be offered, as the program wants it written; absent: nothing. */
  readonly lacks?: readonly string[];
}

/** One line of a configuration that names a file. */
export interface WrittenLine {
  readonly configuration: string;
  /** From 1. */
  readonly line: number;
  /** Without the blanks around it; of a setting in several lines all of them. */
  readonly text: string;
  readonly file: string;
}

/** At least two labels, and no address. */
export function isHostName(name: string): boolean {
  return /^(?=.*[a-z])[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i.test(name);
}

/** The files that a path with shell patterns in its last parts stands for. */
export function expandPath(tree: Tree, pattern: string): readonly string[] {
  let found: readonly string[] = [""];
  for (const part of pattern.split("/").filter((one) => one !== "")) {
    found = /[*?]/.test(part)
      ? found.flatMap((folder) =>
          tree
            .names(folder === "" ? "/" : folder)
            .flatMap((name) => (matchesGlob(part, name) ? [`${folder}/${name}`] : [])),
        )
      : found.map((folder) => `${folder}/${part}`);
  }
  return found.filter(tree.has);
}
