/**
 * An attacker on the way who takes records away, or gives those of one answer with another: every single record and
 * RRset of every message, one at a time and in pairs. What is left may be bogus or indeterminate, or mean the same as
 * before; it may never be another secure answer, nor insecure where it was not.
 */
import { describe, expect, test } from "vitest";
import { TYPE } from "../../src/dns/iana.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import type { ResourceRecord } from "../../src/dns/rrset.ts";
import type { Verdict } from "../../src/dnssec/validate.ts";
import { judge, shown } from "./world-judge.ts";
import { buildWorld } from "./zone-builder.ts";
import type { World, ZonePlan } from "./zone-builder.ts";
import { createKey } from "./zone-keys.ts";

const KEY = createKey();

function worldWith(denial: NonNullable<ZonePlan["denial"]>): World {
  return buildWorld([
    { name: ".", keys: [KEY], denial },
    {
      name: "test.",
      keys: [KEY],
      denial,
      records: [
        "_25._tcp.mx TLSA 3 1 1 aabb",
        "mx A 192.0.2.1",
        "*.wild TXT wild",
        "*.wildalias CNAME mx.test.",
        "a.b.ent A 192.0.2.2",
        "alias CNAME mx.test.",
        "away CNAME mx.sub.test.",
        "old DNAME sub.test.",
      ],
    },
    { name: "sub.test.", keys: [KEY], denial, records: ["mx A 192.0.2.3", "_25._tcp.mx TLSA 3 1 1 ccdd"] },
    { name: "plain.test.", keys: [], records: ["mx A 192.0.2.4"] },
  ]);
}

const QUESTIONS = [
  "_25._tcp.mx.test. TLSA",
  "_25._tcp.nx.test. TLSA",
  "mx.test. TLSA",
  "b.ent.test. A",
  "any.wild.test. TXT",
  "any.wild.test. TLSA",
  "any.wildalias.test. A",
  "alias.test. A",
  "away.test. A",
  "away.test. TLSA",
  "mx.old.test. A",
  "_25._tcp.mx.sub.test. TLSA",
  "sub.test. DS",
  "plain.test. DS",
  "mx.plain.test. A",
];

/** Outcomes that do no harm: nothing, or what the honest answer gives. Insecure data are anybody's from the start. */
function harmless(honest: Verdict, verdict: Verdict): boolean {
  if (verdict.status === "bogus" || verdict.status === "indeterminate") return true;
  return (honest.status === "insecure" && verdict.status === "insecure") || sameMeaning(honest, verdict);
}

/** The response code is nobody's word; what counts is whether there are data, and which. */
function sameMeaning(honest: Verdict, verdict: Verdict): boolean {
  return shown({ ...honest, rcode: 0 }) === shown({ ...verdict, rcode: 0 });
}

type Records = readonly ResourceRecord[];
type Strip = (records: Records) => Records;

/** Every way to take one record or one RRset out of a message, with or without its signatures. */
function strips(message: DnsMessage): readonly Strip[] {
  const records = [...message.answer, ...message.authority];
  const one = records.map(
    (record): Strip =>
      (all) =>
        all.filter((each) => each !== record),
  );
  const covered = (record: ResourceRecord): number =>
    record.type === TYPE.RRSIG ? (record.rdata[0] ?? 0) * 256 + (record.rdata[1] ?? 0) : record.type;
  const sets = new Set(records.map((record) => `${record.name} ${String(covered(record))}`));
  const whole = [...sets].map(
    (key): Strip =>
      (all) =>
        all.filter((each) => `${each.name} ${String(covered(each))}` !== key),
  );
  return [...one, ...whole];
}

function applied(message: DnsMessage, strip: Strip): DnsMessage {
  return { ...message, answer: strip(message.answer), authority: strip(message.authority) };
}

/** The messages that a question needs, in order. */
function conversationOf(world: World, question: string): readonly DnsMessage[] {
  const messages: DnsMessage[] = [];
  judge(world, question, {
    tamper: (message) => {
      messages.push(message);
      return message;
    },
  });
  return messages;
}

const DENIALS = [
  { name: "NSEC", denial: "nsec" },
  { name: "NSEC3", denial: { salt: "ab", iterations: 2 } },
] as const;

describe.each(DENIALS)("records taken out of the messages of a conversation, $name", ({ denial }) => {
  const world = worldWith(denial);

  test.each(QUESTIONS)("%s: one at a time, and in pairs", (question) => {
    const honest = judge(world, question);
    const changes = conversationOf(world, question).flatMap((message) =>
      strips(message).map((strip) => ({ message, strip })),
    );
    const harm: string[] = [];
    for (const [at, first] of changes.entries()) {
      for (const second of changes.slice(at)) {
        const verdict = judge(world, question, {
          tamper: (message) => {
            const once = message === first.message ? applied(message, first.strip) : message;
            return message === second.message ? applied(once, second.strip) : once;
          },
        });
        if (!harmless(honest, verdict)) harm.push(`${String(at)}: ${shown(honest)} became ${shown(verdict)}`);
      }
    }
    expect(changes.length).toBeGreaterThan(5);
    expect(harm).toEqual([]);
  });

  test("whole messages given for others, and their records with others'", () => {
    const harm: string[] = [];
    const others = QUESTIONS.flatMap((other) => conversationOf(world, other).at(0) ?? []);
    for (const question of QUESTIONS.filter((_, at) => at % 2 === 0)) {
      const honest = judge(world, question);
      const messages = conversationOf(world, question);
      for (const [at, target] of messages.entries()) {
        for (const other of others) {
          const pool: readonly ((message: DnsMessage) => DnsMessage)[] = [
            (message) => ({ ...other, question: message.question }),
            (message) => ({ ...message, answer: [...other.answer, ...message.answer] }),
            (message) => ({ ...message, authority: [...other.authority, ...message.authority] }),
            (message) => ({ ...message, answer: [], authority: other.authority }),
            (message) => ({ ...message, answer: [], authority: other.authority, rcode: 3 }),
          ];
          for (const change of pool) {
            const tamper = (message: DnsMessage): DnsMessage => (message === target ? change(message) : message);
            const verdict = judge(world, question, { tamper });
            if (!harmless(honest, verdict)) {
              harm.push(`${question} ${String(at)}: ${shown(honest)} became ${shown(verdict)}`);
            }
          }
        }
      }
    }
    expect(harm).toEqual([]);
  });
});
