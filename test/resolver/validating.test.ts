/** What a validating resolver remembers, shares and forgets, over answers that are at hand. */
import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { concatBytes } from "../../src/base/bytes.ts";
import { fault, OperationalError } from "../../src/base/errors.ts";
import type { Fault } from "../../src/base/errors.ts";
import { failure, success } from "../../src/base/result.ts";
import type { Result } from "../../src/base/result.ts";
import { instant } from "../../src/base/time.ts";
import type { Instant } from "../../src/base/time.ts";
import { TYPE, typeName } from "../../src/dns/iana.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import { encodeName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { DEFAULT_POLICY } from "../../src/dnssec/policy.ts";
import type { ValidationPolicy } from "../../src/dnssec/policy.ts";
import type { DnsAnswer, Resolve } from "../../src/resolver/resolver.ts";
import { createValidatingResolver } from "../../src/resolver/validating.ts";
import { nameOf } from "../dnssec/corpus.ts";
import { buildWorld, NOW } from "../dnssec/zone-builder.ts";
import type { World } from "../dnssec/zone-builder.ts";
import { colliding, createKey } from "../dnssec/zone-keys.ts";

const KEY = createKey();
const HOSTS = ["a", "b", "c", "d"];

function worldOf(): World {
  return buildWorld([
    { name: ".", keys: [KEY], ttl: 86_400 },
    { name: "test.", keys: [KEY], ttl: 7200 },
    { name: "sub.test.", keys: [KEY], ttl: 300, records: HOSTS.map((host) => `${host} A 192.0.2.1`) },
    { name: "trap.test.", keys: [KEY], records: ["www A 192.0.2.6"], otherKeys: colliding(KEY, 20) },
    { name: "plain.test.", keys: [], ttl: 60, records: ["www A 192.0.2.7"] },
  ]);
}

type Reply = Result<DnsMessage, Fault>;
type Meddle = (honest: DnsMessage, question: string) => Reply | Promise<Reply>;

interface Setup {
  readonly resolve: Resolve;
  /** The questions that went out, `www.test. A`. */
  readonly asked: string[];
  readonly at: (time: Instant) => void;
  /** Replies from now on. */
  readonly meddle: (meddle: Meddle) => void;
}

function setUp({
  policy = DEFAULT_POLICY,
  world = worldOf(),
}: { policy?: ValidationPolicy; world?: World } = {}): Setup {
  const asked: string[] = [];
  let now = NOW;
  let meddle: Meddle = (honest) => success(honest);
  const ask = async (name: DomainName, type: number): Promise<Reply> => {
    const question = `${name} ${typeName(type)}`;
    asked.push(question);
    await Promise.resolve();
    return meddle(world.answer(name, type), question);
  };
  return {
    resolve: createValidatingResolver({ ask, anchors: world.anchors, clock: () => now, policy }),
    asked,
    at: (time) => {
      now = time;
    },
    meddle: (other) => {
      meddle = other;
    },
  };
}

const later = (seconds: number): Instant => instant(NOW + seconds * 1000);
const host = (label: string): DomainName => nameOf(`${label}.sub.test.`);
const stripped: Meddle = (honest) =>
  success({ ...honest, answer: honest.answer.filter(({ type }) => type !== TYPE.RRSIG) });

function twice(asked: readonly string[]): readonly string[] {
  return asked.filter((question, at) => asked.indexOf(question) !== at);
}

function ttlOf(answer: DnsAnswer): number | undefined {
  return "rrset" in answer ? answer.rrset?.ttl : undefined;
}

