/**
 * A hundred thousand mutated messages. In each run one message of a conversation is changed. Then
 *
 * - nothing throws;
 * - secure data are the very data of the unchanged conversation (for ANY some of its RRsets, whole);
 * - insecure is only what was insecure before, or was led to by an unsigned alias;
 * - what was bogus or indeterminate stays so, unless the mutation is provably irrelevant: when the records that it brought
 *   in are taken out again (TTLs, letter case, order, repetition and the header apart), the outcome is the same. What is
 *   then judged is a selection of the records that were there before, for instance without the one that was wrong.
 *
 * The seed is random only if DANEWARD_FUZZ_SEED=random; any other value of it is the seed.
 */
import { randomInt } from "node:crypto";
import { describe, expect, test } from "vitest";
import { equalBytes, formatHex } from "../../src/base/bytes.ts";
import { TYPE, typeFromName } from "../../src/dns/iana.ts";
import { decodeMessage, encodeMessage } from "../../src/dns/message.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import { isAtOrBelow, lowerCase } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import type { ResourceRecord, Rrset } from "../../src/dns/rrset.ts";
import { ALGORITHM } from "../../src/dnssec/algorithms.ts";
import type { Walk } from "../../src/dnssec/need.ts";
import { DEFAULT_POLICY } from "../../src/dnssec/policy.ts";
import { validate } from "../../src/dnssec/validate.ts";
import type { Verdict } from "../../src/dnssec/validate.ts";
import { createWork } from "../../src/dnssec/work.ts";
import { establishTrust } from "../../src/dnssec/zone-trust.ts";
import type { Ground, ZoneTrust } from "../../src/dnssec/zone-trust.ts";
import { vectorsFolder, vectorsTitle } from "../vectors.ts";
import { groundOf, nameOf, readCorpus, replyOf, typeOf, wireOf } from "./corpus.ts";
import { chanceFrom, mutate } from "./mutation.ts";
import type { Chance } from "./mutation.ts";
import { buildWorld, NOW } from "./zone-builder.ts";
import type { World, ZonePlan } from "./zone-builder.ts";
import { createKey } from "./zone-keys.ts";

const SEED_TEXT = process.env["DANEWARD_FUZZ_SEED"] ?? "20261122";
const SEED = SEED_TEXT === "random" ? randomInt(2 ** 32) : Number(SEED_TEXT);
const folder = vectorsFolder();

interface Conversation {
  readonly id: string;
  readonly name: DomainName;
  readonly type: number;
  readonly ground: () => Ground;
  /** Wire messages by `name/type`. */
  readonly wire: ReadonlyMap<string, Uint8Array>;
}

interface Asked {
  readonly name: DomainName;
  readonly type: number;
  readonly wire: Uint8Array;
}

interface Outcome {
  readonly verdict: Verdict;
  readonly trusts: ReadonlyMap<DomainName, ZoneTrust>;
  readonly asked: readonly Asked[];
}

/** Judges a conversation, one message changed. Trust in zones that the change cannot reach is taken from `known`. */
function hold(talk: Conversation, known: ReadonlyMap<DomainName, ZoneTrust>, changed: Asked | null): Outcome {
  const ground = talk.ground();
  const trusts = new Map<DomainName, ZoneTrust>();
  const asked: Asked[] = [];
  const affects = (name: DomainName): boolean =>
    changed !== null && (changed.type === TYPE.DS || changed.type === TYPE.DNSKEY) && isAtOrBelow(name, changed.name);
  const drive = <T>(walk: Walk<T>): T => {
    for (let step = walk.next(); ;) {
      if (step.done === true) return step.value;
      const { kind, name } = step.value;
      if (kind === "message") {
        const { type } = step.value;
        const isChanged = changed !== null && changed.name === name && changed.type === type;
        const wire = isChanged ? changed.wire : talk.wire.get(`${name}/${String(type)}`);
        if (wire !== undefined) asked.push({ name, type, wire });
        step = walk.next({ kind, reply: replyOf(wire, name, type) });
      } else {
        const before = affects(name) ? undefined : known.get(name);
        const trust = trusts.get(name) ?? before ?? drive(establishTrust(name, ground));
        trusts.set(name, trust);
        step = walk.next({ kind, trust });
      }
    }
  };
  return { verdict: drive(validate(talk.name, talk.type, ground)), trusts, asked };
}

