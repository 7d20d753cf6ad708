import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatHex } from "../../src/base/bytes.ts";
import { Secret } from "../../src/base/secret.ts";
import { instant, seconds } from "../../src/base/time.ts";
import { CLASS, TYPE } from "../../src/dns/iana.ts";
import { encodeMessage, queryMessage } from "../../src/dns/message.ts";
import { lowerCase } from "../../src/dns/name.ts";
import { signMessage, signReply, tsigAlgorithmFromName, verifyReply, verifyRequest } from "../../src/dns/tsig.ts";
import type { TsigKey, TsigVerdict } from "../../src/dns/tsig.ts";
import { vectorsFolder, vectorsTitle } from "../vectors.ts";
import { hex as bytes, name, truncations } from "./help.ts";

interface Vector {
  readonly id: string;
  readonly kind: "request" | "response" | "continuation";
  readonly key: { readonly name: string; readonly algorithm: string; readonly secret: string };
  readonly message: string;
  readonly now: number;
  readonly expect: string;
  readonly request_mac?: string;
  readonly mac?: string;
  readonly unsigned?: string;
  readonly time_signed?: number;
  readonly tsig_error?: number;
  readonly min_mac_bits?: number;
}

function keyOf(vector: Vector): TsigKey {
  const algorithm = tsigAlgorithmFromName(vector.key.algorithm);
  if (algorithm === null) throw new Error(`${vector.id}: unusable key`);
  return { name: name(vector.key.name), algorithm, secret: new Secret(Buffer.from(vector.key.secret, "base64")) };
}

function judge(vector: Vector): TsigVerdict {
  const common = { bytes: bytes(vector.message), now: instant(vector.now * 1000) };
  const policy = vector.min_mac_bits === undefined ? {} : { minimumMacLength: Math.ceil(vector.min_mac_bits / 8) };
  if (vector.kind === "request") return verifyRequest({ ...common, ...policy, keys: [keyOf(vector)] });
  const requestMac = bytes(vector.request_mac ?? "");
  return verifyReply({ ...common, ...policy, key: keyOf(vector), requestMac, kind: vector.kind });
}

/** The verdict in the words of the vectors. */
function inVectorWords(verdict: TsigVerdict): string {
  switch (verdict.status) {
    case "verified":
    case "signed-error":
      return "ok";
    case "unauthenticated":
      return verdict.error === null ? "no-tsig" : "unsigned-error";
    case "rejected":
      return verdict.reason;
  }
}

function loadVectors(): readonly Vector[] {
  const folder = vectorsFolder();
  if (folder === null) return [];
  const file = JSON.parse(readFileSync(join(folder, "tsig.json"), "utf8")) as { readonly vectors: readonly Vector[] };
  return file.vectors;
}

const vectors = loadVectors();

describe.skipIf(vectorsFolder() === null)(vectorsTitle("TSIG vectors of other programs"), () => {
  test("there are 205 of them", () => {
    expect(vectors).toHaveLength(205);
  });

  test.each(vectors)("$id: $expect", (vector) => {
    const verdict = judge(vector);
    expect(inVectorWords(verdict)).toBe(vector.expect);
  });
});

/** Signs the unsigned message of a vector with the fields that its TSIG record shows. */
function resign(vector: Vector): { readonly message: Uint8Array; readonly mac: Uint8Array } {
  const verdict = judge(vector);
  if (verdict.status !== "verified" && verdict.status !== "signed-error")
    throw new Error(`${vector.id} does not verify`);
  const { fudge, error, otherData, originalId, mac, timeSigned } = verdict.tsig;
  const unsigned = bytes(vector.unsigned ?? "");
  unsigned.set(bytes(vector.message).subarray(0, 2));
  const prior = vector.kind === "request" ? {} : { priorMac: bytes(vector.request_mac ?? "") };
  return signMessage(unsigned, keyOf(vector), instant(timeSigned * 1000), {
    ...{ kind: vector.kind, fudge, error, otherData, originalId, macLength: mac.length },
    ...prior,
  });
}

const signable = vectors.filter((vector) => vector.expect === "ok" && vector.unsigned !== undefined);

