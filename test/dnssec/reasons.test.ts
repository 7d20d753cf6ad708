/** What a verdict tells the people who must mend it. */
import { describe, expect, test } from "vitest";
import { formatHex } from "../../src/base/bytes.ts";
import { RCODE } from "../../src/dns/iana.ts";
import { decodeDs, encodeDs } from "../../src/dns/rdata.ts";
import type { DsRdata } from "../../src/dns/rdata.ts";
import { instead, judge } from "./world-judge.ts";
import { buildWorld } from "./zone-builder.ts";
import type { World } from "./zone-builder.ts";
import { createKey, dsOf } from "./zone-keys.ts";
import { nameOf } from "./corpus.ts";

const KEY = createKey();
const HOST = "www.test. A";

function dsOfTest(): DsRdata {
  const ds = decodeDs(dsOf(nameOf("test."), KEY));
  if (!ds.ok) throw new Error(ds.fault.message);
  return ds.value;
}

function worldWith(ds?: DsRdata): World {
  return buildWorld([
    { name: ".", keys: [KEY] },
    { name: "test.", keys: [KEY], records: ["www A 192.0.2.1"], ...(ds === undefined ? {} : { ds: [encodeDs(ds)] }) },
  ]);
}

describe("a resolver that knows no keys of the root", () => {
  test.each([
    ["NXDOMAIN", RCODE.NXDOMAIN],
    ["NOERROR", RCODE.NOERROR],
  ])("with %s is named as what it is, and nobody is sent to the registrar", (name, rcode) => {
    const tamper = instead(". DNSKEY", (honest) => ({ ...honest, rcode, answer: [], authority: [] }));
    const { status, reasons } = judge(worldWith(), HOST, { tamper });
    expect([status, reasons[0]?.code]).toEqual(["indeterminate", "DNSSEC_RESOLVER_STRIPS"]);
    expect(reasons[0]?.message).toContain(name);
    expect(reasons[0]?.hint).not.toContain("registrar");
  });
});

describe("a DS record that fits no key", () => {
  test("shows both digests when only these differ", () => {
    const right = dsOfTest();
    const wrong = { ...right, digest: right.digest.map((octet) => octet ^ 1) };
    const { status, reasons } = judge(worldWith(wrong), HOST);
    expect([status, reasons[0]?.code]).toEqual(["bogus", "DNSSEC_KEY_MISSING"]);
    expect(reasons[0]?.message).toContain(formatHex(right.digest));
    expect(reasons[0]?.message).toContain(formatHex(wrong.digest));
    expect(reasons[0]?.hint).toContain("registrar");
  });

  test("names the keys that are there when its own is not", () => {
    const right = dsOfTest();
    const { reasons } = judge(worldWith({ ...right, keyTag: (right.keyTag + 1) & 0xffff }), HOST);
    expect(reasons[0]?.message).toContain(`found ${String(right.keyTag)} `);
  });
});

test("an anchor that fits no key is the anchor's affair, not the registrar's", () => {
  const world = worldWith();
  const zone = nameOf("test.");
  const right = dsOfTest();
  const anchor = { zone, ds: [{ ...right, digest: right.digest.map(() => 0) }], dnskeys: [], source: "root.key" };
  const { reasons } = judge({ ...world, anchors: new Map([[zone, anchor]]) }, HOST);
  expect(reasons[0]?.code).toBe("DNSSEC_KEY_MISSING");
  expect(reasons[0]?.hint).toContain("the anchor may be outdated");
});