function isUsable({ status }: Verdict): boolean {
  return status === "secure" || status === "insecure";
}

/** What somebody who uses the answer would see; names in RDATA without their case. */
function meaning({ status, rcode, finalName, rrsets }: Verdict): string {
  const data = rrsets.flatMap(({ name, type, rdatas }) =>
    rdatas.map((rdata) => `${name} ${String(type)} ${formatHex(lowerCase(rdata))}`),
  );
  return [status, rcode, finalName, ...data.toSorted()].join(" ");
}

function sameRecord(left: ResourceRecord, right: ResourceRecord): boolean {
  const isSame = left.name === right.name && left.type === right.type && left.class === right.class;
  return isSame && equalBytes(lowerCase(left.rdata), lowerCase(right.rdata));
}

/** The changed message without the records that the honest conversation did not have in the same place. */
function withoutNews(changed: Asked, honest: Uint8Array): Asked | null {
  const [mutated, before] = [decodeMessage(changed.wire), decodeMessage(honest)];
  if (!mutated.ok || !before.ok) return null;
  const old = (records: readonly ResourceRecord[], from: readonly ResourceRecord[]): readonly ResourceRecord[] =>
    from.filter((record) => records.some((each) => sameRecord(each, record)));
  const message: DnsMessage = {
    ...mutated.value,
    answer: old(mutated.value.answer, before.value.answer),
    authority: old(mutated.value.authority, before.value.authority),
  };
  return { ...changed, wire: encodeMessage(message) };
}

/**
 * Whoever can change a message may make of an unsigned zone's records what he likes: also an address of the alias that
 * led to something worse.
 */
function restsOnUnsigned({ status, chain }: Verdict): boolean {
  return status === "insecure" || chain.some((link) => link.kind === "alias" && link.status === "insecure");
}

/** Null when the outcome does no harm; else what it was and became. */
function harm(talk: Conversation, honest: Outcome, changed: Asked, before: Uint8Array): string | null {
  const { verdict } = hold(talk, honest.trusts, changed);
  if (!isUsable(verdict)) return verdict.rrsets.length === 0 ? null : "data with an outcome that has none";
  const was = honest.verdict;
  const told = `${meaning(was)} became ${meaning(verdict)}`;
  if (verdict.status === "insecure" && restsOnUnsigned(was)) return null;
  if (verdict.status === "secure" && was.status === "secure") {
    // ANY is answered with whatever there is; that some of it is missing nobody can see (RFC 8482 §4).
    if (talk.type === TYPE.ANY) return verdict.rrsets.every((rrset) => isPart(rrset, was.rrsets)) ? null : told;
    return meaning(verdict) === meaning(was) ? null : told;
  }
  if (isUsable(was)) return told;
  const plain = withoutNews(changed, before);
  return plain !== null && meaning(hold(talk, honest.trusts, plain).verdict) === meaning(verdict) ? null : told;
}

function isPart(rrset: Rrset, of: readonly Rrset[]): boolean {
  const same = of.find(({ name, type }) => name === rrset.name && type === rrset.type);
  return same !== undefined && same.rdatas.length === rrset.rdatas.length;
}

function poolOf(asked: readonly Asked[]): readonly ResourceRecord[] {
  return asked.flatMap(({ wire }) => {
    const message = decodeMessage(wire);
    return message.ok ? [...message.value.answer, ...message.value.authority] : [];
  });
}

/** `runs` mutations of one conversation; gives what did harm. */
function fuzz(talk: Conversation, runs: number, chance: Chance): readonly string[] {
  const honest = hold(talk, new Map(), null);
  const pool = poolOf(honest.asked);
  const found: string[] = [];
  for (let run = 0; run < runs && honest.asked.length > 0; run++) {
    // Every other time the answer itself; the messages about zones share the rest.
    const target = honest.asked[chance(2) === 0 ? 0 : chance(honest.asked.length)];
    if (target === undefined) break;
    const changed = { ...target, wire: mutate(target.wire, chance, pool) };
    const harmed = harm(talk, honest, changed, target.wire);
    if (harmed !== null) {
      const question = `${changed.name}/${String(changed.type)}`;
      found.push(`${talk.id}: ${harmed}, by ${question} as ${Buffer.from(changed.wire).toString("base64")}`);
    }
  }
  return found;
}

