/**
 * Every mistake of an administrator, made for real at BIND, Knot and PowerDNS, and the message it is answered with; every
 * NOERROR behind which nothing happened, and that it is noticed. The servers run under the lines of the README.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { Secret } from "../../src/base/secret.ts";
import { instant, seconds } from "../../src/base/time.ts";
import type { Instant } from "../../src/base/time.ts";
import { parseTsigKey } from "../../src/config/key-file.ts";
import { RCODE, TYPE } from "../../src/dns/iana.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { encodeTlsa, formatTlsa } from "../../src/dns/rdata.ts";
import { signMessage, tsigAlgorithmFromName, verifyReply } from "../../src/dns/tsig.ts";
import type { TsigKey } from "../../src/dns/tsig.ts";
import { addRecord, encodeUpdate } from "../../src/dns/update.ts";
import type { Update } from "../../src/dns/update.ts";
import { readUint16 } from "../../src/dns/wire.ts";
import type { ReadBack } from "../../src/publisher/publisher.ts";
import { createRfc2136Publisher } from "../../src/publisher/rfc2136.ts";
import type { Rfc2136Options } from "../../src/publisher/rfc2136.ts";
import { judgeUpdateReply } from "../../src/publisher/update-reply.ts";
import { exchangeTcp, randomMessageId } from "../../src/transport/dns-exchange.ts";
import { name } from "../fakes/scripted-dns.ts";
import type { Place } from "./lab/bind.ts";
import { ALGORITHMS, CLOSED_ZONE, MISTAKE_PROGRAMS, SECRET, startMistakeServer } from "./lab/mistake-servers.ts";
import type { MistakeServer } from "./lab/mistake-servers.ts";
import { serverSuite } from "./lab/programs.ts";
import { ZONE } from "./lab/tree.ts";
import type { PrimaryKind } from "./lab/update-world.ts";
import { TLSA, ask, tlsaText } from "./lab/wire.ts";

const OWNER = `_25._tcp.mx.${ZONE}`;
const clock = (): Instant => instant(Date.now());

function rdata(octet: number): TlsaRdata {
  return { usage: 3, selector: 1, matchingType: 1, data: new Uint8Array(32).fill(octet) };
}
const [A, B] = [rdata(0xaa), rdata(0xbb)];

function keyOf(called: string, algorithm = "hmac-sha256", secret = SECRET): TsigKey {
  const known = tsigAlgorithmFromName(algorithm);
  if (known === null) throw new Error(algorithm);
  return { name: name(called), algorithm: known, secret: new Secret(new Uint8Array(Buffer.from(secret, "base64"))) };
}
const KEY = keyOf("daneward");
const WIDE = keyOf("wide");

/** What is changed of a plain addition that would work. */
interface Slip {
  readonly key?: TsigKey;
  readonly owner?: string;
  readonly zone?: string;
  readonly ttl?: number;
  readonly add?: readonly TlsaRdata[];
  readonly at?: Place;
  readonly options?: Partial<Rfc2136Options>;
}

