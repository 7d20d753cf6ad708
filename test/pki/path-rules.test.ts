/**
 * Each rule that a certification path has to keep, broken by itself. Where the openssl program is installed, every
 * case is put before it as well (`openssl verify -partial_chain`, which is what libssl does for usage 2); the few in
 * which we differ say so.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { equalBytes } from "../../src/base/bytes.ts";
import { instant } from "../../src/base/time.ts";
import type { Certificate } from "../../src/pki/certificate.ts";
import { findPath } from "../../src/pki/path.ts";
import { formatPemBlock } from "../../src/pki/pem.ts";
import type { Forged, ForgeOptions } from "../fakes/forge.ts";
import {
  ANY_PURPOSE,
  CLIENT_AUTH,
  SERVER_AUTH,
  forge,
  forgeAuthority,
  forgeLeaf,
  generalName,
  newKey,
} from "../fakes/forge.ts";

const at = instant(Date.UTC(2026, 0, 1));
const past = { notBefore: new Date("2024-01-01T00:00:00Z"), notAfter: new Date("2025-06-01T00:00:00Z") };

interface Scene {
  readonly leaf: Forged;
  readonly others: readonly Forged[];
  readonly anchor: Forged;
}

interface Rule {
  readonly name: string;
  readonly scene: () => Scene;
  /** `ok`, or the code of the refusal. */
  readonly want: string;
  /** A warning that an accepted path must carry. */
  readonly warns?: RegExp;
  /** What OpenSSL says where that is another thing, and why. */
  readonly openssl?: { readonly accepts: boolean; readonly because: string };
}

const root = forgeAuthority("CN=Root");

/** Root (the anchor), one authority, leaf; each as told. */
function three(parts: {
  readonly root?: Partial<ForgeOptions>;
  readonly middle?: Partial<ForgeOptions>;
  readonly leaf?: Partial<ForgeOptions>;
}): () => Scene {
  return () => {
    const anchor = forgeAuthority("CN=Root", undefined, parts.root);
    const middle = forgeAuthority("CN=Middle", anchor, parts.middle);
    return { leaf: forgeLeaf(middle, parts.leaf), others: [middle, anchor], anchor };
  };
}

const { dns, ip, directory, email } = generalName;

