/**
 * The certificates of a configuration, to be had one by one: by name, by service, by what a hook says of them. Behind it
 * is the catalogue (`store/catalogue.ts`), so that a tick over very many certificates decodes those that are due and no
 * others. The catalogue on disk counts only as long as it was made by this very program, from this main file, and from
 * files whose stamps are still the same; without one the configuration itself is read, and the tick writes a new one.
 */
import path from "node:path";
import { BUILD } from "../base/build.ts";
import { loadConfiguration } from "../config/load.ts";
import type { CertificateConfig, Configuration, PublisherConfig } from "../config/schema.ts";
import { CatalogueDamaged, createCatalogue, openCatalogue } from "../store/catalogue.ts";
import type { Catalogue, CatalogueItem } from "../store/catalogue.ts";
import { stampFiles } from "../store/due-index.ts";
import type { SpoolContent } from "../store/spool.ts";
import { watchedFiles } from "./chain-files.ts";
import { identityText, isCurrent, parseIdentity } from "./identity.ts";
import type { Identity } from "./identity.ts";
import { nameKey, notesAbout, realPath, refuseName } from "./due.ts";

/** Certificates are named by their place in the configuration. */
export interface Register {
  readonly catalogue: Catalogue;
  /** Everything but the certificates; asked for those, it reads them all. */
  readonly configuration: Configuration;
  readonly count: number;
  /** The decoded certificate at a place; the same one each time. */
  readonly certificate: (position: number) => CertificateConfig;
  /** Null: there is none of this name. */
  readonly find: (name: string) => number | null;
  /** Throws CERTIFICATE_UNKNOWN. */
  readonly demand: (name: string) => number;
  /** Places of the certificates that serve one of these owner names. */
  readonly serving: (owners: Iterable<string>) => readonly number[];
  /** Places of the certificates that a note is about. */
  readonly about: (entry: SpoolContent["notes"][number]) => readonly number[];
}

/** The register of the state directory; null when there is none, it is damaged, or it is not of this configuration. */
export function readRegister(stateDirectory: string, mainFile: string): Register | null {
  return readRegisterIf(stateDirectory, (identity) => identity.paths[0] === mainFile && isCurrent(identity));
}

/**
 * What was configured when the configuration was last good, for telling people that it is not any more and for nothing
 * else; null as {@link readRegister}.
 */
export function lastGoodRegister(stateDirectory: string, mainFile: string): Register | null {
  return readRegisterIf(stateDirectory, ({ build, paths }) => build === BUILD && paths[0] === mainFile);
}

function readRegisterIf(stateDirectory: string, isWanted: (identity: Identity) => boolean): Register | null {
  const catalogue = openCatalogue(stateDirectory);
  if (catalogue === null) return null;
  try {
    const identity = parseIdentity(catalogue.identity);
    if (identity !== null && isWanted(identity)) return registerOf(catalogue);
  } catch (error) {
    if (!(error instanceof CatalogueDamaged)) throw error;
  }
  catalogue.close();
  return null;
}

/** The register of a configuration, from disk or else made of the files. Throws what loadConfiguration throws. */
export async function openRegister(stateDirectory: string, mainFile: string): Promise<Register> {
  return readRegister(stateDirectory, mainFile) ?? loadRegister(mainFile);
}

/** The register made of the configuration itself. Throws what loadConfiguration throws. */
export async function loadRegister(mainFile: string): Promise<Register> {
  const stamps = new Map<string, string>();
  // Stamped before anything is read: a change meanwhile makes the catalogue outdated, never unnoticed.
  const configuration = await loadConfiguration(mainFile, (file) => {
    if (!stamps.has(file)) stamps.set(file, stampFiles([file]));
  });
  return registerFor(
    configuration,
    configuration.watched.map((file) => stamps.get(file) ?? "unread"),
  );
}

/** The register of a configuration in memory, made from files with these stamps. */
export function registerFor(configuration: Configuration, stamps: readonly string[]): Register {
  const { certificates, publishers, ...settings } = configuration;
  const shared = JSON.stringify({ ...settings, publishers: [...publishers] });
  const identity = identityText(configuration.watched, stamps.join(" "));
  return registerOf(createCatalogue(identity, shared, certificates.map(itemOf)));
}

