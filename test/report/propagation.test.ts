import { describe, expect, test } from "vitest";
import { fault } from "../../src/base/errors.ts";
import { addSeconds, instant, seconds } from "../../src/base/time.ts";
import { CLASS, TYPE } from "../../src/dns/iana.ts";
import { judgePropagation, renderPropagationJson, renderPropagationText } from "../../src/report/propagation.ts";
import type { OwnerView, ServerAnswer, ServerFailure, ServerView } from "../../src/resolver/server-view.ts";
import { name } from "../fakes/scripted-dns.ts";

const NOW = instant(1_790_000_000_000);
const OWNER = name("_25._tcp.mx.example.org");

interface Said {
  readonly set?: readonly number[];
  readonly ttl?: number;
  readonly serial?: number | null;
  readonly signed?: boolean;
  readonly expires?: number | null;
  readonly aa?: boolean;
}

function answer({ set = [1], ttl = 300, serial = 7, signed = true, expires = 3600, aa = true }: Said): ServerAnswer {
  const rdatas = set.map((octet) => Uint8Array.of(3, 1, 1, octet));
  const rrset =
    set.length === 0
      ? null
      : { name: OWNER, type: TYPE.TLSA, class: CLASS.IN, ttl: seconds(ttl), rdatas, signatures: [] };
  return {
    outcome: "answer",
    at: NOW,
    authoritative: aa,
    rcode: 0,
    rrset,
    negativeTtl: rrset === null ? seconds(60) : null,
    serial,
    signed: rrset === null ? null : signed,
    signatureExpires: rrset === null || expires === null ? null : addSeconds(NOW, seconds(expires)),
  };
}

const silent: ServerFailure = { outcome: "failed", at: NOW, fault: fault("DNS_TIMEOUT", "it did not answer") };

function view(...said: readonly (Said | "silent")[]): OwnerView {
  const servers = said.map((one, at): ServerView => {
    const server = { name: name(`ns${String(at + 1)}.example.org`), address: `192.0.2.${String(at + 1)}`, port: 53 };
    return { server, said: one === "silent" ? silent : answer(one) };
  });
  return { owner: OWNER, type: TYPE.TLSA, aliases: [], finalOwner: OWNER, zone: name("example.org"), servers };
}

describe("over several looks", () => {
  const looks = (...said: readonly (readonly (Said | "silent")[])[]): ReturnType<typeof judgePropagation> => {
    const views = said.map((one) => view(...one));
    const last = views.at(-1);
    if (last === undefined) throw new Error("no look");
    return judgePropagation(last, NOW, views.slice(0, -1));
  };

  test.each<readonly [string, readonly (readonly (Said | "silent")[])[], string, number, number]>([
    [
      "always well",
      [
        [{}, {}],
        [{}, {}],
        [{}, {}],
      ],
      "in-sync",
      3,
      0,
    ],
    [
      "an older zone behind a newer one",
      [
        [{ serial: 8 }, { serial: 8 }],
        [{ serial: 8 }, { serial: 7, set: [2] }],
      ],
      "regresses",
      1,
      1,
    ],
    [
      "back to the new zone at the last look",
      [
        [{}, {}],
        [{}, { serial: 6, set: [2] }],
        [{}, {}],
      ],
      "regresses",
      2,
      1,
    ],
    [
      "behind at the first look only",
      [
        [{}, { serial: 6, set: [2] }],
        [{}, {}],
      ],
      "lags",
      1,
      1,
    ],
    [
      "silent once",
      [
        [{}, "silent"],
        [{}, {}],
      ],
      "failed",
      1,
      1,
    ],
    [
      "another set under the same serial once",
      [
        [{}, { set: [2] }],
        [{}, {}],
      ],
      "contradicts",
      1,
      2,
    ],
  ])("a server that is %s", (_, said, condition, goodPolls, exit) => {
    const report = looks(...said);
    expect(report.rows[1]).toMatchObject({ condition, goodPolls });
    expect([report.exit, report.polls]).toEqual([exit, said.length]);
  });

  test("the text names the looks that were not good", () => {
    const text = renderPropagationText(
      looks([{ serial: 8 }, { serial: 8 }], [{ serial: 8 }, { serial: 7, set: [2] }]),
      {
        color: false,
      },
    );
    expect(text).toContain("1 of 2 addresses went back to an older zone");
    expect(text).toContain("ns2.example.org 192.0.2.2: good at 1 of 2 looks\n");
  });
});

test("a hidden primary that is ahead shows that all name servers lag, signed or not", () => {
  const behind = view({}, {});
  const server = { name: name("primary"), address: "198.51.100.1", port: 53, hidden: true } as const;
  const ahead = { server, said: answer({ serial: 9, set: [1, 2], signed: false, expires: null }) };
  const report = judgePropagation({ ...behind, servers: [ahead, ...behind.servers] }, NOW);
  expect(report.rows.map((row) => row.condition)).toEqual(["in-sync", "lags", "lags"]);
  expect(report.exit).toBe(1);
  expect(renderPropagationText(report, { color: false })).toContain("(hidden primary)");
});

