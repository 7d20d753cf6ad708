/** Several writers, several servers, several names, and the ways to them. */
import { afterEach, describe, expect, test } from "vitest";
import { instant, seconds } from "../../src/base/time.ts";
import type { Instant } from "../../src/base/time.ts";
import { OPCODE, RCODE, TYPE } from "../../src/dns/iana.ts";
import { encodeCname, encodeTlsa, formatTlsa } from "../../src/dns/rdata.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { signReply, verifyRequest } from "../../src/dns/tsig.ts";
import type { TlsaChange } from "../../src/publisher/publisher.ts";
import { createRfc2136Publisher } from "../../src/publisher/rfc2136.ts";
import type { Rfc2136Options } from "../../src/publisher/rfc2136.ts";
import { name, record, reply, replyTo, tlsaRecord } from "../fakes/scripted-dns.ts";
import type { FakeDnsServer } from "../fakes/scripted-dns.ts";
import { KEY, startPrimary } from "../fakes/scripted-primary.ts";
import type { FakePrimary, PrimaryOptions } from "../fakes/scripted-primary.ts";

const OWNER = "_25._tcp.mx.example.org";
const NOW = instant(1_790_000_000_000);
const clock = (): Instant => NOW;

const running: FakeDnsServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

async function primary(options: Partial<PrimaryOptions> = {}): Promise<FakePrimary> {
  const server = await startPrimary({ clock, ...options });
  running.push(server);
  return server;
}

function rdata(octet: number): TlsaRdata {
  return { usage: 3, selector: 1, matchingType: 1, data: new Uint8Array(32).fill(octet) };
}
const [A, B, C, D] = [rdata(0xaa), rdata(0xbb), rdata(0xcc), rdata(0xdd)];
const stored = (one: TlsaRdata, owner = OWNER): ReturnType<typeof tlsaRecord> =>
  tlsaRecord(owner, 300, formatTlsa(one));

function change(more: Partial<TlsaChange>): TlsaChange {
  const base = { owner: name(OWNER), zone: name("example.org"), ttl: seconds(300) };
  return { ...base, add: [], remove: [], expected: null, ...more };
}

const at = (server: FakeDnsServer): { readonly host: string; readonly port: number } => {
  return { host: server.address, port: server.port };
};

function publisherFor(
  servers: readonly FakeDnsServer[],
  more: Partial<Rfc2136Options> = {},
): ReturnType<typeof createRfc2136Publisher> {
  const options = { servers: servers.map(at), key: KEY, clock, timeoutMs: 300, readBackMs: 60 };
  return createRfc2136Publisher({ ...options, ...more });
}

const octets = (server: FakePrimary): readonly number[] => server.records().map((one) => one.rdata[3] ?? 0);

describe("a lost race", () => {
  /** Another writer gets in between the look and the update, so many times. */
  function interloper(times: number, records: readonly TlsaRdata[]): Promise<FakePrimary> {
    let left = times;
    const late: { server: FakePrimary | null } = { server: null };
    const options: Partial<PrimaryOptions> = {
      records: [stored(A), stored(B)],
      onUpdate: (request, usual) => {
        if (left-- <= 0) return usual();
        const verdict = verifyRequest({ bytes: request.bytes, keys: [KEY], now: NOW });
        const refused = replyTo(request, { edns: null, rcode: RCODE.NXRRSET });
        return [{ do: "reply", bytes: signReply(refused, verdict, NOW) }];
      },
      onQuery: (request, usual) => {
        const seen = late.server?.updates().length ?? 0;
        if (seen === 0 || request.message.question[0]?.type !== TYPE.TLSA) return usual();
        return seen > times ? usual() : reply(request, { answer: records.map((one) => stored(one)) });
      },
    };
    return primary(options).then((server) => {
      late.server = server;
      return server;
    });
  }

  test("is run again on what is read then, and other writers' records stay", async () => {
    const server = await interloper(3, [A, B]);
    const done = await publisherFor([server]).apply(change({ remove: [A], expected: [A, B] }));
    expect(done.records).toEqual([B]);
    expect(server.updates()).toHaveLength(4);
  });

  test("demands the RRset as it is read, not as the caller had it", async () => {
    const server = await primary({ records: [stored(A), stored(B), stored(C)] });
    const done = await publisherFor([server]).apply(change({ remove: [A], expected: [A, B] }));
    expect(done.records).toEqual([C, B]);
    expect(server.updates()[0]?.answer.map((one) => one.rdata)).toEqual([A, B, C].map(encodeTlsa));
  });

  test("is given up when a record is gone that was to stay", async () => {
    const server = await primary({ records: [stored(A), stored(C)] });
    const attempt = publisherFor([server]).apply(change({ remove: [A], expected: [A, B] }));
    await expect(attempt).rejects.toMatchObject({ code: "PUBLISH_CONFLICT", retry: "later" });
    expect(server.updates()).toHaveLength(0);
  });

  test("is given up after a few runs", async () => {
    const server = await interloper(1_000, [A, B]);
    const attempt = publisherFor([server]).apply(change({ remove: [A], expected: [A, B] }));
    await expect(attempt).rejects.toMatchObject({ code: "PUBLISH_CONFLICT", retry: "later" });
    expect(server.updates()).toHaveLength(12);
  });
});

