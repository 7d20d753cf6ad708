import { describe, expect, test } from "vitest";
import { seconds } from "../../../src/base/time.ts";
import { createCloudflarePublisher } from "../../../src/publisher/providers/cloudflare.ts";
import type { CloudflareOptions } from "../../../src/publisher/providers/cloudflare.ts";
import type { ReadBack, TlsaChange } from "../../../src/publisher/publisher.ts";
import { CLOUDFLARE_TOKEN, startCloudflare } from "../../fakes/cloudflare-api.ts";
import type { FakeCloudflare, FakeRecord } from "../../fakes/cloudflare-api.ts";
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

const ZONE = { id: "a".repeat(32), name: "example.org" };
const OTHER = { id: "b".repeat(32), name: "other.test" };
const AT = "_25._tcp.mx.example.org";

function apply(fake: FakeCloudflare, wanted: TlsaChange, options: Partial<CloudflareOptions> = {}): Promise<ReadBack> {
  const access = { url: fake.url, zoneId: null, secret: secret(CLOUDFLARE_TOKEN), timeoutMs: 1_500, readBackMs: 0 };
  return createCloudflarePublisher({ ...access, ...options }).apply(wanted);
}

function contents(fake: FakeCloudflare): readonly string[] {
  return fake
    .records()
    .filter((record) => record.name === AT)
    .map(({ content }) => content)
    .sort();
}

function writes(fake: FakeCloudflare): readonly ApiCall[] {
  return fake.calls.filter(({ method }) => method !== "GET");
}

function tlsa(content: string, more: Partial<FakeRecord> = {}): Partial<FakeRecord> {
  return { name: AT, content, ...more };
}

describe("records at Cloudflare", () => {
  test("are created and deleted one by one through a rollover; those of others stay", async () => {
    const fake = await startCloudflare({ zones: [ZONE], records: [tlsa(FOREIGN_TEXT.toUpperCase())] });
    const first = await apply(fake, change({ add: [OLD] }));
    expect(first).toMatchObject({ status: "pending", ttl: 3600, signed: true, notes: [] });
    expect(first.records).toHaveLength(2);
    await apply(fake, change({ add: [NEW] }));
    await apply(fake, change({ remove: [OLD], expected: [OLD, NEW, FOREIGN] }));
    expect(contents(fake)).toEqual([NEW_TEXT, FOREIGN_TEXT.toUpperCase()]);
    expect(writes(fake).map(({ method }) => method)).toEqual(["POST", "POST", "DELETE"]);
    expect(writes(fake)[0]?.body).toEqual({
      type: "TLSA",
      name: AT,
      ttl: 3600,
      data: { usage: 3, selector: 1, matching_type: 1, certificate: "1".repeat(64) },
    });
  });

  test("what is there, and what is gone, needs no write", async () => {
    const fake = await startCloudflare({ zones: [ZONE], records: [tlsa(OLD_TEXT)] });
    await apply(fake, change({ add: [OLD] }));
    await apply(fake, change({ remove: [NEW], expected: [NEW, OLD] }));
    expect(writes(fake)).toHaveLength(0);
  });

  test("a TTL is changed in place, and one of others that differs is told", async () => {
    const fake = await startCloudflare({ zones: [ZONE], records: [tlsa(OLD_TEXT), tlsa(FOREIGN_TEXT, { ttl: 7200 })] });
    const done = await apply(fake, change({ add: [OLD], ttl: seconds(600) }));
    expect(
      fake
        .records()
        .map(({ ttl }) => ttl)
        .sort(),
    ).toEqual([600, 7200]);
    expect(done.ttl).toBe(7200);
    expect(done.notes?.map(({ code }) => code)).toEqual(["PUBLISH_TTL_CHANGED"]);
  });

  test("an automatic TTL counts as the 300 s that it is", async () => {
    const fake = await startCloudflare({ zones: [ZONE], records: [tlsa(OLD_TEXT, { ttl: 1 })] });
    expect((await apply(fake, change({ remove: [NEW], expected: [OLD] }))).ttl).toBe(300);
  });

  test("a removal that expects another RRset deletes nothing", async () => {
    const fake = await startCloudflare({ zones: [ZONE], records: [tlsa(OLD_TEXT), tlsa(FOREIGN_TEXT)] });
    const error = await failure(apply(fake, change({ remove: [OLD], expected: [OLD] })));
    expect(error).toMatchObject({ code: "PUBLISH_CONFLICT", retry: "later" });
    expect(writes(fake)).toHaveLength(0);
  });

  test("what another writer does in between is neither lost nor a failure", async () => {
    const holder: { fake: FakeCloudflare | null } = { fake: null };
    const fake = await startCloudflare({
      zones: [ZONE],
      instead: (call) => {
        if (call.method === "POST" && contents(fake).length === 0) {
          holder.fake?.put(tlsa(FOREIGN_TEXT));
          holder.fake?.put(tlsa(OLD_TEXT));
        }
        return undefined;
      },
    });
    holder.fake = fake;
    // The same record was created meanwhile: 81058 is no failure.
    expect((await apply(fake, change({ add: [OLD] }))).records).toHaveLength(2);
    expect(contents(fake)).toEqual([OLD_TEXT, FOREIGN_TEXT]);
  });

  test("a record that somebody else deleted first is gone all the same", async () => {
    const fake = await startCloudflare({
      zones: [ZONE],
      records: [tlsa(OLD_TEXT)],
      instead: (call, usual) => {
        if (call.method === "DELETE") usual();
        return undefined;
      },
    });
    expect((await apply(fake, change({ remove: [OLD], expected: [OLD] }))).records).toEqual([]);
  });

  test("records on several pages are all seen, and a filter that lets more through does no harm", async () => {
    const many = Array.from({ length: 7 }, (_, at) => tlsa(`3 1 1 ${String(at).repeat(64)}`));
    const fake = await startCloudflare({
      zones: [ZONE],
      records: [...many, { name: "www.example.org", type: "CNAME", content: "elsewhere.example" }],
      pageSize: 3,
      instead: (call) => {
        call.query.delete("name.exact");
        return undefined;
      },
    });
    const done = await apply(fake, change({ add: [FOREIGN] }));
    expect(done.records).toHaveLength(8);
  });

  test("a zone that is not signed is told as such", async () => {
    const fake = await startCloudflare({ zones: [{ ...ZONE, signed: false }] });
    expect((await apply(fake, change({ add: [OLD] }))).signed).toBe(false);
  });
});