describe.skipIf(vectorsFolder() === null)(vectorsTitle("signing what others signed"), () => {
  test.each(signable)("$id: the same MAC", (vector) => {
    const { mac, message } = resign(vector);
    expect(formatHex(mac)).toBe(vector.mac);
    // Ours verifies as theirs did, whatever the spelling of names in it.
    expect(inVectorWords(judge({ ...vector, message: formatHex(message) }))).toBe("ok");
  });

  test("gives the very octets but for the case of names, unless the other program compressed the key name", () => {
    const caseless = (message: Uint8Array): string => formatHex(lowerCase(message));
    const differing = signable.filter((vector) => caseless(resign(vector).message) !== caseless(bytes(vector.message)));
    expect(differing.map((vector) => vector.id)).toEqual(["kea/query-tsig-owner-compressed"]);
    const identical = signable.filter((vector) => formatHex(resign(vector).message) === vector.message);
    expect([signable.length, identical.length]).toEqual([180, 145]);
  });
});

const NOW = instant(Date.UTC(2026, 5, 1));
const KEY: TsigKey = {
  name: name("Updater.Example."),
  algorithm: "hmac-sha256",
  secret: new Secret(new Uint8Array(32).fill(7)),
};
const STRANGER: TsigKey = { ...KEY, secret: new Secret(new Uint8Array(32).fill(8)) };
const OTHER_NAME: TsigKey = { ...KEY, name: name("other.example.") };

const QUERY = encodeMessage(queryMessage({ id: 4711, name: name("example."), type: TYPE.SOA }));
const REPLY = encodeMessage({ ...queryMessage({ id: 4711, name: name("example."), type: TYPE.SOA }), qr: true });

/** The octets with one changed by its lowest bit. */
function damaged(message: Uint8Array, at: number): Uint8Array {
  return message.map((octet, index) => (index === at ? octet ^ 1 : octet));
}

describe("a request signed here", () => {
  const request = signMessage(QUERY, KEY, NOW);

  test("carries key and algorithm in lower case", () => {
    const text = Buffer.from(request.message).toString("latin1");
    expect(text).toContain("\x07updater\x07example\x00");
    expect(text).toContain("\x0bhmac-sha256\x00");
  });

  test("verifies and comes back as it was before signing", () => {
    const verdict = verifyRequest({ bytes: request.message, keys: [OTHER_NAME, KEY], now: NOW });
    expect(verdict).toMatchObject({ status: "verified", key: { name: "updater.example." } });
    expect(verdict.status === "verified" && formatHex(verdict.message)).toBe(formatHex(QUERY));
  });

  test("verifies under the ID of a forwarder", () => {
    const forwarded = request.message.slice();
    forwarded.set([1, 2]);
    expect(verifyRequest({ bytes: forwarded, keys: [KEY], now: NOW }).status).toBe("verified");
  });

  test("verifies within the fudge and not beyond", () => {
    const at = (seconds: number): string =>
      inVectorWords(verifyRequest({ bytes: request.message, keys: [KEY], now: instant(NOW + seconds * 1000) }));
    expect([-301, -300, 0, 300, 301].map(at)).toEqual(["BADTIME", "ok", "ok", "ok", "BADTIME"]);
  });

  test("never verifies with any octet changed", () => {
    for (let at = 2; at < request.message.length; at++) {
      const verdict = verifyRequest({ bytes: damaged(request.message, at), keys: [KEY], now: NOW });
      expect(verdict.status, `octet ${String(at)}`).not.toBe("verified");
    }
  });

  test("is refused with octets after it", () => {
    const bytes = Uint8Array.from([...request.message, 0]);
    expect(verifyRequest({ bytes, keys: [KEY], now: NOW })).toMatchObject({ reason: "FORMERR" });
  });

  test.each([
    { length: 9, want: "FORMERR" },
    { length: 15, want: "FORMERR" },
    { length: 16, want: "BADTRUNC" },
    { length: 24, want: "ok" },
    { length: 32, want: "ok" },
  ])("with a MAC of $length octets where 20 are the policy: $want", ({ length, want }) => {
    const { message } = signMessage(QUERY, KEY, NOW, { macLength: length });
    expect(inVectorWords(verifyRequest({ bytes: message, keys: [KEY], now: NOW, minimumMacLength: 20 }))).toBe(want);
  });
});

