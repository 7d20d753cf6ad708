/** Attacks with signatures, keys, DS records, times and aliases. Each is one that some validator fell for, or could. */
import { describe, expect, test } from "vitest";
import { concatBytes } from "../../src/base/bytes.ts";
import { instant, seconds } from "../../src/base/time.ts";
import { RCODE, TYPE } from "../../src/dns/iana.ts";
import { decodeMessage, encodeMessage } from "../../src/dns/message.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import { encodeA, encodeCname } from "../../src/dns/rdata.ts";
import { DNSKEY_FLAG } from "../../src/dnssec/signature.ts";
import { DEFAULT_POLICY } from "../../src/dnssec/policy.ts";
import { uint16 } from "../../src/dns/wire.ts";
import { nameOf } from "./corpus.ts";
import { all, forged, instead, judge, meteredWork, outcome, shown } from "./world-judge.ts";
import { buildWorld, NOW, recordsOf } from "./zone-builder.ts";
import type { World, ZonePlan } from "./zone-builder.ts";
import { colliding, createKey, dsOf } from "./zone-keys.ts";

const KEY = createKey();
const EVIL = createKey();
const SUB = nameOf("sub.test.");
const WWW = nameOf("www.sub.test.");
const TRUE = [encodeA("192.0.2.1")];
const FALSE = [encodeA("203.0.113.66")];
const HONEST = "secure 0 www.sub.test. 1:c0000201";
const DAY = 86_400_000;

/** `.`, `test.` and `sub.test.` with a host; `over` changes the last. */
function worldWith(over: Partial<ZonePlan> = {}, ...more: readonly ZonePlan[]): World {
  return buildWorld([
    { name: ".", keys: [KEY] },
    { name: "test.", keys: [KEY], records: ["* TXT wild", "www A 192.0.2.9"] },
    { name: "sub.test.", keys: [KEY], records: ["www A 192.0.2.1"], ...over },
    ...more,
  ]);
}

const HOST = "www.sub.test. A";

function reversed(message: DnsMessage): DnsMessage {
  return { ...message, answer: [...message.answer].reverse() };
}

