/**
 * A signed DNS tree on loopback: a root, two parents, and a zone for each way to sign, to deny and to be broken. Keys come
 * first, so that parents can hold the DS records; then the files, the signatures, the servers.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TYPE } from "../../../src/dns/iana.ts";
import { ROOT, isAtOrBelow, parseName } from "../../../src/dns/name.ts";
import type { DomainName } from "../../../src/dns/name.ts";
import { mapLimited } from "../../../src/resolver/map-limited.ts";
import type { Place } from "./bind.ts";
import {
  configureKnotSigner,
  configurePowerDnsSigner,
  startNamed,
  startNsd,
  startRecursive,
} from "./dnssec-servers.ts";
import type { SigningServer } from "./dnssec-servers.ts";
import type { WireQuestion } from "./dnssec-oracles.ts";
import { makeBindKeys, signWithBind } from "./dnssec-sign.ts";
import { LEAVES, PARENTS, childOf, zoneText } from "./dnssec-zones.ts";
import type { Signer, ZoneSpec } from "./dnssec-zones.ts";
import { drawNetwork } from "./network.ts";
import type { Daemon } from "./process.ts";
import { unwind } from "./unwind.ts";

/** Programs that {@link startDnssecTree} needs. */
export const DNSSEC_PROGRAMS = [
  "named",
  "dnssec-keygen",
  "dnssec-dsfromkey",
  "dnssec-signzone",
  "knotd",
  "keymgr",
  "pdns_server",
  "pdnsutil",
  "sqlite3",
  "nsd",
  "unbound",
  "delv",
] as const;

export interface DnssecTree {
  readonly folder: string;
  readonly resolver: Place;
  /** The root's anchor in three forms, and that of a zone that no parent vouches for. */
  readonly anchorFiles: Readonly<Record<"bind" | "unbound" | "key" | "island", string>>;
  /** Where each zone is served. */
  readonly zones: ReadonlyMap<string, Place>;
  readonly logs: () => string;
  readonly stop: () => Promise<void>;
}

/** Octets of each server's log in the report of a failure. */
const LOG_SHOWN = 3_000;

/** Commands that run side by side; they are bound by the processor. */
const AT_ONCE = 3;

const ZONES: readonly ZoneSpec[] = [
  ...PARENTS,
  ...LEAVES.flatMap((spec) => {
    const child = childOf(spec);
    return child === null ? [spec] : [spec, child];
  }),
];

/** The zone that delegates this one: the longest other name that ends it. */
function parentZone(zone: string): string {
  const above = ZONES.filter((spec) => zone !== spec.zone && zone.endsWith(`.${spec.zone}`));
  return above.sort((left, right) => right.zone.length - left.zone.length)[0]?.zone ?? ".";
}

/** Anchors as BIND's and Unbound's configuration, dnssec-keygen and dnssec-signzone have them. */
function writeAnchors(folder: string, keys: string, anchor: string): DnssecTree["anchorFiles"] {
  const file = (name: string): string => join(folder, name);
  const [tag = "", algorithm = "", digestType = "", ...digest] = anchor.replace(/^.* DS /, "").split(/\s+/);
  const fields = [".", "static-ds", tag, algorithm, digestType, `"${digest.join("")}"`].join(" ");
  writeFileSync(file("bind.anchors"), `trust-anchors { ${fields}; };\n`);
  writeFileSync(file("unbound.anchor"), `${anchor}\n`);
  const key = `K.+${algorithm.padStart(3, "0")}+${tag.padStart(5, "0")}.key`;
  const island = join(keys, "dsset-island.test.");
  return { bind: file("bind.anchors"), unbound: file("unbound.anchor"), key: join(keys, key), island };
}

const isLeaf = (spec: ZoneSpec): boolean => !PARENTS.includes(spec);

/** What a zone says about the zones below it. A full zone delegates its `child` by itself. */
function delegations(spec: ZoneSpec, ds: ReadonlyMap<string, readonly string[]>): readonly string[] {
  return ZONES.filter((below) => below.zone !== "." && parentZone(below.zone) === spec.zone)
    .filter((below) => below.zone !== childOf(spec)?.zone)
    .flatMap(({ zone }) => [`${zone}. IN NS ns.${zone}.`, `ns.${zone}. IN A 127.0.0.1`, ...(ds.get(zone) ?? [])]);
}

function textOf(spec: ZoneSpec, ds: ReadonlyMap<string, readonly string[]>): string {
  const below = delegations(spec, ds);
  if (isLeaf(spec)) return zoneText(spec, below);
  const origin = spec.zone === "." ? "." : `${spec.zone}.`;
  const apex = ["@ IN SOA ns hostmaster 1 3600 600 86400 300", "@ IN NS ns", "ns IN A 127.0.0.1"];
  return [`$ORIGIN ${origin}`, "$TTL 300", ...apex, ...below, ""].join("\n");
}