const RULES: readonly Rule[] = [
  { name: "leaf, authority, root", scene: three({}), want: "ok" },
  { name: "an expired leaf", scene: three({ leaf: past }), want: "CERT_EXPIRED" },
  { name: "a leaf of the future", scene: three({ leaf: { notBefore: new Date("2026-06-01") } }), want: "CERT_EXPIRED" },
  { name: "an expired authority", scene: three({ middle: past }), want: "CERT_EXPIRED" },
  {
    name: "an expired anchor",
    scene: three({ root: past }),
    want: "ok",
    warns: /"CN=Root" expired/,
    openssl: { accepts: false, because: "it judges the dates of a self-issued anchor, which no RFC asks for" },
  },
  { name: "an authority that says it is none", scene: three({ middle: { ca: false } }), want: "CERT_CONSTRAINT" },
  { name: "an anchor that says it is no authority", scene: three({ root: { ca: false } }), want: "CERT_CONSTRAINT" },
  {
    name: "an authority that does not say what it is",
    scene: three({ middle: { ca: null } }),
    want: "CERT_CONSTRAINT",
  },
  { name: "a root of version 1", scene: three({ root: { version: 1 } }), want: "ok" },
  { name: "an authority of version 1", scene: three({ middle: { version: 1 } }), want: "CERT_CONSTRAINT" },
  { name: "an authority that may sign certificates", scene: three({ middle: { keyUsage: [5, 6] } }), want: "ok" },
  {
    name: "an authority that may only sign CRLs",
    scene: three({ middle: { keyUsage: [6] } }),
    want: "CERT_CONSTRAINT",
  },
  { name: "an anchor that may only sign CRLs", scene: three({ root: { keyUsage: [6] } }), want: "CERT_CONSTRAINT" },
  { name: "a path as long as the anchor allows", scene: three({ root: { pathLength: 1 } }), want: "ok" },
  { name: "a path longer than the anchor allows", scene: three({ root: { pathLength: 0 } }), want: "CERT_CONSTRAINT" },
  {
    name: "a self-issued authority does not count for the length",
    scene: () => {
      const anchor = forgeAuthority("CN=Root", undefined, { pathLength: 0, subjectKeyId: "right" });
      const again = forgeAuthority("CN=Root", anchor, { subjectKeyId: "right", authorityKeyId: "right" });
      return { leaf: forgeLeaf(again, { authorityKeyId: "right" }), others: [again, anchor], anchor };
    },
    want: "ok",
  },
  { name: "a leaf for TLS servers", scene: three({ leaf: { purposes: [CLIENT_AUTH, SERVER_AUTH] } }), want: "ok" },
  { name: "a leaf for TLS clients", scene: three({ leaf: { purposes: [CLIENT_AUTH] } }), want: "CERT_CONSTRAINT" },
  {
    name: "a leaf for any purpose",
    scene: three({ leaf: { purposes: [ANY_PURPOSE] } }),
    want: "ok",
    warns: /any purpose/,
    openssl: { accepts: false, because: "it takes anyExtendedKeyUsage for no purpose of a server" },
  },
  {
    name: "an authority for TLS clients",
    scene: three({ middle: { purposes: [CLIENT_AUTH] } }),
    want: "CERT_CONSTRAINT",
  },
  { name: "an anchor for TLS clients", scene: three({ root: { purposes: [CLIENT_AUTH] } }), want: "CERT_CONSTRAINT" },
  { name: "a leaf whose key makes signatures", scene: three({ leaf: { keyUsage: [0] } }), want: "ok" },
  { name: "a leaf whose key signs CRLs", scene: three({ leaf: { keyUsage: [6] } }), want: "CERT_CONSTRAINT" },
  {
    name: "a critical extension that nobody knows, in the leaf",
    scene: three({ leaf: { more: [{ oid: "1.3.6.1.4.1.99999.1", critical: true, body: Uint8Array.of(5, 0) }] } }),
    want: "CERT_CONSTRAINT",
  },
  {
    name: "a critical extension that nobody knows, in the anchor",
    scene: three({ root: { more: [{ oid: "1.3.6.1.4.1.99999.1", critical: true, body: Uint8Array.of(5, 0) }] } }),
    want: "CERT_CONSTRAINT",
  },
  {
    name: "an extension that nobody knows and that is not critical",
    scene: three({ leaf: { more: [{ oid: "1.3.6.1.4.1.99999.1", body: Uint8Array.of(5, 0) }] } }),
    want: "ok",
  },
  {
    name: "extensions that cannot be read",
    scene: three({ middle: { more: [{ oid: "2.5.29.30", critical: true, body: Uint8Array.of(1, 2, 3) }] } }),
    want: "CERT_CONSTRAINT",
  },
  { name: "a name that the anchor permits", scene: three({ root: { permitted: [dns("example.org")] } }), want: "ok" },
  {
    name: "a name that it does not",
    scene: three({ root: { permitted: [dns("example.com")] } }),
    want: "CERT_CONSTRAINT",
  },
  {
    name: "a name that an authority excludes",
    scene: three({ middle: { excluded: [dns("example.org")] } }),
    want: "CERT_CONSTRAINT",
  },
  { name: "a longer name excluded", scene: three({ middle: { excluded: [dns("x.mx.example.org")] } }), want: "ok" },
  {
    name: "a name that only ends like the one excluded",
    scene: three({ root: { excluded: [dns("ample.org")] } }),
    want: "ok",
  },
  {
    name: "a wildcard for more than is permitted",
    scene: three({ root: { permitted: [dns("mx.example.org")] }, leaf: { dnsNames: ["*.example.org"] } }),
    want: "CERT_CONSTRAINT",
  },
  {
    name: "a wildcard that covers what is excluded",
    scene: three({ root: { excluded: [dns("mx.example.org")] }, leaf: { dnsNames: ["*.example.org"] } }),
    want: "CERT_CONSTRAINT",
    openssl: { accepts: true, because: "it compares the star like any letter" },
  },
  {
    name: "a common name that is not permitted, where there is no DNS name",
    scene: three({ root: { permitted: [dns("example.com")] }, leaf: { dnsNames: [], subject: "CN=mx.example.org" } }),
    want: "CERT_CONSTRAINT",
  },
  {
    name: "an address that is permitted",
    scene: three({
      root: { permitted: [ip(192, 0, 2, 0, 255, 255, 255, 0)] },
      leaf: { otherNames: [ip(192, 0, 2, 9)] },
    }),
    want: "ok",
  },
  {
    name: "an address that is not",
    scene: three({
      root: { permitted: [ip(192, 0, 2, 0, 255, 255, 255, 0)] },
      leaf: { otherNames: [ip(192, 0, 3, 9)] },
    }),
    want: "CERT_CONSTRAINT",
  },
  {
    name: "all addresses excluded, and none in the certificate",
    scene: three({ root: { excluded: [ip(0, 0, 0, 0, 0, 0, 0, 0)] } }),
    want: "ok",
  },
  {
    name: "a subject that is permitted",
    scene: three({
      root: { permitted: [directory("O=Example")] },
      middle: { subject: "O=Example,CN=CA" },
      leaf: { subject: "O=example,CN=leaf" },
    }),
    want: "ok",
  },
  {
    name: "a subject that is not",
    scene: three({
      root: { permitted: [directory("O=Example")] },
      middle: { subject: "O=Example,CN=CA" },
      leaf: { subject: "O=Other,CN=leaf" },
    }),
    want: "CERT_CONSTRAINT",
  },
  {
    name: "a constraint of a kind that is not evaluated, and no name of that kind",
    scene: three({ root: { permitted: [email("example.org")] } }),
    want: "ok",
  },
  {
    name: "a constraint of a kind that is not evaluated, and a name of that kind",
    scene: three({ root: { permitted: [email("example.org")] }, leaf: { otherNames: [email("a@example.org")] } }),
    want: "CERT_CONSTRAINT",
    openssl: { accepts: true, because: "it evaluates mail addresses" },
  },
  {
    name: "a leaf signed by somebody else in the authority's name",
    scene: three({ leaf: { signer: newKey() } }),
    want: "CERT_SIGNATURE",
  },
  {
    name: "an authority signed by somebody else in the root's name",
    scene: three({ middle: { signer: newKey() } }),
    want: "CERT_SIGNATURE",
  },
  {
    name: "the right key identifiers",
    scene: three({
      root: { subjectKeyId: "right" },
      middle: { subjectKeyId: "right", authorityKeyId: "right" },
      leaf: { subjectKeyId: "right", authorityKeyId: "right" },
    }),
    want: "ok",
  },
  {
    name: "the issuer named by name and serial number",
    scene: () => ({ leaf: forgeLeaf(root, { authorityKeyId: "issuer" }), others: [root], anchor: root }),
    want: "ok",
  },
  {
    name: "a key identifier that is not the issuer's",
    scene: three({ middle: { subjectKeyId: "right" }, leaf: { authorityKeyId: "wrong" } }),
    want: "ok",
    warns: /key identifier/,
    openssl: { accepts: false, because: "it takes key identifiers for more than hints" },
  },
  {
    name: "a key identifier where the issuer has none",
    scene: three({ leaf: { authorityKeyId: "wrong" } }),
    want: "ok",
  },
  {
    name: "an issuer with a serial number other than the one named",
    scene: () => ({ leaf: forgeLeaf(root, { authorityKeyId: "wrong-issuer" }), others: [root], anchor: root }),
    want: "ok",
    warns: /key identifier/,
    openssl: { accepts: false, because: "it takes key identifiers for more than hints" },
  },
];

