import { describe, expect, test } from "vitest";
import { fault } from "../../src/base/errors.ts";
import { instant, seconds } from "../../src/base/time.ts";
import { RCODE, TYPE } from "../../src/dns/iana.ts";
import type { ChainLink, Reason } from "../../src/dnssec/verdict.ts";
import { exitOf } from "../../src/report/resolve-model.ts";
import type { ResolveReport } from "../../src/report/resolve-model.ts";
import { renderResolveJson } from "../../src/report/resolve-json.ts";
import { renderResolveText } from "../../src/report/resolve-text.ts";
import type { ResolveTextOptions } from "../../src/report/resolve-text.ts";
import { dn } from "../fakes/resolver.ts";
import {
  answerLink,
  dnskey,
  DOWN_TO_ZONE,
  inDays,
  link,
  OWNER,
  reason,
  reportOf,
  signatureOf,
  usable,
  validation,
} from "./validations.ts";

function render(report: ResolveReport, options: Partial<ResolveTextOptions> = {}): string {
  return renderResolveText(report, { quiet: false, verbose: false, color: false, unicode: false, ...options });
}

const UNTIL = "until 2026-12-01 12:00:00Z (in 9d)";
const RECORD = `_25._tcp.mx.example.org. 3600 IN TLSA 3 1 1 ${"ab".repeat(32)}`;
const SECURE = reportOf(usable(validation("secure", { chain: [...DOWN_TO_ZONE, answerLink()] })));

function bogus(chain: readonly ChainLink[], ...reasons: readonly Reason[]): ResolveReport {
  const given = validation("bogus", { chain, reasons, signaturesExpire: null });
  return reportOf({ status: "bogus", name: OWNER, type: TYPE.TLSA, reasons, validation: given });
}

function insecure(end: ChainLink, why: Reason): ResolveReport {
  const given = validation("insecure", { chain: [...DOWN_TO_ZONE.slice(0, 4), end], reasons: [why] });
  return reportOf(usable(given, { status: "insecure" }));
}

const CUT = link({
  kind: "insecure",
  zone: dn("org"),
  name: dn("example.org"),
  type: TYPE.DS,
  status: "insecure",
  signature: signatureOf("org", 1342, 13),
  message: "org delegates example.org without a DS record",
});

const UNSIGNED = insecure(CUT, reason("DNSSEC_UNSIGNED_DELEGATION", "example.org", CUT.message, null));

const WRONG_DS = reason("DNSSEC_KEY_MISSING", "example.org", "expected 12345; found 54321, 777", 9);
const WRONG_KEYS: readonly ChainLink[] = [
  ...DOWN_TO_ZONE.slice(0, -1),
  link({
    kind: "dnskey",
    zone: dn("example.org"),
    name: dn("example.org"),
    type: TYPE.DNSKEY,
    status: "bogus",
    keys: [dnskey(54321, 13, false), dnskey(777, 13, false, 256)],
    message: WRONG_DS.message,
  }),
];

