import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Secret } from "../../src/base/secret.ts";
import { instant, seconds } from "../../src/base/time.ts";
import { RCODE, TSIG_ERROR, TYPE } from "../../src/dns/iana.ts";
import { encodeMessage, queryMessage } from "../../src/dns/message.ts";
import { decodeSoa, encodeTlsa } from "../../src/dns/rdata.ts";
import type { ResourceRecord } from "../../src/dns/rrset.ts";
import type { TsigVerdict } from "../../src/dns/tsig.ts";
import {
  addRecord,
  deleteRecord,
  deleteRrset,
  nameAbsent,
  rrsetAbsent,
  rrsetExists,
  rrsetIsExactly,
} from "../../src/dns/update.ts";
import { startDnsTree } from "../../src/sandbox/dns-tree.ts";
import type { DnsTree } from "../../src/sandbox/dns-tree.ts";
import { nameOf, record } from "../../src/sandbox/records.ts";
import { exchangeUdp, query } from "../../src/transport/dns-exchange.ts";
import { ask, movableClock, OWNER, sendUpdate, startTree, tlsa, tlsaOctets } from "./world.ts";

const time = movableClock();
let tree: DnsTree;

beforeAll(async () => {
  tree = await startTree(time.clock);
});
afterAll(async () => {
  await tree.close();
});

const typesIn = (records: readonly ResourceRecord[]): readonly number[] =>
  [...new Set(records.map((each) => each.type))].sort();

describe("answers", () => {
  const cases = [
    {
      name: "an address that exists",
      ask: ["mx.example.test", TYPE.A],
      rcode: RCODE.NOERROR,
      answer: [TYPE.A, TYPE.RRSIG],
      authority: [],
    },
    {
      name: "a type that does not exist",
      ask: ["mx.example.test", TYPE.TXT],
      rcode: RCODE.NOERROR,
      answer: [],
      authority: [TYPE.SOA, TYPE.RRSIG, TYPE.NSEC],
    },
    {
      name: "a name that does not exist",
      ask: ["no.example.test", TYPE.A],
      rcode: RCODE.NXDOMAIN,
      answer: [],
      authority: [TYPE.SOA, TYPE.RRSIG, TYPE.NSEC],
    },
    {
      name: "the keys of the root",
      ask: [".", TYPE.DNSKEY],
      rcode: RCODE.NOERROR,
      answer: [TYPE.DNSKEY, TYPE.RRSIG],
      authority: [],
    },
    {
      name: "the DS of the zone, from its parent",
      ask: ["example.test", TYPE.DS],
      rcode: RCODE.NOERROR,
      answer: [TYPE.DS, TYPE.RRSIG],
      authority: [],
    },
    {
      name: "the name servers",
      ask: ["example.test", TYPE.NS],
      rcode: RCODE.NOERROR,
      answer: [TYPE.NS, TYPE.RRSIG],
      authority: [],
    },
  ] as const;
  test.each(cases)("$name", async (each) => {
    const reply = await ask(tree.primary, each.ask[0], each.ask[1]);
    expect(reply.aa).toBe(true);
    expect(reply.rcode).toBe(each.rcode);
    expect(typesIn(reply.answer)).toEqual([...each.answer].sort());
    expect(typesIn(reply.authority)).toEqual([...each.authority].sort());
  });

  test("without DO there are no signatures", async () => {
    const reply = await query({ server: tree.primary, name: nameOf("mx.example.test"), type: TYPE.A, timeoutMs: 2000 });
    expect(typesIn(reply.answer)).toEqual([TYPE.A]);
  });

  test("what does not fit into a datagram comes over TCP", async () => {
    const owner = nameOf("big.example.test");
    const rdatas = Array.from({ length: 60 }, (_, at) => record(owner, TYPE.TLSA, seconds(60), tlsa(at)));
    tree.replace(owner, TYPE.TLSA, rdatas);
    const question = encodeMessage(queryMessage({ id: 7, name: owner, type: TYPE.TLSA, dnssecOk: true }));
    const datagram = await exchangeUdp(question, tree.primary, { timeoutMs: 2000 });
    expect((datagram[2] ?? 0) & 0x02).toBe(0x02);
    const reply = await ask(tree.primary, "big.example.test", TYPE.TLSA);
    expect(reply.answer.filter((each) => each.type === TYPE.TLSA)).toHaveLength(60);
  });
});