function itemOf(certificate: CertificateConfig): CatalogueItem {
  const { name, services } = certificate;
  const folder = folderOf(certificate);
  return {
    text: JSON.stringify(certificate),
    watched: watchedFiles(certificate),
    keys: [
      nameKey(name),
      folderKey(folder),
      folderKey(realPath(folder)),
      ...services.flatMap(({ owner, host }) => [ownerKey(owner), hostKey(host)]),
    ],
  };
}

const folderKey = (folder: string): string => `folder ${folder}`;
const ownerKey = (owner: string): string => `owner ${owner}`;
const hostKey = (host: string): string => `host ${host}`;

function folderOf({ source }: CertificateConfig): string {
  return path.resolve(source.kind === "directory" ? source.path : path.dirname(source.cert));
}

function registerOf(catalogue: Catalogue): Register {
  const settings = parseSettings(catalogue.settings);
  const decoded = new Map<number, CertificateConfig>();
  const certificate = (position: number): CertificateConfig => {
    const found = decoded.get(position) ?? parseCertificate(catalogue.text(position));
    decoded.set(position, found);
    return found;
  };
  const candidates = (keys: Iterable<string>): readonly number[] =>
    [...new Set([...keys].flatMap((key) => catalogue.lookUp(key)))].sort((left, right) => left - right);
  const find = (name: string): number | null =>
    catalogue.lookUp(nameKey(name)).find((position) => certificate(position).name === name) ?? null;
  const all = (): readonly CertificateConfig[] => Array.from({ length: catalogue.count }, (_, at) => certificate(at));
  return {
    catalogue,
    configuration: {
      ...settings,
      get certificates() {
        return all();
      },
    },
    count: catalogue.count,
    certificate,
    find,
    demand: (name) =>
      find(name) ??
      refuseName(
        name,
        all().map((one) => one.name),
      ),
    serving: (owners) => {
      const wanted = new Set(owners);
      return candidates([...wanted].map(ownerKey)).filter((position) =>
        certificate(position).services.some(({ owner }) => wanted.has(owner)),
      );
    },
    about: (entry) => {
      const isAbout = notesAbout([entry]);
      return candidates(keysOfNote(entry.note)).filter((position) => isAbout(certificate(position)).length > 0);
    },
  };
}

/** A note names the folder of the source or a file in it, however it is written, or hosts. */
function keysOfNote({ source, domains }: SpoolContent["notes"][number]["note"]): readonly string[] {
  const named = [path.resolve(source), realPath(source)];
  return [
    ...[...named, ...named.map((file) => path.dirname(file))].map(folderKey),
    ...domains.map((domain) => hostKey(`${domain.toLowerCase().replace(/\.$/, "")}.`)),
  ];
}

/** What stands in a catalogue of this build was put there by {@link registerFor}, and its checksums fit. */
function parseCertificate(text: string): CertificateConfig {
  const value = parse(text);
  if (!isCertificate(value)) throw new CatalogueDamaged("an item of the catalogue is no certificate");
  return value;
}

function isCertificate(value: unknown): value is CertificateConfig {
  return typeof value === "object" && value !== null && "name" in value && "source" in value && "policy" in value;
}

type Settings = Omit<Configuration, "certificates">;

function parseSettings(text: string): Settings {
  const value = parse(text);
  if (!isWritten(value)) throw new CatalogueDamaged("the settings of the catalogue are none");
  return { ...value, publishers: new Map(value.publishers) };
}

type WrittenSettings = Omit<Settings, "publishers"> & {
  readonly publishers: readonly (readonly [string, PublisherConfig])[];
};

function isWritten(value: unknown): value is WrittenSettings {
  if (typeof value !== "object" || value === null || !("publishers" in value) || !("watched" in value)) return false;
  return Array.isArray(value.publishers) && Array.isArray(value.watched);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CatalogueDamaged("a part of the catalogue is not JSON");
  }
}