describe("several update servers", () => {
  test("the next one takes the update when the first cannot be reached", async () => {
    const dead = await startPrimary({ clock });
    await dead.close();
    const server = await primary();
    expect((await publisherFor([dead, server]).apply(change({ add: [A] }))).records).toEqual([A]);
  });

  test("the next one gets a message of its own, signed anew, when the first never answers", async () => {
    const deaf = await primary({ onUpdate: () => [] });
    const server = await primary();
    expect((await publisherFor([deaf, server]).apply(change({ add: [A] }))).records).toEqual([A]);
    const [first] = deaf.updates();
    const [second] = server.updates();
    expect(first?.id).not.toBe(second?.id);
    expect(first?.additional[0]?.rdata).not.toEqual(second?.additional[0]?.rdata);
  });

  test("nothing is sent to the next one when the first did it and its reply was lost", async () => {
    const first = await primary({
      onUpdate: (_, usual) => {
        usual();
        return [{ do: "close" }];
      },
    });
    const second = await primary();
    expect((await publisherFor([first, second]).apply(change({ add: [A] }))).records).toEqual([A]);
    expect(second.requests).toHaveLength(0);
  });

  test("an answer is an answer: a refusal is not tried elsewhere", async () => {
    const refusing = await primary({ keys: [] });
    const server = await primary();
    await expect(publisherFor([refusing, server]).apply(change({ add: [A] }))).rejects.toMatchObject({
      code: "TSIG_BADKEY",
    });
    expect(server.requests).toHaveLength(0);
  });

  test("that an update may be under way is said, even when the next server is dead", async () => {
    const deaf = await primary({ onUpdate: () => [{ do: "close" }] });
    const dead = await startPrimary({ clock });
    await dead.close();
    await expect(publisherFor([deaf, dead]).apply(change({ add: [A] }))).rejects.toMatchObject({
      code: "PUBLISH_OUTCOME_UNKNOWN",
    });
  });
});