/** The messages of a world that a question needs. */
function record(world: World, question: string, id: string): Conversation {
  const [nameText = "", typeText = ""] = question.split(" ");
  const [name, type] = [nameOf(nameText), typeFromName(typeText) ?? 0];
  const ground = (): Ground => ({
    now: NOW,
    policy: DEFAULT_POLICY,
    work: createWork(DEFAULT_POLICY.limits),
    anchors: world.anchors,
  });
  const wire = new Map<string, Uint8Array>();
  // Filled as the questions come: asks every message that the honest walk needs.
  const reading = {
    get: (key: string): Uint8Array => {
      const at = key.lastIndexOf("/");
      const message = encodeMessage(world.answer(nameOf(key.slice(0, at)), Number(key.slice(at + 1))));
      wire.set(key, message);
      return message;
    },
  };
  hold({ id, name, type, ground, wire: Object.assign(new Map<string, Uint8Array>(), reading) }, new Map(), null);
  return { id, name, type, ground, wire };
}

const DENIALS: readonly NonNullable<ZonePlan["denial"]>[] = [
  "nsec",
  "compact",
  { salt: "ab", iterations: 1 },
  { optOut: true },
];
const QUESTIONS = [
  "_25._tcp.mx.test. TLSA",
  "_25._tcp.nx.test. TLSA",
  "mx.test. TLSA",
  "any.wild.test. TXT",
  "any.wild.test. A",
  "alias.test. A",
  "mx.old.test. TLSA",
  "b.ent.test. A",
  "plain.test. DS",
  "mx.plain.test. A",
  "sub.test. DS",
];

function ownConversations(): readonly Conversation[] {
  const key = createKey({ algorithm: ALGORITHM.RSASHA256 });
  return DENIALS.flatMap((denial) => {
    const records = [
      "mx A 192.0.2.1",
      "_25._tcp.mx TLSA 3 1 1 aabb",
      "*.wild TXT x",
      "a.b.ent A 192.0.2.2",
      "old DNAME sub.test.",
      "alias CNAME mx.sub.test.",
    ];
    const world = buildWorld([
      { name: ".", keys: [key], denial },
      { name: "test.", keys: [key], denial, records },
      { name: "sub.test.", keys: [key], denial, records: ["mx A 192.0.2.3"] },
      { name: "plain.test.", keys: [], records: ["mx A 192.0.2.4"] },
    ]);
    return QUESTIONS.map((question) => record(world, question, `${question} with ${JSON.stringify(denial)}`));
  });
}

/** Runs for one conversation when so many share them. */
function share(total: number, among: number): number {
  return Math.ceil(total / among);
}

describe(`mutated messages (DANEWARD_FUZZ_SEED=${String(SEED)})`, () => {
  test("50 000 of our own zones", () => {
    const talks = ownConversations();
    const chance = chanceFrom(SEED);
    expect(talks.map((talk) => hold(talk, new Map(), null).verdict.status)).not.toContain("bogus");
    expect(talks.flatMap((talk) => fuzz(talk, share(50_000, talks.length), chance))).toEqual([]);
  }, 120_000);

  const corpora = ["unbound-val-modern.json", "rfc9102.json"];
  test.skipIf(folder === null)(
    vectorsTitle("50 000 of the corpora of others"),
    () => {
      const chance = chanceFrom(SEED + 1);
      const talks = corpora.flatMap((file) => {
        const corpus = readCorpus(folder ?? "", file);
        return corpus.cases
          .filter((each) => each.usable !== false)
          .map((each): Conversation => {
            const { name, type } = each.query;
            return {
              id: each.id,
              name: nameOf(name),
              type: typeOf(type),
              ground: () => groundOf(each),
              wire: wireOf(corpus, each),
            };
          });
      });
      expect(talks.flatMap((talk) => fuzz(talk, share(50_000, talks.length), chance))).toEqual([]);
    },
    120_000,
  );
});
