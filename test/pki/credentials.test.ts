import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { concatBytes, equalBytes } from "../../src/base/bytes.ts";
import { encodeElement } from "../../src/base/der.ts";
import { instant } from "../../src/base/time.ts";
import { readCredentials } from "../../src/pki/certificate.ts";
import type { Credentials } from "../../src/pki/certificate.ts";
import { formatPemBlock, parsePem } from "../../src/pki/pem.ts";
import { issueCertificate } from "../../src/pki/peculiar.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";

const validity = { notBefore: instant(1_790_000_000_000), notAfter: instant(1_900_000_000_000) };

async function makeWorld() {
  const root = await issueCertificate({ subject: "CN=Root", authority: {}, ...validity });
  const ca = await issueCertificate({ subject: "CN=CA", issuer: root, authority: {}, ...validity });
  const leaf = await issueCertificate({ subject: "CN=mx", dnsNames: ["mx.test"], issuer: ca, ...validity });
  return { root, ca, leaf };
}

let world: Awaited<ReturnType<typeof makeWorld>>;

beforeAll(async () => {
  world = await makeWorld();
});

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function accept(bytes: Uint8Array | string): Credentials {
  const credentials = readCredentials(typeof bytes === "string" ? utf8(bytes) : bytes);
  if (!credentials.ok) throw new Error(credentials.fault.message);
  return credentials.value;
}

function refuse(bytes: Uint8Array | string): string {
  const credentials = readCredentials(typeof bytes === "string" ? utf8(bytes) : bytes);
  return credentials.ok ? "accepted" : `${credentials.fault.code}: ${credentials.fault.message}`;
}

function subjects({ chains }: Credentials): readonly (readonly string[])[] {
  return chains.map((chain) => chain.map(({ subject }) => subject));
}

function signedData(...certificates: readonly IssuedCertificate[]): Uint8Array {
  const oid = (last: number): Uint8Array => Uint8Array.of(0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, last);
  const content = encodeElement(
    0x30,
    Uint8Array.of(0x02, 1, 1, 0x31, 0),
    encodeElement(0x30, oid(1)),
    encodeElement(0xa0, ...certificates.map(({ der }) => der)),
    Uint8Array.of(0x31, 0),
  );
  return encodeElement(0x30, oid(2), encodeElement(0xa0, content));
}

