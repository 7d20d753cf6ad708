import { describe, expect, test } from "vitest";
import { instant, seconds } from "../../src/base/time.ts";
import { renderEvent } from "../../src/report/event-text.ts";
import { renderPreviews } from "../../src/report/preview-text.ts";
import type { Preview } from "../../src/report/preview-text.ts";
import { chainId, recordText } from "../../src/rollover/chain.ts";
import { nameOf } from "../fakes/driver-world.ts";

const NOON = instant(Date.UTC(2026, 10, 22, 12, 0, 0));
const HEX = "9a590dfa1b2c".padEnd(64, "0");
const OWNER = nameOf("_25._tcp.mx.example.org");

describe("an event for a person who watches", () => {
  test.each([
    [
      "publish",
      { owner: OWNER, records: [`3 1 1 ${HEX}`], result: "done" },
      `published 3 1 1 9a590dfa1b2c… at _25._tcp.mx.example.org`,
    ],
    [
      "withdraw",
      { owner: OWNER, records: [`3 1 1 ${HEX}`], result: "done" },
      `withdrew 3 1 1 9a590dfa1b2c… at _25._tcp.mx.example.org`,
    ],
    [
      "publish",
      { owner: OWNER, records: [`3 1 1 ${HEX}`], result: "done", notes: ["PUBLISH_TTL_CHANGED: the TTL is 1h"] },
      `published 3 1 1 9a590dfa1b2c… at _25._tcp.mx.example.org; note: PUBLISH_TTL_CHANGED: the TTL is 1h`,
    ],
    ["store", { chain: HEX, result: "done" }, "copied the certificate and its key into the deployment store"],
    ["deploy", { chain: HEX, result: "done" }, "swapped the files and reloaded the services"],
    [
      "deploy",
      { chain: HEX, result: "failed", code: "RELOAD_FAILED", detail: '"postfix reload" ended with exit code 1' },
      'swapping the files failed: "postfix reload" ended with exit code 1 [RELOAD_FAILED]',
    ],
    ["record-vanished", { detail: `3 1 1 ${HEX} is gone` }, "record vanished: 3 1 1 9a590dfa1b2c… is gone"],
    ["held", { detail: "two\nlines" }, "held: two lines"],
  ])("%s", (event, detail, words) => {
    expect(renderEvent({ at: NOON, certificate: "mx", event, detail })).toBe(`mx: ${words}\n`);
  });
});

describe("a dry run", () => {
  const id = chainId(HEX);
  const chain = {
    id,
    certificates: [],
    records: [recordText(`3 1 1 ${HEX}`)],
    subject: "mx.example.org",
    notBefore: NOON,
    notAfter: instant(NOON + 86_400_000),
    hasFiles: true,
  };
  const change = { owner: OWNER, finalOwner: OWNER, zone: nameOf("example.org"), ttl: seconds(60) };
  const records = [recordText(`3 1 1 ${HEX}`)];
  const preview: Preview = {
    certificate: "mx",
    phase: "deploying",
    actions: [
      { kind: "store", chain: id },
      { kind: "publish", ...change, add: records },
      { kind: "withdraw", ...change, remove: records, expected: records },
      { kind: "deploy", chain: id },
    ],
    refusals: [{ gate: "dane", code: "NS_LAGGING", until: null, detail: `ns2 lacks 3 1 1 ${HEX}` }],
    chains: [chain],
    deploy: "/etc/ssl/daneward/mx",
  };

  test("is sentences", () => {
    const certificate = "the certificate 3 1 1 9a590dfa1b2c…, mx.example.org, valid until 2026-11-23 12:00:00Z (in 1d)";
    expect(renderPreviews([preview], NOON)).toBe(
      [
        "mx: deploying",
        `  would store ${certificate}`,
        "  would publish 3 1 1 9a590dfa1b2c… at _25._tcp.mx.example.org",
        "  would withdraw 3 1 1 9a590dfa1b2c… at _25._tcp.mx.example.org",
        `  would swap /etc/ssl/daneward/mx to ${certificate} and reload the services`,
        "  waits: ns2 lacks 3 1 1 9a590dfa1b2c… [dane: NS_LAGGING]",
        "",
      ].join("\n"),
    );
  });

  test("of nothing says so", () => {
    expect(renderPreviews([{ ...preview, actions: [], refusals: [] }], NOON)).toBe(
      "mx: deploying; nothing to do now\n",
    );
    expect(renderPreviews([], NOON)).toContain("nothing is due");
  });
});
