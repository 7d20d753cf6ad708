/** The publisher over PowerDNS's HTTP API against the real server: what works, what it refuses, and what two writers see. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { Secret } from "../../src/base/secret.ts";
import { seconds } from "../../src/base/time.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { TYPE } from "../../src/dns/iana.ts";
import { decodeTlsa, formatTlsa, parseTlsa } from "../../src/dns/rdata.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { findRrset } from "../../src/dns/rrset.ts";
import { openProvider } from "../../src/driver/open-provider.ts";
import { createPowerDnsPublisher } from "../../src/publisher/providers/powerdns.ts";
import type { PowerDnsOptions } from "../../src/publisher/providers/powerdns.ts";
import type { ReadBack, TlsaChange } from "../../src/publisher/publisher.ts";
import { query } from "../../src/transport/dns-exchange.ts";
import { name } from "../fakes/scripted-dns.ts";
import { API_KEY, API_PROGRAMS, startPowerDnsApi } from "./lab/powerdns-api.ts";
import type { PowerDnsApi } from "./lab/powerdns-api.ts";
import { serverSuite } from "./lab/programs.ts";
import { ZONE } from "./lab/tree.ts";

function record(digit: string): TlsaRdata {
  const parsed = parseTlsa(`3 1 1 ${digit.repeat(64)}`);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

const OWNER = name(`_25._tcp.mx.${ZONE}`);
const [OLD, NEW, FOREIGN] = [record("1"), record("2"), record("f")];

function change(parts: Partial<TlsaChange>): TlsaChange {
  return { owner: OWNER, zone: name(ZONE), ttl: seconds(120), add: [], remove: [], expected: null, ...parts };
}

function rrset(changetype: string, records: readonly TlsaRdata[], disabled: readonly TlsaRdata[] = []): unknown {
  const all = [
    ...records.map((one) => ({ content: formatTlsa(one), disabled: false })),
    ...disabled.map((one) => ({ content: formatTlsa(one), disabled: true })),
  ];
  return { rrsets: [{ name: OWNER, type: "TLSA", ttl: 120, changetype, records: all }] };
}

serverSuite("the publisher over the API of PowerDNS", API_PROGRAMS, () => {
  let lab: PowerDnsApi | null = null;
  const world = (): PowerDnsApi => {
    if (lab === null) throw new Error("the lab did not start");
    return lab;
  };
  const zonePath = `/zones/${ZONE}.`;
  beforeAll(async () => {
    lab = await startPowerDnsApi();
  }, 60_000);
  afterAll(async () => {
    await lab?.stop();
  });
  beforeEach(async () => {
    await world().byHand("PATCH", zonePath, rrset("DELETE", []));
    await world().byHand("PUT", zonePath, { kind: "Native", soa_edit_api: "INCREASE" });
  });
  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.error(lab?.logs());
  });

  const apply = (wanted: TlsaChange, options: Partial<PowerDnsOptions> = {}): Promise<ReadBack> => {
    const secret = new Secret(new TextEncoder().encode(API_KEY));
    const access = { url: world().url, serverId: "localhost", secret, timeoutMs: 5_000, readBackMs: 0 };
    return createPowerDnsPublisher({ ...access, ...options }).apply(wanted);
  };
  const failure = async (work: Promise<unknown>): Promise<OperationalError> => {
    const error = await work.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof OperationalError)) throw new Error(`no OperationalError but ${String(error)}`);
    return error;
  };
  /** What the name server itself answers: records, TTL, whether signed. */
  const served = async (): Promise<{ readonly records: readonly string[]; ttl: number | null; signed: boolean }> => {
    const question = { server: world().dns, name: OWNER, type: TYPE.TLSA, dnssecOk: true, timeoutMs: 2_000 };
    const found = findRrset((await query({ ...question, transport: "tcp" })).answer, OWNER, TYPE.TLSA);
    const records = (found?.rdatas ?? []).map(decodeTlsa).flatMap((one) => (one.ok ? [formatTlsa(one.value)] : []));
    return { records: records.sort(), ttl: found?.ttl ?? null, signed: (found?.signatures.length ?? 0) > 0 };
  };
  const stored = async (): Promise<string> => JSON.stringify(await world().byHand("GET", zonePath));
  /** Somebody else writes just before the first request that `matches` arrives. */
  const interrupted = (matches: (method: string, url: string) => boolean, foreign: () => Promise<unknown>) => {
    let done = false;
    const intruder: typeof fetch = async (input, init) => {
      const url = input instanceof Request ? input.url : String(input);
      if (!done && matches(init?.method ?? "GET", url)) {
        done = true;
        await foreign();
      }
      return await fetch(input, init);
    };
    return intruder;
  };

  test("adds, carries through a rollover, and leaves the records of others alone; every answer is signed", async () => {
    await world().byHand("PATCH", zonePath, rrset("REPLACE", [FOREIGN]));
    const first = await apply(change({ add: [OLD] }));
    expect(first).toMatchObject({ status: "served", ttl: 120, signed: true, notes: [] });
    expect(await served()).toEqual({ records: [OLD, FOREIGN].map(formatTlsa), ttl: 120, signed: true });
    await apply(change({ add: [NEW] }));
    expect((await served()).records).toEqual([OLD, NEW, FOREIGN].map(formatTlsa));
    await apply(change({ remove: [OLD], expected: [OLD, NEW, FOREIGN] }));
    expect(await served()).toEqual({ records: [NEW, FOREIGN].map(formatTlsa), ttl: 120, signed: true });
  });

  test("what is there already is a success without a write, and so is what is gone", async () => {
    await apply(change({ add: [OLD] }));
    let writes = 0;
    const counting: typeof fetch = (input, init) => {
      if (init?.method !== "GET") writes += 1;
      return fetch(input, init);
    };
    await apply(change({ add: [OLD] }), { fetch: counting });
    await apply(change({ remove: [NEW], expected: [NEW] }), { fetch: counting });
    expect(writes).toBe(0);
  });

  test("the TTL of the whole RRset is changed, and kept by a removal", async () => {
    await apply(change({ add: [OLD, NEW] }));
    await apply(change({ add: [OLD], ttl: seconds(300) }));
    expect(await served()).toMatchObject({ ttl: 300, records: [OLD, NEW].map(formatTlsa) });
    await apply(change({ remove: [OLD], expected: [OLD, NEW], ttl: seconds(60) }));
    expect(await served()).toMatchObject({ ttl: 300, records: [formatTlsa(NEW)] });
  });

  test("removing the last record leaves nothing", async () => {
    await apply(change({ add: [OLD] }));
    expect(await apply(change({ remove: [OLD], expected: [OLD] }))).toMatchObject({ records: [], ttl: null });
    expect((await served()).records).toEqual([]);
  });

  test("records of others that are switched off survive, and comments too", async () => {
    const comments = [{ content: "ask the mail team", account: "dns", modified_at: 1_700_000_000 }];
    const [first] = [rrset("REPLACE", [OLD], [FOREIGN])];
    await world().byHand("PATCH", zonePath, first);
    await world().byHand("PATCH", zonePath, {
      rrsets: [{ name: OWNER, type: "TLSA", ttl: 120, changetype: "REPLACE", comments }],
    });
    await apply(change({ add: [NEW] }));
    expect(await stored()).toContain(`{"content":"${formatTlsa(FOREIGN)}","disabled":true}`);
    expect(await stored()).toContain("ask the mail team");
    expect((await served()).records).toEqual([OLD, NEW].map(formatTlsa));
    await apply(change({ add: [FOREIGN] }));
    expect((await served()).records).toEqual([OLD, NEW, FOREIGN].map(formatTlsa));
  });

  test("a removal that expects another RRset changes nothing", async () => {
    await apply(change({ add: [OLD, FOREIGN] }));
    const error = await failure(apply(change({ remove: [OLD], expected: [OLD] })));
    expect(error).toMatchObject({ code: "PUBLISH_CONFLICT", retry: "later" });
    expect((await served()).records).toEqual([OLD, FOREIGN].map(formatTlsa));
  });

  test("what another writer adds before the last look is kept, and forbids a removal that did not expect it", async () => {
    const foreign = (): Promise<unknown> => world().byHand("PATCH", zonePath, rrset("REPLACE", [OLD, FOREIGN]));
    const early = (): typeof fetch => interrupted((_method, url) => url.includes("search-data"), foreign);
    await apply(change({ add: [OLD] }));
    await apply(change({ add: [NEW] }), { fetch: early() });
    expect((await served()).records).toEqual([OLD, NEW, FOREIGN].map(formatTlsa));
    await world().byHand("PATCH", zonePath, rrset("REPLACE", [OLD]));
    const error = await failure(apply(change({ remove: [OLD], expected: [OLD] }), { fetch: early() }));
    expect(error.code).toBe("PUBLISH_CONFLICT");
    expect((await served()).records).toEqual([OLD, FOREIGN].map(formatTlsa));
  });

  test("what another writer adds between the last look and the write is overwritten, and the serial tells", async () => {
    const foreign = (): Promise<unknown> => world().byHand("PATCH", zonePath, rrset("REPLACE", [OLD, FOREIGN]));
    const late = (): typeof fetch => interrupted((method) => method === "PATCH", foreign);
    await apply(change({ add: [OLD] }));
    for (const mode of ["INCREASE", "DEFAULT"]) {
      await world().byHand("PUT", zonePath, { soa_edit_api: mode });
      await world().byHand("PATCH", zonePath, rrset("REPLACE", [OLD]));
      const error = await failure(apply(change({ add: [NEW] }), { fetch: late() }));
      expect(error).toMatchObject({ code: "PROVIDER_RACE" });
      expect(error.message).toContain("changed 2 times");
      expect((await served()).records).toEqual([OLD, NEW].map(formatTlsa));
    }
    // The limit of it: a zone that does not count its changes cannot tell.
    await world().byHand("PUT", zonePath, { soa_edit_api: "" });
    await world().byHand("PATCH", zonePath, rrset("REPLACE", [OLD]));
    await apply(change({ add: [NEW] }), { fetch: late() });
    expect((await served()).records).toEqual([OLD, NEW].map(formatTlsa));
  });

  test("what another writer takes away right after the write is found missing", async () => {
    await apply(change({ add: [OLD] }));
    let written = false;
    const undoing: typeof fetch = async (input, init) => {
      const reply = await fetch(input, init);
      if (init?.method === "PATCH" && !written) {
        written = true;
        await world().byHand("PATCH", zonePath, rrset("REPLACE", [OLD]));
      }
      return reply;
    };
    const error = await failure(apply(change({ add: [NEW] }), { fetch: undoing }));
    expect(error.code).toBe("PUBLISH_NOT_APPLIED");
    expect(error.message).toContain(`without ${formatTlsa(NEW)}`);
  });

  test("a lost reply is settled by reading", async () => {
    const losing =
      (arrives: boolean): typeof fetch =>
      async (input, init) => {
        if (init?.method !== "PATCH") return await fetch(input, init);
        if (arrives) await fetch(input, init);
        throw new TypeError("fetch failed", { cause: Object.assign(new Error("gone"), { code: "ECONNRESET" }) });
      };
    await apply(change({ add: [OLD] }), { fetch: losing(true) });
    expect((await served()).records).toEqual([formatTlsa(OLD)]);
    const error = await failure(apply(change({ add: [NEW] }), { fetch: losing(false) }));
    expect(error).toMatchObject({ code: "PUBLISH_OUTCOME_UNKNOWN", retry: "later" });
  });

  test.each<readonly [string, Partial<TlsaChange>, Partial<PowerDnsOptions>, string, RegExp]>([
    ["an alias", { owner: name(`_25._tcp.alias.${ZONE}`) }, {}, "PUBLISH_CNAME_AT_OWNER", /of _25\._tcp\.mx\.example/],
    [
      "a name below a delegation",
      { owner: name(`_25._tcp.mx.child.${ZONE}`) },
      {},
      "PUBLISH_OCCLUDED",
      /child\.example/,
    ],
    ["a name outside the zone", { owner: name("_25._tcp.mx.example.org") }, {}, "PUBLISH_INVALID", /not inside/],
    ["an unknown zone", { owner: name("_25._tcp.x.org"), zone: name("x.org") }, {}, "PROVIDER_ZONE_UNKNOWN", /x\.org/],
    ["an unknown server", {}, { serverId: "other" }, "PROVIDER_ZONE_UNKNOWN", /other/],
    ["a wrong key", {}, { secret: new Secret(new TextEncoder().encode("wrong-key")) }, "PROVIDER_UNAUTHORIZED", /401/],
  ])("%s is refused by name, and nothing is written", async (_what, parts, options, code, words) => {
    const before = await stored();
    const error = await failure(apply(change({ add: [OLD], ...parts }), options));
    expect(error).toMatchObject({ code, retry: "never" });
    expect(error.message).toMatch(words);
    expect(JSON.stringify([error.message, error.hint, String(error.cause), error.stack])).not.toMatch(
      new RegExp(`${API_KEY}|wrong-key`),
    );
    expect(await stored()).toBe(before);
  });

  test("a zone that is transferred from elsewhere is refused", async () => {
    await world().byHand("POST", "/zones", { name: "copy.test.", kind: "Slave", masters: ["127.0.0.1"] });
    const error = await failure(
      apply(change({ owner: name("_25._tcp.copy.test"), zone: name("copy.test"), add: [OLD] })),
    );
    expect(error.code).toBe("PROVIDER_ZONE_NOT_PRIMARY");
  });

  test("a primary whose serial stays as it is gets a note: its secondaries would notice nothing", async () => {
    await world().byHand("PUT", zonePath, { kind: "Master", soa_edit_api: "" });
    const { notes } = await apply(change({ add: [OLD] }));
    expect(notes?.map(({ code }) => code)).toEqual(["PROVIDER_SERIAL_STUCK"]);
  });

  test("a configured publisher reads its key from a file", async () => {
    const { folder, url } = world();
    writeFileSync(join(folder, "api.key"), `${API_KEY}\n`, { mode: 0o600 });
    const lines = `version = 1\n[publish.local]\ntype = "powerdns"\nurl = "${url}/api/v1"\napi_key_file = "api.key"\n`;
    writeFileSync(join(folder, "daneward.toml"), lines);
    const configuration = await loadConfiguration(join(folder, "daneward.toml"));
    const config = configuration.publishers.get("local");
    if (config?.type !== "powerdns") throw new Error("no such publisher");
    await (await openProvider(config, new AbortController().signal)).apply(change({ add: [OLD] }));
    expect((await served()).records).toEqual([formatTlsa(OLD)]);
  });
});
