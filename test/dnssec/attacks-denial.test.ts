/** Attacks with NSEC and NSEC3 records. Each is one that some validator fell for, or could. */
import { describe, expect, test } from "vitest";
import { encodeBase32Hex } from "../../src/base/base32.ts";
import { RCODE, TYPE } from "../../src/dns/iana.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import { encodeNsec, encodeNsec3 } from "../../src/dns/rdata-denial.ts";
import { encodeA } from "../../src/dns/rdata.ts";
import type { Rrset } from "../../src/dns/rrset.ts";
import { nsec3Hash } from "../../src/dnssec/nsec3.ts";
import { DEFAULT_POLICY } from "../../src/dnssec/policy.ts";
import { nameOf } from "./corpus.ts";
import { all, forged, instead, judge, meteredWork, outcome, shown } from "./world-judge.ts";
import type { Tamper } from "./world-judge.ts";
import { buildWorld, recordsOf, under } from "./zone-builder.ts";
import type { World, ZonePlan } from "./zone-builder.ts";
import { createKey } from "./zone-keys.ts";

const KEY = createKey();
const EVIL = createKey();
const NO_SALT = new Uint8Array(0);
const TEST = nameOf("test.");
const SUB = nameOf("sub.test.");
const TLSA = "_25._tcp.mx.sub.test. TLSA";

type Denial = NonNullable<ZonePlan["denial"]>;

/** The parent has a wildcard; the child is signed and has the host that the attacks are about. */
function worldWith(denial: Denial, ...more: readonly ZonePlan[]): World {
  return buildWorld([
    { name: ".", keys: [KEY], denial },
    {
      name: "test.",
      keys: [KEY],
      denial,
      records: ["* TXT wild", "*.deep TXT wild", "www A 192.0.2.9", "old DNAME x.test."],
    },
    {
      name: "sub.test.",
      keys: [KEY],
      denial,
      records: ["mx A 192.0.2.1", "_25._tcp.mx TLSA 3 1 1 aa", "x.ent A 192.0.2.2"],
    },
    ...more,
  ]);
}

/** The records that the zone has for a denial, as they would be sent for another question. */
function proofFor(world: World, question: string): readonly Rrset[] {
  const [name = "", type = ""] = question.split(" ");
  const message = world.answer(nameOf(name), type === "DS" ? TYPE.DS : TYPE.TLSA);
  const denials = message.authority.filter(({ type: each }) => each === TYPE.NSEC || each === TYPE.NSEC3);
  const owners = [...new Set(denials.map((record) => `${String(record.type)} ${record.name}`))];
  return owners.map((owner) => {
    const [first] = denials.filter((record) => `${String(record.type)} ${record.name}` === owner);
    if (first === undefined) throw new Error("a proof without a record");
    const signatures = message.authority
      .filter((record) => record.type === TYPE.RRSIG && record.name === first.name)
      .filter((record) => (record.rdata[1] ?? 0) === first.type)
      .map((record) => record.rdata);
    return { ...first, rdatas: [first.rdata], signatures };
  });
}

/** The attacker says that the question has no answer, and that these records prove it: as NODATA and as NXDOMAIN. */
function denied(world: World, question: string, authority: readonly Rrset[], before?: Tamper): readonly string[] {
  return [RCODE.NOERROR, RCODE.NXDOMAIN].map((rcode) => {
    const tamper = forged(question, { authority, rcode });
    return judge(world, question, { tamper: before === undefined ? tamper : all(before, tamper) }).status;
  });
}

/** An NSEC3 RRset by the zone, whatever it says. */
function nsec3(world: World, zone: string, name: string, over: Partial<Parameters<typeof encodeNsec3>[0]> = {}): Rrset {
  const apex = nameOf(zone);
  const iterations = over.iterations ?? 0;
  const hash = nsec3Hash(nameOf(name), over.salt ?? NO_SALT, iterations);
  const rdata = { hashAlgorithm: 1, flags: 0, iterations, salt: NO_SALT, nextHashed: hash, types: [], ...over };
  return world.zone(zone).sign(under(encodeBase32Hex(hash), apex), TYPE.NSEC3, [encodeNsec3(rdata)]);
}

const BOGUS = ["bogus", "bogus"];

