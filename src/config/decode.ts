/** From the tables of all files to a {@link Configuration}: the top level, `[dnssec]`, and how the parts fit together. */
import { isIPv4 } from "node:net";
import type { ResolverServer } from "../dns/resolver-server.ts";
import { decodeCertificate, decodeDefaults, DEFAULT_KEYS } from "./decode-certificate.ts";
import type { Located } from "./decode-certificate.ts";
import { decodePublisher } from "./decode-publisher.ts";
import { formatPlace } from "./problem.ts";
import type { CertificateConfig, Configuration, PublisherConfig } from "./schema.ts";
import { mergeTables, optional, placeOf, readTable, refuse, refuseAs, refuseUnknownKeys } from "./table.ts";
import type { Item, Problems, Table } from "./table.ts";
import type { TomlDocument } from "./toml.ts";
import { flag, path, port, resolverAddress, text } from "./values.ts";

const SECTIONS = ["dnssec", "defaults", "publish", "certificate"] as const;
const TOP_KEYS = ["version", "resolver", "name_server_port", "deploy_root", ...SECTIONS];
const DNSSEC_KEYS = ["trust", "allow_remote_ad"];

/** The folder that server programs confined by AppArmor may read keys from on Debian and Ubuntu. */
const DEFAULT_DEPLOY_ROOT = "/etc/ssl/daneward";
const DEFAULT_RESOLVER: ResolverServer = { kind: "plain", address: "127.0.0.1", port: 53 };

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
  const apart: ReadonlySet<string> = new Set<string>([...SECTIONS, "version"]);
  const top = mergeTables(
    tops.map((table) => new Map([...table].filter(([key]) => !apart.has(key)))),
    problems,
  );
  const section = (name: (typeof SECTIONS)[number]): Table => sectionOf(tops, name, problems);

  const resolver = optional(top, "resolver", resolverAddress, DEFAULT_RESOLVER, problems);
  const allowRemoteAd = decodeDnssec(section("dnssec"), top.get("resolver"), resolver, problems);
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
    resolver,
    trust: "ad",
    allowRemoteAd,
    nameServerPort: optional(top, "name_server_port", port, 53, problems),
    deployRoot,
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

/** Checks `[dnssec]`; returns whether the AD bit of a remote resolver is to be believed. */
function decodeDnssec(
  dnssec: Table,
  resolverItem: Item | undefined,
  resolver: ResolverServer,
  problems: Problems,
): boolean {
  refuseUnknownKeys(dnssec, DNSSEC_KEYS, problems);
  const trust = dnssec.get("trust");
  const mode = trust === undefined ? "ad" : text(trust, problems);
  if (trust !== undefined && mode === "local") {
    const hint = 'run a validating resolver on this host and write trust = "ad"';
    refuseAs("CONFIG_UNSUPPORTED", problems, trust, "validating here is not in this release", hint);
  } else if (trust !== undefined && mode !== null && mode !== "ad") {
    refuse(problems, trust, `must be "ad", not "${mode}"`);
  }
  const allowed = optional(dnssec, "allow_remote_ad", flag, false, problems);
  if (resolverItem !== undefined && !allowed && !isLoopback(resolver.address)) {
    const hint =
      "run a validating resolver on this host, or set allow_remote_ad = true in [dnssec] if the path to it is safe";
    refuse(problems, resolverItem, `the AD bit of ${resolver.address} would be believed over the network`, hint);
  }
  return allowed;
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
    if (publisher !== null) publishers.set(name, publisher);
  }
  return publishers;
}

/** Two certificates may share neither a service nor a deployed link: each would undo what the other does. */
function refuseSharing(certificates: readonly Located[], problems: Problems): void {
  const services = new Map<string, Located>();
  const links = new Map<string, Located>();
  for (const one of certificates) {
    const { name, deploy } = one.certificate;
    for (const { owner, label } of one.certificate.services) {
      const other = services.get(owner);
      if (other !== undefined && other !== one) {
        const hint = "one service presents one certificate; join the two, or remove the service from one";
        refuse(problems, one.item, `the service ${label} belongs to ${whose(other)} already`, hint);
      }
      services.set(owner, other ?? one);
    }
    const other = links.get(deploy);
    if (other !== undefined) {
      refuse(problems, one.item, `deploys to ${deploy}, as does ${whose(other)}`, `give "${name}" a link of its own`);
    }
    links.set(deploy, other ?? one);
  }
}

function whose(one: { readonly item: Item; readonly certificate: CertificateConfig }): string {
  return `certificate "${one.certificate.name}" (${formatPlace(placeOf(one.item))})`;
}