describe("forged signatures", () => {
  test("a signature whose labels are fewer than its signer's stands for no wildcard", () => {
    const world = worldWith();
    const rrset = world.zone("sub.test.").sign(WWW, TYPE.A, FALSE, { owner: nameOf("*.test.") });
    expect(outcome(judge(world, HOST, { tamper: forged(HOST, { answer: [rrset] }) }))).toBe(
      "bogus DNSSEC_SIGNATURE_INVALID",
    );
  });

  test("a zone beside the name, or below it, cannot sign for it", () => {
    const world = worldWith({}, { name: "evil.test.", keys: [EVIL] }, { name: "www.test.", keys: [EVIL] });
    for (const signer of ["evil.test.", "sub.test.", "test."]) {
      const rrset = world.zone("evil.test.").sign(WWW, TYPE.A, FALSE, { signer: nameOf(signer) });
      expect(judge(world, HOST, { tamper: forged(HOST, { answer: [rrset] }) }).status).toBe("bogus");
    }
    const ns = world.zone("www.test.").sign(nameOf("test."), TYPE.NS, [encodeCname(nameOf("evil.example."))]);
    expect(judge(world, "test. NS", { tamper: forged("test. NS", { answer: [ns] }) }).status).toBe("bogus");
  });

  test("a name that is no zone signs nothing, even with a key of the zone's", () => {
    const world = worldWith();
    const rrset = world.zone("sub.test.").sign(WWW, TYPE.A, FALSE, { signer: WWW });
    expect(outcome(judge(world, HOST, { tamper: forged(HOST, { answer: [rrset] }) }))).toBe(
      "bogus DNSSEC_SIGNATURE_MISSING",
    );
  });

  test("a signer of the attacker's choice in an unsigned zone does not make the records insecure", () => {
    const world = worldWith({}, { name: "plain.test.", keys: [] });
    for (const signer of ["plain.test.", "www.sub.test.", "a.b.c.www.sub.test.", "."]) {
      const rrset = world.zone("sub.test.").sign(WWW, TYPE.A, FALSE, { keys: [EVIL], signer: nameOf(signer) });
      expect(judge(world, HOST, { tamper: forged(HOST, { answer: [rrset] }) }).status).toBe("bogus");
    }
  });

  test("a signature over one RRset does not cover another type, name or TTL trick", () => {
    const world = worldWith();
    const good = world.zone("sub.test.").sign(WWW, TYPE.A, TRUE);
    const other = { ...good, name: nameOf("other.sub.test.") };
    const question = "other.sub.test. A";
    expect(judge(world, question, { tamper: forged(question, { answer: [other] }) }).status).toBe("bogus");
    const more = { ...good, rdatas: [...good.rdatas, ...FALSE] };
    expect(judge(world, HOST, { tamper: forged(HOST, { answer: [more] }) }).status).toBe("bogus");
  });

  test("a good signature among bad ones is found, and among too many the search is given up", () => {
    const world = worldWith();
    const good = world.zone("sub.test.").sign(WWW, TYPE.A, TRUE);
    const bad = Array.from({ length: 100 }, (_, at) =>
      Uint8Array.from(good.signatures[0] ?? [], (octet, place) => (place > 60 ? octet ^ (at + 1) : octet)),
    );
    const answerWith = (count: number) =>
      forged(HOST, { answer: [{ ...good, signatures: [...bad.slice(0, count), ...good.signatures] }] });
    expect(shown(judge(world, HOST, { tamper: answerWith(3) }))).toBe(HONEST);
    const honest = meteredWork();
    judge(world, HOST, { work: honest });
    const work = meteredWork();
    expect(outcome(judge(world, HOST, { tamper: answerWith(100), work }))).toBe("bogus DNSSEC_LIMIT");
    expect(work.spent("verifications")).toBeLessThanOrEqual(honest.spent("verifications") + 4);
  });

  test("the RDLENGTH of a name is where it ends: a record that reads on is refused whole", () => {
    const world = worldWith();
    const target = encodeCname(nameOf("evil.example."));
    const alias = world.zone("sub.test.").sign(WWW, TYPE.CNAME, [target]);
    const wire = encodeMessage({ ...world.answer(WWW, TYPE.A), answer: recordsOf(alias) });
    expect(decodeMessage(wire).ok).toBe(true);
    const at = Buffer.from(wire).indexOf(Buffer.from(concatBytes(uint16(target.length), target)));
    for (const length of [0, 1, 4, target.length - 1, target.length + 1, 0xffff]) {
      const cut = Uint8Array.from(wire);
      cut.set(uint16(length), at);
      expect(decodeMessage(cut).ok).toBe(false);
    }
  });
});