describe("NSEC", () => {
  const world = worldWith(
    "nsec",
    { name: "evil.test.", keys: [EVIL] },
    { name: "plain.test.", keys: [], records: ["www A 192.0.2.4"] },
  );

  test("a next name outside of the zone makes the record prove nothing", () => {
    const zone = world.zone("sub.test.");
    for (const next of ["zzz.test.", "test.", "zzz.", "sub2.test."]) {
      const nsec = zone.sign(SUB, TYPE.NSEC, [encodeNsec({ next: nameOf(next), types: [TYPE.NS, TYPE.SOA] })]);
      expect(denied(world, "nx.sub.test. TLSA", [nsec])).toEqual(BOGUS);
    }
  });

  test("only the record that leads back to the apex may lead back", () => {
    const rdata = encodeNsec({ next: nameOf("a.sub.test."), types: [TYPE.A] });
    const nsec = world.zone("sub.test.").sign(nameOf("mx.sub.test."), TYPE.NSEC, [rdata]);
    expect(denied(world, "nx.sub.test. TLSA", [nsec, ...proofFor(world, "a.sub.test. TLSA")])).toEqual(BOGUS);
  });

  test("an NSEC record expanded from a wildcard denies no DS, nor anything else", () => {
    const [wildcard] = proofFor(world, "any.test. TLSA").filter((rrset) => rrset.name === nameOf("*.test."));
    if (wildcard === undefined) throw new Error("the wildcard has no record");
    const forgery = { ...wildcard, name: SUB };
    // The next name of a true one sorts before the victim, which is another reason to refuse it; this one's does not.
    const later = encodeNsec({ next: nameOf("zz.test."), types: [TYPE.TXT, TYPE.RRSIG, TYPE.NSEC] });
    const better = world.zone("test.").sign(SUB, TYPE.NSEC, [later], { owner: nameOf("*.test.") });
    expect(denied(world, "sub.test. DS", [better])).toEqual(BOGUS);
    const tamper = all(forged("sub.test. DS", { authority: [forgery] }), (message, name) =>
      name.endsWith("mx.sub.test.")
        ? { ...message, answer: message.answer.filter(({ type }) => type !== TYPE.RRSIG) }
        : message,
    );
    expect(judge(world, TLSA, { tamper }).status).toBe("bogus");
    expect(denied(world, "sub.test. DS", [forgery])).toEqual(BOGUS);
    expect(denied(world, "www.test. TLSA", [{ ...wildcard, name: nameOf("www.test.") }])).toEqual(BOGUS);
  });

  test("the parent's record at a zone cut says nothing of the child's data, at its apex or below", () => {
    const cut = proofFor(world, "sub.test. DS");
    // The honest answer to DS is positive; the record is the one that denies names after it.
    const parent = proofFor(world, "sub0.test. TLSA");
    const zone = world.zone("test.");
    const nsec = zone.sign(SUB, TYPE.NSEC, [
      encodeNsec({ next: TEST, types: [TYPE.NS, TYPE.DS, TYPE.RRSIG, TYPE.NSEC] }),
    ]);
    for (const question of ["sub.test. TLSA", "sub.test. A", TLSA, "nx.sub.test. A", "mx.sub.test. TLSA"]) {
      for (const proof of [cut, parent, [nsec], [nsec, ...parent]]) {
        expect(denied(world, question, proof)).toEqual(BOGUS);
      }
    }
  });

  test("the child's record at its apex denies no DS", () => {
    const apex = proofFor(world, "sub.test. TLSA");
    expect(apex.map(({ name }) => name)).toEqual([SUB]);
    expect(denied(world, "sub.test. DS", apex)).toEqual(BOGUS);
    expect(judge(world, TLSA, { tamper: forged("sub.test. DS", { authority: apex }) }).status).toBe("bogus");
  });

  test("the record of a DNAME denies nothing below it, and one of a CNAME no other type", () => {
    const zone = world.zone("test.");
    const dname = zone.sign(nameOf("old.test."), TYPE.NSEC, [encodeNsec({ next: TEST, types: [TYPE.DNAME] })]);
    expect(denied(world, "www.old.test. TLSA", [dname, ...proofFor(world, "nx.test. TLSA")])).toEqual(BOGUS);
    const cname = zone.sign(nameOf("www.test."), TYPE.NSEC, [encodeNsec({ next: TEST, types: [TYPE.CNAME] })]);
    expect(denied(world, "www.test. TLSA", [cname])).toEqual(BOGUS);
    expect(denied(world, "www.test. DS", [cname])).toEqual(BOGUS);
  });

  test("records of a zone beside, below or above a secure cut deny nothing", () => {
    for (const other of ["nx.evil.test. TLSA", "evil.test. TLSA", "nx.test. TLSA", "nx. TLSA", "sub0.test. TLSA"]) {
      expect(denied(world, TLSA, proofFor(world, other))).toEqual(BOGUS);
    }
    // One that covers the name in canonical order, by a zone that it does not belong to.
    const nsec = world
      .zone("evil.test.")
      .sign(nameOf("evil.test."), TYPE.NSEC, [encodeNsec({ next: nameOf("evil.test."), types: [] })]);
    expect(denied(world, TLSA, [nsec])).toEqual(BOGUS);
    expect(denied(world, "www.test. TLSA", [nsec])).toEqual(BOGUS);
  });

  test("a wildcard's answer needs the proof of the zone that signed it", () => {
    const question = "nx.sub.test. TXT";
    const name = nameOf("nx.sub.test.");
    const wildcard = world
      .zone("test.")
      .sign(name, TYPE.TXT, [Uint8Array.of(4, 119, 105, 108, 100)], { owner: nameOf("*.test.") });
    const proofs = [...proofFor(world, "nx.sub.test. TLSA"), ...proofFor(world, "sub0.test. TLSA")];
    for (const authority of [proofs, proofs.slice(0, 1), proofs.slice(1), []]) {
      expect(judge(world, question, { tamper: forged(question, { answer: [wildcard], authority }) }).status).toBe(
        "bogus",
      );
    }
  });

  test("a wildcard cannot stand for a name that exists, nor below one", () => {
    for (const owner of ["www.test.", "x.www.test.", "deep.test.", "x.y.old.test."]) {
      const question = `${owner} TXT`;
      const answer = [
        world.zone("test.").sign(nameOf(owner), TYPE.TXT, [Uint8Array.of(1, 120)], { owner: nameOf("*.test.") }),
      ];
      const authority = proofFor(world, "nx.test. TLSA");
      expect(judge(world, question, { tamper: forged(question, { answer, authority }) }).status).toBe("bogus");
    }
  });

  test("an unsigned delegation is no excuse for its siblings", () => {
    const plain = proofFor(world, "plain.test. DS");
    expect(plain).not.toEqual([]);
    expect(denied(world, TLSA, plain)).toEqual(BOGUS);
    expect(judge(world, TLSA, { tamper: forged("sub.test. DS", { authority: plain }) }).status).toBe("bogus");
  });

  test("an empty non-terminal is not missing, whatever the response code says", () => {
    const question = "ent.sub.test. A";
    const say = instead(question, (honest) => ({ ...honest, rcode: RCODE.NXDOMAIN }));
    expect(shown(judge(world, question))).toBe("secure 0 ent.sub.test.");
    expect(shown(judge(world, question, { tamper: say }))).toBe("secure 0 ent.sub.test.");
    // And its record does not deny what is below it.
    expect(denied(world, "x.ent.sub.test. A", proofFor(world, "ent.sub.test. TLSA"))).toEqual(BOGUS);
  });
});

