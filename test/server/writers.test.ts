/**
 * Several writers on one RRset of a real BIND: two hosts that each roll their own record over and over, and a program
 * that knows nothing of daneward. At least a thousand changes, none waiting for another. Nobody's record is lost, nobody
 * else's is deleted, and the RRset never loses the last record that somebody relies on.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { Secret } from "../../src/base/secret.ts";
import { instant, seconds } from "../../src/base/time.ts";
import { TYPE } from "../../src/dns/iana.ts";
import { encodeTlsa, formatTlsa } from "../../src/dns/rdata.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { signMessage } from "../../src/dns/tsig.ts";
import type { TsigKey } from "../../src/dns/tsig.ts";
import { addRecord, deleteRecord, encodeUpdate } from "../../src/dns/update.ts";
import type { Update } from "../../src/dns/update.ts";
import { createRfc2136Publisher } from "../../src/publisher/rfc2136.ts";
import { queryOver, randomMessageId } from "../../src/transport/dns-exchange.ts";
import { createDnsStream } from "../../src/transport/dns-stream.ts";
import { name } from "../fakes/scripted-dns.ts";
import { MISTAKE_PROGRAMS, SECRET, startMistakeServer } from "./lab/mistake-servers.ts";
import type { MistakeServer } from "./lab/mistake-servers.ts";
import { serverSuite } from "./lab/programs.ts";
import { ZONE } from "./lab/tree.ts";

const OWNER = name(`_25._tcp.mx.${ZONE}`);
const TTL = seconds(300);
/** Each round of a host is one addition and one removal; each of the foreign program two updates. */
const ROUNDS = 170;

function keyOf(called: string): TsigKey {
  const secret = new Secret(new Uint8Array(Buffer.from(SECRET, "base64")));
  return { name: name(called), algorithm: "hmac-sha256", secret };
}

/** Record `number` of a writer, told apart by the first octet. */
function rdata(writer: number, number: number): TlsaRdata {
  const data = new Uint8Array(32).fill(writer);
  data.set([number >> 8, number & 0xff], 1);
  return { usage: 3, selector: 1, matchingType: 1, data };
}

/** Like the driver, whose next tick comes back to a race that was lost too often. */
async function persist<T>(work: () => Promise<T>): Promise<T> {
  for (let tick = 1; ; tick++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof OperationalError) || error.code !== "PUBLISH_CONFLICT" || tick >= 5) throw error;
    }
  }
}

serverSuite("several writers on one RRset of BIND", MISTAKE_PROGRAMS.bind, () => {
  let lab: MistakeServer | null = null;
  const world = (): MistakeServer => {
    if (lab === null) throw new Error("the lab did not start");
    return lab;
  };
  beforeAll(async () => {
    lab = await startMistakeServer("bind");
  }, 60_000);
  afterAll(async () => {
    await lab?.stop();
  });
  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.error(lab?.logs());
  });

  test("a thousand changes at once lose nothing and delete nothing of others", async () => {
    const { primary } = world();
    const stream = createDnsStream({ kind: "plain", ...primary });
    const carriers = { datagram: null, stream, streamName: "tcp" } as const;
    const look = async (): Promise<{ readonly ttls: readonly number[]; readonly records: readonly string[] }> => {
      const question = { server: primary, name: OWNER, type: TYPE.TLSA, timeoutMs: 5_000 };
      const found = (await queryOver(carriers, question)).answer.filter((one) => one.type === TYPE.TLSA);
      return {
        ttls: found.map((one) => one.ttl),
        records: found.map((one) => Buffer.from(one.rdata).toString("hex")),
      };
    };
    const hex = (record: TlsaRdata): string => Buffer.from(encodeTlsa(record)).toString("hex");
    const complaints: string[] = [];
    const changes = { count: 0 };

    /** A host with a publisher of its own: new record in, seen, old record out, seen; as a rollover does it. */
    const host = async (writer: number, key: TsigKey): Promise<void> => {
      const servers = [{ host: primary.address, port: primary.port }];
      const publisher = createRfc2136Publisher({ servers, key, clock: () => instant(Date.now()) });
      const base = { owner: OWNER, zone: name(ZONE), ttl: TTL };
      await publisher.apply({ ...base, add: [rdata(writer, 0)], remove: [], expected: null });
      for (let round = 1; round <= ROUNDS; round++) {
        const [previous, next] = [rdata(writer, round - 1), rdata(writer, round)];
        const added = await publisher.apply({ ...base, add: [next], remove: [], expected: null });
        if (!added.records.some((one) => hex(one) === hex(next))) complaints.push(`${formatTlsa(next)} not there`);
        changes.count += 1;
        // What was to stay is our own new record; the others may come and go.
        const expected = [previous, next];
        const removed = await persist(() => publisher.apply({ ...base, add: [], remove: [previous], expected }));
        changes.count += 1;
        const mine = removed.records.filter((one) => one.data[0] === writer).map(hex);
        if (mine.join() !== hex(next)) complaints.push(`host ${String(writer)} round ${String(round)}: ${mine.join()}`);
      }
    };

    /** Adds and deletes records of its own, without conditions, as nsupdate in a script would. */
    const foreign = async (writer: number, key: TsigKey, isDone: () => boolean): Promise<void> => {
      const carry = createDnsStream({ kind: "plain", ...primary });
      const send = async (updates: readonly Update[]): Promise<void> => {
        const plain = encodeUpdate({ id: randomMessageId(), zone: name(ZONE), prerequisites: [], updates });
        const { message } = signMessage(plain, key, instant(Date.now()));
        const reply = await carry(message, { timeoutMs: 5_000, subject: "the foreign update" });
        if (((reply[3] ?? 0) & 15) !== 0) complaints.push(`foreign update: rcode ${String((reply[3] ?? 0) & 15)}`);
        changes.count += 1;
      };
      const octets = (number: number): Uint8Array => encodeTlsa(rdata(writer, number));
      await send([addRecord(OWNER, TYPE.TLSA, TTL, octets(9_999))]);
      for (let round = 1; round <= ROUNDS * 2 && !isDone(); round++) {
        await send([addRecord(OWNER, TYPE.TLSA, TTL, octets(round))]);
        const { records, ttls } = await look();
        const wanted = [9_999, round].map((number) => Buffer.from(octets(number)).toString("hex"));
        if (!wanted.every((one) => records.includes(one)))
          complaints.push(`a foreign record was lost in ${String(round)}`);
        if (ttls.some((ttl) => ttl !== TTL)) complaints.push(`a TTL of ${ttls.join()}`);
        await send([deleteRecord(OWNER, TYPE.TLSA, octets(round))]);
      }
    };

    const done = { hosts: false };
    const strangers = foreign(0x33, keyOf("wide-sha256"), () => done.hosts && changes.count >= 1_000);
    await Promise.all([host(0x11, keyOf("daneward")), host(0x22, keyOf("wide"))]);
    done.hosts = true;
    await strangers;

    expect(complaints).toEqual([]);
    expect(changes.count).toBeGreaterThanOrEqual(1_000);
    const final = await look();
    expect([...final.records].sort()).toEqual(
      [rdata(0x11, ROUNDS), rdata(0x22, ROUNDS), rdata(0x33, 9_999)].map(hex).sort(),
    );
    expect(new Set(final.ttls)).toEqual(new Set([TTL]));
  }, 60_000);
});
