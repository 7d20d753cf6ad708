/**
 * Which certificates need a look now. Light on purpose: an idle tick loads this, a few stat calls are made, and it is
 * over; neither the configuration nor any state is opened.
 */
import { realpathSync } from "node:fs";
import path from "node:path";
import { OperationalError } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import type { CertificateConfig, Configuration } from "../config/schema.ts";
import { dueNow, isCurrent, readDueIndex } from "../store/due-index.ts";
import type { DueIndex } from "../store/due-index.ts";
import { readSpool } from "../store/spool.ts";
import type { SpoolContent } from "../store/spool.ts";

/** Whether a tick has nothing to do: the configuration unchanged, no wake-up due, no source changed, no note spooled. */
export function isIdle(stateDirectory: string, mainFile: string, now: Instant): boolean {
  const index = readDueIndex(stateDirectory);
  if (index?.configurationPaths[0] !== mainFile || !isCurrent(index)) return false;
  const spool = readSpool(stateDirectory);
  return spool.notes.length === 0 && spool.damaged.length === 0 && dueNow(index, now).length === 0;
}

/** What asks for a look at a certificate. */
export interface Demand {
  /** Named by the operator: these and no others, due or not. */
  readonly named: readonly string[];
  /** All of them, due or not. */
  readonly force: boolean;
  readonly now: Instant;
}

/**
 * The certificates to look at, in the order of the configuration. Without a current index all are looked at. Throws
 * CERTIFICATE_UNKNOWN for a name that is not configured.
 */
export function selectDue(
  configuration: Configuration,
  index: DueIndex | null,
  spool: SpoolContent,
  demand: Demand,
): readonly CertificateConfig[] {
  const { certificates } = configuration;
  if (demand.named.length > 0) return demand.named.map((name) => findCertificate(configuration, name));
  if (demand.force || index === null || !isCurrent(index)) return certificates;
  const due = new Set(dueNow(index, demand.now));
  const known = new Set(index.entries.map((entry) => entry.certificate));
  const about = notesAbout(spool.notes);
  return certificates.filter(
    (certificate) => due.has(certificate.name) || !known.has(certificate.name) || about(certificate).length > 0,
  );
}

/** Finds a configured certificate by name. Throws CERTIFICATE_UNKNOWN. */
export function findCertificate(configuration: Configuration, name: string): CertificateConfig {
  const found = configuration.certificates.find((certificate) => certificate.name === name);
  if (found !== undefined) return found;
  const names = configuration.certificates.map((certificate) => certificate.name).join(", ");
  throw new OperationalError("CERTIFICATE_UNKNOWN", `no certificate "${name}" is configured`, {
    retry: "never",
    hint: names === "" ? "the configuration has no certificates" : `configured: ${names}`,
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

function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    // Not there (yet, or any more): compared as written.
    return path.resolve(file);
  }
}