describe("a secure answer", () => {
  test("is a ladder of one line a link from the anchor down, the records, and what it comes to", () => {
    expect(render(SECURE)).toBe(`_25._tcp.mx.example.org TLSA  secure
  ok  .                        DS      trust anchor 20326 RSASHA256 SHA-256, 38696 RSASHA256 SHA-256, built in
  ok  .                        DNSKEY  38696 RSASHA256; key set signed by 38696 ${UNTIL}
  ok  org                      DS      26974 ECDSAP256SHA256/SHA-256; signed by . 26470 ${UNTIL}
  ok  org                      DNSKEY  26974 ECDSAP256SHA256; key set signed by 26974 ${UNTIL}
  ok  example.org              DS      12345 ECDSAP256SHA256/SHA-256; signed by org 1342 ${UNTIL}
  ok  example.org              DNSKEY  12345 ECDSAP256SHA256; key set signed by 12345 ${UNTIL}
  ok  _25._tcp.mx.example.org  TLSA    signed by example.org 54321 ${UNTIL}

${RECORD}

=> secure: _25._tcp.mx.example.org has 1 TLSA record; every link from the trust anchor down is proved
`);
  });

  test("says nothing when quiet", () => {
    expect(render(SECURE, { quiet: true })).toBe("");
  });

  test("names all keys and their roles when verbose", () => {
    const text = render(SECURE, { verbose: true });
    expect(text).toContain("DNSKEY  20326 RSASHA256 KSK, 38696 RSASHA256 KSK, 26470 RSASHA256 ZSK; key set signed by");
  });

  test("has signs for marks where the terminal shows them, and colours where it has them", () => {
    expect(render(SECURE, { unicode: true })).toContain("\n  \u2713  org  ");
    expect(render(SECURE, { color: true })).toContain("\u001b[32mok\u001b[0m");
  });

  test("warns of each signature that ends within a day, and of none that does not", () => {
    const ending = { chain: [...DOWN_TO_ZONE, answerLink(0.5)], signaturesExpire: inDays(0.5) };
    const text = render(reportOf(usable(validation("secure", ending))));
    expect(text).toMatch(
      /\nnote: the signature of _25\._tcp\.mx\.example\.org TLSA by example\.org 54321 ends 2026-11-23/,
    );
    expect(text.match(/\nnote: /g)).toHaveLength(1);
    const oneDay = { chain: [...DOWN_TO_ZONE, answerLink(1)], signaturesExpire: inDays(1) };
    expect(render(reportOf(usable(validation("secure", oneDay))))).not.toContain("note:");
  });

  test("warns of a signature that ends soon although no link shows it", () => {
    const given = validation("secure", { signaturesExpire: instant(inDays(0) + 60_000) });
    expect(render(reportOf(usable(given)))).toContain("note: a signature that this rests on ends 2026-11-22 12:01:00Z");
  });

  test("shows warnings of the validation with what to do", () => {
    const weak = reason("DNSSEC_KEY_UNUSABLE", "org", "org has a revoked key", null);
    const text = render(reportOf(usable(validation("secure", { reasons: [weak] }))));
    expect(text).toContain("note: org has a revoked key; the key must have the zone key bit");
  });

  test("has the aliases as lines of the ladder and as records", () => {
    const target = dn("tlsa.example.org");
    const alias = link({
      kind: "alias",
      alias: { from: OWNER, target },
      zone: dn("example.org"),
      name: OWNER,
      type: TYPE.CNAME,
      message: "the CNAME records are signed",
      signature: signatureOf("example.org", 54321, 13),
    });
    const given = validation("secure", { chain: [...DOWN_TO_ZONE, alias, answerLink()] });
    const text = render(
      reportOf(usable(given, { aliases: [{ alias: OWNER, target, ttl: seconds(60) }], finalName: target })),
    );
    expect(text).toContain(
      `  ok  _25._tcp.mx.example.org  CNAME   -> tlsa.example.org; signed by example.org 54321 ${UNTIL}\n`,
    );
    expect(text).toContain(`\n\n_25._tcp.mx.example.org. 60 IN CNAME tlsa.example.org.\n${RECORD}\n`);
    expect(text).toContain("=> secure: tlsa.example.org has 1 TLSA record");
  });

  test("a DNAME names what it redirects", () => {
    const target = dn("_25._tcp.example.net");
    const dname = link({
      kind: "alias",
      alias: { from: OWNER, target },
      zone: dn("example.org"),
      name: dn("mx.example.org"),
      type: TYPE.DNAME,
      signature: signatureOf("example.org", 54321, 13),
    });
    const given = validation("secure", { chain: [...DOWN_TO_ZONE, dname, answerLink()] });
    const text = render(
      reportOf(usable(given, { aliases: [{ alias: OWNER, target, ttl: seconds(60) }], finalName: target })),
    );
    expect(text).toMatch(/mx\.example\.org +DNAME +_25\._tcp\.mx\.example\.org -> _25\._tcp\.example\.net; signed/);
  });

  test("names the wildcard that the answer was made from", () => {
    const expanded = { ...answerLink(), wildcard: dn("*._tcp.mx.example.org") };
    const given = validation("secure", { chain: [...DOWN_TO_ZONE, expanded] });
    expect(render(reportOf(usable(given)))).toContain(
      `TLSA    from *._tcp.mx.example.org; signed by example.org 54321 ${UNTIL}`,
    );
  });
});

