import { generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, equalBytes, formatHex } from "../../src/base/bytes.ts";
import { instant } from "../../src/base/time.ts";
import { TYPE } from "../../src/dns/iana.ts";
import { decodeMessage } from "../../src/dns/message.ts";
import { decodeDs, decodeRrsig } from "../../src/dns/rdata.ts";
import { groupRrsets } from "../../src/dns/rrset.ts";
import type { Rrset } from "../../src/dns/rrset.ts";
import {
  createSignature,
  digestOf,
  importPublicKey,
  isSupportedAlgorithm,
  isSupportedDigest,
  verifySignature,
} from "../../src/dnssec/algorithms.ts";
import { dsDigest, keyTag } from "../../src/dnssec/signature.ts";
import { hex, name, value } from "../dns/help.ts";
import { vectorsFolder, vectorsTitle } from "../vectors.ts";
import { accept } from "./accept.ts";

const EVERY = [5, 7, 8, 10, 13, 14, 15, 16] as const;
const DATA = new TextEncoder().encode("some data");

/** A pair of keys and the public one as a DNSKEY has it. */
function newPair(algorithm: number) {
  const curves: Readonly<Record<number, string>> = { 13: "P-256", 14: "P-384" };
  const curve = curves[algorithm];
  const pair =
    algorithm === 15
      ? generateKeyPairSync("ed25519")
      : algorithm === 16
        ? generateKeyPairSync("ed448")
        : curve === undefined
          ? generateKeyPairSync("rsa", { modulusLength: 1024 })
          : generateKeyPairSync("ec", { namedCurve: curve });
  const { n, e = "", x = "", y = "" } = pair.publicKey.export({ format: "jwk" });
  const octets = (text: string): Uint8Array => Buffer.from(text, "base64url");
  const exponent = octets(e);
  const key =
    n === undefined
      ? concatBytes(octets(x), octets(y))
      : concatBytes(Uint8Array.of(exponent.length), exponent, octets(n));
  return { ...pair, key };
}

const pairs = new Map(EVERY.map((algorithm) => [algorithm, newPair(algorithm)]));

describe("which algorithms are supported", () => {
  test.each([
    { name: "all but those with SHA-1 when SHA-1 does not count", sha1: false, want: [8, 10, 13, 14, 15, 16] },
    { name: "all when it does", sha1: true, want: EVERY },
  ])("$name", ({ sha1, want }) => {
    const numbers = Array.from({ length: 256 }, (_, number) => number);
    expect(numbers.filter((algorithm) => isSupportedAlgorithm(algorithm, { sha1 }))).toEqual(want);
    const digests = sha1 ? [1, 2, 4] : [2, 4];
    expect(numbers.filter((type) => isSupportedDigest(type, { sha1 }))).toEqual(digests);
  });
});

describe("digests", () => {
  test.each([
    { digestType: 1, want: "a9993e364706816aba3e25717850c26c9cd0d89d" },
    { digestType: 2, want: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    {
      digestType: 4,
      want: "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
    },
    { digestType: 3, want: null },
    { digestType: 0, want: null },
  ])("of type $digestType over the parts in order", ({ digestType, want }) => {
    const digest = digestOf(digestType, hex("61"), hex(""), hex("6263"));
    expect(digest && formatHex(digest)).toBe(want);
  });
});

describe.each(EVERY)("signatures of algorithm %i", (algorithm) => {
  const pair = pairs.get(algorithm) ?? newPair(algorithm);
  const publicKey = value(importPublicKey(algorithm, pair.key));
  const signature = createSignature(algorithm, pair.privateKey, DATA) ?? new Uint8Array(0);

  test("verify, over the data that was signed only", () => {
    expect(verifySignature(algorithm, publicKey, DATA, signature)).toBe(true);
    expect(verifySignature(algorithm, publicKey, concatBytes(DATA, DATA), signature)).toBe(false);
  });

  test("of any octets and any length answer no, and do not throw", () => {
    for (let length = 0; length < signature.length; length++) {
      expect(verifySignature(algorithm, publicKey, DATA, signature.slice(0, length))).toBe(false);
    }
    expect(verifySignature(algorithm, publicKey, DATA, concatBytes(signature, Uint8Array.of(0)))).toBe(false);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.uint8Array({ maxLength: 50 }), (octets, data) => {
        expect(verifySignature(algorithm, publicKey, data, octets)).toBe(false);
      }),
      { numRuns: 50 },
    );
  });

  test("with a key that belongs to another algorithm never throw", () => {
    for (const other of EVERY) expect(() => verifySignature(other, publicKey, DATA, signature)).not.toThrow();
    expect(verifySignature(3, publicKey, DATA, signature)).toBe(false);
  });

  test("cut or altered keys are refused or verify nothing", () => {
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.nat({ max: pair.key.length - 1 }), octet, (at, replaced) => {
        const altered = pair.key.slice();
        altered[at] = replaced;
        for (const key of [pair.key.slice(0, at), altered]) {
          const imported = importPublicKey(algorithm, key);
          if (!imported.ok) continue;
          expect(verifySignature(algorithm, imported.value, DATA, signature)).toBe(equalBytes(key, pair.key));
        }
      }),
      { numRuns: 50 },
    );
  });
});

