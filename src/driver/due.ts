/**
 * Which certificates need a look now. Light on purpose: an idle tick loads this, a few stat calls are made, and it is
 * over; neither the configuration nor any state is opened.
 */
import { realpathSync } from "node:fs";
import path from "node:path";
import { OperationalError } from "../base/errors.ts";
import { instant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { suggestion } from "../config/nearest.ts";
import type { CertificateConfig, Configuration } from "../config/schema.ts";
import { CatalogueDamaged, openCatalogue, removeCatalogue } from "../store/catalogue.ts";
import type { Catalogue } from "../store/catalogue.ts";
import { endTurn, nextWake, readDueIndex, stampFiles, updateDueIndex } from "../store/due-index.ts";
import type { DueIndex } from "../store/due-index.ts";
import { readSpool } from "../store/spool.ts";
import type { SpoolContent } from "../store/spool.ts";
import { isCurrent, parseIdentity } from "./identity.ts";

/**
 * Whether a tick has nothing to do: the configuration unchanged, no wake-up due, no note spooled, and no source changed
 * of those whose turn it is. Throws as reading and writing the due-index do.
 */
export function isIdle(stateDirectory: string, mainFile: string, now: Instant): boolean {
  const catalogue = openCatalogue(stateDirectory);
  if (catalogue === null) return false;
  try {
    const identity = parseIdentity(catalogue.identity);
    if (identity?.paths[0] !== mainFile || !isCurrent(identity)) return false;
    const index = indexOf(stateDirectory, catalogue);
    if (index === null || index.due(now).length > 0) return false;
    const spool = readSpool(stateDirectory);
    if (spool.notes.length > 0 || spool.damaged.length > 0) return false;
    if (changedSources(catalogue, index, now).length > 0) return false;
    endTurn(stateDirectory, index, now);
    return true;
  } catch (error) {
    // The tick makes a new one.
    if (error instanceof CatalogueDamaged) return false;
    throw error;
  } finally {
    catalogue.close();
  }
}

/** Positions of the certificates whose source changed since they were looked at, of those whose turn it is. */
export function changedSources(catalogue: Catalogue, index: DueIndex, now: Instant): readonly number[] {
  return index.turn(now).flatMap((turn) => {
    const { from, to } = turn;
    index.load(turn);
    return catalogue.watched(from, to).flatMap((paths, at) => {
      return index.isUnchanged(from + at, stampFiles(paths)) ? [] : [from + at];
    });
  });
}

/** The key under which the catalogue has a certificate of this name. */
export function nameKey(name: string): string {
  return `name ${name}`;
}

/** The index of this very catalogue; null: there is none. Throws PERMISSION_DENIED or FILE_UNREADABLE. */
export function indexOf(stateDirectory: string, { id, count }: Catalogue): DueIndex | null {
  const index = readDueIndex(stateDirectory);
  return index?.id === id && index.count === count ? index : null;
}

/** Due since ever, whatever the clock says. */
export const ALWAYS = instant(0);

/**
 * Has the next tick look at a certificate, whatever it waits for; without an index all are looked at anyway. Call under
 * the lock. Throws DISK_FULL, PERMISSION_DENIED or STATE_UNWRITABLE.
 */
export function wakeCertificate(stateDirectory: string, name: string): void {
  const catalogue = openCatalogue(stateDirectory);
  if (catalogue === null || indexOf(stateDirectory, catalogue) === null) return;
  try {
    const positions = catalogue.lookUp(nameKey(name));
    const entries = positions.map((position) => ({ position, wakeAt: ALWAYS, stamp: null }));
    updateDueIndex(stateDirectory, entries, true);
  } catch (error) {
    if (!(error instanceof CatalogueDamaged)) throw error;
    removeCatalogue(stateDirectory);
  } finally {
    catalogue.close();
  }
}

/** Certificates that a tick left alone. */
export interface Waiting {
  readonly listed: readonly { readonly certificate: string; readonly wakeAt: Instant | null }[];
  /** How many more there are. */
  readonly others: number;
  readonly nextWakeAt: Instant | null;
}

/** Those of the index but for the ones that were looked at; of more than `most` only how many there are. */
export function waitingCertificates(stateDirectory: string, looked: ReadonlySet<string>, most: number): Waiting {
  const none: Waiting = { listed: [], others: 0, nextWakeAt: null };
  const catalogue = openCatalogue(stateDirectory);
  if (catalogue === null) return none;
  try {
    const index = indexOf(stateDirectory, catalogue);
    if (index === null) return none;
    const nextWakeAt = nextWake(index);
    if (index.count - looked.size > most) return { listed: [], others: index.count - looked.size, nextWakeAt };
    const all = Array.from({ length: index.count }, (_, position) => {
      return { certificate: nameIn(catalogue.text(position)), wakeAt: index.wakeAt(position) };
    });
    return { listed: all.filter(({ certificate }) => !looked.has(certificate)), others: 0, nextWakeAt };
  } catch (error) {
    if (error instanceof CatalogueDamaged) return none;
    throw error;
  } finally {
    catalogue.close();
  }
}

function nameIn(text: string): string {
  const value: unknown = JSON.parse(text);
  const named = typeof value === "object" && value !== null && "name" in value ? value.name : null;
  return typeof named === "string" ? named : "?";
}

/** Finds a configured certificate by name. Throws CERTIFICATE_UNKNOWN. */
export function findCertificate(configuration: Configuration, name: string): CertificateConfig {
  const found = configuration.certificates.find((certificate) => certificate.name === name);
  return (
    found ??
    refuseName(
      name,
      configuration.certificates.map((certificate) => certificate.name),
    )
  );
}

/** More names than this are no help. */
const NAMES_SHOWN = 10;

/** Throws CERTIFICATE_UNKNOWN, naming the nearest and some that are configured. */
export function refuseName(name: string, names: readonly string[]): never {
  const more = names.length > NAMES_SHOWN ? ` and ${String(names.length - NAMES_SHOWN)} more` : "";
  const what = `no certificate "${name}" is configured${suggestion(name, names)}`;
  throw new OperationalError("CERTIFICATE_UNKNOWN", what, {
    retry: "never",
    hint:
      names.length === 0
        ? "the configuration has no certificates"
        : `configured: ${names.slice(0, NAMES_SHOWN).join(", ")}${more}`,
  });
}

/**
 * Finds the notes about a certificate. A hook names the folder it renewed; clients that name a file of it, or only
 * domains, are understood too. What the notes name is resolved once, for any number of certificates.
 */
export function notesAbout(notes: SpoolContent["notes"]): (certificate: CertificateConfig) => SpoolContent["notes"] {
  if (notes.length === 0) return () => [];
  const resolved = notes.map((entry) => ({ entry, noted: realPath(entry.note.source) }));
  return ({ source, services }) => {
    const folder = realPath(source.kind === "directory" ? source.path : path.dirname(source.cert));
    const hosts = new Set<string>(services.map((service) => service.host));
    return resolved
      .filter(
        ({ entry, noted }) =>
          noted === folder ||
          path.dirname(noted) === folder ||
          entry.note.domains.some((domain) => hosts.has(`${domain.toLowerCase().replace(/\.$/, "")}.`)),
      )
      .map(({ entry }) => entry);
  };
}

/** As it is, links followed; what is not there (yet, or any more) is compared as written. */
export function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return path.resolve(file);
  }
}
