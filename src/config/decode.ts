/** From the tables of all files to a {@link Configuration}: the top level, `[dnssec]`, and how the parts fit together. */
import { isIPv4 } from "node:net";
import { formatResolver } from "../dns/resolver-server.ts";
import type { ResolverServer } from "../dns/resolver-server.ts";
import { decodeCertificate, decodeDefaults, DEFAULT_KEYS } from "./decode-certificate.ts";
import type { Located } from "./decode-certificate.ts";
import { decodePublisher } from "./decode-publisher.ts";
import { decodeNotify } from "./notify.ts";
import { formatPlace } from "./problem.ts";
import type { CertificateConfig, Configuration, PublisherConfig, ServiceConfig } from "./schema.ts";
import { mergeTables, optional, placeOf, readTable, refuse, refuseUnknownKeys } from "./table.ts";
import type { Decode, Item, Problems, Table } from "./table.ts";
import type { TomlDocument } from "./toml.ts";
import { flag, path, port, resolverAddresses, text } from "./values.ts";

const SECTIONS = ["dnssec", "notify", "defaults", "publish", "certificate"] as const;
const TOP_KEYS = [
  "version",
  "resolver",
  "name_server_port",
  "deploy_root",
  "prometheus_textfile",
  "import",
  ...SECTIONS,
];
const DNSSEC_KEYS = ["trust", "trust_anchors", "sha1", "allow_remote_ad"];

/** The folder that server programs confined by AppArmor may read keys from on Debian and Ubuntu. */
const DEFAULT_DEPLOY_ROOT = "/etc/ssl/daneward";
const DEFAULT_RESOLVERS: readonly ResolverServer[] = [{ kind: "plain", address: "127.0.0.1", port: 53 }];

/** What the files say; to be used only if no fault was noted. The first document is the main file. */
export function decodeConfiguration(
  documents: readonly TomlDocument[],
  watched: readonly string[],
  problems: Problems,
): Configuration {
  const roots = documents.map((document) => ({ value: document.root, path: [], document }));
  const tops = roots.map((root) => readTable(root, problems) ?? new Map<string, Item>());
  checkVersions(roots, tops, problems);
  for (const top of tops) refuseUnknownKeys(top, TOP_KEYS, problems);
  const apart: ReadonlySet<string> = new Set<string>([...SECTIONS, "import", "version"]);
  const top = mergeTables(
    tops.map((table) => new Map([...table].filter(([key]) => !apart.has(key)))),
    problems,
  );
  const section = (name: (typeof SECTIONS)[number]): Table => sectionOf(tops, name, problems);

  const resolvers = optional(top, "resolver", resolverAddresses, DEFAULT_RESOLVERS, problems);
  const dnssec = decodeDnssec(section("dnssec"), top.get("resolver"), resolvers, problems);
  const deployRoot = optional(top, "deploy_root", path, DEFAULT_DEPLOY_ROOT, problems);
  const publish = section("publish");
  const publishers = decodePublishers(publish, problems);
  const defaults = section("defaults");
  refuseUnknownKeys(defaults, DEFAULT_KEYS, problems);
  const surroundings = {
    deployRoot,
    publisherNames: [...publish.keys()],
    defaults: decodeDefaults(defaults, problems),
  };
  const certificates: Located[] = [];
  for (const [name, item] of section("certificate")) {
    const certificate = decodeCertificate(name, item, surroundings, problems);
    if (certificate !== null) certificates.push({ item, certificate });
  }
  refuseSharing(certificates, problems);
  return {
    version: 1,
    files: documents.map((document) => document.file),
    watched,
    resolvers,
    ...dnssec,
    nameServerPort: optional(top, "name_server_port", port, 53, problems),
    deployRoot,
    defaultTtl: surroundings.defaults.timing.ttl,
    notify: decodeNotify(notifyItem(tops, problems), problems),
    prometheusTextfile: optional(top, "prometheus_textfile", promFile, null, problems),
    publishers,
    certificates: certificates.map((one) => one.certificate),
  };
}

/** The format's number must stand in the main file; elsewhere it may. */
function checkVersions(roots: readonly Item[], tops: readonly Table[], problems: Problems): void {
  tops.forEach((top, index) => {
    const version = top.get("version");
    const root = roots[index];
    if (version !== undefined && version.value !== 1) {
      refuse(problems, version, "this daneward reads version = 1", "upgrade daneward, or write version = 1");
    } else if (version === undefined && index === 0 && root !== undefined) {
      problems.push({
        severity: "fault",
        code: "CONFIG_INVALID",
        message: `"version" is missing`,
        hint: "begin the file with version = 1",
        place: placeOf(root),
      });
    }
  });
}

function sectionOf(tops: readonly Table[], name: string, problems: Problems): Table {
  const tables: Table[] = [];
  for (const top of tops) {
    const item = top.get(name);
    const table = item === undefined ? null : readTable(item, problems);
    if (table !== null) tables.push(table);
  }
  return mergeTables(tables, problems);
}

/** The collector reads files whose names end so, and no others. */
const promFile: Decode<string> = (item, problems) => {
  const file = path(item, problems);
  if (file === null || file.endsWith(".prom")) return file;
  return refuse(problems, item, `the textfile collector reads no file ${file}`, "let its name end in .prom");
};

/** `[notify]` stands in one file alone: it is not put together of parts. */
function notifyItem(tops: readonly Table[], problems: Problems): Item | undefined {
  const [first, second] = tops.flatMap((top) => top.get("notify") ?? []);
  if (first !== undefined && second !== undefined) {
    refuse(problems, second, `[notify] stands at ${formatPlace(placeOf(first))} already`, "keep one of the two");
  }
  return first;
}

type DnssecConfig = Pick<Configuration, "trust" | "trustAnchors" | "sha1" | "allowRemoteAd">;

