/**
 * What is there: certificates of ACME clients, the services that read certificate files, TSIG keys, and who serves which
 * zone on this host. Files alone; DNS is asked elsewhere.
 */
import { OperationalError } from "../../base/errors.ts";
import { checkMode, ownGroups } from "../../config/guarded-file.ts";
import { parseTsigKey } from "../../config/key-file.ts";
import type { DomainName } from "../../dns/name.ts";
import { readCredentials } from "../../pki/certificate.ts";
import type { CertificateUse } from "./certificate-use.ts";
import { initSystemOf } from "./init-system.ts";
import type { InitSystem } from "./init-system.ts";
import { readLineages } from "./lineages.ts";
import type { Lineage } from "./lineages.ts";
import { readNameServers } from "./name-servers.ts";
import type { FoundNameServer } from "./name-servers.ts";
import { cronFolderIn, unitsIn } from "./run-ticks.ts";
import type { FoundUnits } from "./run-ticks.ts";
import { readServices } from "./services.ts";
import { schemaIn } from "./tree.ts";
import type { Tree } from "./tree.ts";

/** A lineage with what its certificate says. */
export interface FoundLineage extends Lineage {
  /** Of the certificate; those that its own name tells when it cannot be read. */
  readonly dnsNames: readonly string[];
  /** `RSA 2048`, `EC P-256`; null: it could not be read. */
  readonly keyAlgorithm: string | null;
  /** The services that read it. */
  readonly uses: readonly CertificateUse[];
}

/** A file with a TSIG key. No secret is kept. */
export interface FoundKey {
  readonly file: string;
  readonly name: DomainName;
  /** Whether it is private enough to be used where it is. */
  readonly isPrivate: boolean;
  /** certbot's file names the server that takes updates. */
  readonly server: { readonly host: string; readonly port: number } | null;
}

export interface Survey {
  readonly lineages: readonly FoundLineage[];
  /** Uses of files that belong to no ACME client. */
  readonly otherUses: readonly CertificateUse[];
  readonly keys: readonly FoundKey[];
  readonly nameServers: readonly FoundNameServer[];
  /** What starts services there. */
  readonly init: InitSystem;
  /** The units of daneward, as far as they are there. */
  readonly units: FoundUnits;
  /** Folder for a line of cron's; null: there is no cron. */
  readonly cronFolder: string | null;
  /** How to call daneward. */
  readonly program: string;
  /** Whether /etc/daneward is there. */
  readonly hasFolder: boolean;
  /** File of the JSON Schema of configurations; null: it is not there. */
  readonly schema: string | null;
  /** What this user may not read. */
  readonly denied: readonly string[];
}

/** Looks at everything. `program`: how hooks call us. */
export function surveyOf(tree: Tree, program: string): Survey {
  const uses = readServices(tree);
  const lineages = readLineages(tree, program).map((lineage): FoundLineage => {
    const own = uses.filter((use) => reads(tree, use, lineage));
    return { ...lineage, ...certificateOf(tree, lineage), uses: own };
  });
  const taken = new Set(lineages.flatMap((lineage) => lineage.uses));
  return {
    lineages,
    otherUses: uses.filter((use) => !taken.has(use)),
    keys: keysOf(tree, lineages),
    nameServers: readNameServers(tree),
    init: initSystemOf(tree),
    units: unitsIn(tree),
    cronFolder: cronFolderIn(tree),
    program,
    hasFolder: tree.has("/etc/daneward"),
    schema: schemaIn(tree),
    denied: tree.denied(),
  };
}

/** By the path that is configured, by the file that it leads to, or as what was deployed out of it. */
function reads(tree: Tree, { file, companions }: CertificateUse, lineage: Lineage): boolean {
  const { places } = lineage;
  const isWithin = (one: string): boolean => places.some((place) => one === place || one.startsWith(`${place}/`));
  return [file, ...companions].some(
    (one) => isWithin(one) || isWithin(tree.real(one)) || isDeployedFrom(tree, one, lineage),
  );
}

/** Below the usual deploy root: by the name that we would give it, or by what is in it. */
function isDeployedFrom(tree: Tree, file: string, { name, certificate }: Lineage): boolean {
  const [, folder] = /^\/etc\/ssl\/daneward\/([^/]+)\//.exec(file) ?? [];
  if (folder === undefined) return false;
  if (folder === name || folder === name.split(".")[0]) return true;
  const text = certificate === null ? null : tree.text(certificate);
  return text !== null && tree.text(`/etc/ssl/daneward/${folder}/fullchain.pem`) === text;
}

function certificateOf(tree: Tree, lineage: Lineage): Pick<FoundLineage, "dnsNames" | "keyAlgorithm"> {
  const guess = { dnsNames: [lineage.name], keyAlgorithm: null };
  const text = lineage.certificate === null ? null : tree.text(lineage.certificate);
  if (text === null) return guess;
  const read = readCredentials(new TextEncoder().encode(text));
  const leaf = read.ok && read.value.leaf !== null ? read.value.certificates[read.value.leaf] : undefined;
  if (leaf === undefined) return guess;
  const dnsNames = leaf.dnsNames.length > 0 ? leaf.dnsNames : guess.dnsNames;
  return { dnsNames: dnsNames.map((name) => name.toLowerCase()), keyAlgorithm: leaf.keyAlgorithm };
}

/** Our own key first, then that of certbot, then any whose name says that it is for us. */
function keysOf(tree: Tree, lineages: readonly Lineage[]): readonly FoundKey[] {
  const inFolder = (folder: string, pattern: RegExp): readonly string[] =>
    tree.names(folder).flatMap((name) => (pattern.test(name) ? [`${folder}/${name}`] : []));
  const files = [
    ...inFolder("/etc/daneward", /\.(?:key|private|ini)$/),
    ...lineages.flatMap(({ credentials }) => credentials ?? []),
    ...inFolder("/etc/letsencrypt", /rfc2136.*\.ini$/),
    ...inFolder("/etc/bind", /daneward.*\.key$/),
  ];
  return [...new Set(files)].flatMap((file): readonly FoundKey[] => {
    const text = tree.text(file);
    const key = text === null ? null : parseTsigKey(text, { source: file });
    if (key?.ok !== true) return [];
    return [{ file, name: key.value.name, server: key.value.server, isPrivate: isPrivate(tree, file) }];
  });
}

/** As publishers want it before they read a key. */
function isPrivate(tree: Tree, file: string): boolean {
  try {
    checkMode(tree.place(file), ownGroups());
    return true;
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    return false;
  }
}
