import { describe, expect, test } from "vitest";
import { seconds } from "../../../src/base/time.ts";
import { createDesecPublisher } from "../../../src/publisher/providers/desec.ts";
import type { DesecOptions as PublisherOptions } from "../../../src/publisher/providers/desec.ts";
import type { ReadBack, TlsaChange } from "../../../src/publisher/publisher.ts";
import { DESEC_TOKEN, startDesec } from "../../fakes/desec-api.ts";
import type { DesecOptions, FakeDesec, FakeRrset } from "../../fakes/desec-api.ts";
import type { ApiCall } from "../../fakes/http-api.ts";
import { name } from "../../fakes/scripted-dns.ts";
import {
  change,
  everythingOf,
  failure,
  FOREIGN,
  FOREIGN_TEXT,
  NEW,
  NEW_TEXT,
  OLD,
  OLD_TEXT,
  secret,
} from "./sample.ts";

const DOMAIN = "example.org";
const SUBNAME = "_25._tcp.mx";

function start(options: Partial<DesecOptions> = {}): Promise<FakeDesec> {
  return startDesec({ domain: DOMAIN, ...options });
}

function apply(fake: FakeDesec, wanted: TlsaChange, options: Partial<PublisherOptions> = {}): Promise<ReadBack> {
  const access = { url: fake.url, secret: secret(DESEC_TOKEN), timeoutMs: 1_900, readBackMs: 0 };
  return createDesecPublisher({ ...access, ...options }).apply(wanted);
}

function tlsa(records: readonly string[], ttl = 3600): FakeRrset {
  return { subname: SUBNAME, type: "TLSA", ttl, records };
}

function contents(fake: FakeDesec): readonly string[] {
  return fake
    .rrsets()
    .filter(({ subname, type }) => subname === SUBNAME && type === "TLSA")
    .flatMap(({ records }) => records)
    .sort();
}

function writes(fake: FakeDesec): readonly ApiCall[] {
  return fake.calls.filter(({ method }) => method !== "GET");
}

describe("RRsets at deSEC", () => {
  test("are replaced through a rollover with the records of others in them, one write for each change", async () => {
    const fake = await start({ rrsets: [tlsa([FOREIGN_TEXT])], limits: [] });
    const first = await apply(fake, change({ add: [OLD] }));
    expect(first).toMatchObject({ status: "pending", ttl: 3600, signed: true, notes: [] });
    await apply(fake, change({ add: [NEW] }));
    expect(contents(fake)).toEqual([OLD_TEXT, NEW_TEXT, FOREIGN_TEXT]);
    await apply(fake, change({ remove: [OLD], expected: [OLD, NEW, FOREIGN] }));
    expect(contents(fake)).toEqual([NEW_TEXT, FOREIGN_TEXT]);
    expect(writes(fake)).toHaveLength(3);
    expect(writes(fake)[0]?.body).toEqual([tlsa([FOREIGN_TEXT, OLD_TEXT])]);
  });

  test("go away with their last record", async () => {
    const fake = await start({ rrsets: [tlsa([OLD_TEXT])] });
    expect(await apply(fake, change({ remove: [OLD], expected: [OLD] }))).toMatchObject({ records: [], ttl: null });
    expect(fake.rrsets()).toEqual([]);
  });

  test("that are as wanted need no write", async () => {
    const fake = await start({ rrsets: [tlsa([OLD_TEXT.toUpperCase()])] });
    await apply(fake, change({ add: [OLD] }));
    await apply(fake, change({ remove: [NEW], expected: [NEW, OLD] }));
    expect(writes(fake)).toHaveLength(0);
  });

  test("keep their TTL when a record is removed", async () => {
    const fake = await start({ rrsets: [tlsa([OLD_TEXT, NEW_TEXT], 7200)] });
    expect(await apply(fake, change({ remove: [OLD], expected: [OLD, NEW] }))).toMatchObject({ ttl: 7200 });
  });

  test("a name at the apex has the subname without the domain", async () => {
    const fake = await start();
    await apply(fake, change({ owner: name("_443._tcp.example.org"), add: [OLD] }));
    expect(fake.rrsets()).toEqual([{ ...tlsa([OLD_TEXT]), subname: "_443._tcp" }]);
  });

  test("a removal that expects another RRset changes nothing", async () => {
    const fake = await start({ rrsets: [tlsa([OLD_TEXT, FOREIGN_TEXT])] });
    expect((await failure(apply(fake, change({ remove: [OLD], expected: [OLD] })))).code).toBe("PUBLISH_CONFLICT");
    expect(writes(fake)).toHaveLength(0);
  });

  test("what another writer adds before the last look is kept; what it overwrites right after is found missing", async () => {
    const holder: { fake: FakeDesec | null; looks: number } = { fake: null, looks: 0 };
    const early = await start({
      instead: (call) => {
        if (call.query.get("subname") === SUBNAME) holder.looks += 1;
        if (holder.looks === 2) holder.fake?.put(tlsa([FOREIGN_TEXT]));
        return undefined;
      },
    });
    holder.fake = early;
    expect((await apply(early, change({ add: [OLD] }))).records).toHaveLength(2);
    const late = await start({
      instead: (call, usual) => {
        if (call.method !== "PUT") return undefined;
        const answer = usual();
        holder.fake?.put(tlsa([FOREIGN_TEXT]));
        return answer;
      },
    });
    holder.fake = late;
    expect((await failure(apply(late, change({ add: [OLD] })))).code).toBe("PUBLISH_NOT_APPLIED");
  });
});