describe("sharing", () => {
  test("concurrent questions ask each message once, whether they are the same question or share zones", async () => {
    const { resolve, asked } = setUp();
    const names = [...HOSTS, ...HOSTS].map(host);
    const answers = await Promise.all(names.map((name) => resolve(name, TYPE.A)));
    expect(answers.map(({ status }) => status)).toEqual(names.map(() => "secure"));
    expect(twice(asked)).toEqual([]);
    expect(asked.toSorted()).toEqual(
      [
        ". DNSKEY",
        "test. DS",
        "test. DNSKEY",
        "sub.test. DS",
        "sub.test. DNSKEY",
        ...HOSTS.map((each) => `${host(each)} A`),
      ].toSorted(),
    );
  });

  test("an answer is remembered as long as its TTL, which counts down, and its keys as long as theirs", async () => {
    const { resolve, asked, at } = setUp();
    expect(ttlOf(await resolve(host("a"), TYPE.A))).toBe(300);
    const before = asked.length;
    at(later(100));
    expect(ttlOf(await resolve(host("a"), TYPE.A))).toBe(200);
    expect(asked).toHaveLength(before);
    at(later(301));
    expect(ttlOf(await resolve(host("a"), TYPE.A))).toBe(300);
    // The leaf zone's keys have the TTL of its data; those above live on.
    expect(asked.slice(before).toSorted()).toEqual(["a.sub.test. A", "sub.test. DNSKEY", "sub.test. DS"].toSorted());
  });

  test("nothing is remembered for longer than an hour", async () => {
    const { resolve, asked, at } = setUp();
    await resolve(nameOf("."), TYPE.NS);
    const before = asked.length;
    at(later(3599));
    await resolve(nameOf("."), TYPE.NS);
    expect(asked).toHaveLength(before);
    at(later(3601));
    await resolve(nameOf("."), TYPE.NS);
    expect(asked.slice(before)).toEqual([". NS", ". DNSKEY"]);
  });

  test("a remembered answer of an unsigned zone stays insecure and expires", async () => {
    const { resolve, asked, at } = setUp();
    const name = nameOf("www.plain.test.");
    expect((await resolve(name, TYPE.A)).status).toBe("insecure");
    const before = asked.length;
    at(later(59));
    expect((await resolve(name, TYPE.A)).status).toBe("insecure");
    expect(asked).toHaveLength(before);
    at(later(61));
    expect((await resolve(name, TYPE.A)).status).toBe("insecure");
    expect(asked.slice(before)).toEqual(["www.plain.test. A"]);
  });
});

/** The questions of each round: those that went out before any of them was answered. */
async function roundsOf({ resolve, asked, meddle }: Setup, name: DomainName): Promise<readonly (readonly string[])[]> {
  const waiting: (() => void)[] = [];
  meddle(
    (honest) =>
      new Promise((reply) =>
        waiting.push(() => {
          reply(success(honest));
        }),
      ),
  );
  const rounds: (readonly string[])[] = [];
  const answer = resolve(name, TYPE.A);
  for (;;) {
    await setImmediate();
    if (waiting.length === 0) break;
    rounds.push(asked.splice(0).toSorted());
    for (const reply of waiting.splice(0)) reply();
  }
  await answer;
  return rounds;
}

describe("asking ahead", () => {
  test("what a signature will need up to the anchor is asked for at once", async () => {
    const setup = setUp();
    expect(await roundsOf(setup, host("a"))).toEqual([
      ["a.sub.test. A"],
      [". DNSKEY", "sub.test. DNSKEY", "sub.test. DS", "test. DNSKEY", "test. DS"],
    ]);
    expect(await roundsOf(setup, host("b"))).toEqual([["b.sub.test. A"]]);
  });

  test("without a signature nothing is asked for that may not be needed", async () => {
    const rounds = await roundsOf(setUp(), nameOf("www.plain.test."));
    expect(rounds).toEqual([["www.plain.test. A"], [". DNSKEY"], ["test. DS"], ["test. DNSKEY"], ["plain.test. DS"]]);
  });

  test("a signature that names a deep name cannot spend the account on what lies above", async () => {
    const deep = nameOf(`${"x.".repeat(30)}sub.test.`);
    const setup = setUp();
    const signed = worldOf()
      .answer(host("a"), TYPE.A)
      .answer.map((record) => ({ ...record, name: deep }));
    const signer = encodeName(deep);
    const misled = signed.map((record) => {
      if (record.type !== TYPE.RRSIG) return record;
      const { rdata } = record;
      return { ...record, rdata: concatBytes(rdata.subarray(0, 18), signer, rdata.subarray(rdata.length - 64)) };
    });
    const atOnce: number[] = [];
    setup.meddle((honest, question) => {
      atOnce.push(setup.asked.length);
      return success(question === `${deep} A` ? { ...honest, rcode: 0, answer: misled, authority: [] } : honest);
    });
    const answer = await setup.resolve(deep, TYPE.A);
    expect(answer.status).toBe("bogus");
    expect(Math.max(...atOnce.map((count, at) => count - at))).toBeLessThanOrEqual(21);
    expect(setup.asked.length).toBeLessThanOrEqual(DEFAULT_POLICY.limits.questions);
  });
});