function find({ leaf, others, anchor }: Scene) {
  const isAnchor = ({ der }: Certificate): boolean => equalBytes(der, anchor.der);
  return findPath(
    leaf.read,
    others.map(({ read }) => read),
    isAnchor,
    { at },
  );
}

describe("each rule by itself", () => {
  test.each(RULES)("$name: $want", ({ scene, want, warns }) => {
    const found = find(scene());
    expect(found.ok ? "ok" : found.fault.code, found.ok ? "" : found.fault.message).toBe(want);
    const warnings = found.ok ? found.value.warnings : [];
    expect(warnings.length > 0).toBe(warns !== undefined);
    if (warns !== undefined) expect(warnings.join("; ")).toMatch(warns);
  });
});

const OPENSSL = "openssl";
const openssl = spawnSync(OPENSSL, ["version"], { encoding: "utf8" });
const isThere = openssl.status === 0 && openssl.stdout.startsWith("OpenSSL 3");
const folder = mkdtempSync(path.join(tmpdir(), "daneward-path-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe.skipIf(!isThere)(isThere ? "OpenSSL says the same" : "OpenSSL says the same (skipped: no openssl 3)", () => {
  test.each(RULES)("$name", ({ scene, want, openssl: other }) => {
    const { leaf, others, anchor } = scene();
    const file = (name: string, ...certificates: readonly Forged[]): string => {
      const where = path.join(folder, name);
      writeFileSync(where, certificates.map(({ der }) => formatPemBlock("CERTIFICATE", der)).join(""));
      return where;
    };
    const { status, stderr, stdout } = spawnSync(OPENSSL, [
      ...["verify", "-partial_chain", "-purpose", "sslserver", "-attime", String(at / 1000), "-auth_level", "0"],
      ...["-no-CAfile", "-no-CApath", "-no-CAstore", "-trusted", file("anchor.pem", anchor)],
      ...["-untrusted", file("others.pem", ...others), file("leaf.pem", leaf)],
    ]);
    const accepts = other?.accepts ?? want === "ok";
    expect(status === 0, `${stdout.toString()}${stderr.toString()} ${other?.because ?? ""}`).toBe(accepts);
  });
});