describe("shapes of PEM", () => {
  const WHOLE = [["CN=mx", "CN=CA", "CN=Root"]];

  test("the chain is ordered by its signatures, whatever the order in the file", () => {
    const { leaf, ca, root } = world;
    for (const order of [
      [leaf, ca, root],
      [root, ca, leaf],
      [ca, root, leaf],
      [root, leaf, ca, leaf],
    ]) {
      const credentials = accept(order.map(({ pem }) => pem).join(""));
      expect(subjects(credentials)).toEqual(WHOLE);
      expect(credentials.certificates[credentials.leaf ?? -1]?.subject).toBe("CN=mx");
    }
  });

  test("CRLF, a byte order mark, comments, bag attributes and trailing blanks do no harm", () => {
    const { leaf, ca, root } = world;
    const attributes = "Bag Attributes\n    friendlyName: mx\nsubject=CN = mx\n\n";
    const text = `\ufeff# our server\n${attributes}${leaf.pem}${attributes}${ca.pem}\n\n0: ${root.pem.replace(/^/, "\n")}end\n`;
    expect(subjects(accept(text))).toEqual(WHOLE);
    expect(subjects(accept(text.replaceAll("\n", "\r\n")))).toEqual(WHOLE);
    expect(subjects(accept(text.replaceAll("\n", " \n")))).toEqual(WHOLE);
    expect(subjects(accept(Buffer.from(`\ufeff${leaf.pem}${ca.pem}${root.pem}`, "utf16le")))).toEqual(WHOLE);
  });

  test("base64 in one line, or in lines of any length, is the same", () => {
    const lines = world.leaf.pem.trim().split("\n");
    const body = lines.slice(1, -1).join("");
    for (const text of [body, (body.match(/.{1,11}/g) ?? []).join("\n")]) {
      const credentials = accept(`${lines[0] ?? ""}\n${text}\n${lines.at(-1) ?? ""}`);
      expect(credentials.certificates.map(({ der }) => der)).toEqual([world.leaf.der]);
    }
  });

  test("the old labels of certificates are known, and trust settings are no part of one", () => {
    const { leaf } = world;
    const trusted = concatBytes(leaf.der, encodeElement(0x30, encodeElement(0x0c, utf8("alias"))));
    for (const pem of [formatPemBlock("X509 CERTIFICATE", leaf.der), formatPemBlock("TRUSTED CERTIFICATE", trusted)]) {
      expect(accept(pem).certificates.map(({ der }) => Array.from(der))).toEqual([Array.from(leaf.der)]);
    }
    expect(refuse(formatPemBlock("CERTIFICATE", trusted))).toMatch(/^CERT_MALFORMED: line 1: .*octets follow/);
    expect(refuse(formatPemBlock("TRUSTED CERTIFICATE", trusted.slice(0, -1)))).toMatch(/^CERT_MALFORMED/);
  });

  test("PKCS #7 gives its certificates as they were put in, as PEM and as DER", () => {
    const bundle = signedData(world.ca, world.leaf, world.root);
    for (const input of [bundle, formatPemBlock("PKCS7", bundle), formatPemBlock("CMS", bundle)]) {
      expect(subjects(accept(input))).toEqual(WHOLE);
    }
    expect(refuse(signedData())).toMatch(/^CERT_NONE: the PKCS #7 bundle holds no certificate/);
    expect(refuse(formatPemBlock("PKCS7", bundle.slice(0, -3)))).toMatch(/^CERT_MALFORMED: line 1: the PKCS #7 bundle/);
    expect(refuse(formatPemBlock("PKCS7", Uint8Array.of(0x30, 0x80, 0, 0)))).toMatch(/^CERT_NOT_DER/);
  });

  test("authorities alone are a chain of their own", () => {
    expect(subjects(accept(world.root.pem + world.ca.pem))).toEqual([["CN=CA", "CN=Root"]]);
  });
});

describe("damage", () => {
  const cases: readonly { readonly name: string; readonly spoil: (pem: string) => string; readonly want: RegExp }[] = [
    { name: "a missing END", spoil: (pem) => pem.replace(/-----END.*/, ""), want: /^CERT_DAMAGED: line 1: .*cut off/ },
    { name: "a missing BEGIN", spoil: (pem) => pem.replace(/-----BEGIN.*/, ""), want: /^CERT_DAMAGED/ },
    { name: "another label at the END", spoil: (pem) => pem.replace("END CERT", "END X CERT"), want: /^CERT_DAMAGED/ },
    { name: "a stray character", spoil: (pem) => pem.replace("MII", "M*II"), want: /^CERT_DAMAGED: line 2: / },
    { name: "a lost character", spoil: (pem) => pem.replace("MII", "MI"), want: /^CERT_DAMAGED: line 1: .*incomplete/ },
    { name: "a lost line", spoil: (pem) => pem.replace(/\n.{64}\n/, "\n"), want: /^CERT_(DAMAGED|MALFORMED)/ },
    { name: "an empty block", spoil: (pem) => pem.replace(/-----\n[^-]*/, "-----\n"), want: /^CERT_DAMAGED/ },
    { name: "a border with a dash missing", spoil: (pem) => pem.replace(/-\n/, "\n"), want: /^CERT_DAMAGED/ },
  ];

  test.each(cases)("$name makes the whole file refused, whichever block it hits", ({ spoil, want }) => {
    expect(refuse(spoil(world.leaf.pem))).toMatch(want);
    expect(refuse(world.ca.pem + spoil(world.leaf.pem))).toMatch(/^CERT_(DAMAGED|MALFORMED)/);
    expect(refuse(spoil(world.leaf.pem) + world.ca.pem)).toMatch(/^CERT_(DAMAGED|MALFORMED)/);
  });

  test("private keys never show in a message", () => {
    const pem = world.leaf.privateKeyPem;
    const secret = (pem.split("\n")[1] ?? "").slice(8, 40);
    for (const spoiled of [
      pem.replace(secret, `${secret}!`),
      pem.replace(/-----END.*/, ""),
      pem.replace(/\n$/, "x\n"),
    ]) {
      expect(refuse(spoiled)).not.toContain(secret.slice(0, 12));
      expect(refuse(spoiled)).not.toBe("accepted");
    }
  });

  test("any text gives a result", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        expect(typeof parsePem(`-----BEGIN X-----\n${text}\n-----END X-----\n`).ok).toBe("boolean");
        expect(readCredentials(utf8(text)).ok).toBe(false);
      }),
    );
  });

  test.each([
    { name: "nothing", input: "", want: /^CERT_NONE: the file is empty/ },
    { name: "prose", input: "hello\n", want: /^CERT_NONE: the file is neither PEM nor DER/ },
    {
      name: "parameters alone",
      input: formatPemBlock("DH PARAMETERS", Uint8Array.of(0x30, 0)),
      want: /^CERT_NONE: .*DH PARAMETERS/,
    },
    { name: "PKCS #12", input: Uint8Array.of(0x30, 5, 2, 1, 3, 0x30, 0), want: /^CERT_UNSUPPORTED: .*PKCS #12/ },
  ])("$name is refused by name", ({ input, want }) => {
    expect(refuse(input)).toMatch(want);
  });
});

