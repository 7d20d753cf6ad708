/**
 * A whole DNS on loopback: the root, `test.` and `example.test.`, really signed (ECDSA P-256, NSEC), each with its DS in
 * the zone above. Two name servers hold all three zones on one port, as the sources of a zone must: the primary at
 * 127.0.0.1, which takes TSIG-signed updates (RFC 2136, RFC 8945), and a secondary at 127.0.0.2 (::1 where the system
 * has only one IPv4 loopback address), which can trail behind by a chosen time, or fall silent.
 *
 * Real servers differ: NOTIFY and transfers are replaced by the passing of time, and updates are signed and served at
 * once.
 */
import { randomBytes } from "node:crypto";
import { Secret } from "../base/secret.ts";
import { seconds } from "../base/time.ts";
import type { Clock, Seconds } from "../base/time.ts";
import { TYPE } from "../dns/iana.ts";
import type { DomainName } from "../dns/name.ts";
import { ROOT } from "../dns/name.ts";
import { encodeNs, formatRdata } from "../dns/rdata.ts";
import type { ResourceRecord, Rrset } from "../dns/rrset.ts";
import type { TsigKey } from "../dns/tsig.ts";
import { createHistory } from "./history.ts";
import type { Replica, ZoneHistory } from "./history.ts";
import { createZoneKey } from "./keys.ts";
import type { ZoneKey } from "./keys.ts";
import { startNameServer } from "./name-server.ts";
import type { NameServer } from "./name-server.ts";
import { addressRecord, apexRecords, nameOf, record } from "./records.ts";
import { signZone } from "./sign-zone.ts";
import { createUpdateService } from "./update-service.ts";
import { rrsetOf } from "./zone.ts";
import type { SignedZone, ZoneContent } from "./zone.ts";

export interface DnsTree {
  /** The zone that takes updates: `example.test.`. */
  readonly zone: DomainName;
  readonly primary: NameServer;
  readonly secondary: NameServer;
  /** The port of both name servers. */
  readonly port: number;
  readonly tsigKey: TsigKey;
  /** DS RDATA of the root. */
  readonly anchor: Uint8Array;
  /** The root's DNSKEY as a BIND `trust-anchors` statement, for delv and others. */
  readonly anchorText: string;
  /** How long after the primary the secondary takes a change over. */
  readonly setLag: (lag: Seconds) => void;
  /** What the primary serves now. */
  readonly rrset: (name: DomainName, type: number) => Rrset | null;
  /** Replaces an RRset as the zone's owner would by hand; no records remove it. */
  readonly replace: (name: DomainName, type: number, records: readonly ResourceRecord[]) => void;
  readonly close: () => Promise<void>;
}

export interface DnsTreeOptions {
  readonly clock: Clock;
  /** TTL of everything in `example.test.`, negative answers included. */
  readonly ttl: Seconds;
  /** Addresses of hosts in `example.test.`, by full name. */
  readonly hosts: Readonly<Record<string, string>>;
  /** Further records of `example.test.`. */
  readonly records?: readonly ResourceRecord[];
  /** Names at which the key may write TLSA records, and nothing else; asked at each update. */
  readonly writable: (name: DomainName) => boolean;
  /** Where the secondary may listen, best first; 127.0.0.2 and ::1 unless told. */
  readonly secondaryAddresses?: readonly string[];
}

const ZONE = nameOf("example.test");
const TLD = nameOf("test");
const SERVERS = { primary: nameOf("ns1.example.test"), secondary: nameOf("ns2.example.test") };
/** Zones above ours do not change while the sandbox runs. */
const UPPER_TTL = seconds(3600);
const PRIMARY_ADDRESS = "127.0.0.1";
const SECONDARY_ADDRESSES = ["127.0.0.2", "::1"];