describe("NSEC3", () => {
  const apexHash = encodeBase32Hex(nsec3Hash(TEST, NO_SALT, 0));
  const world = worldWith({}, { name: `${apexHash}.test.`, keys: [EVIL], denial: { optOut: true } });

  test("a child zone named like the hash of the parent's apex cannot speak for the parent", () => {
    const child = `${apexHash}.test.`;
    const all0 = new Uint8Array(20);
    for (const flags of [0, 1]) {
      const rdata = encodeNsec3({
        hashAlgorithm: 1,
        flags,
        iterations: 0,
        salt: NO_SALT,
        nextHashed: all0,
        types: [TYPE.NS],
      });
      const shownAt = world.zone(child).sign(nameOf(child), TYPE.NSEC3, [rdata]);
      for (const question of [TLSA, "www.test. TLSA", "nx.test. TLSA", "sub.test. DS"]) {
        expect(denied(world, question, [shownAt])).toEqual(BOGUS);
      }
      expect(judge(world, TLSA, { tamper: forged("sub.test. DS", { authority: [shownAt] }) }).status).toBe("bogus");
    }
  });

  test("the owner is one label under the zone, no more and no less", () => {
    const [proof] = proofFor(world, "mx.sub.test. TLSA");
    if (proof === undefined) throw new Error("the host has no record");
    const zone = world.zone("sub.test.");
    const deeper = zone.sign(under(`${proof.name.split(".")[0] ?? ""}.x`, SUB), TYPE.NSEC3, proof.rdatas);
    const short = zone.sign(under(proof.name.slice(0, 30), SUB), TYPE.NSEC3, proof.rdatas);
    for (const rrset of [deeper, short]) expect(denied(world, "mx.sub.test. TLSA", [rrset])).toEqual(BOGUS);
    expect(denied(world, "mx.sub.test. TLSA", [proof])).toEqual(["secure", "secure"]);
  });

  test("each part of a proof is needed: closest encloser, next closer name, wildcard", () => {
    for (const question of ["nx.sub.test. TLSA", "a.b.c.nx.sub.test. TLSA", "x.deep.test. TLSA"]) {
      const parts = proofFor(world, question);
      expect(parts.length).toBeGreaterThanOrEqual(2);
      for (const part of parts) {
        expect(
          denied(
            world,
            question,
            parts.filter((each) => each !== part),
          ),
        ).toEqual(BOGUS);
      }
    }
  });

  test("the closest encloser is no delegation and has no DNAME", () => {
    for (const types of [[TYPE.NS, TYPE.DS], [TYPE.DNAME]]) {
      const everything = nsec3(world, "test.", "sub.test.", { types });
      expect(denied(world, TLSA, [everything])).toEqual(BOGUS);
    }
  });

  test("a record for the cut says nothing of the child's apex, and the child's apex denies no DS", () => {
    const cut = nsec3(world, "test.", "sub.test.", { types: [TYPE.NS, TYPE.DS, TYPE.RRSIG] });
    expect(denied(world, "sub.test. TLSA", [cut])).toEqual(BOGUS);
    const apex = proofFor(world, "sub.test. TLSA");
    expect(denied(world, "sub.test. DS", apex)).toEqual(BOGUS);
    expect(judge(world, TLSA, { tamper: forged("sub.test. DS", { authority: apex }) }).status).toBe("bogus");
  });

  test("records of two chains are no proof together", () => {
    const question = "nx.sub.test. TLSA";
    const salted = proofFor(worldWith({ salt: "ab" }), question);
    const plain = proofFor(world, question);
    for (const mixed of [
      [...plain.slice(0, 1), ...salted.slice(1)],
      [...salted.slice(0, 1), ...plain],
      [...plain, ...salted],
    ]) {
      expect(denied(world, question, mixed)).toEqual(BOGUS);
    }
  });

  test.each([
    { what: "an unknown hash algorithm", over: { hashAlgorithm: 2 } },
    { what: "an unknown flag", over: { flags: 2 } },
    { what: "an unknown flag beside opt-out", over: { flags: 0x81 } },
    { what: "a next hash of another length", over: { nextHashed: new Uint8Array(19) } },
    { what: "501 iterations", over: { iterations: 501 } },
  ])("$what makes a record useless", ({ over }) => {
    const record = nsec3(world, "sub.test.", "mx.sub.test.", { types: [TYPE.A], ...over });
    expect(denied(world, "mx.sub.test. TLSA", [record])).toEqual(BOGUS);
    const cover = nsec3(world, "sub.test.", "sub.test.", { types: [TYPE.SOA, TYPE.NS], ...over });
    expect(denied(world, "nx.sub.test. TLSA", [cover])).toEqual(BOGUS);
  });

  test("more iterations than are counted make an answer insecure, if the records are the zone's", () => {
    const high = worldWith({ iterations: 101 });
    const question = "nx.sub.test. TLSA";
    // In a zone that uses so many the delegation itself is not denied but proved, so that signed data stay secure.
    expect(judge(high, TLSA).status).toBe("secure");
    expect(outcome(judge(high, question))).toBe("insecure DNSSEC_NSEC3_ITERATIONS");
    expect(outcome(judge(worldWith({ iterations: 501 }), question))).toBe("bogus DNSSEC_NSEC3_ITERATIONS");
    expect(judge(worldWith({ iterations: 100 }), question).status).toBe("secure");
    const flipped = instead(question, (honest) => ({
      ...honest,
      authority: honest.authority.map((record) =>
        record.type === TYPE.NSEC3 ? { ...record, ttl: record.ttl, rdata: record.rdata.with(0, 1).with(1, 1) } : record,
      ),
    }));
    expect(judge(high, question, { tamper: flipped }).status).toBe("bogus");
  });

  test("an opt-out flag counts only when it is signed, and says nothing of names that have a record", () => {
    const question = "nx.sub.test. TLSA";
    const optedOut = (message: DnsMessage): DnsMessage => ({
      ...message,
      authority: message.authority.map((record) =>
        record.type === TYPE.NSEC3 ? { ...record, rdata: record.rdata.with(1, 1) } : record,
      ),
    });
    expect(judge(world, question, { tamper: instead(question, optedOut) }).status).toBe("bogus");
    const open = worldWith({ optOut: true });
    for (const other of ["nx.test. TLSA", "nx.sub.test. TLSA", "www.test. TLSA", "nx. TLSA"]) {
      expect(denied(open, TLSA, proofFor(open, other))).toEqual(BOGUS);
      const tamper = forged("sub.test. DS", { authority: proofFor(open, other) });
      expect(judge(open, TLSA, { tamper }).status).toBe("bogus");
    }
  });

  test("compact denial by a zone does not reach into its secure children", () => {
    const compact = worldWith("compact");
    for (const other of ["nx.test. TLSA", "sub0.test. TLSA", "www.test. TLSA"]) {
      expect(denied(compact, TLSA, proofFor(compact, other))).toEqual(BOGUS);
    }
  });
});

