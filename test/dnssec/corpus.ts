/** The validator corpora of the vectors folder: cases of others, each with the messages a resolver gives and the outcome. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { fault } from "../../src/base/errors.ts";
import type { Fault } from "../../src/base/errors.ts";
import { failure, success } from "../../src/base/result.ts";
import type { Result } from "../../src/base/result.ts";
import { instant } from "../../src/base/time.ts";
import { RCODE, rcodeName, typeFromName, typeName } from "../../src/dns/iana.ts";
import { decodeMessage } from "../../src/dns/message.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { parseTrustAnchors } from "../../src/dnssec/anchors.ts";
import { DEFAULT_POLICY } from "../../src/dnssec/policy.ts";
import type { Verdict } from "../../src/dnssec/validate.ts";
import { createWork } from "../../src/dnssec/work.ts";
import type { Ground } from "../../src/dnssec/zone-trust.ts";
import { converse } from "./conversation.ts";

export interface CorpusCase {
  readonly id: string;
  /** Absent: usable. */
  readonly usable?: boolean;
  readonly reason: string | null;
  readonly trustAnchors: readonly string[];
  readonly now: number;
  readonly query: { readonly name: string; readonly type: string };
  readonly requires?: Readonly<Record<string, string>>;
  readonly expected: { readonly status: string; readonly rcode: string | null; readonly ede: number | null };
  readonly agreement: string;
  readonly oracles: Readonly<Record<string, unknown>>;
  readonly responses: readonly { readonly name: string; readonly type: string; readonly msg: string }[];
}

export interface Corpus {
  readonly cases: readonly CorpusCase[];
  readonly messages: Readonly<Record<string, string>>;
}

interface CorpusFile {
  readonly cases?: readonly CorpusCase[];
  readonly vectors?: readonly CorpusCase[];
  readonly messages: Readonly<Record<string, string>>;
}

export function readCorpus(folder: string, file: string): Corpus {
  const { cases, vectors, messages } = JSON.parse(
    readFileSync(path.join(folder, "dnssec", file), "utf8"),
  ) as CorpusFile;
  return { cases: cases ?? vectors ?? [], messages };
}

export function nameOf(text: string): DomainName {
  const name = parseName(text);
  if (!name.ok) throw new Error(name.fault.message);
  return name.value;
}

export function typeOf(text: string): number {
  return typeFromName(text) ?? { LOC: 29 }[text] ?? Number.NaN;
}

/** The wire messages of a case by `name/type`. */
export function wireOf(corpus: Corpus, each: CorpusCase): ReadonlyMap<string, Uint8Array> {
  return new Map(
    each.responses.map(({ name, type, msg }) => [
      `${nameOf(name)}/${String(typeOf(type))}`,
      Buffer.from(corpus.messages[msg] ?? "", "base64"),
    ]),
  );
}

/** As a resolver's reply reaches the validator: error codes and damaged messages are faults. */
export function replyOf(wire: Uint8Array | undefined, name: DomainName, type: number): Result<DnsMessage, Fault> {
  const question = `${name} ${typeName(type)}`;
  if (wire === undefined) return failure(fault("DNS_RCODE", `SERVFAIL to ${question}`));
  const message = decodeMessage(wire);
  if (!message.ok) return message;
  const { rcode } = message.value;
  if (rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN) return success(message.value);
  return failure(fault("DNS_RCODE", `${rcodeName(rcode)} to ${question}`));
}

export function groundOf(each: CorpusCase): Ground {
  const now = instant(each.now * 1000);
  if (each.trustAnchors.length === 0)
    return { now, policy: DEFAULT_POLICY, work: createWork(DEFAULT_POLICY.limits), anchors: new Map() };
  const anchors = parseTrustAnchors(`${each.trustAnchors.join("\n")}\n`, { source: "the case", at: now });
  if (!anchors.ok) throw new Error(`${each.id}: ${anchors.fault.message}`);
  // The corpora presume Unbound's limit of iterations; ours is lower (RFC 9276 §3.2).
  const policy = {
    ...DEFAULT_POLICY,
    insecureIterations: 150,
    everyAlgorithm: each.requires?.["hardenAlgoDowngrade"] === "yes",
  };
  return { now, policy, work: createWork(policy.limits), anchors: anchors.value };
}

export function judgeCase(each: CorpusCase, wire: ReadonlyMap<string, Uint8Array>): Verdict {
  return converse(nameOf(each.query.name), typeOf(each.query.type), groundOf(each), (name, type) =>
    replyOf(wire.get(`${name}/${String(type)}`), name, type),
  );
}
