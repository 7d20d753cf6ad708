/** A primary that takes signed updates of one zone, with hooks to misbehave. Prerequisites and single records only. */
import { Secret } from "../../src/base/secret.ts";
import { formatHex } from "../../src/base/bytes.ts";
import type { Clock } from "../../src/base/time.ts";
import { CLASS, OPCODE, RCODE, TYPE } from "../../src/dns/iana.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import { decodeMessage } from "../../src/dns/message.ts";
import type { ResourceRecord } from "../../src/dns/rrset.ts";
import { signReply, verifyRequest } from "../../src/dns/tsig.ts";
import type { TsigKey } from "../../src/dns/tsig.ts";
import { encodeRrsig } from "../../src/dns/rdata.ts";
import { name, record, replyTo, soaRecord, startDnsServer } from "./scripted-dns.ts";
import type { FakeDnsServer, FakeRequest, Reaction } from "./scripted-dns.ts";

export const KEY: TsigKey = {
  name: name("dane-key"),
  algorithm: "hmac-sha256",
  secret: new Secret(new TextEncoder().encode("0123456789abcdef0123456789abcdef")),
};

export interface PrimaryOptions {
  readonly clock: Clock;
  readonly zone?: string;
  readonly records?: readonly ResourceRecord[];
  readonly signed?: boolean;
  readonly keys?: readonly TsigKey[];
  /** What to do with an update instead; `usual` applies it and makes the signed reply. */
  readonly onUpdate?: (request: FakeRequest, usual: () => readonly Reaction[]) => readonly Reaction[];
  /** What to do with a question instead. */
  readonly onQuery?: (request: FakeRequest, usual: () => readonly Reaction[]) => readonly Reaction[];
  /** NOERROR without doing it. */
  readonly ignoreUpdates?: boolean;
  readonly maxTtl?: number;
  readonly port?: number;
  readonly address?: string;
}

export interface FakePrimary extends FakeDnsServer {
  /** The records of the zone now. */
  readonly records: () => readonly ResourceRecord[];
  /** The updates that arrived, decoded. */
  readonly updates: () => readonly DnsMessage[];
}

function sameData(left: ResourceRecord, right: ResourceRecord): boolean {
  return left.name === right.name && left.type === right.type && formatHex(left.rdata) === formatHex(right.rdata);
}

/** RFC 2136 §3.2 for "exactly this RRset" (class IN) and "no such RRset" (class NONE). */
function checkPrerequisites(wanted: readonly ResourceRecord[], zone: readonly ResourceRecord[]): number {
  for (const one of wanted.filter((candidate) => candidate.class === CLASS.NONE)) {
    if (zone.some((present) => present.name === one.name && present.type === one.type)) return RCODE.YXRRSET;
  }
  const exact = wanted.filter((candidate) => candidate.class === CLASS.IN);
  for (const first of exact) {
    const isSame = (one: ResourceRecord): boolean => one.name === first.name && one.type === first.type;
    const [present, asked] = [zone.filter(isSame), exact.filter(isSame)];
    const equal =
      present.length === asked.length && asked.every((one) => present.some((other) => sameData(one, other)));
    if (!equal) return RCODE.NXRRSET;
  }
  return RCODE.NOERROR;
}

function applyOne(zone: readonly ResourceRecord[], change: ResourceRecord, maxTtl: number): readonly ResourceRecord[] {
  const others = zone.filter((present) => !sameData(present, change));
  if (change.class !== CLASS.IN) return others;
  const ttl = change.ttl > maxTtl ? soaRecord("x", maxTtl, 1, 1).ttl : change.ttl;
  // Like Knot: a record that is there already keeps its TTL; like everybody: a new one gives the RRset its own.
  if (others.length !== zone.length) return zone;
  const isSibling = (one: ResourceRecord): boolean => one.name === change.name && one.type === change.type;
  return [...others.map((one) => (isSibling(one) ? { ...one, ttl } : one)), { ...change, ttl }];
}

/** Starts the primary; close it in `afterEach`. */
export async function startPrimary(options: PrimaryOptions): Promise<FakePrimary> {
  const zoneName = options.zone ?? "example.org";
  let zone: readonly ResourceRecord[] = options.records ?? [];
  const seen: DnsMessage[] = [];

  const answerQuery = (request: FakeRequest): readonly Reaction[] => {
    const question = request.message.question[0];
    const here = zone.filter((one) => one.name === question?.name);
    const found = here.filter((one) => one.type === question?.type || one.type === TYPE.CNAME);
    const times = { originalTtl: 300, expiration: 2_000_000_000, inception: 0 };
    const rest = { labels: 3, algorithm: 13, keyTag: 1, signer: name(zoneName), signature: new Uint8Array(64) };
    const covered = found[0]?.type ?? TYPE.SOA;
    const rrsig = encodeRrsig({ ...rest, ...times, typeCovered: covered });
    const owner = found[0]?.name ?? zoneName;
    const signature = options.signed === false ? [] : [record(owner, TYPE.RRSIG, 300, rrsig)];
    const soa = soaRecord(zoneName, 60, 1, 60);
    const isApex = question?.type === TYPE.SOA && question.name === soa.name;
    const fields: Partial<DnsMessage> = isApex
      ? { answer: [soa] }
      : found.length > 0
        ? { answer: [...found, ...signature] }
        : { authority: [soa, ...signature] };
    return [{ do: "reply", bytes: replyTo(request, fields) }];
  };

  const takeUpdate = (request: FakeRequest): readonly Reaction[] => {
    const verdict = verifyRequest({ bytes: request.bytes, keys: options.keys ?? [KEY], now: options.clock() });
    const empty = { question: request.message.question, edns: null };
    const make = (rcode: number): readonly Reaction[] => [
      { do: "reply", bytes: signReply(replyTo(request, { ...empty, rcode }), verdict, options.clock()) },
    ];
    if (verdict.status !== "verified") return make(verdict.status === "rejected" ? RCODE.NOTAUTH : RCODE.REFUSED);
    const inner = decodeMessage(verdict.message);
    if (!inner.ok) return make(RCODE.FORMERR);
    if (request.message.question[0]?.name !== name(zoneName)) return make(RCODE.NOTAUTH);
    const rcode = checkPrerequisites(inner.value.answer, zone);
    if (rcode === RCODE.NOERROR && options.ignoreUpdates !== true) {
      for (const change of inner.value.authority) zone = applyOne(zone, change, options.maxTtl ?? 0x7fff_ffff);
    }
    return make(rcode);
  };

  const server = await startDnsServer(
    (request) => {
      if (request.message.opcode !== OPCODE.UPDATE) {
        const usual = (): readonly Reaction[] => answerQuery(request);
        return options.onQuery?.(request, usual) ?? usual();
      }
      seen.push(request.message);
      const usual = (): readonly Reaction[] => takeUpdate(request);
      return options.onUpdate?.(request, usual) ?? usual();
    },
    { port: options.port ?? 0, address: options.address ?? "127.0.0.1" },
  );
  return { ...server, records: () => zone, updates: () => seen };
}