describe("padding", () => {
  test.each([{ denial: "nsec" }, { denial: {} }] as const)(
    "with records that do not verify costs little ($denial)",
    ({ denial }) => {
      const world = worldWith(denial);
      const question = "nx.sub.test. TLSA";
      const [type, rdata] =
        denial === "nsec"
          ? [TYPE.NSEC, encodeNsec({ next: SUB, types: [] })]
          : [
              TYPE.NSEC3,
              encodeNsec3({
                hashAlgorithm: 1,
                flags: 0,
                iterations: 0,
                salt: NO_SALT,
                nextHashed: new Uint8Array(20),
                types: [],
              }),
            ];
      const padding = Array.from({ length: 200 }, (_, at) => {
        const hash = encodeBase32Hex(nsec3Hash(nameOf(`x${String(at)}.`), NO_SALT, 0));
        return world
          .zone("sub.test.")
          .sign(under(hash, SUB), type, [rdata], { keys: [{ ...EVIL, dnskey: KEY.dnskey }] });
      });
      const honest = meteredWork();
      judge(world, question, { work: honest });
      const work = meteredWork();
      const padded = instead(question, (message) => ({
        ...message,
        authority: [...recordsOf(...padding), ...message.authority],
      }));
      expect(judge(world, question, { tamper: padded, work }).status).toBe("bogus");
      expect(work.spent("verifications")).toBeLessThanOrEqual(
        honest.spent("verifications") + 2 * DEFAULT_POLICY.limits.denials,
      );
      expect(work.spent("hashes")).toBeLessThanOrEqual(DEFAULT_POLICY.limits.hashes);
    },
  );

  test("with records of other zones does not hide the proof", () => {
    const world = worldWith("nsec");
    const question = "nx.sub.test. TLSA";
    const rdata = encodeNsec({ next: TEST, types: [] });
    const padding = Array.from({ length: 40 }, (_, at) =>
      world.zone("test.").sign(under(`x${String(at)}`, TEST), TYPE.NSEC, [rdata], { keys: [EVIL] }),
    );
    const padded = instead(question, (message) => ({
      ...message,
      authority: [...recordsOf(...padding), ...message.authority],
    }));
    expect(shown(judge(world, question, { tamper: padded }))).toBe("secure 3 nx.sub.test.");
  });

  test("a name of a hundred labels costs no more hashes than the limit says", () => {
    const world = worldWith({ iterations: 100 });
    const long = `${"a.".repeat(100)}sub.test. TLSA`;
    const work = meteredWork();
    expect(outcome(judge(world, long, { work }))).toBe("bogus DNSSEC_LIMIT");
    expect(work.spent("hashes")).toBeLessThanOrEqual(DEFAULT_POLICY.limits.hashes);
  });

  test("an answer for another host under the name asked for is not believed", () => {
    const world = worldWith("nsec");
    const question = "www.test. A";
    const answer = [
      {
        ...world.zone("sub.test.").sign(nameOf("mx.sub.test."), TYPE.A, [encodeA("192.0.2.1")]),
        name: nameOf("www.test."),
      },
    ];
    expect(judge(world, question, { tamper: forged(question, { answer }) }).status).toBe("bogus");
  });
});
