import { describe, expect, test } from "vitest";
import { Secret } from "../../src/base/secret.ts";
import { instant } from "../../src/base/time.ts";
import { RCODE, TSIG_ERROR } from "../../src/dns/iana.ts";
import type { TsigFields, TsigKey, TsigVerdict } from "../../src/dns/tsig.ts";
import { judgeUpdateReply } from "../../src/publisher/update-reply.ts";
import { name } from "../fakes/scripted-dns.ts";

const KEY: TsigKey = { name: name("dane-key"), algorithm: "hmac-sha256", secret: new Secret(new Uint8Array(32)) };
const NOW = instant(1_790_000_000_000);
const TSIG: TsigFields = {
  keyName: KEY.name,
  algorithm: name("hmac-sha256"),
  timeSigned: 1_790_000_000,
  fudge: 300,
  mac: new Uint8Array(32),
  originalId: 0,
  error: 0,
  otherData: new Uint8Array(0),
};

const verified: TsigVerdict = { status: "verified", key: KEY, tsig: TSIG, message: new Uint8Array(12) };
const signedError = (error: number, serverTime: number | null = null): TsigVerdict => {
  return {
    status: "signed-error",
    error,
    serverTime: serverTime === null ? null : instant(serverTime),
    key: KEY,
    tsig: TSIG,
  };
};
const unsigned = (error: number | null): TsigVerdict => ({ status: "unauthenticated", error, tsig: null });
const rejected = (reason: "BADSIG" | "BADTIME" | "FORMERR"): TsigVerdict => {
  return { status: "rejected", reason, detail: "why exactly", key: KEY, tsig: TSIG };
};

function judge(rcode: number, verdict: TsigVerdict): ReturnType<typeof judgeUpdateReply> {
  const bytes = Uint8Array.of(0, 1, 0xa8, rcode, 0, 0, 0, 0, 0, 0, 0, 0);
  const [zone, owner] = [name("example.org"), name("_25._tcp.mx.example.org")];
  return judgeUpdateReply({ bytes, verdict, server: "192.0.2.1:53", zone, owner, key: KEY, now: NOW });
}