describe("what Cloudflare would accept although it could not work", () => {
  test.each<readonly [string, Partial<TlsaChange>, readonly Partial<FakeRecord>[], string, RegExp]>([
    ["TTL 1", { ttl: seconds(1) }, [], "PROVIDER_TTL", /automatic/],
    ["a TTL below the minimum", { ttl: seconds(29) }, [], "PROVIDER_TTL", /30 to 86400/],
    ["a TTL above the maximum", { ttl: seconds(86_401) }, [], "PROVIDER_TTL", /30 to 86400/],
    ["an alias at the name", {}, [{ name: AT, type: "CNAME", content: "x.test" }], "PUBLISH_CNAME_AT_OWNER", /x\.test/],
    [
      "a proxied host",
      {},
      [{ name: "mx.example.org", type: "A", content: "192.0.2.1", proxied: true }],
      "PROVIDER_PROXIED",
      /mx\.example\.org A is proxied/,
    ],
    [
      "a proxied apex",
      { owner: name("_443._tcp.example.org") },
      [{ name: "example.org", type: "AAAA", content: "2001:db8::1", proxied: true }],
      "PROVIDER_PROXIED",
      /example\.org AAAA is proxied/,
    ],
    ["a delegation above", {}, [{ name: "mx.example.org", type: "NS" }], "PUBLISH_OCCLUDED", /mx\.example\.org/],
  ])("%s is refused, and nothing is written", async (_what, parts, records, code, words) => {
    const fake = await startCloudflare({ zones: [ZONE], records });
    const error = await failure(apply(fake, change({ add: [OLD], ...parts })));
    expect(error).toMatchObject({ code, retry: "never" });
    expect(error.message).toMatch(words);
    expect(writes(fake)).toHaveLength(0);
  });

  test("records of a host that was proxied since can still be removed", async () => {
    const proxied = { name: "mx.example.org", type: "A", content: "192.0.2.1", proxied: true };
    const fake = await startCloudflare({ zones: [ZONE], records: [proxied, tlsa(OLD_TEXT)] });
    expect((await apply(fake, change({ remove: [OLD], expected: [OLD] }))).records).toEqual([]);
  });

  test("a TTL that only larger plans have is refused in Cloudflare's words", async () => {
    const fake = await startCloudflare({ zones: [ZONE] });
    const error = await failure(apply(fake, change({ add: [OLD], ttl: seconds(30) })));
    expect(error.code).toBe("PROVIDER_INVALID");
    expect(error.message).toContain("TTL must be between 60 and 86400 seconds");
  });

  test.each([
    ["pending", "full"],
    ["moved", "full"],
    ["active", "partial"],
    ["active", "secondary"],
  ])("a zone that is %s and %s is refused", async (status, type) => {
    const fake = await startCloudflare({ zones: [{ ...ZONE, status, type }] });
    expect((await failure(apply(fake, change({ add: [OLD] })))).code).toBe("PROVIDER_ZONE_NOT_PRIMARY");
  });
});