describe("what the servers serve", () => {
  test.each<readonly [string, readonly (Said | "silent")[], readonly string[], number]>([
    ["all the same", [{}, {}], ["in-sync", "in-sync"], 0],
    ["the same under other serials", [{ serial: 7 }, { serial: 9 }], ["in-sync", "in-sync"], 0],
    ["the same set in another order", [{ set: [1, 2] }, { set: [2, 1] }], ["in-sync", "in-sync"], 0],
    ["one lags", [{ serial: 8, set: [1, 2] }, { serial: 7 }], ["in-sync", "lags"], 1],
    ["the newest zone counts wherever it is", [{ serial: 7 }, { serial: 8, set: [1, 2] }], ["lags", "in-sync"], 1],
    ["serials wrap around", [{ serial: 4_294_967_295 }, { serial: 3, set: [2] }], ["lags", "in-sync"], 1],
    ["an unknown serial is the oldest", [{ serial: null, set: [2] }, { serial: 3 }], ["lags", "in-sync"], 1],
    ["another TTL lags too", [{ serial: 8, ttl: 600 }, { serial: 7 }], ["in-sync", "lags"], 1],
    ["one has nothing yet", [{ serial: 8 }, { serial: 7, set: [] }], ["in-sync", "lags"], 1],
    ["one is silent", [{}, "silent"], ["in-sync", "failed"], 1],
    ["nothing anywhere", [{ set: [] }, { set: [] }], ["in-sync", "in-sync"], 1],
    ["another set under the same serial", [{}, { set: [2] }], ["in-sync", "contradicts"], 2],
    ["no RRSIG", [{}, { signed: false, expires: null }], ["in-sync", "unsigned"], 2],
    ["an expired RRSIG", [{}, { signed: false, expires: -60 }], ["in-sync", "invalid"], 2],
    ["not authoritative", [{}, { aa: false, serial: 99 }], ["in-sync", "not-authoritative"], 2],
    ["critical outweighs silent", ["silent", { signed: false, expires: null }], ["failed", "unsigned"], 2],
    ["all silent", ["silent", "silent"], ["failed", "failed"], 3],
  ])("%s", (_, said, conditions, exit) => {
    const report = judgePropagation(view(...said), NOW);
    expect(report.rows.map((row) => row.condition)).toEqual(conditions);
    expect(report.exit).toBe(exit);
  });

  test("is told as a table in which the same RRset has the same letter", () => {
    const seen = view({ serial: 8, set: [1, 2] }, { serial: 7 }, { serial: 8, set: [2, 1] }, "silent");
    const alias = { alias: OWNER, target: name("_dane.example.net"), ttl: seconds(90) };
    const text = renderPropagationText(judgePropagation({ ...seen, aliases: [alias] }, NOW), { color: false });
    expect(text)
      .toBe(`WARNING: _25._tcp.mx.example.org TLSA: 1 of 4 addresses serves another RRset than the newest zone; 1 of 4 addresses did not answer
alias  _25._tcp.mx.example.org -> _dane.example.net (TTL 1m 30s)
zone   example.org

STATE    NAME SERVER      ADDRESS    RRSET  TTL  SERIAL  RRSIG
in-sync  ns1.example.org  192.0.2.1  A      5m   8       until 2026-09-21 15:13:20Z (in 1h)
lags     ns2.example.org  192.0.2.2  B      5m   7       until 2026-09-21 15:13:20Z (in 1h)
in-sync  ns3.example.org  192.0.2.3  A      5m   8       until 2026-09-21 15:13:20Z (in 1h)
failed   ns4.example.org  192.0.2.4  ?      ?    ?       ?

A  3 1 1 01
   3 1 1 02
B  3 1 1 01

ns4.example.org 192.0.2.4: it did not answer
  hint: check that it runs and that the network lets DNS through
`);
  });

  test("carries colour only when asked for", () => {
    const report = judgePropagation(view({}), NOW);
    expect(renderPropagationText(report, { color: false })).not.toContain("\u001b");
    expect(renderPropagationText(report, { color: true })).toContain("\u001b[32mOK");
  });

  test("names a server without an address by null in JSON", () => {
    const { servers, ...rest } = view("silent");
    const unknown = servers.map((one) => ({ ...one, server: { ...one.server, address: "" } }));
    const report = judgePropagation({ ...rest, servers: unknown }, NOW);
    expect(JSON.parse(renderPropagationJson(report))).toMatchObject({
      exit: 3,
      servers: [{ address: null, condition: "failed", error: { code: "DNS_TIMEOUT" } }],
    });
    expect(renderPropagationText(report, { color: false })).toContain("(unknown)");
  });
});

test("an RRset that is nowhere is said to be unpublished", () => {
  const { summary } = judgePropagation(view({ set: [] }, { set: [] }), NOW);
  expect(summary).toBe("no such RRset on any of 2 addresses: nothing is published");
});