describe("a server's reply", () => {
  const request = signMessage(QUERY, KEY, NOW);
  const serve = (bytes: Uint8Array, now = NOW, keys = [KEY], minimumMacLength = 0): Uint8Array =>
    signReply(REPLY, verifyRequest({ bytes, keys, now, minimumMacLength }), now);
  const read = (bytes: Uint8Array, requestMac = request.mac): TsigVerdict =>
    verifyReply({ bytes, key: KEY, requestMac, now: NOW });

  test("verifies against the request that it answers, and no other", () => {
    const reply = serve(request.message);
    expect(read(reply).status).toBe("verified");
    const other = signMessage(QUERY, KEY, instant(NOW + 1000));
    expect(read(reply, other.mac)).toMatchObject({ status: "rejected", reason: "BADSIG" });
  });

  test("to an unsigned request is unsigned, which is no success", () => {
    expect(formatHex(serve(QUERY))).toBe(formatHex(REPLY));
    expect(read(serve(QUERY))).toMatchObject({ status: "unauthenticated", error: null });
  });

  test("to an unknown key is BADKEY without a MAC", () => {
    const reply = serve(request.message, NOW, [OTHER_NAME]);
    expect(read(reply)).toMatchObject({ status: "unauthenticated", error: 17 });
  });

  test("to a wrong secret is BADSIG without a MAC", () => {
    expect(read(serve(request.message, NOW, [STRANGER]))).toMatchObject({ status: "unauthenticated", error: 16 });
  });

  test("to a clock that is off is BADTIME, signed, with the server's time", () => {
    const late = instant(NOW + 3_600_000);
    expect(read(serve(request.message, late))).toMatchObject({ status: "signed-error", error: 18, serverTime: late });
  });

  test("to a MAC that policy finds too short is BADTRUNC, signed", () => {
    const short = signMessage(QUERY, KEY, NOW, { macLength: 16 });
    const reply = serve(short.message, NOW, [KEY], 32);
    expect(read(reply, short.mac)).toMatchObject({ status: "signed-error", error: 22 });
  });

  test("under another key than the request's is refused", () => {
    const { message } = signMessage(REPLY, OTHER_NAME, NOW, { priorMac: request.mac });
    expect(read(message)).toMatchObject({ status: "rejected", reason: "BADKEY" });
    const weaker = signMessage(REPLY, { ...KEY, algorithm: "hmac-md5" }, NOW, { priorMac: request.mac });
    expect(read(weaker.message)).toMatchObject({ status: "rejected", reason: "BADKEY" });
  });

  test("in several messages verifies link by link", () => {
    const first = signMessage(REPLY, KEY, NOW, { priorMac: request.mac });
    const second = signMessage(REPLY, KEY, NOW, { kind: "continuation", priorMac: first.mac });
    const continued = { bytes: second.message, key: KEY, now: NOW, kind: "continuation" } as const;
    expect(verifyReply({ ...continued, requestMac: first.mac }).status).toBe("verified");
    expect(verifyReply({ ...continued, requestMac: request.mac }).status).toBe("rejected");
  });
});

describe("algorithm names", () => {
  test.each([
    { text: "HMAC-SHA256", want: "hmac-sha256" },
    { text: "hmac-sha512.", want: "hmac-sha512" },
    { text: "hmac-md5.sig-alg.reg.int.", want: "hmac-md5" },
    { text: "hmac-md5", want: "hmac-md5" },
    { text: "hmac-sha256-128", want: "hmac-sha256-128" },
    { text: "hmac_sha256", want: null },
    { text: "toString", want: null },
  ])("$text is $want", ({ text, want }) => {
    expect(tsigAlgorithmFromName(text)).toBe(want);
  });
});

describe("hostile replies", () => {
  const { message, mac } = signMessage(QUERY, KEY, NOW);

  test("cut at any octet never verify and never throw", () => {
    for (const bytes of truncations(message)) {
      expect(verifyReply({ bytes, key: KEY, requestMac: mac, now: NOW }).status).not.toBe("verified");
    }
  });

  test("of random octets never verify and never throw", () => {
    const garbage = fc.uint8Array({ maxLength: 120 });
    fc.assert(
      fc.property(garbage, garbage, fc.boolean(), (bytes, rdata, asTsig) => {
        const record = { name: KEY.name, type: TYPE.TSIG, class: CLASS.ANY, ttl: seconds(0), rdata };
        const header = queryMessage({ id: 1, name: KEY.name, type: TYPE.SOA });
        const hostile = asTsig ? encodeMessage({ ...header, edns: null, additional: [record] }) : bytes;
        const verdict = verifyReply({ bytes: hostile, key: KEY, requestMac: mac, now: NOW });
        expect(["rejected", "unauthenticated"]).toContain(verdict.status);
      }),
    );
  });
});
