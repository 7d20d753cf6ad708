/**
 * The name servers that are configured on a host: which zones each is primary for, and at which addresses it listens. Out
 * of the configuration files of BIND, Knot DNS and PowerDNS; PowerDNS keeps its zones elsewhere.
 *
 * Not done: Knot's templates and its configuration database, catalog zones, and lists of addresses that are made elsewhere
 * (`listen-on { some-acl; }` is followed, `localnets` and names of interfaces are not).
 */
import type { HostPort } from "../../base/socket-address.ts";
import { parseHostPort } from "../../base/socket-address.ts";
import { parseName } from "../../dns/name.ts";
import type { DomainName } from "../../dns/name.ts";
import { isLoopback } from "../../resolver/trusted-stub.ts";
import { expandPath } from "./certificate-use.ts";
import type { Tree } from "./tree.ts";
import { parseNginx } from "./web-servers.ts";
import type { Directive } from "./web-servers.ts";
import { iniValues, unquote } from "./words.ts";

export type DnsServerProgram = "bind" | "knot" | "powerdns";

/** A zone that a server is primary for. */
export interface ServedZone {
  readonly name: DomainName;
  readonly configuration: string;
  /** From 1. */
  readonly line: number;
  /** As its configuration names it; null: it does not. */
  readonly file: string | null;
  /** What says who may update it. */
  readonly updates: "update-policy" | "allow-update" | "acl" | "nothing";
  /** Whether the server signs it. */
  readonly signed: boolean;
  /** Lines of its update policy, without what ends them. */
  readonly grants: readonly string[];
}

/** One name server of a host. */
export interface FoundNameServer {
  readonly program: DnsServerProgram;
  readonly configuration: string;
  /** Null: its configuration does not say. */
  readonly zones: readonly ServedZone[] | null;
  /** `0.0.0.0` and `::` stand for every address of the host. */
  readonly listens: readonly HostPort[];
  /** Names of the TSIG keys that its configuration has; null: it keeps them elsewhere. */
  readonly keys: readonly DomainName[] | null;
}

/** Every one whose configuration is there. */
export function readNameServers(tree: Tree): readonly FoundNameServer[] {
  return [...bindServers(tree), ...knotServers(tree), ...powerDnsServers(tree)];
}

const EVERYWHERE = ["0.0.0.0", "::"] as const;

// ---- BIND ---------------------------------------------------------------------------------------------------------

function bindServers(tree: Tree): readonly FoundNameServer[] {
  const mains = ["/etc/bind/named.conf", "/etc/named.conf", "/usr/local/etc/namedb/named.conf"];
  return mains.filter(tree.has).map((configuration) => {
    const statements = namedStatements(tree, configuration, 0);
    return { program: "bind", configuration, ...judgeNamed(statements) };
  });
}

function namedStatements(tree: Tree, file: string, depth: number): readonly Directive[] {
  const text = tree.text(file);
  if (text === null || depth > 4) return [];
  return parseNamed(text, file).flatMap((statement) => {
    const [word, included] = statement.words;
    return word === "include" && included !== undefined
      ? expandPath(tree, included).flatMap((one) => namedStatements(tree, one, depth + 1))
      : [statement];
  });
}