describe("keys", () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const spki = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });

  test("every form of one RSA key gives the same SubjectPublicKeyInfo, as PEM and as DER", () => {
    for (const format of ["pem", "der"] as const) {
      const forms = [
        privateKey.export({ type: "pkcs8", format: "der" }),
        privateKey.export({ type: "pkcs1", format: "der" }),
        publicKey.export({ type: "spki", format: "der" }),
        publicKey.export({ type: "pkcs1", format: "der" }),
      ];
      const labels = ["PRIVATE KEY", "RSA PRIVATE KEY", "PUBLIC KEY", "RSA PUBLIC KEY"];
      for (const [at, form] of forms.entries()) {
        const { keys } = accept(format === "der" ? form : formatPemBlock(labels[at] ?? "", form));
        expect(keys.map((key) => equalBytes(key.spki, spki))).toEqual([true]);
      }
    }
  });

  test("SEC1 keys work with their EC PARAMETERS before them, and as DER", () => {
    const want = new Uint8Array(ec.publicKey.export({ type: "spki", format: "der" }));
    const sec1 = ec.privateKey.export({ type: "sec1", format: "der" });
    const parameters = formatPemBlock("EC PARAMETERS", Uint8Array.of(0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7));
    for (const input of [sec1, parameters + formatPemBlock("EC PRIVATE KEY", sec1)]) {
      expect(accept(input).keys.map((key) => Array.from(key.spki))).toEqual([Array.from(want)]);
    }
  });

  test("encrypted keys are refused alone, and left alone beside a certificate", () => {
    const options = { format: "pem", cipher: "aes-256-cbc", passphrase: "x" } as const;
    const pkcs8 = privateKey.export({ type: "pkcs8", ...options }).toString();
    const pkcs1 = privateKey.export({ type: "pkcs1", ...options }).toString();
    for (const pem of [pkcs8, pkcs1]) {
      expect(refuse(pem)).toMatch(/^KEY_ENCRYPTED/);
      expect(accept(pem + world.leaf.pem)).toMatchObject({ keys: [], leaf: 0, ignored: [{ encrypted: true }] });
    }
    const der = privateKey.export({ type: "pkcs8", format: "der", cipher: "aes-256-cbc", passphrase: "x" });
    expect(refuse(der)).toMatch(/^KEY_ENCRYPTED/);
  });

  test("a certification request gives its key as it stands in it", () => {
    const info = encodeElement(0x30, Uint8Array.of(0x02, 1, 0, 0x30, 0), spki, Uint8Array.of(0xa0, 0));
    const algorithm = Uint8Array.of(0x30, 3, 0x06, 1, 0x2a);
    const request = encodeElement(0x30, info, algorithm, Uint8Array.of(0x03, 2, 0, 0));
    for (const input of [
      request,
      formatPemBlock("CERTIFICATE REQUEST", request),
      formatPemBlock("NEW CERTIFICATE REQUEST", request),
    ]) {
      const { keys } = accept(input);
      expect(keys).toMatchObject([{ source: "certification request" }]);
      expect(Array.from(keys[0]?.spki ?? [])).toEqual(Array.from(spki));
    }
  });

  test("a damaged private key is refused without OpenSSL's words", () => {
    const der = createPrivateKey(ec.privateKey.export({ type: "pkcs8", format: "pem" })).export({
      type: "pkcs8",
      format: "der",
    });
    const broken = formatPemBlock("PRIVATE KEY", der.subarray(0, 30));
    expect(refuse(broken)).toMatch(/^KEY_MALFORMED: line 1: the PRIVATE KEY block is damaged/);
  });
});