describe("updates", () => {
  const serial = (): number => {
    const rdata = tree.rrset(tree.zone, TYPE.SOA)?.rdatas[0];
    const soa = rdata === undefined ? null : decodeSoa(rdata);
    return soa?.ok === true ? soa.value.serial : -1;
  };
  const set = (...octets: readonly number[]): void => {
    tree.replace(
      OWNER,
      TYPE.TLSA,
      octets.map((octet) => record(OWNER, TYPE.TLSA, seconds(60), tlsa(octet))),
    );
  };
  const served = async (): Promise<readonly number[]> => tlsaOctets(await ask(tree.primary, OWNER, TYPE.TLSA));
  const add = (octet: number, ttl = 60) => addRecord(OWNER, TYPE.TLSA, seconds(ttl), tlsa(octet));
  const remove = (octet: number) => deleteRecord(OWNER, TYPE.TLSA, tlsa(octet));
  const send = async (...parameters: [Parameters<typeof sendUpdate>[3], Parameters<typeof sendUpdate>[4]?]) =>
    sendUpdate(tree.primary, tree.tsigKey, time.clock, ...parameters);

  const cases = [
    { name: "adds a record", before: [1], updates: [add(2)], rcode: RCODE.NOERROR, after: [1, 2] },
    { name: "deletes exactly one record", before: [1, 2], updates: [remove(1)], rcode: RCODE.NOERROR, after: [2] },
    {
      name: "deletes an RRset",
      before: [1, 2],
      updates: [deleteRrset(OWNER, TYPE.TLSA)],
      rcode: RCODE.NOERROR,
      after: [],
    },
    { name: "adding what is there changes nothing", before: [1], updates: [add(1)], rcode: RCODE.NOERROR, after: [1] },
    {
      name: "deleting what is not there changes nothing",
      before: [1],
      updates: [remove(9)],
      rcode: RCODE.NOERROR,
      after: [1],
    },
    {
      name: "exact prerequisite that holds",
      before: [1, 2],
      updates: [remove(1)],
      needs: rrsetIsExactly(OWNER, TYPE.TLSA, [tlsa(2), tlsa(1)]),
      rcode: RCODE.NOERROR,
      after: [2],
    },
    {
      name: "exact prerequisite with a subset",
      before: [1, 2],
      updates: [remove(1)],
      needs: rrsetIsExactly(OWNER, TYPE.TLSA, [tlsa(1)]),
      rcode: RCODE.NXRRSET,
      after: [1, 2],
    },
    {
      name: "exact prerequisite with a superset",
      before: [1],
      updates: [remove(1)],
      needs: rrsetIsExactly(OWNER, TYPE.TLSA, [tlsa(1), tlsa(2)]),
      rcode: RCODE.NXRRSET,
      after: [1],
    },
    {
      name: "an RRset that must exist does not",
      before: [],
      updates: [add(1)],
      needs: [rrsetExists(OWNER, TYPE.TLSA)],
      rcode: RCODE.NXRRSET,
      after: [],
    },
    {
      name: "an RRset that must not exist does",
      before: [1],
      updates: [add(2)],
      needs: [rrsetAbsent(OWNER, TYPE.TLSA)],
      rcode: RCODE.YXRRSET,
      after: [1],
    },
    {
      name: "a name that must not exist does",
      before: [1],
      updates: [add(2)],
      needs: [nameAbsent(OWNER)],
      rcode: RCODE.YXDOMAIN,
      after: [1],
    },
    {
      name: "another type is refused, and the rest with it",
      before: [1],
      updates: [add(2), addRecord(OWNER, TYPE.TXT, seconds(60), Uint8Array.of(1, 65))],
      rcode: RCODE.REFUSED,
      after: [1],
    },
    {
      name: "another name is refused",
      before: [1],
      updates: [addRecord(nameOf("_26._tcp.mx.example.test"), TYPE.TLSA, seconds(60), tlsa(2))],
      rcode: RCODE.REFUSED,
      after: [1],
    },
    {
      name: "malformed TLSA RDATA",
      before: [1],
      updates: [addRecord(OWNER, TYPE.TLSA, seconds(60), Uint8Array.of(3, 1))],
      rcode: RCODE.FORMERR,
      after: [1],
    },
  ];
  test.each(cases)("$name", async (each) => {
    set(...each.before);
    const before = serial();
    const { rcode, verdict } = await send(each.updates, each.needs ?? []);
    expect(rcode).toBe(each.rcode);
    expect(verdict.status).toBe("verified");
    expect(await served()).toEqual(each.after);
    const changed = JSON.stringify(each.before) !== JSON.stringify(each.after);
    expect(serial() - before).toBe(changed ? 1 : 0);
  });

  test("the newest TTL becomes the TTL of the whole RRset", async () => {
    set(1);
    await send([add(2, 30)]);
    const reply = await ask(tree.primary, OWNER, TYPE.TLSA);
    expect(reply.answer.filter((each) => each.type === TYPE.TLSA).map((each) => each.ttl)).toEqual([30, 30]);
  });

  test("a secondary takes no updates", async () => {
    expect((await sendUpdate(tree.secondary, tree.tsigKey, time.clock, [add(7)])).rcode).toBe(RCODE.REFUSED);
  });

  const errorOf = (verdict: TsigVerdict): number | null =>
    verdict.status === "unauthenticated" || verdict.status === "signed-error" ? verdict.error : null;
  const otherSecret = new Secret(new Uint8Array(32).fill(1));
  test.each([
    {
      name: "wrong secret",
      change: { secret: otherSecret },
      late: 0,
      status: "unauthenticated",
      error: TSIG_ERROR.BADSIG,
    },
    {
      name: "unknown key",
      change: { name: nameOf("nobody") },
      late: 0,
      status: "unauthenticated",
      error: TSIG_ERROR.BADKEY,
    },
    { name: "clock ten minutes slow", change: {}, late: -600_000, status: "signed-error", error: TSIG_ERROR.BADTIME },
  ])("$name: NOTAUTH, and nothing changes", async ({ change, late, status, error }) => {
    set(1);
    const key = { ...tree.tsigKey, ...change };
    const { rcode, verdict } = await sendUpdate(tree.primary, key, () => instant(time.clock() + late), [add(2)]);
    expect(rcode).toBe(RCODE.NOTAUTH);
    expect(verdict.status).toBe(status);
    expect(errorOf(verdict)).toBe(error);
    expect(await served()).toEqual([1]);
  });
});