const trustMode: Decode<"local" | "ad"> = (item, problems) => {
  const mode = text(item, problems);
  if (mode === null || mode === "local" || mode === "ad") return mode;
  return refuse(problems, item, `must be "local" or "ad", not "${mode}"`);
};

/** `[dnssec]`. What only one of the modes looks at is refused beside the other. */
function decodeDnssec(
  dnssec: Table,
  resolverItem: Item | undefined,
  resolvers: readonly ResolverServer[],
  problems: Problems,
): DnssecConfig {
  refuseUnknownKeys(dnssec, DNSSEC_KEYS, problems);
  const trust = optional(dnssec, "trust", trustMode, "local", problems);
  const idle = trust === "local" ? ["allow_remote_ad"] : ["trust_anchors", "sha1"];
  for (const key of idle) {
    const item = dnssec.get(key);
    const other = trust === "local" ? "ad" : "local";
    if (item !== undefined) {
      refuse(problems, item, `means nothing with trust = "${trust}"`, `remove it, or write trust = "${other}"`);
    }
  }
  const allowRemoteAd = optional(dnssec, "allow_remote_ad", flag, false, problems);
  if (trust === "ad" && resolverItem !== undefined) refuseForAd(resolverItem, resolvers, allowRemoteAd, problems);
  return {
    trust,
    trustAnchors: optional(dnssec, "trust_anchors", path, null, problems),
    sha1: optional(dnssec, "sha1", flag, true, problems),
    allowRemoteAd,
  };
}

/** An AD bit is believed only on the way that nobody else is on. */
function refuseForAd(
  item: Item,
  resolvers: readonly ResolverServer[],
  allowRemoteAd: boolean,
  problems: Problems,
): void {
  for (const resolver of resolvers) {
    if (resolver.kind === "tls") {
      const hint = 'write trust = "local": answers are validated here, whoever the resolver is';
      refuse(problems, item, `${formatResolver(resolver)} cannot be asked with trust = "ad"`, hint);
    } else if (!allowRemoteAd && !isLoopback(resolver.address)) {
      const hint = 'write trust = "local", or set allow_remote_ad = true in [dnssec] if the path to it is safe';
      refuse(problems, item, `the AD bit of ${resolver.address} would be believed over the network`, hint);
    }
  }
}

/** RFC 6890 §2.2.2 and §2.2.3; an IPv4-mapped address is that IPv4 address. */
function isLoopback(address: string): boolean {
  if (isIPv4(address)) return address.startsWith("127.");
  return address === "::1" || address.startsWith("::ffff:7f");
}

function decodePublishers(publish: Table, problems: Problems): ReadonlyMap<string, PublisherConfig> {
  const publishers = new Map<string, PublisherConfig>();
  for (const [name, item] of publish) {
    const publisher = decodePublisher(name, item, problems);
    if (publisher === null) continue;
    const other = [...publishers.values()].find((one) => writesSameFile(one, publisher));
    if (other !== undefined) {
      const hint = "let the certificates of both publish to one of them; each refuses the names of the other";
      refuse(problems, item, `writes the same file as [publish.${other.name}]`, hint);
    }
    publishers.set(name, publisher);
  }
  return publishers;
}

function writesSameFile(one: PublisherConfig, other: PublisherConfig): boolean {
  return one.type === "zonefile" && other.type === "zonefile" && one.file === other.file;
}

/** There are so many kinds of keys: RSA, ECDSA, EdDSA. */
const KINDS_OF_KEYS = 3;

/**
 * Certificates may share a service, one for each kind of key. Which kind each has, only its files tell; what cannot be
 * is refused here. None shares a deployed link: each would undo what the other does.
 */
function refuseSharing(certificates: readonly Located[], problems: Problems): void {
  const services = new Map<string, readonly Located[]>();
  const links = new Map<string, Located>();
  for (const one of certificates) {
    const { name, deploy } = one.certificate;
    for (const { owner, label, protocol } of one.certificate.services) {
      const others = services.get(owner) ?? [];
      const [first] = others;
      services.set(owner, [...others, one]);
      if (first === undefined) continue;
      refuseUnlikeService(one, first, { owner, label, protocol }, problems);
      if (others.length === KINDS_OF_KEYS) {
        const hint = "a service presents one certificate for each kind of key (RSA, ECDSA, EdDSA); remove it from one";
        refuse(problems, one.item, `the service ${label} has three certificates already`, hint);
      }
    }
    const other = links.get(deploy);
    if (other !== undefined) {
      refuse(problems, one.item, `deploys to ${deploy}, as does ${whose(other)}`, `give "${name}" a link of its own`);
    }
    links.set(deploy, other ?? one);
  }
}

/** One service has one protocol, one RRset and so one publisher, whichever certificate it presents. */
function refuseUnlikeService(
  one: Located,
  first: Located,
  service: Pick<ServiceConfig, "owner" | "label" | "protocol">,
  problems: Problems,
): void {
  const theirs = first.certificate.services.find(({ owner }) => owner === service.owner);
  if (theirs !== undefined && theirs.protocol !== service.protocol) {
    const hint = `write ${service.label}/${theirs.protocol} in both`;
    refuse(problems, one.item, `the service ${service.label} has another protocol in ${whose(first)}`, hint);
  }
  if (one.certificate.publisher !== first.certificate.publisher) {
    const hint = "records of one name are published in one way: name the same publisher in both";
    refuse(problems, one.item, `the service ${service.label} is published otherwise by ${whose(first)}`, hint);
  }
}

function whose(one: { readonly item: Item; readonly certificate: CertificateConfig }): string {
  return `certificate "${one.certificate.name}" (${formatPlace(placeOf(one.item))})`;
}