describe("a denial", () => {
  const denial = link({
    kind: "denial",
    zone: dn("example.org"),
    name: OWNER,
    type: TYPE.TLSA,
    message: "proved by NSEC at mx.example.org",
    signature: signatureOf("example.org", 54321, 13),
  });
  const given = validation("secure", { chain: [...DOWN_TO_ZONE, denial] });

  test("of a name says that it does not exist", () => {
    const text = render(reportOf(usable(given, { rcode: RCODE.NXDOMAIN, rrset: null })));
    expect(text).toContain("TLSA    proved by NSEC at mx.example.org; signed by example.org 54321");
    expect(text).toContain("=> secure: _25._tcp.mx.example.org does not exist, so clients connect without DANE;");
    expect(text).not.toContain(" IN ");
  });

  test("of a type says that there are no such records", () => {
    const text = render(reportOf(usable(given, { rrset: null, type: TYPE.AAAA })));
    expect(text).toContain("=> secure: _25._tcp.mx.example.org has no AAAA record; every link");
  });
});

describe("an insecure answer", () => {
  test("names the cut below which nothing is signed, what to do, and that DANE does not apply", () => {
    const lines = render(UNSIGNED).split("\n");
    expect(lines.slice(5, 9)).toEqual([
      `  OPEN  example.org  DS      signed by org 1342 ${UNTIL}`,
      "      org delegates example.org without a DS record",
      "      hint: publish the zone's DS record at its parent (through the registrar); DANE needs every zone from the root signed",
      "      code: DNSSEC_UNSIGNED_DELEGATION",
    ]);
    expect(lines.at(-2)).toBe(
      "=> insecure: _25._tcp.mx.example.org has 1 TLSA record, but nothing from example.org down can be proved; DANE does not apply",
    );
  });

  test("is one line when quiet", () => {
    expect(render(UNSIGNED, { quiet: true })).toBe(
      "_25._tcp.mx.example.org TLSA: insecure: org delegates example.org without a DS record\n",
    );
  });

  test("is marked at the DS records of which none is supported", () => {
    const why = reason("DNSSEC_ALGORITHM_UNSUPPORTED", "example.org", "no algorithm is supported", 1);
    const end = link({ ...CUT, kind: "ds", keys: [{ ...dnskey(1, 12), digestType: 2 }], message: why.message });
    const text = render(insecure(end, why));
    expect(text).toMatch(/\n {2}OPEN {2}example\.org {2}DS {6}1 ECC-GOST\/SHA-256; signed by org 1342/);
    expect(text).toContain("EDE 1 (unsupported DNSKEY algorithm)");
    expect(text).toContain("nothing from example.org down can be proved");
  });
});

