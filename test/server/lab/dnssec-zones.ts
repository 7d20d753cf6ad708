/**
 * The zones of the DNSSEC laboratory as tables: what they hold, how they are signed, what is broken about them. The
 * sound ones hold the same records, so that the same questions can be asked of each way to sign and to deny.
 */
import { bitFlipped, forged, keptOnly, without } from "./dnssec-damage.ts";
import type { Damage } from "./dnssec-damage.ts";

export type Signer = "bind" | "knot" | "powerdns" | "nobody";

export interface ZoneSpec {
  /** Without the final dot. */
  readonly zone: string;
  readonly signer: Signer;
  /** Who serves the file when it is not the signer: NSD gives what the file has, where BIND would refuse to answer. */
  readonly server?: "nsd";
  /** BIND: options of dnssec-keygen, one list a key. Knot: the algorithm. PowerDNS chooses its own. */
  readonly keys: readonly (readonly string[])[];
  /** BIND: options of dnssec-signzone. Knot: lines of the policy. PowerDNS: arguments of `set-nsec3`. */
  readonly signing: readonly string[];
  /** Validity in days from now; the default of the signer otherwise. */
  readonly period?: { readonly from: number; readonly to: number };
  /** Digest types for dnssec-dsfromkey. */
  readonly digests: readonly string[];
  /** What the parent publishes instead of the true DS records. */
  readonly ds?: (records: readonly string[]) => readonly string[];
  /** What happens to the signed zone file before it is served. */
  readonly damage?: Damage;
  /** Everything, or what shows whether a broken zone is seen to be broken. */
  readonly content: "full" | "small";
}

const CSK = (algorithm: string): readonly string[] => ["-a", algorithm, "-f", "KSK"];
const SHA256 = ["SHA-256"];

function bind(
  zone: string,
  algorithm: string,
  signing: readonly string[],
  more: Partial<Omit<ZoneSpec, "zone" | "signer">> = {},
): ZoneSpec {
  return { zone, signer: "bind", keys: [CSK(algorithm)], signing, digests: SHA256, content: "full", ...more };
}

function knot(zone: string, algorithm: string, policy: readonly string[], content: "full" | "small"): ZoneSpec {
  return { zone, signer: "knot", keys: [[algorithm]], signing: policy, digests: SHA256, content };
}

function powerDns(zone: string, nsec3: readonly string[]): ZoneSpec {
  return { zone, signer: "powerdns", keys: [], signing: nsec3, digests: SHA256, content: "full" };
}

function nobody(zone: string, content: "full" | "small" = "small"): ZoneSpec {
  return { zone, signer: "nobody", keys: [], signing: [], digests: [], content };
}

const P256 = "ECDSAP256SHA256";
const NSEC3 = ["-3", "-"];
const SALTED = ["-3", "c0ffee", "-H", "5"];
const OPT_OUT = ["-3", "-", "-A"];

/** The top of the tree: a root as the real one signs, one parent that denies by NSEC and one that opts out. */
export const PARENTS: readonly ZoneSpec[] = [
  bind(".", "", [], {
    keys: [
      ["-a", "RSASHA256", "-b", "2048", "-f", "KSK"],
      ["-a", "RSASHA256", "-b", "2048"],
    ],
  }),
  bind("test", P256, []),
  bind("optout", P256, OPT_OUT),
];

