import { beforeAll, describe, expect, test } from "vitest";
import { equalBytes } from "../../src/base/bytes.ts";
import { instant } from "../../src/base/time.ts";
import { keyFitsCertificate, readCertificate, readCredentials } from "../../src/pki/certificate.ts";
import type { Certificate } from "../../src/pki/certificate.ts";
import { findPath } from "../../src/pki/path.ts";
import { issueCertificate, newPrivateKeyPem } from "../../src/pki/peculiar.ts";
import type { IssueOptions, IssuedCertificate } from "../../src/pki/peculiar.ts";

const notBefore = instant(1_790_000_000_000);
const notAfter = instant(1_900_000_000_000);
const at = instant(1_800_000_000_000);

function read({ der }: IssuedCertificate): Certificate {
  const certificate = readCertificate(der);
  if (!certificate.ok) throw new Error(certificate.fault.message);
  return certificate.value;
}

function issue(subject: string, more: Partial<IssueOptions> = {}): Promise<IssuedCertificate> {
  return issueCertificate({ subject, notBefore, notAfter, ...more });
}

async function makeWorld() {
  const root = await issue("CN=Root", { authority: {} });
  const ca = await issue("CN=CA", { issuer: root, authority: { pathLength: 0 } });
  const subCa = await issue("CN=Sub CA", { issuer: ca, authority: {} });
  const falseCa = await issue("CN=CA", { authority: {} });
  const notCa = await issue("CN=Not a CA", { issuer: root });
  const host = { dnsNames: ["mx.example.org"] };
  return {
    root,
    ca,
    subCa,
    falseCa,
    notCa,
    leaf: await issue("CN=mx.example.org", { issuer: ca, ...host }),
    deep: await issue("CN=deep", { issuer: subCa, ...host }),
    byNotCa: await issue("CN=by not a CA", { issuer: notCa, ...host }),
    expired: await issue("CN=expired", { issuer: ca, ...host, notAfter: instant(1_795_000_000_000) }),
    expiredRoot: await issue("CN=Root", {
      privateKeyPem: root.privateKeyPem,
      authority: {},
      notAfter: instant(at - 1),
    }),
    alone: await issue("CN=alone", { ...host, authority: {} }),
    rsa: await issue("CN=rsa", { ...host, privateKeyPem: newPrivateKeyPem("rsa-2048") }),
  };
}

let world: Awaited<ReturnType<typeof makeWorld>>;

beforeAll(async () => {
  world = await makeWorld();
});

type Name = keyof Awaited<ReturnType<typeof makeWorld>>;

function find(leaf: Name, others: readonly Name[], anchor: Name | null, anchorKeys: readonly Name[] = []) {
  const anchorDer = anchor === null ? new Uint8Array() : world[anchor].der;
  return findPath(
    read(world[leaf]),
    others.map((name) => read(world[name])),
    ({ der }) => equalBytes(der, anchorDer),
    { at, anchorKeys: anchorKeys.map((name) => read(world[name]).spki) },
  );
}

