/**
 * The publisher over PowerDNS's API where the real server of the laboratory cannot show it: servers that can change
 * single records (4.9.12, 5.0.2; pull request 16589 of PowerDNS/pdns: `EXTEND` and `PRUNE` take exactly one record and
 * do nothing when it is there, or gone), and replies that no server should give.
 */
import { describe, expect, test } from "vitest";
import { seconds } from "../../../src/base/time.ts";
import { createPowerDnsPublisher } from "../../../src/publisher/providers/powerdns.ts";
import type { ReadBack, TlsaChange } from "../../../src/publisher/publisher.ts";
import { startHttpApi } from "../../fakes/http-api.ts";
import type { ApiAnswer, ApiCall, FakeApi } from "../../fakes/http-api.ts";
import { change, failure, FOREIGN, FOREIGN_TEXT, NEW, NEW_TEXT, OLD, OLD_TEXT, secret } from "./sample.ts";

interface Rrset {
  readonly changetype: string;
  readonly ttl?: number;
  readonly records?: readonly { readonly content: string; readonly disabled: boolean }[];
}

interface FakePowerDns extends FakeApi {
  readonly contents: () => readonly string[];
  readonly changes: () => readonly Rrset[];
}

interface FakeOptions {
  readonly version: string;
  readonly contents?: readonly string[];
  /** Adds a record of another writer just before the first change is carried out. */
  readonly intruder?: string;
  readonly instead?: (call: ApiCall) => ApiAnswer | undefined;
}

async function start(options: FakeOptions): Promise<FakePowerDns> {
  let contents = options.contents ?? [];
  let ttl = 3600;
  const changes: Rrset[] = [];
  const patch = (call: ApiCall): ApiAnswer => {
    if (options.intruder !== undefined && changes.length === 0) contents = [...contents, options.intruder];
    const [rrset] = (call.body as { readonly rrsets: readonly Rrset[] }).rrsets;
    if (rrset === undefined) return { status: 422 };
    changes.push(rrset);
    const given = (rrset.records ?? []).map(({ content }) => content);
    ttl = rrset.ttl ?? ttl;
    if (rrset.changetype === "EXTEND") contents = [...new Set([...contents, ...given])];
    if (rrset.changetype === "PRUNE") contents = contents.filter((content) => !given.includes(content));
    if (rrset.changetype === "REPLACE") contents = given;
    if (rrset.changetype === "DELETE") contents = [];
    return { status: 204 };
  };
  const api = await startHttpApi((call) => {
    const other = options.instead?.(call);
    if (other !== undefined) return other;
    if (call.method === "PATCH") return patch(call);
    if (call.path.endsWith("/localhost")) return { status: 200, body: { version: options.version } };
    if (call.path.endsWith("/search-data")) return { status: 200, body: [] };
    const name = "_25._tcp.mx.example.org.";
    const records = contents.map((content) => ({ content, disabled: false }));
    const rrsets =
      call.query.get("rrset_name") === name && records.length > 0 ? [{ name, type: "TLSA", ttl, records }] : [];
    return { status: 200, body: { kind: "Native", dnssec: true, soa_edit_api: "", serial: 1, rrsets } };
  });
  return { ...api, contents: () => [...contents].sort(), changes: () => changes };
}

function apply(fake: FakeApi, wanted: TlsaChange): Promise<ReadBack> {
  const access = { url: fake.url, serverId: "localhost", secret: secret("key"), timeoutMs: 1_000, readBackMs: 0 };
  return createPowerDnsPublisher(access).apply(wanted);
}

describe("a server that can change single records", () => {
  test.each(["4.9.12", "4.9.13", "5.0.2", "5.1.0-alpha1", "6.0.0"])(
    "%s is asked to, and what another writer adds meanwhile stays",
    async (version) => {
      const fake = await start({ version, contents: [OLD_TEXT], intruder: FOREIGN_TEXT });
      await apply(fake, change({ add: [NEW] }));
      expect(fake.contents()).toEqual([OLD_TEXT, NEW_TEXT, FOREIGN_TEXT]);
      await apply(fake, change({ remove: [OLD], expected: [OLD, NEW, FOREIGN] }));
      expect(fake.contents()).toEqual([NEW_TEXT, FOREIGN_TEXT]);
      expect(fake.changes().map(({ changetype }) => changetype)).toEqual(["EXTEND", "PRUNE"]);
    },
  );

  test("each change names one record, and none that is there already", async () => {
    const fake = await start({ version: "5.0.2", contents: [OLD_TEXT] });
    await apply(fake, change({ add: [OLD, NEW, FOREIGN] }));
    expect(fake.changes().map(({ records }) => records?.map(({ content }) => content))).toEqual([
      [NEW_TEXT],
      [FOREIGN_TEXT],
    ]);
  });

  test("a TTL is changed by replacing", async () => {
    const fake = await start({ version: "5.0.2", contents: [OLD_TEXT] });
    await apply(fake, change({ add: [NEW], ttl: seconds(600) }));
    expect(fake.changes().map(({ changetype }) => changetype)).toEqual(["REPLACE"]);
    expect(fake.contents()).toEqual([OLD_TEXT, NEW_TEXT]);
  });

  test.each(["4.7.3", "4.9.11", "4.8.20", "5.0.1", "5.0", "0.0.1234g", "", "master"])(
    "%j is taken for one that replaces",
    async (version) => {
      const fake = await start({ version, contents: [OLD_TEXT] });
      await apply(fake, change({ add: [NEW] }));
      expect(fake.changes().map(({ changetype }) => changetype)).toEqual(["REPLACE"]);
    },
  );
});

describe("replies that no server should give", () => {
  test.each<readonly [string, unknown]>([
    ["text", "hello"],
    ["an array", []],
    ["no RRsets", { kind: "Native" }],
    ["RRsets of another kind", { rrsets: { a: 1 } }],
  ])("%s is called malformed", async (_what, body) => {
    const instead = (call: ApiCall): ApiAnswer | undefined =>
      call.query.has("rrset_name") ? { status: 200, body } : undefined;
    const fake = await start({ version: "4.7.3", instead });
    expect((await failure(apply(fake, change({ add: [OLD] })))).code).toBe("PROVIDER_REPLY_MALFORMED");
  });

  test("records of strange shapes are passed over, never taken for ours", async () => {
    const name = "_25._tcp.mx.example.org.";
    const records = [null, 7, {}, { content: 7 }, { content: OLD_TEXT, disabled: true }, { content: "not a record" }];
    const rrsets = [null, "x", { name: 7 }, { name, type: "TLSA", ttl: "60", records }];
    const instead = (call: ApiCall): ApiAnswer | undefined =>
      call.query.has("rrset_name") ? { status: 200, body: { rrsets } } : undefined;
    const fake = await start({ version: "4.7.3", instead });
    const error = await failure(apply(fake, change({ add: [OLD] })));
    expect(error.code).toBe("PUBLISH_NOT_APPLIED");
    expect(fake.contents()).toEqual([OLD_TEXT, "not a record"]);
  });

  test("a refusal is told in the server's words", async () => {
    const instead = ({ method }: ApiCall): ApiAnswer | undefined =>
      method === "PATCH" ? { status: 422, body: { error: "Record too strange" } } : undefined;
    const error = await failure(apply(await start({ version: "4.7.3", instead }), change({ add: [OLD] })));
    expect(error).toMatchObject({ code: "PROVIDER_INVALID", retry: "never" });
    expect(error.message).toContain("Record too strange");
  });
});