describe("a bogus answer", () => {
  test("has the reason, what to do and the extended error right under the link that broke", () => {
    const lines = render(bogus(WRONG_KEYS, WRONG_DS)).split("\n");
    expect(lines.slice(6, 10)).toEqual([
      "  BROKEN  example.org  DNSKEY  54321 ECDSAP256SHA256, 777 ECDSAP256SHA256",
      "      zone example.org: expected 12345; found 54321, 777",
      "      hint: compare the parent's DS records with the zone's DNSKEYs: after a key rollover or a move the DS must be replaced at the registrar",
      "      code: DNSSEC_KEY_MISSING, EDE 9 (DNSKEY missing)",
    ]);
    expect(lines.at(-2)).toMatch(/^=> bogus: validating resolvers answer SERVFAIL/);
  });

  test("does not blame what was not judged any more behind the broken link", () => {
    const last = { ...answerLink(), status: "bogus", signature: null, message: "not judged" } as const;
    const lines = render(bogus([...WRONG_KEYS, last], WRONG_DS)).split("\n");
    expect(lines[6]).toMatch(/^ {2}BROKEN {2}example\.org /);
    expect(lines[10]).toMatch(/^ {2}- {7}_25\._tcp\.mx\.example\.org {2}TLSA {4}not judged$/);
  });

  test("shows no data", () => {
    expect(render(bogus(WRONG_KEYS, WRONG_DS))).not.toContain(" IN ");
  });

  test("says since when a signature has been over", () => {
    const over = { ...answerLink(-2), status: "bogus" } as const;
    const why = reason("DNSSEC_SIGNATURE_EXPIRED", "example.org", "the signature by key 54321 expired", 7);
    const text = render(bogus([...DOWN_TO_ZONE, over], why));
    expect(text).toContain("TLSA    signature by example.org 54321 until 2026-11-20 12:00:00Z (2d ago)\n      zone ");
  });

  test("says when a signature will begin", () => {
    const early = { ...signatureOf("example.org", 54321, 13), inception: inDays(1) };
    const link = { ...answerLink(), status: "bogus", signature: early } as const;
    const why = reason("DNSSEC_SIGNATURE_NOT_YET_VALID", "example.org", "not yet", 8);
    expect(render(bogus([...DOWN_TO_ZONE, link], why))).toContain(
      "signature by example.org 54321 from 2026-11-23 12:00:00Z (in 1d)",
    );
  });

  test("is one line when quiet", () => {
    expect(render(bogus(WRONG_KEYS, WRONG_DS), { quiet: true })).toBe(
      "_25._tcp.mx.example.org TLSA: bogus: expected 12345; found 54321, 777\n",
    );
  });

  test("counts keys beyond the first four, and control characters of others do not reach the terminal", () => {
    const many = Array.from({ length: 9 }, (_, tag) => dnskey(tag, 13, false));
    const evil = reason("DNSSEC_KEY_MISSING", "example.org", "found \u001b[2J", 9);
    const last = link({
      kind: "dnskey",
      zone: dn("org"),
      name: dn("org"),
      type: TYPE.DNSKEY,
      status: "bogus",
      keys: many,
    });
    const text = render(bogus([last], evil));
    expect(text).toContain("3 ECDSAP256SHA256 and 5 more\n");
    expect(text).not.toContain("\u001b");
  });
});