describe("heaps of certificates", () => {
  test("thirty false issuers of the right name before the true one", () => {
    const anchor = forgeAuthority("CN=CA");
    const leaf = forgeLeaf(anchor);
    const others = Array.from({ length: 30 }, () => forgeAuthority("CN=CA"));
    expect(find({ leaf, others: [...others, anchor], anchor }).ok).toBe(true);
  });

  test("key identifiers lead to the true issuer first, however many false ones there are", () => {
    const anchor = forgeAuthority("CN=CA", undefined, { subjectKeyId: "right" });
    const leaf = forgeLeaf(anchor, { authorityKeyId: "right" });
    const others = Array.from({ length: 150 }, () => forgeAuthority("CN=CA", undefined, { subjectKeyId: "right" }));
    expect(find({ leaf, others: [...others, anchor], anchor }).ok).toBe(true);
  });

  test("out of order, padded, doubled", () => {
    const middle = forgeAuthority("CN=Middle", root);
    const leaf = forgeLeaf(middle);
    const stranger = forgeAuthority("CN=Stranger");
    const others = [root, stranger, leaf, root, middle, stranger, middle];
    const found = find({ leaf, others, anchor: root });
    expect(found.ok && found.value.certificates.map(({ subject }) => subject)).toEqual([
      "CN=leaf",
      "CN=Middle",
      "CN=Root",
    ]);
  });

  test("two roots that signed each other's authority: either may be the anchor", () => {
    const [one, two] = [forgeAuthority("CN=One"), forgeAuthority("CN=Two")];
    const key = newKey();
    const byOne = forgeAuthority("CN=Shared", one, { key });
    const byTwo = forgeAuthority("CN=Shared", two, { key });
    const leaf = forgeLeaf(byOne);
    for (const anchor of [one, two, byOne, byTwo]) {
      expect(find({ leaf, others: [byTwo, byOne, two, one], anchor }).ok).toBe(true);
    }
  });

  test("of two ways to the anchor the one that keeps the rules is taken", () => {
    const key = newKey();
    const expired = forgeAuthority("CN=Shared", root, { key, ...past });
    const valid = forgeAuthority("CN=Shared", root, { key });
    const leaf = forgeLeaf(valid);
    expect(find({ leaf, others: [expired, valid, root], anchor: root }).ok).toBe(true);
    expect(find({ leaf, others: [expired, root], anchor: root })).toMatchObject({
      ok: false,
      fault: { code: "CERT_EXPIRED", depth: 2 },
    });
  });

  test("authorities that all signed each other do not keep the search busy", () => {
    const keys = Array.from({ length: 12 }, newKey);
    const names = keys.map((_, index) => `CN=A${String(index)}`);
    const issuers = keys.map((key, index) => forge({ subject: names[index] ?? "", key, ca: true }));
    const web = issuers.flatMap((issuer, from) =>
      keys.flatMap((key, to) => (from === to ? [] : [forge({ subject: names[to] ?? "", key, ca: true, issuer })])),
    );
    const [first] = issuers;
    if (first === undefined) throw new Error("no authority");
    const started = performance.now();
    const found = find({ leaf: forgeLeaf(first), others: web, anchor: root });
    expect(found).toMatchObject({ ok: false, fault: { code: "CERT_PATH" } });
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test("a thousand certificates of one name, all false", () => {
    const key = newKey();
    const others = Array.from({ length: 1000 }, () => forge({ subject: "CN=CA", key, ca: true }));
    const started = performance.now();
    expect(find({ leaf: forgeLeaf(forgeAuthority("CN=CA")), others, anchor: root }).ok).toBe(false);
    expect(performance.now() - started).toBeLessThan(3000);
  });
});