const SOUND: readonly ZoneSpec[] = [
  bind("rsa256.test", "", [], {
    keys: [
      ["-a", "RSASHA256", "-b", "2048", "-f", "KSK"],
      ["-a", "RSASHA256", "-b", "1024"],
    ],
    content: "small",
  }),
  bind("rsa512.test", "", NSEC3, {
    server: "nsd",
    keys: [["-a", "RSASHA512", "-b", "2048", "-f", "KSK"]],
    content: "small",
  }),
  bind("p256.test", P256, []),
  bind("p384.test", "ECDSAP384SHA384", SALTED, { digests: ["SHA-384"] }),
  bind("ed25519.test", "ED25519", OPT_OUT),
  bind("ed448.test", "ED448", [], { content: "small" }),
  bind("sha1.test", "", [], { keys: [["-a", "RSASHA1", "-b", "2048", "-f", "KSK"]], content: "small" }),
  bind("sha1-nsec3.test", "", NSEC3, {
    keys: [["-a", "NSEC3RSASHA1", "-b", "2048", "-f", "KSK"]],
    content: "small",
  }),
  bind("sha1-ds.test", P256, [], { digests: ["SHA-1"], content: "small" }),
  bind("iterations-50.test", P256, ["-3", "ab", "-H", "50"], { content: "small" }),
  bind("iterations-100.test", P256, ["-3", "ab", "-H", "100"], { content: "small" }),
  bind("iterations-150.test", P256, ["-3", "ab", "-H", "150"], { content: "small" }),
  bind("two-algorithms.test", P256, [], {
    keys: [["-a", "RSASHA256", "-b", "2048", "-f", "KSK"], CSK(P256)],
    content: "small",
  }),
  bind("one-of-two.test", P256, [], {
    keys: [["-a", "RSASHA256", "-b", "2048", "-f", "KSK"], CSK(P256)],
    damage: without(/ IN RRSIG\s+\S+ 8 /),
    content: "small",
  }),
  bind("kid.p256.test", P256, NSEC3, { server: "nsd", content: "small" }),
  bind("kid.ed25519.test", P256, [], { content: "small" }),
  bind("signed.optout", "ED25519", OPT_OUT, { content: "small" }),
  knot("knot-nsec3.test", "ecdsap256sha256", ["nsec3: on"], "full"),
  knot("knot-nsec.test", "ed25519", [], "small"),
  knot("knot-iterations.test", "ecdsap256sha256", ["nsec3: on", "nsec3-iterations: 600"], "small"),
  powerDns("pdns-nsec.test", []),
  powerDns("pdns-nsec3.test", ["1 0 1 ab"]),
  powerDns("pdns-narrow.test", ["1 0 0 -", "narrow"]),
  nobody("unsigned.test"),
  nobody("unsigned.optout"),
  // Signed, but nobody above says so.
  bind("island.test", P256, [], { ds: () => [], content: "small" }),
];

/** Fields of a DS record after `IN DS`: tag, algorithm, digest type, digest. */
function alterDs(index: 0 | 1 | 2 | 3, change: (field: string) => string): NonNullable<ZoneSpec["ds"]> {
  return (records) =>
    records.map((record) => {
      const [owner = "", fields = ""] = record.split(/ IN DS /);
      const [tag = "", algorithm = "", digestType = "", ...digest] = fields.split(/\s+/);
      const parts = [tag, algorithm, digestType, digest.join("")];
      return `${owner} IN DS ${parts.map((part, at) => (at === index ? change(part) : part)).join(" ")}`;
    });
}

const flipLast = (digest: string): string => digest.slice(0, -1) + (digest.endsWith("0") ? "1" : "0");
const otherTag = (tag: string): string => String((Number(tag) + 1) % 65536);

const BROKEN: readonly ZoneSpec[] = [
  bind("wrong-digest.test", P256, [], { ds: alterDs(3, flipLast), content: "small" }),
  bind("key-absent.test", P256, [], { ds: alterDs(0, otherTag), content: "small" }),
  bind("unknown-digest.test", P256, [], { ds: alterDs(2, () => "200"), content: "small" }),
  bind("unknown-algorithm.test", P256, [], { ds: alterDs(1, () => "200"), content: "small" }),
  // RFC 4509 §3: the good SHA-1 digest does not count beside a SHA-256 one.
  bind("digest-downgrade.test", P256, [], {
    digests: ["SHA-1", "SHA-256"],
    ds: (records) =>
      records.flatMap((record) => (/ DS \d+ \d+ 2 /.test(record) ? alterDs(3, flipLast)([record]) : record)),
    content: "small",
  }),
  bind("expired.test", P256, [], { period: { from: -60, to: -30 }, content: "small" }),
  bind("not-yet.test", P256, NSEC3, { period: { from: 30, to: 60 }, content: "small" }),
  bind("rrsig-missing.test", P256, [], { damage: without(/^www\S*\s.* IN RRSIG\s+A /), content: "small" }),
  bind("rrsigs-missing.test", P256, NSEC3, { damage: without(/ IN RRSIG\s/), content: "small" }),
  bind("dnskey-rrsig-missing.test", P256, [], { damage: without(/ IN RRSIG\s+DNSKEY /), content: "small" }),
  bind("soa-rrsig-missing.test", P256, [], { damage: without(/ IN RRSIG\s+SOA /), content: "small" }),
  bind("nsec-missing.test", P256, [], {
    server: "nsd",
    damage: without(/^www\.\S*\s.* IN (NSEC|RRSIG\s+NSEC)\s/),
    content: "small",
  }),
  bind("encloser-missing.test", P256, NSEC3, { damage: without("apex-nsec3"), content: "small" }),
  bind("nsecs-missing.test", P256, [], {
    server: "nsd",
    damage: without(/ IN (NSEC|RRSIG\s+NSEC)\s/),
    content: "small",
  }),
  bind("wildcard-proof-missing.test", P256, [], {
    server: "nsd",
    damage: without(/^\*\.wild\.\S*\s.* IN (NSEC|RRSIG\s+NSEC)\s/),
    content: "small",
  }),
  bind("nsec3-missing.test", P256, NSEC3, { damage: without("all-but-apex-nsec3"), content: "small" }),
  bind("no-dnskey.test", P256, [], { damage: keptOnly(/ IN (SOA|NS|MX|A|AAAA|TXT|TLSA|CNAME)\s/), content: "small" }),
  bind("revoked.test", "", [], {
    keys: [
      ["-a", P256, "-f", "KSK", "-f", "REVOKE"],
      ["-a", P256],
    ],
    content: "small",
  }),
  bind("bit-flip.test", P256, [], { damage: bitFlipped(/^www\S*\s.* IN RRSIG\s+A /), content: "small" }),
  bind("forged.test", P256, [], {
    damage: forged(/^www\S*\s.* IN A\s+192\.0\.2\.1$/, "192.0.2.1", "192.0.2.66"),
    content: "small",
  }),
  bind("forged-key.test", P256, [], { damage: bitFlipped(/ IN RRSIG\s+DNSKEY /), content: "small" }),
];

