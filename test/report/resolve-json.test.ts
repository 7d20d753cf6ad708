import { expect, test } from "vitest";
import { fault } from "../../src/base/errors.ts";
import { seconds } from "../../src/base/time.ts";
import { RCODE, TYPE } from "../../src/dns/iana.ts";
import { renderResolveJson } from "../../src/report/resolve-json.ts";
import { dn } from "../fakes/resolver.ts";
import { answerLink, DOWN_TO_ZONE, OWNER, reason, reportOf, usable, validation } from "./validations.ts";

const HEAD = { schema: "daneward/resolve/1", at: "2026-11-22T12:00:00Z", name: OWNER, type: "TLSA" };
const UNUSABLE = { rcode: null, finalName: null, records: [], denial: false, negativeTtl: null };

test("a secure answer: records, the chain, times in RFC 3339", () => {
  const chain = [...DOWN_TO_ZONE.slice(4, 5), answerLink()];
  const text = renderResolveJson(reportOf(usable(validation("secure", { chain }))));
  expect(text.endsWith("}\n")).toBe(true);
  expect(JSON.parse(text)).toEqual({
    ...HEAD,
    exit: 0,
    trust: "local",
    status: "secure",
    rcode: "NOERROR",
    finalName: OWNER,
    records: [{ name: OWNER, type: "TLSA", ttl: 3600, data: `3 1 1 ${"ab".repeat(32)}` }],
    denial: false,
    negativeTtl: null,
    reasons: [],
    chain: [
      {
        kind: "ds",
        zone: "org.",
        name: "example.org.",
        type: "DS",
        status: "secure",
        keys: [{ keyTag: 12345, algorithm: 13, digestType: 2, flags: null, used: true }],
        signature: {
          signer: "org.",
          keyTag: 1342,
          algorithm: 13,
          inception: "2026-11-17T12:00:00Z",
          expiration: "2026-12-01T12:00:00Z",
        },
        message: "",
      },
      {
        kind: "answer",
        zone: "example.org.",
        name: OWNER,
        type: "TLSA",
        status: "secure",
        keys: [],
        signature: {
          signer: "example.org.",
          keyTag: 54321,
          algorithm: 13,
          inception: "2026-11-17T12:00:00Z",
          expiration: "2026-12-01T12:00:00Z",
        },
        message: "",
      },
    ],
    signaturesExpire: "2026-12-01T12:00:00Z",
  });
});

test("a denial at the end of an alias: the alias among the records, denial true", () => {
  const aliases = [{ alias: OWNER, target: dn("gone.example.org"), ttl: seconds(60) }];
  const answer = usable(validation("secure", { signaturesExpire: null }), {
    rcode: RCODE.NXDOMAIN,
    rrset: null,
    aliases,
    finalName: dn("gone.example.org"),
    negativeTtl: seconds(300),
  });
  expect(JSON.parse(renderResolveJson(reportOf(answer)))).toMatchObject({
    rcode: "NXDOMAIN",
    finalName: "gone.example.org.",
    records: [{ name: OWNER, type: "CNAME", ttl: 60, data: "gone.example.org." }],
    denial: true,
    negativeTtl: 300,
    signaturesExpire: null,
  });
});

test("a bogus answer: reasons with zone and extended error, no data", () => {
  const why = reason("DNSSEC_SIGNATURE_MISSING", "example.org", "no signature", 10);
  const given = validation("bogus", { chain: [], reasons: [why], signaturesExpire: null });
  const answer = { status: "bogus", name: OWNER, type: TYPE.TLSA, reasons: [why], validation: given } as const;
  expect(JSON.parse(renderResolveJson(reportOf(answer)))).toEqual({
    ...HEAD,
    ...UNUSABLE,
    exit: 2,
    trust: "local",
    status: "bogus",
    reasons: [{ code: why.code, zone: "example.org.", message: "no signature", hint: why.hint, ede: 10 }],
    chain: [],
    signaturesExpire: null,
  });
});

test("a reason that validation had no part in has neither zone nor extended error", () => {
  const reasons = [fault("DNS_TIMEOUT", "silence", "wait")];
  const answer = { status: "indeterminate", name: OWNER, type: TYPE.TLSA, reasons } as const;
  expect(JSON.parse(renderResolveJson(reportOf(answer, { trust: "ad" })))).toEqual({
    ...HEAD,
    ...UNUSABLE,
    exit: 3,
    trust: "ad",
    status: "indeterminate",
    reasons: [{ code: "DNS_TIMEOUT", zone: null, message: "silence", hint: "wait" }],
    chain: [],
    signaturesExpire: null,
  });
});
