/** The TLSA chains of RFC 9102 appendix A, whole and with any octet that matters changed. */
import { describe, expect, it } from "vitest";
import { fault } from "../../src/base/errors.ts";
import type { Fault } from "../../src/base/errors.ts";
import { failure, success } from "../../src/base/result.ts";
import type { Result } from "../../src/base/result.ts";
import { TYPE } from "../../src/dns/iana.ts";
import { decodeMessage } from "../../src/dns/message.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import { isAtOrBelow } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import type { ResourceRecord } from "../../src/dns/rrset.ts";
import { readUint16 } from "../../src/dns/wire.ts";
import { vectorsFolder, vectorsTitle } from "../vectors.ts";
import { converse } from "./conversation.ts";
import { groundOf, judgeCase, nameOf, readCorpus, typeOf, wireOf } from "./corpus.ts";
import type { Corpus, CorpusCase } from "./corpus.ts";
import type { SecurityStatus } from "../../src/dnssec/verdict.ts";
import type { ZoneTrust } from "../../src/dnssec/zone-trust.ts";

const folder = vectorsFolder();

type Section = "answer" | "authority";

interface Place {
  readonly message: string;
  readonly section: Section;
  readonly record: number;
  readonly octet: number;
}

function messagesOf(corpus: Corpus, each: CorpusCase): ReadonlyMap<string, DnsMessage> {
  return new Map(
    [...wireOf(corpus, each)].map(([key, wire]) => {
      const message = decodeMessage(wire);
      if (!message.ok) throw new Error(message.fault.message);
      return [key, message.value];
    }),
  );
}

/** A record without a signature vouches for nothing: a CNAME made by a DNAME, data below an unsigned delegation. */
function isSigned(record: ResourceRecord, section: readonly ResourceRecord[]): boolean {
  if (record.type === TYPE.RRSIG) return true;
  const covers = ({ name, type, rdata }: ResourceRecord): boolean =>
    type === TYPE.RRSIG && name === record.name && readUint16(rdata, 0) === record.type;
  return section.some(covers);
}

/** Every octet of RDATA that counts in the case's messages: RRSIG, DNSKEY, DS and the data themselves. */
function places(messages: ReadonlyMap<string, DnsMessage>): readonly Place[] {
  return [...messages].flatMap(([message, { answer, authority }]) =>
    (
      [
        ["answer", answer],
        ["authority", authority],
      ] as const
    ).flatMap(([section, records]) =>
      records.flatMap((each, record) =>
        isSigned(each, records)
          ? Array.from(each.rdata, (_, octet) => ({ message, section, record, octet }) as const)
          : [],
      ),
    ),
  );
}

function withFlippedBit(message: DnsMessage, { section, record, octet }: Place, bit: number): DnsMessage {
  const flip = (each: ResourceRecord, at: number): ResourceRecord =>
    at === record
      ? { ...each, rdata: each.rdata.map((value, where) => (where === octet ? value ^ (1 << bit) : value)) }
      : each;
  return { ...message, [section]: message[section].map(flip) };
}

/** Judges the case over these messages. Trust in zones above the changed message may be taken from an earlier run. */
function judgeMessages(
  each: CorpusCase,
  messages: ReadonlyMap<string, DnsMessage>,
  known = new Map<DomainName, ZoneTrust>(),
): SecurityStatus {
  const lookup = (name: DomainName, type: number): Result<DnsMessage, Fault> => {
    const message = messages.get(`${name}/${String(type)}`);
    return message === undefined ? failure(fault("DNS_RCODE", `no message for ${name}`)) : success(message);
  };
  return converse(nameOf(each.query.name), typeOf(each.query.type), groundOf(each), lookup, known).status;
}

/** Bit 5 is the case of a letter, which signatures over names do not cover (RFC 4034 §6.2); the others take turns. */
const BITS = [0, 1, 2, 3, 4, 6, 7] as const;

/**
 * Leaves out each message that is not asked for and each signature that the outcome does not need: `com` signs its keys
 * twice, and one signature is enough.
 */
function withoutSpares(each: CorpusCase, all: ReadonlyMap<string, DnsMessage>): ReadonlyMap<string, DnsMessage> {
  const messages = new Map(all);
  const holds = (): boolean => judgeMessages(each, messages) === each.expected.status;
  for (const [key, whole] of all) {
    messages.delete(key);
    if (holds()) continue;
    messages.set(key, whole);
    for (const signature of [...whole.answer, ...whole.authority].filter(({ type }) => type === TYPE.RRSIG)) {
      const before = messages.get(key) ?? whole;
      const keep = (record: ResourceRecord): boolean => record !== signature;
      messages.set(key, { ...before, answer: before.answer.filter(keep), authority: before.authority.filter(keep) });
      if (!holds()) messages.set(key, before);
    }
  }
  return messages;
}

/** What the change cannot touch: trust in names that the changed message is not about, nor anything above them. */
function untouched(known: ReadonlyMap<DomainName, ZoneTrust>, message: string): Map<DomainName, ZoneTrust> {
  const [about = "", type] = message.split("/");
  const isAnswer = type !== String(TYPE.DS) && type !== String(TYPE.DNSKEY);
  return new Map([...known].filter(([name]) => isAnswer || !isAtOrBelow(name, nameOf(about))));
}

describe.skipIf(folder === null)(vectorsTitle("RFC 9102 appendix A"), () => {
  const corpus = folder === null ? { cases: [], messages: {} } : readCorpus(folder, "rfc9102.json");

  it.each(corpus.cases.map((each) => [each.id, each] as const))("validates %s at its time", (_, each) => {
    expect(judgeCase(each, wireOf(corpus, each)).status).toBe(each.expected.status);
  });

  it.each(corpus.cases.map((each) => [each.id, each] as const))("lets no changed bit of %s pass", (_, each) => {
    const messages = withoutSpares(each, messagesOf(corpus, each));
    const known = new Map<DomainName, ZoneTrust>();
    expect(judgeMessages(each, messages, known)).toBe(each.expected.status);
    const passed = places(messages).filter((place, at) => {
      const changed = new Map(messages);
      const message = messages.get(place.message);
      if (message === undefined) return true;
      changed.set(place.message, withFlippedBit(message, place, BITS[at % BITS.length] ?? 0));
      const status = judgeMessages(each, changed, untouched(known, place.message));
      return status !== "bogus" && status !== "indeterminate";
    });
    const shown = passed.map(({ message, section, record, octet }) => {
      const type = messages.get(message)?.[section][record]?.type ?? 0;
      return `${message} ${section} ${String(record)} (type ${String(type)}) octet ${String(octet)}`;
    });
    expect(shown).toEqual([]);
  });
});