describe("absence", () => {
  test.each(["nx.sub.test.", "nx.plain.test."])("%s is remembered as long as the SOA says", async (name) => {
    const { resolve, asked, at } = setUp();
    const first = await resolve(nameOf(name), TYPE.A);
    const ttl = "negativeTtl" in first ? (first.negativeTtl ?? 0) : 0;
    expect(ttl).toBe(name.includes("plain") ? 60 : 300);
    const before = asked.length;
    at(later(ttl - 1));
    await resolve(nameOf(name), TYPE.A);
    expect(asked).toHaveLength(before);
    at(later(ttl + 1));
    await resolve(nameOf(name), TYPE.A);
    expect(asked.slice(before)).toContain(`${name} A`);
  });
});

describe("trouble", () => {
  test("a bogus answer is remembered for a minute, and its neighbours are not touched", async () => {
    const { resolve, asked, at, meddle } = setUp();
    meddle((honest, question) => (question === "a.sub.test. A" ? stripped(honest, question) : success(honest)));
    expect((await resolve(host("a"), TYPE.A)).status).toBe("bogus");
    expect((await resolve(host("b"), TYPE.A)).status).toBe("secure");
    meddle((honest) => success(honest));
    const before = asked.length;
    at(later(59));
    expect((await resolve(host("a"), TYPE.A)).status).toBe("bogus");
    expect(asked).toHaveLength(before);
    at(later(61));
    expect((await resolve(host("a"), TYPE.A)).status).toBe("secure");
  });

  test("records about other names in an answer are not remembered for these", async () => {
    const { resolve, meddle } = setUp();
    const other = worldOf().answer(host("b"), TYPE.A);
    const forged = other.answer.map((record) => ({ ...record, rdata: Uint8Array.of(203, 0, 113, 66) }));
    meddle((honest, question) =>
      success(question.startsWith("a.") ? { ...honest, answer: [...honest.answer, ...forged] } : honest),
    );
    expect((await resolve(host("a"), TYPE.A)).status).toBe("secure");
    const answer = await resolve(host("b"), TYPE.A);
    expect("rrset" in answer ? answer.rrset?.rdatas : null).toEqual([Uint8Array.of(192, 0, 2, 1)]);
  });

  test("a question without an answer is indeterminate, and asked again the next time", async () => {
    const { resolve, meddle } = setUp();
    for (const silent of [". DNSKEY", "test. DNSKEY", "sub.test. DS", "a.sub.test. A"]) {
      meddle((honest, question) =>
        question === silent ? failure(fault("DNS_TIMEOUT", "no answer")) : success(honest),
      );
      expect((await resolve(host("a"), TYPE.A)).status).toBe("indeterminate");
    }
    meddle((honest) => success(honest));
    expect((await resolve(host("a"), TYPE.A)).status).toBe("secure");
  });

  test("an error code in the place of keys is bogus, and asked again the next time: it may have passed", async () => {
    const { resolve, meddle } = setUp();
    for (const broken of ["test. DNSKEY", "sub.test. DS", "sub.test. DNSKEY"]) {
      meddle((honest, question) => (question === broken ? failure(fault("DNS_RCODE", "SERVFAIL")) : success(honest)));
      expect((await resolve(host("a"), TYPE.A)).status).toBe("bogus");
    }
    meddle((honest) => success(honest));
    expect((await resolve(host("a"), TYPE.A)).status).toBe("secure");
  });

  test("an interruption rejects all who wait for it, and is not remembered", async () => {
    const { resolve, meddle, asked } = setUp();
    for (const point of ["a.sub.test. A", "test. DNSKEY", "sub.test. DS"]) {
      meddle((honest, question) => {
        if (question === point) throw new OperationalError("DNS_INTERRUPTED", "interrupted");
        return success(honest);
      });
      const settled = await Promise.allSettled([resolve(host("a"), TYPE.A), resolve(host("a"), TYPE.A)]);
      expect(settled.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    }
    meddle((honest) => success(honest));
    const before = asked.length;
    expect((await resolve(host("a"), TYPE.A)).status).toBe("secure");
    expect(asked.length).toBeGreaterThan(before);
  });
});

describe("limits", () => {
  const few = (limits: Partial<ValidationPolicy["limits"]>): ValidationPolicy => ({
    ...DEFAULT_POLICY,
    limits: { ...DEFAULT_POLICY.limits, ...limits },
  });

  test("each question has an account of its own", async () => {
    // Six messages and five verifications are what one host costs when nothing is known.
    const { resolve } = setUp({ policy: few({ questions: 6, verifications: 6 }) });
    for (const each of HOSTS) expect((await resolve(host(each), TYPE.A)).status).toBe("secure");
    const poor = setUp({ policy: few({ questions: 4 }) });
    const answer = await poor.resolve(host("a"), TYPE.A);
    expect([answer.status, "reasons" in answer ? answer.reasons[0]?.code : ""]).toEqual(["bogus", "DNSSEC_LIMIT"]);
  });

  test("a zone that one question could not afford is judged again for the next", async () => {
    const { resolve, asked, at } = setUp({ policy: few({ questions: 4 }) });
    expect((await resolve(host("a"), TYPE.A)).status).toBe("bogus");
    // The keys that were found stay, and so each attempt gets farther.
    expect((await resolve(host("b"), TYPE.A)).status).toBe("secure");
    at(later(61));
    expect((await resolve(host("a"), TYPE.A)).status).toBe("secure");
    expect(twice(asked).filter((question) => question.endsWith("DNSKEY"))).toEqual([]);
  });

  test("who waits for a zone on another's account is not ruined with it", async () => {
    const { resolve } = setUp({ policy: few({ questions: 5 }) });
    // The long name spends its account on names below the zone, the others join it on the way.
    const deep = nameOf(`${"x.".repeat(20)}sub.test.`);
    const strip: Promise<DnsAnswer>[] = [resolve(deep, TYPE.TXT), ...HOSTS.map((each) => resolve(host(each), TYPE.A))];
    const [, ...answers] = await Promise.all(strip);
    expect(answers.filter(({ status }) => status === "secure").length).toBeGreaterThan(0);
    for (const each of HOSTS) {
      const again = await resolve(nameOf(`${each}.sub.test.`), TYPE.TXT);
      expect(again.status).toBe("secure");
    }
  });

  test("a hostile zone does not poison its neighbours, asked before, with or after it", async () => {
    const { resolve, meddle } = setUp();
    meddle((honest, question) =>
      success(question === "trap.test. DNSKEY" ? { ...honest, answer: [...honest.answer].reverse() } : honest),
    );
    const trap = nameOf("www.trap.test.");
    const [hostile, beside] = await Promise.all([resolve(trap, TYPE.A), resolve(host("a"), TYPE.A)]);
    expect([hostile.status, beside.status]).toEqual(["bogus", "secure"]);
    expect((await resolve(host("b"), TYPE.A)).status).toBe("secure");
    expect((await resolve(nameOf("test."), TYPE.NS)).status).toBe("secure");
  });
});