/** Every zone below the parents, but for the unsigned `child` that each full zone delegates. */
export const LEAVES: readonly ZoneSpec[] = [...SOUND, ...BROKEN];

const DIGEST = "8cb0fc6c527506a053f4f14c8464bebbd6dede2738d11468dd953d7d6a3021f1";

const SMALL = [
  "@ IN SOA ns hostmaster 1 3600 600 86400 300",
  "@ IN NS ns",
  "@ IN MX 10 mx",
  "ns IN A 127.0.0.1",
  "www IN A 192.0.2.1",
  "www IN AAAA 2001:db8::1",
  "mx IN A 192.0.2.25",
  `_25._tcp.mx IN TLSA 3 1 1 ${DIGEST}`,
  "alias IN CNAME www",
  '*.wild IN TXT "anything"',
];

/** Labels of 63 octets, nearly as long as a name may be. */
const LONG = ["l", "m", "n"].map((letter) => letter.repeat(63)).join(".");

const FULL = [
  ...SMALL,
  "www IN A 192.0.2.2",
  `_443._tcp.www IN TLSA 3 1 1 ${DIGEST}`,
  `_443._tcp.www IN TLSA 2 0 1 ${DIGEST}`,
  "_25._tcp.alias IN CNAME _25._tcp.mx",
  "chain IN CNAME chain2",
  "chain2 IN CNAME alias",
  "dangling IN CNAME nowhere",
  "*.wild IN A 192.0.2.77",
  'known.wild IN TXT "known"',
  `*._tcp.star IN TLSA 3 1 1 ${DIGEST}`,
  "*.cwild IN CNAME www",
  "*.cvoid IN CNAME nothing.void",
  "a.b.c.ent IN A 192.0.2.3",
  "1.2.3.4.5.6.7.8.9.10.deep IN A 192.0.2.4",
  "d IN DNAME tree",
  "www.tree IN A 192.0.2.5",
  "across IN DNAME p384.test.",
  "cross IN CNAME www.p384.test.",
  "away IN CNAME www.unsigned.test.",
  "astray IN CNAME www.wrong-digest.test.",
  "gone IN CNAME nowhere.p256.test.",
  `long IN TXT ${Array.from({ length: 20 }, (_, at) => `"${String(at).padStart(250, "x")}"`).join(" ")}`,
  String.raw`a\.b.odd IN TXT "a dot"`,
  String.raw`\000\001.odd IN TXT "low octets"`,
  String.raw`\255\200.odd IN TXT "high octets"`,
  String.raw`white\032space.odd IN TXT "space"`,
  'MiXeD.odd IN TXT "case"',
  "case.odd IN MX 10 MX.UPPER.Case",
  "srv IN SRV 1 2 25 MX.Upper",
  "new IN TYPE65280 \\# 5 0102030405",
  `${LONG} IN TXT "long labels"`,
  "child IN NS ns.child",
  // An empty non-terminal over nothing but an unsigned delegation: an opted-out zone may leave it out (RFC 5155 §7.1).
  "kid.hollow IN NS ns.child",
  "ns.child IN A 127.0.0.1",
];

/** The records of a leaf zone in zone-file form. */
export function zoneText(spec: ZoneSpec, extra: readonly string[]): string {
  const records = spec.content === "full" ? FULL : SMALL;
  return [`$ORIGIN ${spec.zone}.`, "$TTL 300", ...records, ...extra, ""].join("\n");
}

/** The unsigned zone below a full one. */
export function childOf(spec: ZoneSpec): ZoneSpec | null {
  return spec.content === "full" ? nobody(`child.${spec.zone}`) : null;
}