describe("at a time that somebody named", () => {
  const then = (report: ResolveReport): ResolveReport => ({ ...report, atGiven: true });
  const T = "2026-11-22 12:00:00Z";
  const over = { ...answerLink(-2), status: "bogus" } as const;
  const expired = reason("DNSSEC_SIGNATURE_EXPIRED", "example.org", "the signature by key 54321 expired", 7);
  const untimely = reason("DNSSEC_CLOCK", ".", "the signature by key 38696 expired", 7);
  const unknown = reportOf({
    status: "indeterminate",
    name: OWNER,
    type: TYPE.TLSA,
    reasons: [untimely],
    validation: validation("indeterminate", { chain: [], reasons: [untimely] }),
  });

  test.each([
    ["secure", SECURE, `=> at ${T} it would be secure: _25._tcp.mx.example.org has 1 TLSA record; every link`],
    ["insecure", UNSIGNED, `=> at ${T} it would be insecure: _25._tcp.mx.example.org has 1 TLSA record, but nothing`],
    ["bogus", bogus([...DOWN_TO_ZONE, over], expired), `=> at ${T} it would be bogus: if nothing were signed anew, `],
    ["indeterminate", unknown, `=> at ${T} it would be indeterminate: what is served now is not signed for that time`],
  ])("%s: the conclusion is about that time, and no clock is to blame", (status, report, line) => {
    const text = render(then(report));
    expect(text).toMatch(new RegExp(`^_25\\._tcp\\.mx\\.example\\.org TLSA {2}${status} at ${T}\n`));
    expect(text).toContain(`\n${line}`);
    expect(text).not.toMatch(/clock|\bago\b|\(in /);
  });

  test("without it a clock may be to blame", () => {
    expect(render(bogus([...DOWN_TO_ZONE, over], expired))).toContain("check this host's clock");
    expect(render(unknown)).toContain("hint: set the clock");
  });

  test("quiet and as JSON too", () => {
    const report = then(bogus([...DOWN_TO_ZONE, over], expired));
    expect(render(report, { quiet: true })).toBe(
      `_25._tcp.mx.example.org TLSA: bogus at ${T}: the signature by key 54321 expired\n`,
    );
    expect(renderResolveJson(report)).not.toContain("clock");
  });

  test("a lookup that failed says nothing about any time", () => {
    const reasons = [fault("DNS_TIMEOUT", "no answer")];
    const text = render(then(reportOf({ status: "indeterminate", name: OWNER, type: TYPE.TLSA, reasons })));
    expect(text).toContain("=> indeterminate: it could not be found out; ");
  });
});

describe("what could not be found out", () => {
  test.each([
    ["DNSSEC_NO_ANCHOR", "there is no trust anchor above the name", "there is no trust anchor above the name"],
    ["DNSSEC_KEY_MISSING", "expected 20326; found none", "the root: expected 20326; found none"],
    ["DNSSEC_KEY_MISSING", "no DNSKEY of . matches", "no DNSKEY of . matches"],
  ] as const)("%s: the root is named only where that adds something", (code, message, line) => {
    const why = reason(code, ".", message, null);
    const given = validation("indeterminate", { chain: [], reasons: [why] });
    const answer = {
      status: "indeterminate",
      name: OWNER,
      type: TYPE.TLSA,
      reasons: [why],
      validation: given,
    } as const;
    expect(render(reportOf(answer)).split("\n")[1]).toBe(`  ${line}`);
  });

  test("names the resolvers asked and how to ask another", () => {
    const reasons = [fault("DNS_TIMEOUT", "127.0.0.1:53 over UDP did not answer mx.example.org A")];
    const text = render(reportOf({ status: "indeterminate", name: OWNER, type: TYPE.TLSA, reasons }));
    expect(text).toBe(`_25._tcp.mx.example.org TLSA  indeterminate
  127.0.0.1:53 over UDP did not answer mx.example.org A
  hint: check that it runs and that the network lets DNS through
  hint: asked 127.0.0.1:53; name another resolver with --resolver IP[:PORT]
  code: DNS_TIMEOUT

=> indeterminate: it could not be found out; a DANE client in this place would not connect, and mail would wait
`);
  });

  test("a resolver that strips signatures is named under the link, with a way out", () => {
    const why = reason("DNSSEC_RESOLVER_STRIPS", ".", "the resolver sent the DNSKEY records of . unsigned", 5);
    const [anchor, root] = DOWN_TO_ZONE;
    if (anchor === undefined || root === undefined) throw new Error("the chain is empty");
    const chain = [anchor, { ...root, status: "indeterminate", signature: null } as const];
    const given = validation("indeterminate", { chain, reasons: [why] });
    const text = render(
      reportOf({ status: "indeterminate", name: OWNER, type: TYPE.TLSA, reasons: [why], validation: given }),
    );
    expect(text).toMatch(/\n {2}UNKNOWN {2}\. {2}DNSKEY .*\n {6}the resolver sent .*\n {6}hint: use a resolver that /);
    expect(text).toContain("      hint: asked 127.0.0.1:53; name another resolver with --resolver");
  });
});

describe("with trust in a resolver's AD bit", () => {
  test("a secure answer says whose word it is", () => {
    expect(render(reportOf(usable(undefined), { trust: "ad" }))).toContain("=> secure, says 127.0.0.1:53 (AD bit): ");
  });

  test("an insecure answer says what that can mean", () => {
    const text = render(reportOf(usable(undefined, { status: "insecure" }), { trust: "ad" }));
    expect(text).toContain("did not set the AD bit: the zone is not signed, or that resolver does not validate");
  });
});

test.each([
  ["secure", 0],
  ["insecure", 1],
  ["bogus", 2],
  ["indeterminate", 3],
] as const)("%s ends with %d", (status, exit) => {
  const isUsable = status === "secure" || status === "insecure";
  expect(exitOf(isUsable ? usable(undefined, { status }) : { status, name: OWNER, type: 1, reasons: [] })).toBe(exit);
});