describe("paths", () => {
  interface PathCase {
    readonly name: string;
    readonly leaf: Name;
    readonly others: readonly Name[];
    readonly anchor: Name | null;
    readonly keys?: readonly Name[];
    /** Subjects from the leaf on, or the code of the refusal. */
    readonly want: readonly string[] | string;
  }
  const cases: readonly PathCase[] = [
    { name: "to the issuer", leaf: "leaf", others: ["ca"], anchor: "ca", want: ["CN=mx.example.org", "CN=CA"] },
    {
      name: "to the root",
      leaf: "leaf",
      others: ["ca", "root"],
      anchor: "root",
      want: ["CN=mx.example.org", "CN=CA", "CN=Root"],
    },
    {
      name: "in any order, padded",
      leaf: "leaf",
      others: ["notCa", "root", "alone", "falseCa", "ca"],
      anchor: "root",
      want: ["CN=mx.example.org", "CN=CA", "CN=Root"],
    },
    {
      name: "not to a certificate merely appended",
      leaf: "rsa",
      others: ["ca", "root"],
      anchor: "ca",
      want: "CERT_PATH",
    },
    {
      name: "not over a false issuer of the same name",
      leaf: "leaf",
      others: ["falseCa"],
      anchor: "falseCa",
      want: "CERT_SIGNATURE",
    },
    { name: "not to the leaf itself", leaf: "alone", others: [], anchor: "alone", want: "CERT_PATH" },
    { name: "not to the leaf sent twice", leaf: "alone", others: ["alone"], anchor: "alone", want: "CERT_PATH" },
    { name: "not without the intermediate", leaf: "leaf", others: ["root"], anchor: "root", want: "CERT_PATH" },
    {
      name: "not over an issuer that is no authority",
      leaf: "byNotCa",
      others: ["notCa"],
      anchor: "notCa",
      want: "CERT_CONSTRAINT",
    },
    {
      name: "not longer than allowed",
      leaf: "deep",
      others: ["subCa", "ca", "root"],
      anchor: "root",
      want: "CERT_CONSTRAINT",
    },
    { name: "short of the limit", leaf: "deep", others: ["subCa"], anchor: "subCa", want: ["CN=deep", "CN=Sub CA"] },
    { name: "not with an expired leaf", leaf: "expired", others: ["ca"], anchor: "ca", want: "CERT_EXPIRED" },
    {
      name: "to a bare key that signed the topmost certificate",
      leaf: "leaf",
      others: ["ca"],
      anchor: null,
      keys: ["root"],
      want: ["CN=mx.example.org", "CN=CA"],
    },
    {
      name: "not to a bare key that signed nothing",
      leaf: "leaf",
      others: ["ca"],
      anchor: null,
      keys: ["falseCa"],
      want: "CERT_PATH",
    },
  ];

  test.each(cases)("$name", ({ leaf, others, anchor, keys, want }) => {
    const found = find(leaf, others, anchor, keys);
    if (typeof want === "string") expect(found).toMatchObject({ ok: false, fault: { code: want } });
    else expect(found.ok && found.value.certificates.map(({ subject }) => subject)).toEqual(want);
  });

  test("an expired anchor is accepted with a warning", () => {
    const found = find("leaf", ["ca", "expiredRoot"], "expiredRoot");
    expect(found.ok && found.value.warnings).toEqual([
      expect.stringContaining('"CN=Root" expired at 2027-01-15T07:59:59Z'),
    ]);
  });
});

describe("the parts of an issued certificate", () => {
  test("come out as they went in", () => {
    expect(read(world.leaf)).toMatchObject({
      subject: "CN=mx.example.org",
      issuer: "CN=CA",
      dnsNames: ["mx.example.org"],
      notBefore,
      notAfter,
      isCa: false,
      isSelfIssued: false,
      keyAlgorithm: "EC P-256",
      unreadable: null,
    });
    expect(read(world.ca)).toMatchObject({ isCa: true, extensions: { basicConstraints: { pathLength: 0 } } });
    expect(read(world.rsa).keyAlgorithm).toBe("RSA 2048");
  });

  test("a chain has the leaf first and leaves the root out", async () => {
    const { chainPem } = await issue("CN=x", { issuer: world.ca });
    const credentials = readCredentials(new TextEncoder().encode(chainPem));
    expect(credentials.ok && credentials.value.certificates.map(({ subject }) => subject)).toEqual(["CN=x", "CN=CA"]);
  });

  test("keys fit their own certificate alone", () => {
    expect(keyFitsCertificate(world.leaf.privateKeyPem, read(world.leaf))).toEqual({ ok: true, value: true });
    const fault = { code: "KEY_MISMATCH", message: "the private key does not belong to the certificate of CN=rsa" };
    expect(keyFitsCertificate(world.leaf.privateKeyPem, read(world.rsa))).toMatchObject({ ok: false, fault });
    expect(keyFitsCertificate("no key", read(world.rsa))).toMatchObject({
      ok: false,
      fault: { code: "KEY_MALFORMED" },
    });
  });
});