describe("zones and tokens", () => {
  test("a zone that the token cannot see, or that is there twice, is named", async () => {
    const none = await startCloudflare({ zones: [OTHER] });
    expect((await failure(apply(none, change({ add: [OLD] })))).code).toBe("PROVIDER_ZONE_UNKNOWN");
    const twice = await startCloudflare({ zones: [ZONE, { ...ZONE, id: "c".repeat(32) }] });
    const error = await failure(apply(twice, change({ add: [OLD] })));
    expect(error.code).toBe("PROVIDER_ZONE_AMBIGUOUS");
    expect(error.message).toContain("c".repeat(32));
    await apply(twice, change({ add: [OLD] }), { zoneId: ZONE.id });
  });

  test("with a zone id a token that sees no zones will do", async () => {
    const fake = await startCloudflare({ zones: [ZONE], recordsOnly: true });
    expect(await apply(fake, change({ add: [OLD] }), { zoneId: ZONE.id })).toMatchObject({ signed: false });
    expect(contents(fake)).toEqual([OLD_TEXT]);
  });

  test("a zone id of another zone is refused; where that is seen only afterwards, the misplaced record is deleted", async () => {
    const seen = await startCloudflare({ zones: [OTHER] });
    const early = await failure(apply(seen, change({ add: [OLD] }), { zoneId: OTHER.id }));
    expect(early.code).toBe("PROVIDER_ZONE_MISMATCH");
    expect(writes(seen)).toHaveLength(0);
    const unseen = await startCloudflare({ zones: [OTHER], recordsOnly: true });
    const late = await failure(apply(unseen, change({ add: [OLD] }), { zoneId: OTHER.id }));
    expect(late.code).toBe("PROVIDER_ZONE_MISMATCH");
    expect(late.message).toContain(`${AT}.other.test`);
    expect(unseen.records()).toEqual([]);
  });

  test("a zone id that is none is named", async () => {
    const fake = await startCloudflare({ zones: [ZONE] });
    const error = await failure(apply(fake, change({ add: [OLD] }), { zoneId: "d".repeat(32) }));
    expect(error.code).toBe("PROVIDER_ZONE_UNKNOWN");
  });

  test.each([
    ["a token in no form of theirs", "short", "PROVIDER_UNAUTHORIZED"],
    ["an unknown token", "x".repeat(40), "PROVIDER_UNAUTHORIZED"],
  ])("%s is refused without repeating it", async (_what, token, code) => {
    const fake = await startCloudflare({ zones: [ZONE] });
    const error = await failure(apply(fake, change({ add: [OLD] }), { secret: secret(token) }));
    expect(error.code).toBe(code);
    expect(everythingOf(error)).not.toContain(token);
  });
});

describe("a good status is not believed", () => {
  test("a record that is not there afterwards was not published", async () => {
    const fake = await startCloudflare({
      zones: [ZONE],
      instead: ({ method }) =>
        method === "POST" ? { status: 200, body: { success: true, result: { id: "1", name: AT } } } : undefined,
    });
    expect((await failure(apply(fake, change({ add: [OLD] })))).code).toBe("PUBLISH_NOT_APPLIED");
  });

  test("a lost reply is settled by reading", async () => {
    const fake = await startCloudflare({
      zones: [ZONE],
      instead: ({ method }, usual) => {
        if (method !== "POST") return undefined;
        usual();
        return null;
      },
    });
    expect((await apply(fake, change({ add: [OLD] }))).records).toHaveLength(1);
  });

  test.each<readonly [string, unknown]>([
    ["text", "hello"],
    ["an array", []],
    ["no success", { result: [] }],
    ["success as text", { success: "true", result: [] }],
    ["no result", { success: true }],
    ["a result of another kind", { success: true, result: { id: 7 } }],
  ])("a reply that is %s is called malformed", async (_what, body) => {
    const fake = await startCloudflare({ zones: [ZONE], instead: () => ({ status: 200, body }) });
    expect((await failure(apply(fake, change({ add: [OLD] })))).code).toBe("PROVIDER_REPLY_MALFORMED");
  });

  test("a rate limit beyond the time-out says when to come again", async () => {
    const fake = await startCloudflare({
      zones: [ZONE],
      instead: () => ({ status: 429, headers: { "retry-after": "240" }, body: { success: false } }),
    });
    expect(await failure(apply(fake, change({ add: [OLD] })))).toMatchObject({
      code: "PROVIDER_RATE_LIMITED",
      retry: 240,
    });
  });
});