describe("the way to the server", () => {
  test("is one connection for reading and writing, change after change", async () => {
    const server = await primary();
    const publisher = publisherFor([server]);
    for (const add of [[A], [B], [C]]) await publisher.apply(change({ add }));
    expect(server.requests).toHaveLength(9);
    expect(new Set(server.requests.map((request) => request.from.port)).size).toBe(1);
  });

  test("falls back from UDP to TCP when no datagram is answered", async () => {
    const server = await primary({
      onUpdate: (request, usual) => (request.transport === "udp" ? [] : usual()),
    });
    expect((await publisherFor([server], { transport: "udp" }).apply(change({ add: [A] }))).records).toEqual([A]);
    const updates = server.requests.filter((request) => request.message.opcode === OPCODE.UPDATE);
    expect(updates.map((request) => request.transport)).toEqual(["udp", "tcp"]);
  });

  test("is TCP at once for an update too large for a datagram", async () => {
    const server = await primary();
    const add = Array.from({ length: 30 }, (_, number) => rdata(number + 1));
    await publisherFor([server], { transport: "udp" }).apply(change({ add }));
    const updates = server.requests.filter((request) => request.message.opcode === OPCODE.UPDATE);
    expect(updates.map((request) => request.transport)).toEqual(["tcp"]);
  });

  test("leads to another server for questions when told so", async () => {
    const server = await primary();
    const reader = await primary({ records: [stored(A)] });
    await publisherFor([server], { queryServer: at(reader) }).apply(change({ add: [A], ttl: seconds(300) }));
    expect(server.requests).toHaveLength(0);
    expect(reader.requests).toHaveLength(1);
  });

  test("signs questions when told so", async () => {
    const server = await primary({
      onQuery: (request, usual) => {
        const verdict = verifyRequest({ bytes: request.bytes, keys: [KEY], now: NOW });
        if (verdict.status !== "verified") return reply(request, { answer: [] });
        return usual().map((one) => (one.do === "reply" ? { ...one, bytes: signReply(one.bytes, verdict, NOW) } : one));
      },
    });
    const done = await publisherFor([server], { signQueries: true }).apply(change({ add: [A] }));
    expect(done.records).toEqual([A]);
  });
});

describe("several owner names at once", () => {
  const owners = Array.from({ length: 120 }, (_, number) => `_25._tcp.mx${String(number)}.example.org`);
  const changes = owners.map((owner) => change({ owner: name(owner), add: [A] }));

  test("go in few messages, at most 100 records each, and each is read back", async () => {
    const server = await primary();
    const settled = await publisherFor([server]).applyAll(changes);
    expect(settled.every((one) => one.ok && one.value.records.length === 1)).toBe(true);
    expect(server.updates().map((one) => one.authority.length)).toEqual([100, 20]);
  });

  test("each zone has a message of its own, and conditions of several names go along", async () => {
    const server = await primary({ records: [stored(A), stored(B), stored(A, owners[0]), stored(B, owners[0])] });
    const remove = { remove: [A], expected: [A, B] };
    const foreign = change({ owner: name("_25._tcp.mx.example.net"), zone: name("example.net"), add: [A] });
    const settled = await publisherFor([server]).applyAll([
      change(remove),
      foreign,
      change({ ...remove, owner: name(owners[0] ?? "") }),
    ]);
    expect(settled.map((one) => (one.ok ? "done" : one.fault.code))).toEqual(["done", "UPDATE_NOTAUTH", "done"]);
    expect(server.updates().map((one) => one.question[0]?.name)).toEqual([name("example.org"), name("example.net")]);
    expect(server.updates()[0]?.answer).toHaveLength(4);
    expect(octets(server)).toEqual([0xbb, 0xbb]);
  });

  test("one that is refused does not take the others along", async () => {
    const [first = "", second = "", third = ""] = owners;
    const server = await primary({
      records: [record(second, TYPE.CNAME, 60, encodeCname(name("x.example.net")))],
      onUpdate: (request, usual) => {
        const asked = request.message.authority.map((one) => one.name);
        if (!asked.includes(name(third))) return usual();
        const verdict = verifyRequest({ bytes: request.bytes, keys: [KEY], now: NOW });
        return [
          { do: "reply", bytes: signReply(replyTo(request, { edns: null, rcode: RCODE.REFUSED }), verdict, NOW) },
        ];
      },
    });
    const invalid = change({ add: [{ ...D, data: new Uint8Array(3) }] });
    const settled = await publisherFor([server]).applyAll([
      ...[first, second, third].map((owner) => change({ owner: name(owner), add: [A] })),
      invalid,
    ]);
    expect(settled.map((one) => (one.ok ? "done" : one.fault.code))).toEqual([
      "done",
      "PUBLISH_CNAME_AT_OWNER",
      "UPDATE_REFUSED",
      "PUBLISH_INVALID",
    ]);
  });
});