function fileOf(folder: string, spec: ZoneSpec): string {
  return join(folder, spec.zone === "." ? "root.db" : `${spec.zone}.db`);
}

const signedBy = (signer: Signer): readonly ZoneSpec[] => ZONES.filter((spec) => spec.signer === signer);

async function makeAllKeys(
  keys: string,
  servers: Readonly<Record<"knot" | "powerdns", SigningServer>>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const ds = new Map<string, readonly string[]>();
  const remember = (spec: ZoneSpec, records: readonly string[]): void => {
    ds.set(spec.zone, spec.ds === undefined ? records : spec.ds(records));
  };
  // Knot's and PowerDNS' key stores take one writer at a time.
  const inTurn = async (signer: "knot" | "powerdns"): Promise<void> => {
    for (const spec of signedBy(signer)) remember(spec, await servers[signer].makeKeys(spec));
  };
  await Promise.all([
    inTurn("knot"),
    inTurn("powerdns"),
    mapLimited(
      signedBy("bind"),
      async (spec) => {
        remember(spec, await makeBindKeys(keys, spec));
      },
      AT_ONCE,
    ),
  ]);
  return ds;
}

/** The name server that has authority over the question: that of the lowest zone, for DS records of the one above (RFC 4035 §3.1.4.1). */
export function authorityOf(tree: DnssecTree, { name, type }: WireQuestion): Place {
  let best: readonly [DomainName, Place] | null = null;
  for (const [zone, place] of tree.zones) {
    const apex = parseName(zone);
    if (!apex.ok || !isAtOrBelow(name, apex.value)) continue;
    if (type === TYPE.DS && name === apex.value && name !== ROOT) continue;
    if (best === null || isAtOrBelow(apex.value, best[0])) best = [apex.value, place];
  }
  if (best === null) throw new Error(`nobody serves ${name}`);
  return best[1];
}

export async function startDnssecTree(): Promise<DnssecTree> {
  const folder = mkdtempSync(join(tmpdir(), "daneward-dnssec-"));
  const undo: (() => Promise<void>)[] = [
    () => {
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  ];
  const stop = (): Promise<void> => unwind(undo);
  try {
    const network = await drawNetwork();
    const place = (address: string): Place => ({ address, port: network.dnsPort });
    const places = {
      bind: place("127.0.0.1"),
      nobody: place("127.0.0.1"),
      knot: place(network.address(2)),
      powerdns: place(network.address(3)),
      nsd: place(network.address(5)),
    };
    const resolver = place(network.address(4));
    const keys = join(folder, "keys");
    mkdirSync(keys);
    const knot = configureKnotSigner(folder, places.knot, signedBy("knot"));
    const powerdns = await configurePowerDnsSigner(folder, places.powerdns, signedBy("powerdns"));
    const ds = await makeAllKeys(keys, { knot, powerdns });
    for (const spec of ZONES) writeFileSync(fileOf(folder, spec), textOf(spec, ds));
    const files = (signer: Signer): ReadonlyMap<string, string> =>
      new Map(signedBy(signer).map((spec) => [spec.zone, fileOf(folder, spec)]));
    const signed = await mapLimited(
      signedBy("bind"),
      async (spec) => ({
        zone: spec.zone,
        server: spec.server ?? "bind",
        file: await signWithBind(keys, spec, fileOf(folder, spec)),
      }),
      AT_ONCE,
    );
    const unsigned = [...files("nobody")].map(([zone, file]) => ({ zone, file }));
    const daemons: Daemon[] = [];
    const start = async (starting: Promise<Daemon>): Promise<void> => {
      const daemon = await starting;
      daemons.push(daemon);
      undo.push(daemon.stop);
    };
    const started = await Promise.allSettled([
      start(startNamed(folder, places.bind, [...signed.filter(({ server }) => server === "bind"), ...unsigned])),
      start(
        startNsd(
          folder,
          places.nsd,
          signed.filter(({ server }) => server === "nsd"),
        ),
      ),
      start(knot.start(files("knot"))),
      start(powerdns.start(files("powerdns"))),
    ]);
    for (const outcome of started) if (outcome.status === "rejected") throw outcome.reason;
    const zones = new Map(ZONES.map((spec) => [spec.zone, places[spec.server ?? spec.signer]]));
    const anchorFiles = writeAnchors(folder, keys, ds.get(".")?.join("\n") ?? "");
    await start(startRecursive({ folder, at: resolver, anchorFile: anchorFiles.unbound, zones }));
    const logs = (): string =>
      daemons.map((daemon) => `--- ${daemon.name}\n${daemon.output().slice(-LOG_SHOWN)}`).join("\n");
    return { folder, resolver, anchorFiles, zones, logs, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
