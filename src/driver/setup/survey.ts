/**
 * What is there: certificates of ACME clients, the services that read certificate files, TSIG keys, and who serves which
 * zone on this host. Files alone; DNS is asked elsewhere.
 */
import { parseTsigKey } from "../../config/key-file.ts";
import type { DomainName } from "../../dns/name.ts";
import { parseName } from "../../dns/name.ts";
import { readCredentials } from "../../pki/certificate.ts";
import type { CertificateUse } from "./certificate-use.ts";
import { initSystemOf } from "./init-system.ts";
import type { InitSystem } from "./init-system.ts";
import { readLineages } from "./lineages.ts";
import type { Lineage } from "./lineages.ts";
import { readServices } from "./services.ts";
import { schemaIn } from "./tree.ts";
import type { Tree } from "./tree.ts";
import { bracedWords } from "./words.ts";

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
  /** certbot's file names the server that takes updates. */
  readonly server: { readonly host: string; readonly port: number } | null;
}

export type DnsServerProgram = "bind" | "knot" | "powerdns";

export interface Survey {
  readonly lineages: readonly FoundLineage[];
  /** Uses of files that belong to no ACME client. */
  readonly otherUses: readonly CertificateUse[];
  readonly keys: readonly FoundKey[];
  readonly nameServers: readonly DnsServerProgram[];
  /** Zones that BIND on this host is primary for. */
  readonly primaryFor: readonly DomainName[];
  /** What starts services there. */
  readonly init: InitSystem;
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
    nameServers: nameServersOf(tree),
    primaryFor: primaryZones(tree),
    init: initSystemOf(tree),
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
    return key?.ok === true ? [{ file, name: key.value.name, server: key.value.server }] : [];
  });
}

function nameServersOf(tree: Tree): readonly DnsServerProgram[] {
  const marks: readonly (readonly [DnsServerProgram, string])[] = [
    ["bind", "/etc/bind/named.conf"],
    ["bind", "/etc/named.conf"],
    ["bind", "/usr/local/etc/namedb/named.conf"],
    ["knot", "/etc/knot/knot.conf"],
    ["knot", "/usr/local/etc/knot/knot.conf"],
    ["powerdns", "/etc/powerdns/pdns.conf"],
    ["powerdns", "/usr/local/etc/pdns/pdns.conf"],
  ];
  return [...new Set(marks.flatMap(([program, file]) => (tree.has(file) ? [program] : [])))];
}

/** `zone "NAME" { type primary; … }` of named.conf and what it includes. */
function primaryZones(tree: Tree): readonly DomainName[] {
  const mains = ["/etc/bind/named.conf", "/etc/named.conf", "/usr/local/etc/namedb/named.conf"];
  return mains.flatMap((file) => zonesIn(tree, file, 0));
}

function zonesIn(tree: Tree, file: string, depth: number): readonly DomainName[] {
  const text = tree.text(file);
  if (text === null || depth > 4) return [];
  const { zones, includes } = parseNamedConf(text);
  return [...zones, ...includes.flatMap((one) => zonesIn(tree, one, depth + 1))];
}

/** Zones of one file of named that are primary and no local ones, and the files that it includes. */
export function parseNamedConf(text: string): {
  readonly zones: readonly DomainName[];
  readonly includes: readonly string[];
} {
  const words = bracedWords(text.replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/[^\n]*/g, "$1")).map(({ word }) => word);
  const zones: DomainName[] = [];
  const includes: string[] = [];
  words.forEach((word, at) => {
    if (word === "include" && words[at + 2] === ";") includes.push(words[at + 1] ?? "");
    if (word !== "zone") return;
    const open = words.indexOf("{", at);
    const type = words.indexOf("type", open);
    const name = parseName(words[at + 1] ?? "");
    if (open < 0 || open > at + 3 || type < 0 || !["primary", "master"].includes(words[type + 1] ?? "")) return;
    if (words.slice(open, type).includes("zone") || !name.ok) return;
    if (!/^(?:localhost\.|.*\.in-addr\.arpa\.|.*\.ip6\.arpa\.|\.)$/.test(name.value)) zones.push(name.value);
  });
  return { zones, includes };
}