describe("forged keys and delegations", () => {
  test("DS records signed by the child itself vouch for nothing", () => {
    const world = worldWith();
    const ds = world.zone("sub.test.").sign(SUB, TYPE.DS, [dsOf(SUB, EVIL)]);
    const tamper = forged("sub.test. DS", { answer: [ds] });
    expect(judge(world, HOST, { tamper }).status).toBe("bogus");
    expect(judge(world, "sub.test. DS", { tamper }).status).toBe("bogus");
  });

  test("DS records expanded from a wildcard are no delegation, whether they name a key or make the zone look unsigned", () => {
    const world = worldWith();
    for (const key of [EVIL, KEY, { ...KEY, algorithm: 200 }]) {
      const ds = world.zone("test.").sign(SUB, TYPE.DS, [dsOf(SUB, key)], { owner: nameOf("*.test.") });
      expect(judge(world, HOST, { tamper: forged("sub.test. DS", { answer: [ds] }) }).status).toBe("bogus");
    }
  });

  test("a key set signed by a key that the DS does not name is refused, though the named key is in it", () => {
    const world = worldWith();
    const keys = world.zone("sub.test.").sign(SUB, TYPE.DNSKEY, [KEY.dnskey, EVIL.dnskey], { keys: [EVIL] });
    const host = world.zone("sub.test.").sign(WWW, TYPE.A, FALSE, { keys: [EVIL] });
    const tamper = all(forged("sub.test. DNSKEY", { answer: [keys] }), forged(HOST, { answer: [host] }));
    expect(judge(world, HOST, { tamper }).status).toBe("bogus");
  });

  test("an attacker's whole zone with the parent's true DS is bogus, and so is it without any DS proof", () => {
    const world = worldWith();
    const fake = worldWith({ keys: [EVIL], records: ["www A 203.0.113.66"] });
    const below = (honest: DnsMessage, name: string, type: number): DnsMessage =>
      name.endsWith("sub.test.") && type !== TYPE.DS ? fake.answer(nameOf(name), type) : honest;
    expect(outcome(judge(world, HOST, { tamper: below }))).toBe("bogus DNSSEC_KEY_MISSING");
    const silent = all(below, forged("sub.test. DS", {}));
    expect(outcome(judge(world, HOST, { tamper: silent }))).toBe("bogus DNSSEC_DENIAL_MISSING");
  });

  const UNFIT = [
    { how: "is revoked", key: createKey({ flags: DNSKEY_FLAG.ZONE | DNSKEY_FLAG.SEP | DNSKEY_FLAG.REVOKE }) },
    { how: "has no zone key bit", key: createKey({ flags: DNSKEY_FLAG.SEP }) },
    { how: "has protocol 2", key: createKey({ protocol: 2 }) },
  ];

  test.each(UNFIT)("a key that $how signs neither a key set nor data", ({ key }) => {
    expect(outcome(judge(worldWith({ keys: [key] }), HOST))).toBe("bogus DNSSEC_KEY_UNUSABLE");
    const world = worldWith({ otherKeys: [key.dnskey] });
    const host = world.zone("sub.test.").sign(WWW, TYPE.A, FALSE, { keys: [key] });
    expect(judge(world, HOST, { tamper: forged(HOST, { answer: [host] }) }).status).toBe("bogus");
    expect(shown(judge(world, HOST))).toBe(HONEST);
  });

  test("keys that share a tag are told apart", () => {
    const world = worldWith({ otherKeys: colliding(KEY, 3) });
    expect(shown(judge(world, HOST))).toBe(HONEST);
    expect(shown(judge(world, HOST, { tamper: instead("sub.test. DNSKEY", reversed) }))).toBe(HONEST);
  });

  test.each([8, 31, 100])(
    "%i keys that share a tag are refused after a few attempts, and the limit is named",
    (count) => {
      const world = worldWith({ otherKeys: colliding(KEY, count) });
      const honest = meteredWork();
      judge(worldWith(), HOST, { work: honest });
      const work = meteredWork();
      const verdict = judge(world, HOST, { work, tamper: instead("sub.test. DNSKEY", reversed) });
      expect(outcome(verdict)).toBe("bogus DNSSEC_LIMIT");
      expect(work.spent("verifications")).toBeLessThanOrEqual(honest.spent("verifications") + 4);
    },
  );

  test("KeyTrap: keys of one tag times bad signatures cost no more than the limits say", () => {
    const world = worldWith({ otherKeys: colliding(KEY, 31) });
    const bad = (message: DnsMessage): DnsMessage => ({
      ...message,
      answer: message.answer.flatMap((record) =>
        record.type !== TYPE.RRSIG
          ? [record]
          : Array.from({ length: 300 }, (_, at) => ({
              ...record,
              rdata: Uint8Array.from(record.rdata, (octet, place) =>
                place >= record.rdata.length - 2 ? octet ^ ((at + 1) >> ((place & 1) * 8)) : octet,
              ),
            })),
      ),
    });
    for (const target of [HOST, "sub.test. DNSKEY", "sub.test. DS", "test. DNSKEY"]) {
      const work = meteredWork();
      expect(outcome(judge(world, HOST, { work, tamper: instead(target, bad) }))).toBe("bogus DNSSEC_LIMIT");
      expect(work.spent("verifications")).toBeLessThanOrEqual(DEFAULT_POLICY.limits.verifications);
      // What came before, and then failures times keys: far below the budget of a question.
      expect(work.spent("verifications")).toBeLessThanOrEqual(5 + 4 * 4);
    }
  });

  test("a digest of SHA-1 does not count beside one of SHA-2, and alone as the policy says", () => {
    const [sha1, wrong] = [dsOf(SUB, EVIL, 1), dsOf(SUB, createKey(), 2)];
    expect(outcome(judge(worldWith({ keys: [EVIL], ds: [sha1, wrong] }), HOST))).toBe("bogus DNSSEC_KEY_MISSING");
    const alone = worldWith({ keys: [EVIL], ds: [sha1] });
    expect(shown(judge(alone, HOST))).toBe(HONEST);
    const strict = { ...DEFAULT_POLICY, sha1: false };
    expect(outcome(judge(alone, HOST, { policy: strict }))).toBe("insecure DNSSEC_DIGEST_UNSUPPORTED");
  });

  test("a zone of unknown algorithms or digests alone is insecure; beside known ones they do not matter", () => {
    const unknown = { ...KEY, algorithm: 200 };
    const byAlgorithm = judge(worldWith({ ds: [dsOf(SUB, unknown)] }), HOST);
    expect(outcome(byAlgorithm)).toBe("insecure DNSSEC_ALGORITHM_UNSUPPORTED");
    const byDigest = judge(worldWith({ ds: [dsOf(SUB, KEY, 99)] }), HOST);
    expect(outcome(byDigest)).toBe("insecure DNSSEC_DIGEST_UNSUPPORTED");
    expect(shown(judge(worldWith({ ds: [dsOf(SUB, unknown), dsOf(SUB, KEY, 99), dsOf(SUB, KEY)] }), HOST))).toBe(
      HONEST,
    );
    // The known one must then hold.
    expect(judge(worldWith({ ds: [dsOf(SUB, unknown), dsOf(SUB, EVIL)] }), HOST).status).toBe("bogus");
  });

  test("33 keys or 17 DS records are more than any zone needs", () => {
    const many = Array.from({ length: 33 }, (_, at) => concatBytes(KEY.dnskey, Uint8Array.of(at)));
    expect(outcome(judge(worldWith({ otherKeys: many }), HOST))).toBe("bogus DNSSEC_LIMIT");
    const ds = Array.from({ length: 17 }, (_, at) => dsOf(SUB, KEY, at + 2));
    expect(outcome(judge(worldWith({ ds }), HOST))).toBe("bogus DNSSEC_LIMIT");
  });
});