test("RSA keys with SHA-1 have 512 to 4096 bits", () => {
  const rsa = (octets: number): Uint8Array => concatBytes(hex("03010001"), new Uint8Array(octets).fill(0xc1));
  for (const algorithm of [5, 7]) {
    expect([63, 64, 512, 513].map((octets) => importPublicKey(algorithm, rsa(octets)).ok)).toEqual([
      false,
      true,
      true,
      false,
    ]);
  }
});

test("RSASHA1 is PKCS #1 v1.5 over SHA-1", () => {
  const pair = newPair(5);
  const key = value(importPublicKey(7, pair.key));
  expect(verifySignature(7, key, DATA, sign("sha1", DATA, pair.privateKey))).toBe(true);
  expect(verifySignature(7, key, DATA, sign("sha256", DATA, pair.privateKey))).toBe(false);
});

interface Corpus {
  readonly cases: readonly { readonly trustAnchors: readonly string[] }[];
  readonly messages: Readonly<Record<string, string>>;
}

/** Every RRset of the corpus, and the DNSKEYs of every zone in it. */
function loadCorpus(folder: string) {
  const text = readFileSync(join(folder, "dnssec", "unbound-val.json"), "utf8");
  const { cases, messages } = JSON.parse(text) as Corpus;
  const rrsets = Object.values(messages).flatMap((message) => {
    const decoded = decodeMessage(Buffer.from(message, "base64"));
    return decoded.ok ? groupRrsets([...decoded.value.answer, ...decoded.value.authority]) : [];
  });
  const keys = new Map<string, Uint8Array>();
  for (const { name: owner, type, rdatas } of rrsets) {
    if (type !== TYPE.DNSKEY) continue;
    for (const rdata of rdatas) keys.set(`${owner} ${String(keyTag(rdata))} ${formatHex(rdata)}`, rdata);
  }
  return { cases, rrsets, keys };
}

describe.skipIf(vectorsFolder() === null)(vectorsTitle("zones of the days of SHA-1"), () => {
  const folder = vectorsFolder();
  const { cases, rrsets, keys } =
    folder === null ? { cases: [], rrsets: [], keys: new Map<string, Uint8Array>() } : loadCorpus(folder);

  /** Whether any key of the signer verifies this signature at a time when it is valid; null when there is no such key. */
  function verifies(rrset: Rrset, signature: Uint8Array): boolean | null {
    const rrsig = value(decodeRrsig(signature));
    const start = `${rrsig.signer} ${String(rrsig.keyTag)} `;
    const found = [...keys].filter(([id]) => id.startsWith(start)).map(([, rdata]) => rdata);
    if (found.length === 0) return null;
    return found.some((key) => accept(rrset, signature, key, instant(rrsig.inception * 1000)).ok);
  }

  test.each([
    { algorithm: 5, want: { good: 114, bad: 0, keyless: 8 } },
    { algorithm: 7, want: { good: 78, bad: 0, keyless: 0 } },
  ])("signatures of algorithm $algorithm verify wherever there is a key", ({ algorithm, want }) => {
    const outcomes = rrsets.flatMap((rrset) =>
      rrset.signatures
        .filter((signature) => decodeRrsig(signature).ok && signature[2] === algorithm)
        .map((signature) => ({ rrset, outcome: verifies(rrset, signature) })),
    );
    const counts = { good: 0, bad: 0, keyless: 0 };
    for (const { outcome } of outcomes) counts[outcome === null ? "keyless" : outcome ? "good" : "bad"]++;
    expect(counts).toEqual(want);
  });

  test("DS records with SHA-1 match their keys", () => {
    const records = cases.flatMap(({ trustAnchors }) => trustAnchors).filter((line) => / DS \d+ \d+ 1 /.test(line));
    const outcomes = records.map((line) => {
      const [owner = "", tag = "", , digest = ""] = dsFields(line);
      const fits = [...keys].filter(([id]) => id.startsWith(`${owner} ${tag} `));
      if (fits.length === 0) return "keyless";
      const digests = fits.map(([, rdata]) => formatHex(dsDigest(name(owner), rdata, 1) ?? new Uint8Array(0)));
      return digests.includes(digest) ? "good" : "bad";
    });
    expect(outcomes.length).toBeGreaterThan(100);
    expect(new Set(outcomes)).toEqual(new Set(["good"]));
  });

  test("DS records in messages decode with their digest types", () => {
    const types = rrsets
      .filter((rrset) => rrset.type === TYPE.DS)
      .flatMap((rrset) => rrset.rdatas.map((rdata) => value(decodeDs(rdata)).digestType));
    expect(new Set(types).has(1)).toBe(true);
  });
});

/** Owner, key tag, digest type and digest of `OWNER TTL IN DS TAG ALGORITHM TYPE DIGEST`. */
function dsFields(line: string): readonly string[] {
  const parts = line.split(/\s+/);
  const at = parts.indexOf("DS");
  return [
    name(parts[0] ?? ""),
    parts[at + 1] ?? "",
    parts[at + 3] ?? "",
    parts
      .slice(at + 4)
      .join("")
      .toLowerCase(),
  ];
}