/** Statements of one file of named, blocks within blocks. */
export function parseNamed(text: string, configuration: string): readonly Directive[] {
  const blank = (comment: string): string => "\n".repeat(comment.split("\n").length - 1);
  const plain = text.replace(/\/\*[\s\S]*?\*\//g, blank).replace(/(^|\s)\/\/[^\n]*/g, "$1");
  return parseNginx(plain, configuration);
}

/** What statements of named come to, those of views included. */
export function judgeNamed(statements: readonly Directive[]): Pick<FoundNameServer, "zones" | "listens" | "keys"> {
  const named = (name: string): readonly Directive[] => statements.filter(({ words }) => words[0] === name);
  const options = named("options").flatMap(({ block }) => block ?? []);
  const lists = new Map(named("acl").map(({ words, block }) => [words[1] ?? "", block ?? []]));
  const usual = portAmong(options.find(({ words }) => words[0] === "port")?.words ?? []) ?? 53;
  const listens = (["listen-on", "listen-on-v6"] as const).flatMap((keyword) => {
    const every = keyword === "listen-on" ? EVERYWHERE[0] : EVERYWHERE[1];
    const own = options.filter(({ words, block }) => words[0] === keyword && block !== null);
    if (own.length === 0) return [{ host: every, port: usual }];
    // Updates come over plain DNS.
    const plain = own.filter(({ words }) => !words.includes("tls") && !words.includes("http"));
    return plain.flatMap(({ words, block }) => {
      const port = portAmong(words) ?? usual;
      return addressesIn(block ?? [], every, lists, 0).map((host) => ({ host, port }));
    });
  });
  const views = named("view").flatMap(({ block }) => block ?? []);
  const signs = options.some(({ words }) => words[0] === "dnssec-policy" && words[1] !== "none");
  const zones = [...named("zone"), ...views.filter(({ words }) => words[0] === "zone")];
  const keys = [...named("key"), ...views.filter(({ words }) => words[0] === "key")];
  return {
    zones: zones.flatMap((zone) => zoneOf(zone, signs)),
    listens,
    keys: keys.flatMap(({ words }) => namesOf(words[1] ?? "")),
  };
}

function namesOf(text: string): readonly DomainName[] {
  const name = parseName(text);
  return name.ok ? [name.value] : [];
}

function portAmong(words: readonly string[]): number | null {
  const at = words.indexOf("port");
  const port = at < 0 ? Number.NaN : Number(words[at + 1]);
  return Number.isInteger(port) ? port : null;
}

/** Addresses of an address match list. Networks are none, and `!` takes nothing away that would be listed otherwise. */
function addressesIn(
  list: readonly Directive[],
  every: string,
  lists: ReadonlyMap<string, readonly Directive[]>,
  depth: number,
): readonly string[] {
  return list.flatMap(({ words: [word = ""] }) => {
    if (word === "any" || word === "localhost") return [every];
    if (/^[\d.]+$/.test(word) || (word.includes(":") && !word.includes("/"))) return [word];
    const further = depth < 4 ? lists.get(word) : undefined;
    return further === undefined ? [] : addressesIn(further, every, lists, depth + 1);
  });
}

function zoneOf({ words, line, configuration, block }: Directive, signs: boolean): readonly ServedZone[] {
  const name = parseName(words[1] ?? "");
  const value = (key: string): string | null =>
    block?.find((statement) => statement.words[0] === key)?.words[1] ?? null;
  if (!name.ok || !["primary", "master"].includes(value("type") ?? "")) return [];
  if (/^(?:localhost\.|.*\.in-addr\.arpa\.|.*\.ip6\.arpa\.|\.)$/.test(name.value)) return [];
  const has = (key: string): boolean => block?.some((statement) => statement.words[0] === key) === true;
  const updates = (["update-policy", "allow-update"] as const).find(has) ?? "nothing";
  const policy = value("dnssec-policy");
  const signed = policy === null ? signs || value("auto-dnssec") === "maintain" : policy !== "none";
  const policyBlock = block?.find((statement) => statement.words[0] === "update-policy")?.block ?? [];
  const grants = policyBlock.flatMap(({ words: own }) => (own.length === 0 ? [] : [own.join(" ")]));
  return [{ name: name.value, configuration, line, file: value("file"), updates, signed, grants }];
}

// ---- Knot ---------------------------------------------------------------------------------------------------------

/** One `key: value` of a Knot file, or one more value of a list (then without a key). */
interface KnotLine {
  readonly section: string;
  readonly key: string;
  readonly value: string;
  readonly begins: boolean;
  readonly line: number;
  readonly configuration: string;
}

function knotServers(tree: Tree): readonly FoundNameServer[] {
  return ["/etc/knot/knot.conf", "/usr/local/etc/knot/knot.conf"].filter(tree.has).map((configuration) => {
    return { program: "knot", configuration, ...judgeKnot(knotLines(tree, configuration, 0)) };
  });
}

function knotLines(tree: Tree, file: string, depth: number): readonly KnotLine[] {
  const text = tree.text(file);
  if (text === null || depth > 4) return [];
  const folder = file.slice(0, file.lastIndexOf("/"));
  return parseKnot(text, file).flatMap((line) => {
    if (line.section !== "include") return [line];
    const named = line.value.startsWith("/") ? line.value : `${folder}/${line.value}`;
    return expandPath(tree, named).flatMap((one) => knotLines(tree, one, depth + 1));
  });
}

/** The simplified YAML of Knot (its manual, "Configuration format"). */
export function parseKnot(text: string, configuration: string): readonly KnotLine[] {
  const found: KnotLine[] = [];
  let section = "";
  text.split(/\r?\n/).forEach((raw, index) => {
    const plain = raw.replace(/(^|\s)#.*$/, "$1");
    const parts = /^(?<margin>\s*)(?<dash>-\s+)?(?:(?<key>[\w-]+)\s*:(?:\s+|$))?(?<rest>.*)$/.exec(plain)?.groups;
    const { margin = "", dash, key, rest = "" } = parts ?? {};
    const at = { line: index + 1, configuration };
    if (margin === "" && dash === undefined && key !== undefined) section = key;
    const values = rest.trim().replace(/^\[|\]$/g, "");
    for (const value of values === "" ? [] : values.split(",")) {
      const own = { section, key: key ?? "", value: unquote(value.trim()), begins: dash !== undefined };
      found.push({ ...own, ...at });
    }
  });
  return found;
}

export function judgeKnot(lines: readonly KnotLine[]): Pick<FoundNameServer, "zones" | "listens" | "keys"> {
  const listens: HostPort[] = [];
  const zones: { readonly zone: ServedZone; readonly isSecondary: boolean }[] = [];
  let key = "";
  for (const line of lines) {
    // A value without a key belongs to the list that is open.
    key = line.key === "" ? key : line.key;
    if (line.section === "server" && key === "listen") {
      const [host = "", port = "53"] = line.value.split("@");
      if (!host.startsWith("/") && /^\d+$/.test(port)) listens.push({ host, port: Number(port) });
    }
    if (line.section !== "zone") continue;
    const name = parseName(line.value);
    const { configuration, line: at } = line;
    if (key === "domain" && name.ok) {
      const zone = {
        name: name.value,
        configuration,
        line: at,
        file: null,
        updates: "nothing",
        signed: false,
        grants: [],
      } as const;
      zones.push({ zone, isSecondary: false });
    }
    const open = zones.pop();
    if (open === undefined) continue;
    const zone: ServedZone = {
      ...open.zone,
      file: key === "file" ? line.value : open.zone.file,
      updates: key === "acl" ? "acl" : open.zone.updates,
      signed: open.zone.signed || (key === "dnssec-signing" && /^(?:on|true)$/i.test(line.value)),
    };
    zones.push({ zone, isSecondary: open.isSecondary || key === "master" });
  }
  const keys = lines.filter(({ section, key: word }) => section === "key" && word === "id");
  return {
    listens,
    zones: zones.flatMap(({ zone, isSecondary }) => (isSecondary ? [] : [zone])),
    keys: keys.flatMap(({ value }) => namesOf(value)),
  };
}

// ---- PowerDNS -----------------------------------------------------------------------------------------------------

function powerDnsServers(tree: Tree): readonly FoundNameServer[] {
  return ["/etc/powerdns/pdns.conf", "/usr/local/etc/pdns/pdns.conf"].filter(tree.has).map((configuration) => {
    const own = tree.text(configuration) ?? "";
    const folder = iniValues(own).get("include-dir") ?? "";
    const more = folder === "" ? [] : tree.names(folder).filter((name) => name.endsWith(".conf"));
    const texts = [own, ...more.map((name) => tree.text(`${folder}/${name}`) ?? "")];
    return { program: "powerdns", configuration, zones: null, keys: null, listens: powerDnsListens(texts) };
  });
}

/** `local-address` and `local-port` of pdns.conf and the files of its `include-dir`; the last one wins. */
export function powerDnsListens(texts: readonly string[]): readonly HostPort[] {
  const last = (key: string): string | undefined =>
    texts.flatMap((text) => iniValues(text).get(key) ?? []).findLast((value) => value !== "");
  const port = Number(last("local-port") ?? 53);
  const addresses = (last("local-address") ?? EVERYWHERE.join(" ")).split(/[\s,;]+/).filter((one) => one !== "");
  return addresses.flatMap((one) => {
    const parsed = parseHostPort(one, Number.isInteger(port) && port > 0 ? port : 53);
    return parsed.ok ? [parsed.value] : [];
  });
}

// ---- where to send updates ----------------------------------------------------------------------------------------

/** What is known around the name servers of a host. */
export interface ServerSurroundings {
  /** Of the name servers that the zone names, its SOA record's first. */
  readonly named: readonly string[];
  /** Of this host; empty: not known. */
  readonly local: readonly string[];
  /** Who answers queries here, which the name server need not be. */
  readonly resolvers: readonly HostPort[];
}

/**
 * Where a server of this host takes updates: at an address that the zone names before others, and never at one where a
 * resolver answers. Null: it cannot be told.
 */
export function updateAddress(
  { listens }: Pick<FoundNameServer, "listens">,
  { named, local, resolvers }: ServerSurroundings,
): HostPort | null {
  const isResolver = ({ host, port }: HostPort): boolean =>
    resolvers.some((one) => one.host === host && one.port === port);
  const loops = resolvers.filter(({ host }) => isLoopback(host)).map(({ port }) => port);
  const expand = ({ host, port }: HostPort): readonly HostPort[] => {
    if (!isEvery(host)) return [{ host, port }];
    const isSix = host === EVERYWHERE[1];
    const loopback = isSix ? "::1" : "127.0.0.1";
    // A resolver at one of the loopback addresses is at the other one too, as a rule.
    const usual = loops.includes(port) ? [] : [loopback];
    const own = [...named.filter((one) => local.includes(one)), ...usual, ...local.filter((one) => !isLoopback(one))];
    return own.filter((one) => one.includes(":") === isSix).map((one) => ({ host: one, port }));
  };
  const open = listens.flatMap(expand).filter((one) => !isResolver(one));
  // A resolver at every address of the host would be the same program.
  return open.find(({ host }) => named.includes(host)) ?? open[0] ?? null;
}

function isEvery(host: string): boolean {
  return EVERYWHERE.some((one) => one === host);
}