describe("the secondary", () => {
  test("serves an older version for as long as it lags, then the new one, and never goes back", async () => {
    const put = (octet: number): void => {
      const rdata = encodeTlsa({ usage: 3, selector: 1, matchingType: 1, data: new Uint8Array(32).fill(octet) });
      tree.replace(OWNER, TYPE.TLSA, [record(OWNER, TYPE.TLSA, seconds(60), rdata)]);
    };
    const seen = async (): Promise<readonly number[]> => tlsaOctets(await ask(tree.secondary, OWNER, TYPE.TLSA));
    put(50);
    expect(await seen()).toEqual([50]);
    tree.setLag(seconds(10));
    time.advance(1);
    put(51);
    expect(tlsaOctets(await ask(tree.primary, OWNER, TYPE.TLSA))).toEqual([51]);
    expect(await seen()).toEqual([50]);
    time.advance(9_999);
    expect(await seen()).toEqual([50]);
    time.advance(1);
    expect(await seen()).toEqual([51]);
    tree.setLag(seconds(1000));
    expect(await seen()).toEqual([51]);
    tree.setLag(seconds(0));
  });

  test("has the primary's port", () => {
    expect(tree.secondary.port).toBe(tree.primary.port);
    expect(tree.secondary.address).not.toBe(tree.primary.address);
  });

  test("goes to another loopback address where the first does not exist, and its name follows", async () => {
    // TEST-NET-1 (RFC 5737) is no address of any machine.
    const options = { ttl: seconds(60), hosts: {}, writable: () => false, secondaryAddresses: ["192.0.2.1", "::1"] };
    const other = await startDnsTree({ clock: time.clock, ...options });
    try {
      expect(other.secondary).toMatchObject({ address: "::1", port: other.primary.port });
      const reply = await ask(other.secondary, "ns2.example.test", TYPE.AAAA);
      expect(reply.answer.filter((each) => each.type === TYPE.AAAA)).toHaveLength(1);
    } finally {
      await other.close();
    }
  });

  test("can be silenced", async () => {
    tree.secondary.setSilent(true);
    await expect(
      query({ server: tree.secondary, name: nameOf("mx.example.test"), type: TYPE.A, timeoutMs: 200 }),
    ).rejects.toMatchObject({ code: "DNS_TIMEOUT" });
    tree.secondary.setSilent(false);
    expect((await ask(tree.secondary, "mx.example.test", TYPE.A)).rcode).toBe(RCODE.NOERROR);
  });
});