export interface Question {
  /** Presentation form with the final dot, escapes as in zone files. */
  readonly name: string;
  readonly type: string;
}

const SMALL_QUESTIONS: readonly (readonly [string, readonly string[]])[] = [
  ["@", ["SOA", "DNSKEY", "DS", "TXT"]],
  ["www", ["A", "TXT"]],
  ["_25._tcp.mx", ["TLSA"]],
  ["_tcp.mx", ["TLSA"]],
  ["alias", ["A"]],
  ["nx", ["A"]],
  ["_25._tcp.nx", ["TLSA"]],
  ["any.wild", ["TXT", "MX"]],
];

const FULL_QUESTIONS: readonly (readonly [string, readonly string[]])[] = [
  ...SMALL_QUESTIONS,
  ["@", ["NS", "MX", "TLSA"]],
  ["zzz", ["TLSA"]],
  ["@", ["NSEC", "NSEC3PARAM", "CDS"]],
  // DS where no zone begins: what a walk down the names asks (RFC 4035 §5.2).
  ["www", ["DS"]],
  ["nx", ["DS"]],
  ["alias", ["DS"]],
  ["any.wild", ["DS"]],
  ["www.d", ["DS"]],
  ["hollow", ["A", "DS"]],
  ["kid.hollow", ["DS"]],
  [LONG, ["TXT", "TLSA"]],
  [`x${LONG.slice(1)}`, ["TXT"]],
  ["WwW", ["A"]],
  ["ns.child", ["A"]],
  ["_443._tcp.www", ["TLSA", "TXT"]],
  ["_25._tcp.alias", ["TLSA"]],
  ["alias", ["TLSA", "CNAME"]],
  ["chain", ["A", "TXT"]],
  ["dangling", ["A"]],
  ["wild", ["A"]],
  ["*.wild", ["TXT", "MX"]],
  ["a.b.wild", ["A"]],
  ["known.wild", ["TXT", "A"]],
  ["x.known.wild", ["TXT"]],
  ["_465._tcp.star", ["TLSA"]],
  ["_465._udp.star", ["TLSA"]],
  ["x.cwild", ["A", "TXT"]],
  ["x.cvoid", ["A"]],
  ["ent", ["A"]],
  ["c.ent", ["TXT"]],
  ["b.c.ent", ["DS"]],
  ["x.c.ent", ["A"]],
  ["1.2.3.4.5.6.7.8.9.10.deep", ["A", "AAAA"]],
  ["0.9.10.deep", ["A"]],
  ["d", ["DNAME", "A"]],
  ["www.d", ["A", "TXT"]],
  ["x.d", ["A"]],
  ["www.across", ["A"]],
  ["_25._tcp.mx.across", ["TLSA"]],
  ["cross", ["A", "TXT"]],
  ["away", ["A"]],
  ["astray", ["A"]],
  ["gone", ["A"]],
  ["long", ["TXT"]],
  [String.raw`a\.b.odd`, ["TXT"]],
  ["b.odd", ["TXT"]],
  [String.raw`\000\001.odd`, ["TXT", "A"]],
  [String.raw`\255\200.odd`, ["TXT"]],
  [String.raw`\255\201.odd`, ["TXT"]],
  [String.raw`white\032space.odd`, ["TXT"]],
  ["mixed.odd", ["TXT"]],
  ["case.odd", ["MX"]],
  ["srv", ["SRV"]],
  ["new", ["TYPE65280", "TYPE65281"]],
  ["child", ["DS", "NS", "A"]],
  ["www.child", ["A", "DS"]],
  ["_25._tcp.nx.child", ["TLSA"]],
];

function ask(zone: string, table: readonly (readonly [string, readonly string[]])[]): readonly Question[] {
  return table.flatMap(([owner, types]) =>
    types.map((type) => ({ name: owner === "@" ? `${zone}.` : `${owner}.${zone}.`, type })),
  );
}

/** What is asked of every name that the laboratory has. */
export function questions(): readonly Question[] {
  const above = [".", "test.", "optout."].flatMap((zone) =>
    ["SOA", "NS", "DNSKEY", "TXT"].map((type) => ({ name: zone, type })),
  );
  const missing = ["nx.", "nx.test.", "nx.optout.", "_25._tcp.nx.nx.optout."].flatMap((name) =>
    ["DS", "TLSA"].map((type) => ({ name, type })),
  );
  const leaves = LEAVES.flatMap((spec) => ask(spec.zone, spec.content === "full" ? FULL_QUESTIONS : SMALL_QUESTIONS));
  return [...above, ...missing, ...leaves];
}