describe("the reply to an update", () => {
  test("is a success for NOERROR under a verified MAC", () => {
    expect(judge(RCODE.NOERROR, verified)).toEqual({ ok: true, value: true });
  });

  // What BIND 9.18, Knot 3.2, PowerDNS 4.7 and NSD 4.6 were measured to answer to each mistake.
  test.each<readonly [string, number, TsigVerdict, string, "never" | "later", readonly string[]]>([
    [
      "key unknown (BIND, Knot)",
      RCODE.NOTAUTH,
      unsigned(TSIG_ERROR.BADKEY),
      "TSIG_BADKEY",
      "never",
      ["NOTAUTH", "BADKEY", "(unsigned)", 'key "dane-key" (hmac-sha256)'],
    ],
    [
      "key unknown on a BIND secondary",
      RCODE.REFUSED,
      unsigned(TSIG_ERROR.BADKEY),
      "TSIG_BADKEY",
      "never",
      ["REFUSED", "BADKEY"],
    ],
    [
      "name not allowed to the key (Knot)",
      RCODE.NOTAUTH,
      unsigned(TSIG_ERROR.BADKEY),
      "TSIG_BADKEY",
      "never",
      ["Knot", "_25._tcp.mx.example.org"],
    ],
    ["wrong secret", RCODE.NOTAUTH, unsigned(TSIG_ERROR.BADSIG), "TSIG_BADSIG", "never", ["BADSIG", "secret"]],
    ["MAC cut too short (BIND)", RCODE.FORMERR, unsigned(TSIG_ERROR.BADSIG), "TSIG_BADSIG", "never", ["FORMERR"]],
    [
      "clock behind",
      RCODE.NOTAUTH,
      signedError(TSIG_ERROR.BADTIME, NOW + 600_000),
      "TSIG_BADTIME",
      "never",
      ["(signed)", "10m behind"],
    ],
    [
      "clock ahead",
      RCODE.NOTAUTH,
      signedError(TSIG_ERROR.BADTIME, NOW - 600_000),
      "TSIG_BADTIME",
      "never",
      ["10m ahead of"],
    ],
    [
      "clock off, server time withheld",
      RCODE.NOTAUTH,
      signedError(TSIG_ERROR.BADTIME),
      "TSIG_BADTIME",
      "never",
      ["differ too much"],
    ],
    [
      "truncation not accepted",
      RCODE.NOTAUTH,
      signedError(TSIG_ERROR.BADTRUNC),
      "TSIG_BADTRUNC",
      "never",
      ["BADTRUNC"],
    ],
    [
      "any TSIG failure on PowerDNS, or an address that may not update",
      RCODE.REFUSED,
      unsigned(null),
      "UPDATE_REFUSED_UNSIGNED",
      "never",
      ["REFUSED", "PowerDNS"],
    ],
    [
      "name not allowed (BIND), zone frozen, a secondary",
      RCODE.REFUSED,
      verified,
      "UPDATE_REFUSED",
      "never",
      ["(signed)", "the key is right"],
    ],
    [
      "zone not served (BIND, PowerDNS)",
      RCODE.NOTAUTH,
      verified,
      "UPDATE_NOTAUTH",
      "never",
      ["does not serve example.org"],
    ],
    ["zone not served, or unsigned (Knot)", RCODE.NOTAUTH, unsigned(null), "UPDATE_NOTAUTH", "never", ["(unsigned)"]],
    ["name outside the zone", RCODE.NOTZONE, verified, "UPDATE_NOTZONE", "never", ["not inside example.org"]],
    ["malformed, unsigned (BIND)", RCODE.FORMERR, unsigned(null), "UPDATE_FORMERR", "never", ["FORMERR"]],
    ["malformed, signed", RCODE.FORMERR, verified, "UPDATE_FORMERR", "never", ["(signed)"]],
    ["bad RDATA (PowerDNS)", RCODE.SERVFAIL, verified, "UPDATE_SERVFAIL", "later", ["SERVFAIL"]],
    ["NSD", RCODE.NOTIMP, unsigned(null), "UPDATE_NOTIMP", "never", ["NSD"]],
    ["RRset is another one", RCODE.NXRRSET, verified, "PUBLISH_CONFLICT", "later", ["nothing was changed"]],
    ["RRset exists", RCODE.YXRRSET, verified, "PUBLISH_CONFLICT", "later", ["YXRRSET"]],
    ["name does not exist", RCODE.NXDOMAIN, verified, "PUBLISH_CONFLICT", "later", ["NXDOMAIN"]],
    ["name exists", RCODE.YXDOMAIN, verified, "PUBLISH_CONFLICT", "later", ["YXDOMAIN"]],
    ["something else", 11, verified, "UPDATE_RCODE", "later", ["RCODE11"]],
    [
      "NOERROR that nobody signed",
      RCODE.NOERROR,
      unsigned(null),
      "TSIG_REPLY_UNSIGNED",
      "later",
      ["NOERROR", "(unsigned)"],
    ],
    ["NOERROR with a wrong MAC", RCODE.NOERROR, rejected("BADSIG"), "TSIG_REPLY_BAD", "later", ["why exactly"]],
    ["NOERROR with a misplaced TSIG", RCODE.NOERROR, rejected("FORMERR"), "TSIG_REPLY_BAD", "later", ["why exactly"]],
    ["NOERROR whose time is off", RCODE.NOERROR, rejected("BADTIME"), "TSIG_BADTIME", "never", ["why exactly"]],
    ["NOERROR with an unknown TSIG error", RCODE.NOERROR, unsigned(99), "TSIG_BADSIG", "never", ["(unsigned)"]],
  ])("%s", (_, rcode, verdict, code, retry, words) => {
    const judged = judge(rcode, verdict);
    expect(judged).toMatchObject({ ok: false, fault: { fault: { code }, retry } });
    if (judged.ok) return;
    const { message, hint } = judged.fault.fault;
    for (const word of [...words, "192.0.2.1:53"]) expect(message).toContain(word);
    expect(hint).not.toBe("");
  });

  test("is no success for any other rcode or verdict", () => {
    const verdicts = [
      verified,
      ...[null, 0, 16, 17, 18, 22].map(unsigned),
      ...[16, 17, 18, 22].map((error) => signedError(error)),
      ...(["BADSIG", "BADTIME", "FORMERR"] as const).map(rejected),
    ];
    const successes = verdicts.flatMap((verdict) =>
      Array.from({ length: 16 }, (_, rcode) => judge(rcode, verdict)).filter((judged) => judged.ok),
    );
    expect(successes).toHaveLength(1);
  });
});