function mistakes(kind: PrimaryKind, title: string): void {
  serverSuite(`mistakes at ${title}`, MISTAKE_PROGRAMS[kind], () => {
    let lab: MistakeServer | null = null;
    const world = (): MistakeServer => {
      if (lab === null) throw new Error("the lab did not start");
      return lab;
    };
    beforeAll(async () => {
      lab = await startMistakeServer(kind);
    }, 60_000);
    afterAll(async () => {
      await lab?.stop();
    });
    afterEach(({ task }) => {
      if (task.result?.state === "fail") console.error(lab?.logs());
    });

    const publisherAt = (slip: Slip): ReturnType<typeof createRfc2136Publisher> => {
      const { address, port } = slip.at ?? world().primary;
      const base = { servers: [{ host: address, port }], key: slip.key ?? KEY, clock, timeoutMs: 3_000 };
      return createRfc2136Publisher({ ...base, readBackMs: 1_000, ...slip.options });
    };
    const publish = (slip: Slip): Promise<ReadBack> => {
      const { owner = OWNER, zone = ZONE, ttl = 300, add = [A] } = slip;
      const change = { owner: name(owner), zone: name(zone), ttl: seconds(ttl), add, remove: [], expected: null };
      return publisherAt(slip).apply(change);
    };
    /** The error of an attempt that must fail. */
    const fail = async (slip: Slip): Promise<OperationalError> => {
      const error: unknown = await publish(slip).then(
        (done) => JSON.stringify(done),
        (reason: unknown) => reason,
      );
      if (!(error instanceof OperationalError)) throw new Error(`it did not fail: ${String(error)}`);
      return error;
    };
    const served = async (owner: string): Promise<readonly string[]> =>
      (await ask(world().primary, owner, TLSA, { recursion: false })).answers.map(({ data }) => tlsaText(data));
    /** An update past all our own checks; `key` null: unsigned. */
    const send = async (
      updates: readonly Update[],
      key: TsigKey | null,
      zone = ZONE,
    ): Promise<{ readonly rcode: number; readonly code: string }> => {
      const at = { id: randomMessageId(), zone: name(zone), prerequisites: [], updates };
      const plain = encodeUpdate(at);
      const { message, mac } =
        key === null ? { message: plain, mac: new Uint8Array(0) } : signMessage(plain, key, clock());
      const bytes = await exchangeTcp(message, world().primary, { timeoutMs: 3_000, subject: "the update" });
      const now = clock();
      const verdict = verifyReply({ bytes, key: key ?? KEY, requestMac: mac, now });
      const where = { server: "the server", zone: name(zone), owner: name(OWNER) };
      const judged = judgeUpdateReply({ bytes, verdict, ...where, key: key ?? KEY, now });
      return { rcode: readUint16(bytes, 2) & 15, code: judged.ok ? "success" : judged.fault.fault.code };
    };
    const addition = (owner: string, octets: Uint8Array = encodeTlsa(A)): Update =>
      addRecord(name(owner), TYPE.TLSA, seconds(300), octets);

    /** Code, and words of message and hint together, for each make. */
    type Expected = Readonly<Record<PrimaryKind, readonly [code: string, words: RegExp]>>;
    const refusedUnsigned = [
      "UPDATE_REFUSED_UNSIGNED",
      /REFUSED \(unsigned\).*pdnsutil set-meta example\.test TSIG-ALLOW-DNSUPDATE/,
    ] as const;
    const unknownKey = ["TSIG_BADKEY", /NOTAUTH with TSIG error BADKEY \(unsigned\).*does not know key/] as const;
    const alike = (expected: Expected[PrimaryKind]): Expected => {
      return { bind: expected, knot: expected, powerdns: expected };
    };

    test.each<readonly [string, Slip, Expected]>([
      ["an unknown key", { key: keyOf("nobody") }, { bind: unknownKey, knot: unknownKey, powerdns: refusedUnsigned }],
      [
        "the right key with another algorithm",
        { key: keyOf("daneward", "hmac-sha512") },
        { bind: unknownKey, knot: unknownKey, powerdns: refusedUnsigned },
      ],
      [
        "a wrong secret",
        { key: keyOf("daneward", "hmac-sha256", Buffer.alloc(32, 7).toString("base64")) },
        {
          bind: ["TSIG_BADSIG", /NOTAUTH with TSIG error BADSIG \(unsigned\).*secret/],
          knot: ["TSIG_BADSIG", /NOTAUTH with TSIG error BADSIG \(unsigned\).*secret/],
          powerdns: refusedUnsigned,
        },
      ],
      [
        "a clock that is an hour slow",
        { options: { clock: () => instant(Date.now() - 3_600_000) } },
        {
          bind: ["TSIG_BADTIME", /NOTAUTH with TSIG error BADTIME \(signed\).*(1h|59m59s|1h1s) behind/],
          knot: ["TSIG_BADTIME", /NOTAUTH with TSIG error BADTIME \(signed\).*(1h|59m59s|1h1s) behind/],
          powerdns: refusedUnsigned,
        },
      ],
      [
        "a signature cut to 16 octets",
        { key: { ...KEY, macLength: 16 } },
        {
          bind: ["TSIG_BADTRUNC", /NOTAUTH with TSIG error BADTRUNC \(signed\)/],
          knot: ["TSIG_BADSIG", /NOTAUTH with TSIG error BADSIG \(unsigned\)/],
          powerdns: refusedUnsigned,
        },
      ],
      [
        "a signature cut to 8 octets",
        { key: { ...KEY, macLength: 8 } },
        {
          bind: ["TSIG_BADSIG", /FORMERR with TSIG error BADSIG \(unsigned\)/],
          knot: ["TSIG_BADSIG", /NOTAUTH with TSIG error BADSIG \(unsigned\)/],
          powerdns: refusedUnsigned,
        },
      ],
      [
        "a name that the key may not change",
        { owner: `_25._tcp.other.${ZONE}` },
        {
          bind: [
            "UPDATE_REFUSED",
            /REFUSED \(signed\).*update-policy \{ grant daneward\. name _25\._tcp\.other\.example\.test\. TLSA; \}/,
          ],
          knot: [
            "TSIG_BADKEY",
            /NOTAUTH with TSIG error BADKEY \(unsigned\).*the zone must list an acl.*What the primary must allow/,
          ],
          powerdns: ["PUBLISH_NOT_APPLIED", /NOERROR but serves.*\["_25\._tcp\.other\.example\.test\."\]=true/],
        },
      ],
      [
        "a zone without any permission",
        { owner: `_25._tcp.mx.${CLOSED_ZONE}`, zone: CLOSED_ZONE },
        {
          bind: ["UPDATE_REFUSED", /REFUSED \(signed\).*grant daneward\. name _25\._tcp\.mx\.closed\.test\./],
          knot: ["TSIG_BADKEY", /BADKEY \(unsigned\).*the zone must list an acl/],
          powerdns: ["PUBLISH_NOT_APPLIED", /NOERROR but serves/],
        },
      ],
      [
        "a zone that is not served",
        { owner: "_25._tcp.mx.nowhere.test", zone: "nowhere.test" },
        {
          bind: ["UPDATE_NOTAUTH", /NOTAUTH \(signed\).*does not serve nowhere\.test/],
          knot: ["UPDATE_NOTAUTH", /NOTAUTH \(unsigned\).*does not serve nowhere\.test/],
          powerdns: ["UPDATE_NOTAUTH", /NOTAUTH \(signed\).*does not serve nowhere\.test/],
        },
      ],
      [
        "a name inside the zone for its apex",
        { zone: `mx.${ZONE}` },
        {
          bind: ["UPDATE_NOTAUTH", /NOTAUTH \(signed\).*check that mx\.example\.test is the zone's apex/],
          knot: ["UPDATE_NOTAUTH", /NOTAUTH \(unsigned\)/],
          powerdns: ["UPDATE_NOTAUTH", /NOTAUTH \(signed\)/],
        },
      ],
      [
        "an owner that is an alias",
        { key: WIDE, owner: `_25._tcp.alias.${ZONE}` },
        alike(["PUBLISH_CNAME_AT_OWNER", /alias \(CNAME\) of _dane\.mx\.example\.test/]),
      ],
      [
        "an owner below a delegation",
        { key: WIDE, owner: `_25._tcp.mx.sub.${ZONE}` },
        alike(["PUBLISH_OCCLUDED", /below the delegation of sub\.example\.test/]),
      ],
      [
        "a digest of the wrong length",
        { add: [{ ...A, data: Uint8Array.of(0xab, 0xcd) }] },
        alike(["PUBLISH_INVALID", /3 1 1 abcd/]),
      ],
      ["an owner outside the zone", { owner: "_25._tcp.mx.other.test" }, alike(["PUBLISH_INVALID", /not inside/])],
    ])("%s is called so", async (_, slip, expected) => {
      const [code, words] = expected[kind];
      const error = await fail(slip);
      expect({ code: error.code, said: `${error.message} | ${error.hint}` }).toEqual({
        code,
        said: expect.stringMatching(words) as string,
      });
    });

    test("an update that nobody signed is refused, and the reply is no success", async () => {
      const { rcode, code } = await send([addition(OWNER)], null);
      // PowerDNS would say REFUSED; its policy script stumbles over the name of a key that is not there.
      const expected = {
        bind: [RCODE.REFUSED, "UPDATE_REFUSED_UNSIGNED"],
        knot: [RCODE.NOTAUTH, "UPDATE_NOTAUTH"],
        powerdns: [RCODE.SERVFAIL, "UPDATE_SERVFAIL"],
      } as const;
      expect([rcode, code]).toEqual(expected[kind]);
    });

    test("a name outside the zone, sent all the same, is called so", async () => {
      expect(await send([addition("_25._tcp.mx.other.test")], WIDE)).toMatchObject({ code: "UPDATE_NOTZONE" });
    });

    test("a deletion with a TTL is malformed to every server", async () => {
      const good = addition(OWNER).record;
      const bad: Update = { kind: "update", record: { ...good, class: 254, ttl: seconds(60) } };
      expect(await send([bad], WIDE)).toMatchObject({ code: "UPDATE_FORMERR" });
    });

    test("NOERROR at an alias and below a delegation is a lie that we would be told", async () => {
      const alias = await send([addition(`_25._tcp.alias.${ZONE}`)], WIDE);
      expect(alias.code).toBe(kind === "powerdns" ? "UPDATE_REFUSED" : "success");
      expect(await served(`_25._tcp.alias.${ZONE}`)).toEqual([]);
      expect(await send([addition(`_25._tcp.mx.sub.${ZONE}`)], WIDE)).toMatchObject({ code: "success" });
      expect(await served(`_25._tcp.mx.sub.${ZONE}`)).toEqual([]);
    });

    test("TLSA data of two octets is taken by Knot alone, which is why we refuse it ourselves", async () => {
      const owner = `_25._tcp.short.${ZONE}`;
      const { code } = await send([addition(owner, Uint8Array.of(3, 1))], WIDE);
      expect(code).toBe({ bind: "UPDATE_FORMERR", knot: "success", powerdns: "UPDATE_SERVFAIL" }[kind]);
    });

    test("a TTL beyond what the server allows is noticed, and changing one works with others' records there", async () => {
      const owner = `_25._tcp.ttl.${ZONE}`;
      const two = { key: WIDE, owner, add: [A, B] };
      expect(await publish({ ...two, ttl: 300 })).toMatchObject({ ttl: 300, signed: true, notes: [] });
      // One record of two under another TTL: the RRset has one TTL (RFC 2181 §5.2).
      expect(await publish({ key: WIDE, owner, ttl: 600 })).toMatchObject({ ttl: 600, notes: [] });
      expect((await served(owner)).length).toBe(2);
      expect(await publish({ key: WIDE, owner, ttl: 120 })).toMatchObject({ ttl: 120, notes: [] });
      const long = await publish({ key: WIDE, owner, ttl: 172_800 });
      if (kind === "bind") expect(long).toMatchObject({ ttl: 86_400, notes: [{ code: "PUBLISH_TTL_CHANGED" }] });
      else expect(long).toMatchObject({ ttl: 172_800, notes: [] });
    });

    test("a large update over UDP arrives, by TCP where datagrams are lost", async () => {
      const add = Array.from({ length: 40 }, (_, octet) => rdata(octet + 1));
      const done = await publish({ key: WIDE, owner: `_25._tcp.many.${ZONE}`, add, options: { transport: "udp" } });
      expect(done.records).toHaveLength(40);
      const small = await publish({ key: WIDE, owner: `_25._tcp.few.${ZONE}`, options: { transport: "udp" } });
      expect(small.records.map(formatTlsa)).toEqual([formatTlsa(A)]);
    });

    test.each(ALGORITHMS)("HMAC with %s is understood", async (hash) => {
      const key = keyOf(`wide-${hash}`, `hmac-${hash}`);
      expect(await publish({ key, owner: `_25._tcp.${hash}.${ZONE}` })).toMatchObject({ signed: true });
    });

    test("IPv6 and signed questions work", async () => {
      const at = { address: "::1", port: world().primary.port };
      const done = await publish({ at, options: { signQueries: true } });
      expect(done).toMatchObject({ ttl: 300, signed: true });
    });

    test("many owner names go in one message", async () => {
      const owners = Array.from({ length: 60 }, (_, number) => `_25._tcp.mx${String(number)}.${ZONE}`);
      const base = { zone: name(ZONE), ttl: seconds(300), add: [A], remove: [], expected: null };
      const settled = await publisherAt({ key: WIDE }).applyAll(
        owners.map((owner) => ({ ...base, owner: name(owner) })),
      );
      expect(settled.filter((one) => !one.ok || !one.value.signed)).toEqual([]);
      const refusing = await publisherAt({}).applyAll(
        [OWNER, owners[0] ?? ""].map((owner) => ({ ...base, owner: name(owner), add: [B] })),
      );
      expect(refusing.map((one) => one.ok)).toEqual([true, false]);
    });

    if (kind !== "powerdns") {
      test("a frozen zone is called so", async () => {
        await world().freeze(true);
        try {
          const error = await fail({ key: WIDE, owner: `_25._tcp.frozen.${ZONE}` });
          expect(error.code).toBe("UPDATE_REFUSED");
          expect(error.hint).toMatch(/rndc thaw.*knotc zone-thaw/);
        } finally {
          await world().freeze(false);
        }
      });
    }

    if (kind === "bind") {
      test("BIND's hmac-sha256-128 is a signature of 16 octets", async () => {
        const text = `key "wide-128." { algorithm hmac-sha256-128; secret "${SECRET}"; };`;
        const key = parseTsigKey(text, { source: "named.conf" });
        if (!key.ok) throw new Error(key.fault.message);
        expect(key.value.macLength).toBe(16);
        expect(await publish({ key: key.value, owner: `_25._tcp.short-mac.${ZONE}` })).toMatchObject({ signed: true });
      });

      test("a secondary of BIND and one of NSD are called so", async () => {
        const [bind, nsd] = world().secondaries;
        if (bind === undefined || nsd === undefined) throw new Error("no secondaries");
        const fresh = { owner: `_443._tcp.www.${ZONE}` };
        // BIND knows no key there, so it cannot even say that it is no primary.
        expect(await fail({ ...fresh, at: bind })).toMatchObject({ code: "TSIG_BADKEY" });
        const error = await fail({ ...fresh, at: nsd });
        expect(error).toMatchObject({ code: "UPDATE_NOTIMP" });
        expect(error.message).toContain("NSD");
      });
    }
  });
}

mistakes("bind", "BIND");
mistakes("knot", "Knot DNS");
mistakes("powerdns", "PowerDNS");
