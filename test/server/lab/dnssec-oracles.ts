/**
 * Two validators by others, asked the same questions: BIND's delv, which validates by itself what the resolver hands
 * on, and Unbound, which shows its verdict in the AD bit and by refusing to answer.
 */
import { formatHex } from "../../../src/base/bytes.ts";
import { RCODE, typeFromName } from "../../../src/dns/iana.ts";
import type { DnsMessage } from "../../../src/dns/message.ts";
import { parseName } from "../../../src/dns/name.ts";
import type { DomainName } from "../../../src/dns/name.ts";
import type { SecurityStatus } from "../../../src/dnssec/verdict.ts";
import { query } from "../../../src/transport/dns-exchange.ts";
import type { Place } from "./bind.ts";
import type { Question } from "./dnssec-zones.ts";
import { run } from "./process.ts";
import { program } from "./programs.ts";

/** What a validator said, in words that compare. */
export interface Verdict {
  readonly status: SecurityStatus;
  /** Null when there is nothing to use. */
  readonly rcode: number | null;
  /** Hex of the RDATA of the type asked for, sorted; empty for denials. */
  readonly data: readonly string[];
}

export type Oracle = (question: Question) => Promise<Verdict>;

export interface WireQuestion {
  readonly name: DomainName;
  readonly type: number;
}

export function wireQuestion(question: Question): WireQuestion {
  const name = parseName(question.name);
  const type = typeFromName(question.type);
  if (!name.ok || type === null) throw new Error(`${question.name} ${question.type} is not a question`);
  return { name: name.value, type };
}

/** delv's words for the trust in one RRset. */
const TRUST: Readonly<Record<string, SecurityStatus>> = {
  "fully validated": "secure",
  "negative response, fully validated": "secure",
  "unsigned answer": "insecure",
  "negative response, unsigned answer": "insecure",
};

/** Comments with these beginnings are records of a proof or of a negative answer, not words about trust. */
const PROOF = /^\S+\s+(CLASS1|RRSIG|NSEC3?|SOA)\s/;

/** Reads what delv printed with `+unknownformat +nodnssec`. It says the same for bogus data and for none at all. */
export function readDelv(said: string, type: number): Verdict {
  const comments = [...said.matchAll(/^; (.*)$/gm)].map(([, text]) => text ?? "");
  const trust = comments.filter((text) => !PROOF.test(text)).map((text) => TRUST[text]);
  if (trust.includes(undefined)) throw new Error(`delv said something new:\n${said}`);
  if (trust.length === 0) {
    if (!said.includes(";; resolution failed:")) throw new Error(`delv said something new:\n${said}`);
    return { status: "bogus", rcode: null, data: [] };
  }
  const records = [...said.matchAll(/^[^;\s]\S*\s+CLASS1\s+TYPE(\d+)\s+\\# \d+ ?([0-9A-F ]*)$/gm)];
  const data = records
    .filter(([, number]) => Number(number) === type)
    .map(([, , hex]) => (hex ?? "").replaceAll(" ", "").toLowerCase());
  return {
    status: trust.includes("insecure") ? "insecure" : "secure",
    rcode: said.includes(";-$NXDOMAIN") ? RCODE.NXDOMAIN : RCODE.NOERROR,
    data: data.sort(),
  };
}

/** `anchors` is a file in BIND's form. */
export function createDelv(anchors: string, resolver: Place): Oracle {
  const options = ["+root=.", "+nodnssec", "+nosplit", "+nottl", "+unknownformat"];
  return async (question) => {
    const server = [`@${resolver.address}`, "-p", String(resolver.port), "-a", anchors];
    const ended = await run(program("delv"), [...server, ...options, "-q", question.name, "-t", question.type]);
    return readDelv(ended.stdout + ended.stderr, wireQuestion(question).type);
  };
}

function readReply(reply: DnsMessage, type: number, hidden: boolean): Verdict {
  if (reply.rcode !== RCODE.NOERROR && reply.rcode !== RCODE.NXDOMAIN) {
    return { status: hidden ? "bogus" : "indeterminate", rcode: null, data: [] };
  }
  const data = reply.answer.filter((record) => record.type === type).map((record) => formatHex(record.rdata));
  return { status: reply.ad ? "secure" : "insecure", rcode: reply.rcode, data: data.sort() };
}

/** A failure is a verdict of "bogus" when the same resolver does answer with checking disabled (RFC 4035 §3.2.2). */
export function createAdBit(resolver: Place): Oracle {
  return async (question) => {
    const asked = { ...wireQuestion(question), server: resolver, rd: true, timeoutMs: 10_000 };
    const checked = await query({ ...asked, ad: true });
    const unchecked = checked.rcode === RCODE.SERVFAIL ? await query({ ...asked, cd: true }) : checked;
    return readReply(checked, asked.type, unchecked.rcode !== RCODE.SERVFAIL);
  };
}

/** Says it in one line. */
export function verdictText({ status, rcode, data }: Verdict): string {
  const name = rcode === null ? "" : rcode === RCODE.NXDOMAIN ? " NXDOMAIN" : data.length === 0 ? " NODATA" : "";
  return `${status}${name}${data.length === 0 ? "" : ` [${data.map((hex) => hex.slice(0, 24)).join(" ")}]`}`;
}