/** Signs the tree and starts both servers. */
export async function startDnsTree(options: DnsTreeOptions): Promise<DnsTree> {
  const tsigKey: TsigKey = {
    name: nameOf("daneward-key"),
    algorithm: "hmac-sha256",
    secret: new Secret(Uint8Array.from(randomBytes(32))),
  };
  const keys = { root: createZoneKey(ROOT), tld: createZoneKey(TLD), zone: createZoneKey(ZONE) };
  const servers = await startServers(options, keys, tsigKey);
  const { leaf, replica } = servers;
  return {
    zone: ZONE,
    primary: servers.primary,
    secondary: servers.secondary,
    port: servers.primary.port,
    tsigKey,
    anchor: keys.root.ds,
    anchorText: anchorStatement(keys.root),
    setLag: replica.setLag,
    rrset: (name, type) => rrsetOf(leaf.current(), name, type),
    replace: (name, type, records) => {
      const others = leaf.content().records.filter((each) => each.name !== name || each.type !== type);
      leaf.publish({ ...leaf.content(), records: [...others, ...records] });
    },
    close: async () => {
      await Promise.all([servers.primary.close(), servers.secondary.close()]);
    },
  };
}

interface TreeKeys {
  readonly root: ZoneKey;
  readonly tld: ZoneKey;
  readonly zone: ZoneKey;
}

interface Tree {
  /** The root and `test.`, which do not change. */
  readonly upper: readonly SignedZone[];
  readonly leaf: ZoneHistory;
}

interface StartedServers {
  readonly primary: NameServer;
  readonly secondary: NameServer;
  readonly leaf: ZoneHistory;
  readonly replica: Replica;
}

/** Finds a second loopback address, and a port that is free on both. */
async function startServers(options: DnsTreeOptions, keys: TreeKeys, tsigKey: TsigKey): Promise<StartedServers> {
  let lastError: unknown = null;
  for (let attempt = 0; attempt < 20; attempt++) {
    for (const secondaryAddress of options.secondaryAddresses ?? SECONDARY_ADDRESSES) {
      const { upper, leaf } = signTree(options, keys, secondaryAddress);
      const replica = leaf.replica();
      const mayWrite = (name: DomainName, type: number): boolean => type === TYPE.TLSA && options.writable(name);
      const primary = await startNameServer({
        address: PRIMARY_ADDRESS,
        port: 0,
        zones: () => [...upper, leaf.current()],
        update: createUpdateService(leaf, tsigKey, mayWrite, options.clock),
      });
      try {
        const secondary = await startNameServer({
          address: secondaryAddress,
          port: primary.port,
          zones: () => [...upper, replica.zone()],
          update: null,
        });
        return { primary, secondary, leaf, replica };
      } catch (error) {
        await primary.close();
        lastError = error;
      }
    }
  }
  throw new Error("no port is free on two loopback addresses", { cause: lastError });
}

function signTree(options: DnsTreeOptions, keys: TreeKeys, secondaryAddress: string): Tree {
  const { clock, ttl } = options;
  const now = clock();
  const names = [SERVERS.primary, SERVERS.secondary];
  const glue = (glueTtl: Seconds): readonly ResourceRecord[] => [
    addressRecord(SERVERS.primary, glueTtl, PRIMARY_ADDRESS),
    addressRecord(SERVERS.secondary, glueTtl, secondaryAddress),
  ];
  const delegation = (child: ZoneKey): readonly ResourceRecord[] => [
    ...names.map((server) => record(child.zone, TYPE.NS, UPPER_TTL, encodeNs(server))),
    record(child.zone, TYPE.DS, UPPER_TTL, child.ds),
    ...glue(UPPER_TTL),
  ];
  const upper = (key: ZoneKey, child: ZoneKey): SignedZone =>
    signZone(
      { origin: key.zone, records: [...apexRecords(key.zone, UPPER_TTL, names, 1), ...delegation(child)] },
      key,
      now,
    );
  const hosts = Object.entries(options.hosts).map(([host, address]) => addressRecord(nameOf(host), ttl, address));
  const content: ZoneContent = {
    origin: ZONE,
    records: [...apexRecords(ZONE, ttl, names, 1), ...glue(ttl), ...hosts, ...(options.records ?? [])],
  };
  return {
    upper: [upper(keys.root, keys.tld), upper(keys.tld, keys.zone)],
    leaf: createHistory(content, keys.zone, clock),
  };
}

/** The root's key as `named.conf` and `delv -a` read it. */
function anchorStatement(key: ZoneKey): string {
  const [flags, protocol, algorithm, ...rest] = formatRdata(TYPE.DNSKEY, key.dnskey).split(" ");
  return `trust-anchors { "." static-key ${[flags, protocol, algorithm].join(" ")} "${rest.join("")}"; };\n`;
}