describe("time", () => {
  test.each([
    { when: "expired", from: -20, to: -1, code: "DNSSEC_SIGNATURE_EXPIRED" },
    { when: "not yet valid", from: 1, to: 20, code: "DNSSEC_SIGNATURE_NOT_YET_VALID" },
    { when: "expired before they began", from: 5, to: -5, code: "DNSSEC_SIGNATURE_INVALID" },
  ])("signatures that are $when", ({ from, to, code }) => {
    const world = worldWith({ inception: instant(NOW + from * DAY), expiration: instant(NOW + to * DAY) });
    expect(outcome(judge(world, HOST))).toBe(`bogus ${code}`);
  });

  test("signatures hold from the first to the last second, and across the end of the 32 bits in 2106", () => {
    for (const start of [NOW, instant((2 ** 32 - 100) * 1000), instant((2 ** 32 + 100) * 1000)]) {
      const period = { inception: start, expiration: instant(start + 200_000) };
      const world = buildWorld([
        { name: ".", keys: [KEY], ...period },
        { name: "test.", keys: [KEY], records: ["www A 192.0.2.1"], ...period },
      ]);
      const statusAt = (second: number) => judge(world, "www.test. A", { now: instant(start + second * 1000) }).status;
      expect([0, 50, 100, 150, 200].map(statusAt)).toEqual(Array(5).fill("secure"));
      // At the root a wrong time more likely means a wrong clock.
      expect([-1, 201].map(statusAt)).toEqual(["indeterminate", "indeterminate"]);
    }
  });

  test("no TTL outlives the original one or the signature, whatever the message says", () => {
    const longer = (message: DnsMessage): DnsMessage => ({
      ...message,
      answer: message.answer.map((record) => ({ ...record, ttl: seconds(1_000_000) })),
      authority: message.authority.map((record) => ({ ...record, ttl: seconds(1_000_000) })),
    });
    const world = worldWith({
      ttl: 7200,
      expiration: instant(NOW + 600_000),
      records: ["www A 192.0.2.1", "alias CNAME www"],
    });
    expect(judge(world, HOST, { tamper: longer }).rrsets.map(({ ttl }) => ttl)).toEqual([600]);
    const original = worldWith({ records: ["www A 192.0.2.1", "alias CNAME www.sub.test."] });
    const verdict = judge(original, "alias.sub.test. A", { tamper: longer });
    expect([...verdict.rrsets, ...verdict.aliases].map(({ ttl }) => ttl)).toEqual([300, 300]);
    expect(verdict.until).toBeLessThanOrEqual(NOW + 300_000);
    const denied = judge(world, "nx.sub.test. A", { tamper: longer });
    expect(denied.negativeTtl).toBe(600);
    expect(denied.until).toBeLessThanOrEqual(NOW + 600_000);
  });

  test("an expanded wildcard is remembered no longer than the proof that it may stand", () => {
    const world = worldWith({ ttl: 7200, records: ["*.wild A 192.0.2.1", "www A 192.0.2.1"] });
    const zone = world.zone("sub.test.");
    const question = "any.wild.sub.test. A";
    const proof = world
      .answer(nameOf("any.wild.sub.test."), TYPE.A)
      .authority.filter(({ type }) => type === TYPE.NSEC)
      .map(({ name, rdata }) => zone.sign(name, TYPE.NSEC, [rdata], { expiration: instant(NOW + 60_000) }));
    const verdict = judge(world, question, {
      tamper: instead(question, (honest) => ({ ...honest, authority: recordsOf(...proof) })),
    });
    expect(verdict.status).toBe("secure");
    expect(verdict.until).toBeLessThanOrEqual(NOW + 60_000);
    expect(verdict.signaturesExpire).toBe(NOW + 60_000);
  });
});

