/** What the driver must reach to do what the configuration says: folders it writes, files it reads, commands it runs. Pure. */
import path from "node:path";
import type { Configuration, PublisherConfig } from "../../config/schema.ts";

/** A place, and what for: `the deployed files of mx`. */
export interface PlaceNeed {
  readonly place: string;
  readonly why: string;
}

/** A command that a tick runs: `reload of mx`. */
export interface CommandNeed {
  readonly argv: readonly string[];
  readonly why: string;
}

/** Everything that a tick needs of the system around it. */
export interface Needs {
  /** Folders in which files are made and replaced. */
  readonly writes: readonly PlaceNeed[];
  readonly reads: readonly PlaceNeed[];
  readonly commands: readonly CommandNeed[];
}

export function needsOf(configuration: Configuration, stateDirectory: string): Needs {
  const { certificates, prometheusTextfile, trustAnchors, notify } = configuration;
  const publishers = [...configuration.publishers.values()];
  const optional = (place: string | null, why: string): readonly PlaceNeed[] =>
    place === null ? [] : [{ place, why }];
  const secrets = [notify?.webhookSecretFile ?? null, notify?.ntfyTokenFile ?? null];
  return {
    writes: merged([
      { place: stateDirectory, why: "state" },
      ...certificates.map(({ name, deploy }) => ({
        place: path.dirname(deploy),
        why: `the deployed files of ${name}`,
      })),
      ...certificates.flatMap(({ name, holdFile }) => optional(folderOf(holdFile), `the hold file of ${name}`)),
      ...publishers.flatMap(zoneFolders),
      ...optional(folderOf(prometheusTextfile), "metrics"),
    ]),
    reads: merged([
      // Not the configuration: this one may be on trial, somewhere else than where the unit has its own.
      ...certificates.flatMap(({ name, source, nextKey }) => [
        ...(source.kind === "directory" ? [source.path] : [source.cert, source.key, source.chain]).flatMap((place) =>
          optional(place, `the source of ${name}`),
        ),
        ...optional(nextKey, `the next key of ${name}`),
      ]),
      ...publishers.flatMap((publisher) => optional(secretOf(publisher), `the key of publish.${publisher.name}`)),
      ...optional(trustAnchors, "trust anchors"),
      ...secrets.flatMap((place) => optional(place, "the secrets of notify")),
    ]),
    commands: [
      ...certificates.flatMap(({ name, reload }) => reload.map((argv) => ({ argv, why: `the reload of ${name}` }))),
      ...publishers.flatMap((publisher) =>
        commandsOf(publisher).map((argv) => ({ argv, why: `a command of publish.${publisher.name}` })),
      ),
      ...(notify?.exec === null || notify === null ? [] : [{ argv: notify.exec, why: "notify.exec" }]),
    ],
  };
}

const NAMED = 3;

/** Of many certificates with one folder some are enough to know which is meant. */
function merged(needs: readonly PlaceNeed[]): readonly PlaceNeed[] {
  const whys = new Map<string, readonly string[]>();
  for (const { place, why } of needs) {
    const known = whys.get(place) ?? [];
    if (!known.includes(why)) whys.set(place, [...known, why]);
  }
  return [...whys].map(([place, all]) => {
    const more = all.length > NAMED ? ` and ${String(all.length - NAMED)} more` : "";
    return { place, why: `${all.slice(0, NAMED).join(", ")}${more}` };
  });
}

/** The folder of a file; of one with `{zone}` in its folders the part above that. */
function folderOf(file: string | null): string | null {
  return file === null ? null : path.dirname(file.split("{")[0]?.concat("x") ?? file);
}

/** The fragment is replaced, the parent touched, and a copy of it made beside it for the check. */
function zoneFolders(publisher: PublisherConfig): readonly PlaceNeed[] {
  if (publisher.type !== "zonefile") return [];
  const { name, file, parent, touch, check, serial } = publisher;
  const isCopied = check?.some((word) => word.includes("{parent}")) === true;
  const changed = touch || isCopied || serial !== null ? [parent] : [];
  return [file, ...changed].flatMap((one) => {
    const place = folderOf(one);
    return place === null ? [] : [{ place, why: `the zone files of publish.${name}` }];
  });
}

/** The file with the secret of a publisher; null: it has none. */
export function secretOf(publisher: PublisherConfig): string | null {
  switch (publisher.type) {
    case "rfc2136":
      return publisher.keyFile;
    case "powerdns":
      return publisher.apiKeyFile;
    case "cloudflare":
    case "desec":
      return publisher.tokenFile;
    case "zonefile":
    case "exec":
      return null;
  }
}

function commandsOf(publisher: PublisherConfig): readonly (readonly string[])[] {
  if (publisher.type === "exec") return [publisher.command];
  if (publisher.type !== "zonefile") return [];
  return [publisher.check, publisher.serial, ...publisher.reload].filter((argv) => argv !== null);
}