describe("the TTLs of deSEC", () => {
  test("one below the domain's minimum is raised to it, and told", async () => {
    const fake = await start({ minimumTtl: 3600 });
    const done = await apply(fake, change({ add: [OLD], ttl: seconds(300) }));
    expect(done).toMatchObject({ ttl: 3600, notes: [{ code: "PROVIDER_TTL_RAISED" }] });
    await apply(fake, change({ add: [OLD], ttl: seconds(300) }));
    expect(writes(fake)).toHaveLength(1);
  });

  test("a domain with a lower minimum is taken at its word", async () => {
    const fake = await start({ minimumTtl: 60 });
    expect(await apply(fake, change({ add: [OLD], ttl: seconds(60) }))).toMatchObject({ ttl: 60, notes: [] });
  });

  test("one above the largest is refused", async () => {
    const fake = await start();
    const error = await failure(apply(fake, change({ add: [OLD], ttl: seconds(604_801) })));
    expect(error).toMatchObject({ code: "PROVIDER_TTL", retry: "never" });
    expect(writes(fake)).toHaveLength(0);
  });

  test("a minimum that changed in between is told in deSEC's words", async () => {
    const fake = await start({
      minimumTtl: 3600,
      instead: (call, usual) => {
        const answer = usual();
        return call.path === `/api/v1/domains/${DOMAIN}/` && call.method === "GET"
          ? { ...answer, body: { name: DOMAIN, minimum_ttl: 60 } }
          : undefined;
      },
    });
    const error = await failure(apply(fake, change({ add: [OLD], ttl: seconds(300) })));
    expect(error.code).toBe("PROVIDER_INVALID");
    expect(error.message).toContain("greater than or equal to 3600");
  });
});

describe("the rate limits of deSEC", () => {
  test("a third write within a second waits for its turn", async () => {
    const fake = await start();
    const started = performance.now();
    for (const record of [OLD, NEW, FOREIGN]) await apply(fake, change({ add: [record] }));
    expect(contents(fake)).toHaveLength(3);
    expect(performance.now() - started).toBeGreaterThan(900);
  });

  test("what another writer adds while we wait is kept", async () => {
    const holder: { fake: FakeDesec | null } = { fake: null };
    let refused = 0;
    const fake = await start({
      instead: ({ method }) => {
        if (method !== "PUT" || refused > 0) return undefined;
        refused += 1;
        holder.fake?.put(tlsa([FOREIGN_TEXT]));
        return { status: 429, headers: { "retry-after": "1" }, body: { detail: "Request was throttled." } };
      },
    });
    holder.fake = fake;
    await apply(fake, change({ add: [OLD] }));
    expect(contents(fake)).toEqual([OLD_TEXT, FOREIGN_TEXT]);
  });

  test("a wait of the larger windows is handed to the caller", async () => {
    const fake = await start({ limits: [[1, 3600]] });
    await apply(fake, change({ add: [OLD] }));
    const error = await failure(apply(fake, change({ add: [NEW] })));
    expect(error).toMatchObject({ code: "PROVIDER_RATE_LIMITED", retry: 3600 });
    expect(contents(fake)).toEqual([OLD_TEXT]);
  });
});

describe("refusals of deSEC", () => {
  test.each<readonly [string, Partial<DesecOptions>, Partial<TlsaChange>, string]>([
    ["an unknown domain", {}, { zone: name("other.org"), owner: name("_25._tcp.other.org") }, "PROVIDER_ZONE_UNKNOWN"],
    ["a token that may only read", { readOnly: true }, {}, "PROVIDER_FORBIDDEN"],
    [
      "an alias at the name",
      { rrsets: [{ subname: SUBNAME, type: "CNAME", ttl: 3600, records: ["x.test."] }] },
      {},
      "PUBLISH_CNAME_AT_OWNER",
    ],
    [
      "a delegation above",
      { rrsets: [{ subname: "mx", type: "NS", ttl: 3600, records: ["ns.x.test."] }] },
      {},
      "PUBLISH_OCCLUDED",
    ],
  ])("%s", async (_what, options, parts, code) => {
    const fake = await start(options);
    expect(await failure(apply(fake, change({ add: [OLD], ...parts })))).toMatchObject({ code, retry: "never" });
    expect(contents(fake)).toEqual([]);
  });

  test("a wrong token, without repeating it", async () => {
    const token = "wr0ng-t0ken-0123456789";
    const error = await failure(apply(await start(), change({ add: [OLD] }), { secret: secret(token) }));
    expect(error).toMatchObject({ code: "PROVIDER_UNAUTHORIZED", retry: "never" });
    expect(everythingOf(error)).not.toContain(token);
  });

  test("a good status without the change, and a lost reply", async () => {
    const idle = await start({ instead: ({ method }) => (method === "PUT" ? { status: 200, body: [] } : undefined) });
    expect((await failure(apply(idle, change({ add: [OLD] })))).code).toBe("PUBLISH_NOT_APPLIED");
    const cut = await start({ instead: ({ method }) => (method === "PUT" ? null : undefined) });
    expect((await failure(apply(cut, change({ add: [OLD] })))).code).toBe("PUBLISH_OUTCOME_UNKNOWN");
  });

  test.each<readonly [string, unknown]>([
    ["text", "hello"],
    ["an array", []],
    ["a domain without a minimum", { name: DOMAIN }],
    ["a minimum that is no number", { name: DOMAIN, minimum_ttl: "3600" }],
    ["a negative minimum", { name: DOMAIN, minimum_ttl: -1 }],
  ])("a reply that is %s is called malformed", async (_what, body) => {
    const fake = await start({ instead: () => ({ status: 200, body }) });
    expect((await failure(apply(fake, change({ add: [OLD] })))).code).toBe("PROVIDER_REPLY_MALFORMED");
  });
});