describe("aliases", () => {
  const chain = (length: number): readonly string[] =>
    Array.from(
      { length },
      (_, at) => `a${String(at)} CNAME ${at + 1 === length ? "www" : `a${String(at + 1)}`}.sub.test.`,
    );

  test("eleven are followed, in one message or one each; twelve are too many, and loops have no end", () => {
    const world = worldWith({ records: ["www A 192.0.2.1", ...chain(11)] });
    const alone = (honest: DnsMessage): DnsMessage =>
      honest.answer[0]?.type === TYPE.CNAME ? { ...honest, answer: honest.answer.slice(0, 2), authority: [] } : honest;
    for (const tamper of [(honest: DnsMessage) => honest, alone]) {
      expect(shown(judge(world, "a0.sub.test. A", { tamper }))).toBe(HONEST);
      const longer = worldWith({ records: ["www A 192.0.2.1", ...chain(12)] });
      expect(outcome(judge(longer, "a0.sub.test. A", { tamper }))).toBe("indeterminate DNS_ALIAS_LOOP");
      const loop = worldWith({
        records: ["one CNAME two.sub.test.", "two CNAME one.sub.test.", "self CNAME self.sub.test."],
      });
      expect(outcome(judge(loop, "one.sub.test. A", { tamper }))).toBe("indeterminate DNS_ALIAS_LOOP");
      expect(outcome(judge(loop, "self.sub.test. A", { tamper }))).toBe("indeterminate DNS_ALIAS_LOOP");
      const growing = worldWith({ records: ["old DNAME a.old.sub.test."] });
      expect(outcome(judge(growing, "x.old.sub.test. A"))).toBe("indeterminate DNS_ALIAS_LOOP");
    }
  });

  test("an unsigned alias leads nowhere, not even into an unsigned zone", () => {
    const world = worldWith({}, { name: "plain.test.", keys: [], records: ["www A 203.0.113.66"] });
    const alias = world.zone("sub.test.").sign(WWW, TYPE.CNAME, [encodeCname(nameOf("www.plain.test."))], { keys: [] });
    const target = world.zone("plain.test.").sign(nameOf("www.plain.test."), TYPE.A, FALSE);
    expect(judge(world, HOST, { tamper: forged(HOST, { answer: [alias, target] }) }).status).toBe("bogus");
  });

  test("a signed alias into an unsigned zone is insecure, and never more", () => {
    const world = worldWith(
      { records: ["www CNAME www.plain.test."] },
      { name: "plain.test.", keys: [], records: ["www A 192.0.2.7"] },
    );
    expect(shown(judge(world, HOST))).toBe("insecure 0 www.plain.test. 1:c0000207");
  });

  test("a CNAME that differs from what the DNAME makes must vouch for itself", () => {
    const world = worldWith({ records: ["old DNAME new.sub.test.", "www.new A 192.0.2.1", "www A 192.0.2.1"] });
    const question = "www.old.sub.test. A";
    expect(shown(judge(world, question))).toBe("secure 0 www.new.sub.test. 1:c0000201");
    const tamper = instead(question, (honest) => ({
      ...honest,
      answer: honest.answer.map((record) =>
        record.type === TYPE.CNAME ? { ...record, rdata: encodeCname(nameOf("www.test.")) } : record,
      ),
    }));
    expect(judge(world, question, { tamper }).status).toBe("bogus");
  });

  test("a CNAME asked for as such below a DNAME is the one that the DNAME makes, whatever came along", () => {
    const world = worldWith({ records: ["old DNAME new.sub.test.", "www.new A 192.0.2.1"] });
    const question = "www.old.sub.test. CNAME";
    const honest = "secure 0 www.old.sub.test. 5:0377777703";
    const changes: readonly ((records: DnsMessage["answer"]) => DnsMessage["answer"])[] = [
      (records) => records,
      (records) => records.filter(({ type }) => type !== TYPE.CNAME),
      (records) => [
        ...records,
        ...records
          .filter(({ type }) => type === TYPE.CNAME)
          .map((record) => ({ ...record, rdata: encodeCname(nameOf("evil.example.")) })),
      ],
    ];
    for (const change of changes) {
      const tamper = instead(question, (message) => ({ ...message, answer: change(message.answer) }));
      const verdict = judge(world, question, { tamper });
      expect(verdict.rrsets.flatMap(({ rdatas }) => rdatas)).toEqual([encodeCname(nameOf("www.new.sub.test."))]);
      expect(shown(verdict).startsWith(honest)).toBe(true);
    }
  });

  test("a DNAME expanded from a wildcard means nothing", () => {
    const world = worldWith({ records: ["*.wild DNAME www.test.", "www A 192.0.2.1"] });
    const zone = world.zone("sub.test.");
    const owner = nameOf("x.wild.sub.test.");
    const dname = zone.sign(owner, TYPE.DNAME, [encodeCname(nameOf("test."))], { owner: nameOf("*.wild.sub.test.") });
    const question = "www.x.wild.sub.test. A";
    const answer = [dname, world.zone("test.").sign(nameOf("www.test."), TYPE.A, [encodeA("192.0.2.9")])];
    const authority = zone.proof.noCloser(owner, owner);
    expect(outcome(judge(world, question, { tamper: forged(question, { answer, authority }) }))).toBe(
      "bogus DNSSEC_ANSWER_CONTRADICTORY",
    );
  });

  test("an NXDOMAIN in the header hides no data, and NOERROR makes none", () => {
    const world = worldWith();
    const say = (rcode: number) => (honest: DnsMessage) => ({ ...honest, rcode });
    expect(shown(judge(world, HOST, { tamper: instead(HOST, say(RCODE.NXDOMAIN)) }))).toBe(HONEST);
    const missing = "nx.sub.test. A";
    expect(judge(world, missing, { tamper: instead(missing, say(RCODE.NOERROR)) }).status).toBe("bogus");
  });
});
