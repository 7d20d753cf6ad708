/** Whole verifications: a DNS with a status per name, real TLS servers on loopback, one verdict per address. */
import { createHash } from "node:crypto";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { readCertificate } from "../../src/pki/certificate.ts";
import { issueCertificate } from "../../src/pki/peculiar.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";
import type { Target } from "../../src/verifier/target.ts";
import { verifyTargets } from "../../src/verifier/verify.ts";
import type { VerifyOptions } from "../../src/verifier/verify.ts";
import type { HostReport } from "../../src/verifier/verdict.ts";
import type { FakeAnswer } from "../fakes/resolver.ts";
import { a, aaaa, cname, dn, failed, fakeResolver, mx, none, tlsa } from "../fakes/resolver.ts";
import { smtpScript, startScriptedServer } from "../fakes/scripted-server.ts";
import type { Script, ScriptedServer } from "../fakes/scripted-server.ts";

const HOST = "mx.example.org";
const at = instant(Date.UTC(2026, 0, 1));
const dates = { notBefore: instant(Date.UTC(2025, 0, 1)), notAfter: instant(Date.UTC(2027, 0, 1)) };

let authority: IssuedCertificate;
let leaf: IssuedCertificate;
let other: IssuedCertificate;
let misnamed: IssuedCertificate;
let expired: IssuedCertificate;
const running: ScriptedServer[] = [];

beforeAll(async () => {
  authority = await issueCertificate({ ...dates, subject: "CN=Issuer", authority: {} });
  const issue = (name: string, notAfter = dates.notAfter): Promise<IssuedCertificate> => {
    return issueCertificate({ ...dates, notAfter, subject: `CN=${name}`, dnsNames: [name], issuer: authority });
  };
  leaf = await issue(HOST);
  other = await issue(HOST);
  misnamed = await issue("www.example.com");
  expired = await issue(HOST, instant(Date.UTC(2025, 6, 1)));
});

afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

function digest(usage: number, certificate: IssuedCertificate, matchingType = 1): TlsaRdata {
  const read = readCertificate(certificate.der);
  if (!read.ok) throw new Error(read.fault.message);
  const data = createHash(matchingType === 2 ? "sha512" : "sha256")
    .update(read.value.spki)
    .digest();
  return { usage, selector: 1, matchingType, data: new Uint8Array(data) };
}

/** An SMTP server that sends the certificate and its issuer. */
function mail(certificate: IssuedCertificate, overrides: Parameters<typeof smtpScript>[1] = {}): Script {
  const chainPem = certificate.pem + authority.pem;
  return smtpScript({ chainPem, privateKeyPem: certificate.privateKeyPem }, overrides);
}

async function start(script: Script, address = "127.0.0.1", port = 0): Promise<ScriptedServer> {
  const server = await startScriptedServer(script, address, port);
  running.push(server);
  return server;
}

async function look(
  port: number,
  entries: Readonly<Record<string, FakeAnswer>>,
  overrides: Partial<VerifyOptions> = {},
): Promise<{ readonly host: HostReport; readonly exit: number }> {
  const { resolve } = fakeResolver(entries);
  const target: Target = {
    kind: "service",
    text: `${HOST}:${String(port)}/smtp`,
    endpoint: { host: dn(HOST), port, protocol: "smtp" },
  };
  const report = await verifyTargets([target], { ...defaults, resolve, ...overrides });
  const [host] = report.hosts;
  if (host === undefined) throw new Error("no host");
  return { host, exit: report.exit };
}

const defaults: Omit<VerifyOptions, "resolve"> = {
  at,
  timeoutMs: 3000,
  deadlineMs: null,
  concurrency: 16,
  addresses: [],
  profile: null,
  eeNames: false,
  everyKind: true,
  aheadDays: null,
  loadTrustStore: () => [],
};

const secure = (port: number, ...records: readonly TlsaRdata[]): Readonly<Record<string, FakeAnswer>> => ({
  [`${HOST} A`]: a("secure", "127.0.0.1"),
  [`${HOST} AAAA`]: none("secure"),
  [`_${String(port)}._tcp.${HOST} TLSA`]: tlsa("secure", ...records),
});

const cases: readonly {
  readonly name: string;
  readonly script?: () => Script;
  readonly records: () => readonly TlsaRdata[];
  readonly verdict: string;
  readonly exit: number;
  readonly statuses: readonly string[];
}[] = [
  { name: "3 1 1 of the leaf", records: () => [digest(3, leaf)], verdict: "verified", exit: 0, statuses: ["matched"] },
  {
    name: "3 1 1 ignores names and dates",
    script: () => mail(expired),
    records: () => [digest(3, expired)],
    verdict: "verified",
    exit: 0,
    statuses: ["matched"],
  },
  {
    name: "the middle of a rollover: stale and current",
    records: () => [digest(3, other), digest(3, leaf)],
    verdict: "verified",
    exit: 0,
    statuses: ["stale", "matched"],
  },
  {
    name: "2 1 1 of the issuer",
    records: () => [digest(2, authority)],
    verdict: "verified",
    exit: 0,
    statuses: ["matched"],
  },
  {
    name: "2 1 1, and the certificate names another host",
    script: () => mail(misnamed),
    records: () => [digest(2, authority)],
    verdict: "fail-name",
    exit: 2,
    statuses: ["matched"],
  },
  {
    name: "2 1 1, and the certificate has expired",
    script: () => mail(expired),
    records: () => [digest(2, authority)],
    verdict: "fail-expired",
    exit: 2,
    statuses: ["matched"],
  },
  {
    name: "a record of another key",
    records: () => [digest(3, other)],
    verdict: "fail-mismatch",
    exit: 2,
    statuses: ["stale"],
  },
  {
    name: "a stronger digest that is wrong hides the right one",
    records: () => [digest(3, leaf), digest(3, other, 2)],
    verdict: "fail-mismatch",
    exit: 2,
    statuses: ["suppressed", "stale"],
  },
  {
    name: "usages 0 and 1 are nothing to a mail sender",
    records: () => [digest(1, leaf)],
    verdict: "unusable-unauthenticated",
    exit: 1,
    statuses: ["unusable"],
  },
  {
    name: "no usable record and no STARTTLS",
    script: () => mail(leaf, { EHLO: { send: "250 mx\r\n" } }),
    records: () => [digest(1, leaf)],
    verdict: "unusable-broken",
    exit: 2,
    statuses: ["unusable"],
  },
  {
    name: "a usable record and no STARTTLS",
    script: () => mail(leaf, { EHLO: { send: "250 mx\r\n" } }),
    records: () => [digest(3, leaf)],
    verdict: "fail-tls",
    exit: 2,
    statuses: ["untested"],
  },
  {
    name: "plain text injected before TLS",
    script: () => mail(leaf, { STARTTLS: { send: "220 go\r\n250 hi\r\n", then: "tls" } }),
    records: () => [digest(3, leaf)],
    verdict: "fail-tls",
    exit: 2,
    statuses: ["untested"],
  },
  {
    name: "a server that turns us away",
    script: () => smtpScript(undefined, {}, "554 no\r\n"),
    records: () => [digest(3, leaf)],
    verdict: "unreachable",
    exit: 3,
    statuses: ["untested"],
  },
];

describe("one address", () => {
  test.each(cases)("$name: $verdict", async ({ script, records, verdict, exit, statuses }) => {
    const server = await start(script?.() ?? mail(leaf));
    const found = await look(server.port, secure(server.port, ...records()));
    expect(found.host.addresses.map((each) => each.verdict)).toEqual([verdict]);
    expect(found.host.verdict).toBe(verdict);
    expect(found.exit).toBe(exit);
    expect(found.host.addresses[0]?.records.map(({ status }) => status)).toEqual(statuses);
  });

  test("nobody listens: unreachable", async () => {
    const server = await startScriptedServer(mail(leaf));
    await server.close();
    const { host, exit } = await look(server.port, secure(server.port, digest(3, leaf)));
    expect([host.verdict, exit]).toEqual(["unreachable", 3]);
  });

  test("the record that would be right is in the hint of a mismatch", async () => {
    const server = await start(mail(leaf));
    const { host } = await look(server.port, secure(server.port, digest(3, other)));
    expect(host.addresses[0]?.hint).toContain(`"3 1 1 ${Buffer.from(digest(3, leaf).data).toString("hex")}"`);
  });

  test.each([
    [25, "smtp"],
    [2525, "smtp"],
    [587, "generic"],
  ] as const)(
    "port %i of a mail server is judged by the %s profile: submission is no mail transfer",
    async (port, profile) => {
      const nowhere = { [`${HOST} A`]: none("secure"), [`${HOST} AAAA`]: none("secure") };
      expect((await look(port, nowhere)).host.profile).toBe(profile);
    },
  );

  test("the generic profile evaluates usage 1 against the roots it is given", async () => {
    const server = await start(mail(leaf));
    const dns = secure(server.port, digest(1, leaf));
    const options = { profile: "generic" as const, loadTrustStore: () => [authority.der] };
    expect((await look(server.port, dns, options)).host.verdict).toBe("verified");
    expect((await look(server.port, dns, { profile: "generic" })).host.verdict).toBe("fail-chain");
  });
});

describe("what DNS decides", () => {
  test("SNI is the TLSA base domain, the expanded name of a secure alias", async () => {
    const server = await start(mail(leaf));
    const { host } = await look(server.port, {
      [`${HOST} CNAME`]: cname("secure", "host.example.net"),
      ["host.example.net A"]: a("secure", "127.0.0.1"),
      ["host.example.net AAAA"]: none("secure"),
      [`_${String(server.port)}._tcp.host.example.net TLSA`]: tlsa("secure", digest(2, authority)),
    });
    expect([...new Set(server.serverNames)]).toEqual(["host.example.net"]);
    expect(host.baseDomain).toBe("host.example.net.");
    // The certificate names the original host only: lawful (RFC 7671 §7), and worth a note.
    expect(host.verdict).toBe("verified");
    expect(host.addresses[0]?.warnings).toEqual([expect.stringMatching(/host\.example\.net/)]);
  });

  test("a matching record in an unsigned zone is no-dane, and the certificate is shown all the same", async () => {
    const server = await start(mail(leaf));
    const { host, exit } = await look(server.port, {
      ...secure(server.port),
      [`_${String(server.port)}._tcp.${HOST} TLSA`]: tlsa("insecure", digest(3, leaf)),
    });
    expect([host.verdict, exit]).toEqual(["no-dane", 1]);
    expect(host.addresses[0]?.certificate?.subject).toBe(`CN=${HOST}`);
  });

  test("a failed TLSA lookup stops mail, and nobody is connected to", async () => {
    const server = await start(mail(leaf));
    const { host, exit } = await look(server.port, {
      ...secure(server.port),
      [`_${String(server.port)}._tcp.${HOST} TLSA`]: failed("bogus"),
    });
    expect([host.verdict, exit]).toEqual(["tlsa-error", 2]);
    expect(server.received).toEqual([]);
  });

  test("no address, and an address lookup that failed", async () => {
    const missing = await look(25, { [`${HOST} A`]: none("secure"), [`${HOST} AAAA`]: none("secure") });
    expect([missing.host.verdict, missing.host.reason]).toEqual(["unreachable", `${HOST} has no address`]);
    const broken = await look(25, { [`${HOST} A`]: failed(), [`${HOST} AAAA`]: failed() });
    expect([broken.host.verdict, broken.exit]).toEqual(["unreachable", 3]);
    expect(broken.host.reason).toMatch(/SERVFAIL/);
  });
});

describe("several addresses", () => {
  test("each is looked at, and the worst decides", async () => {
    const good = await start(mail(leaf));
    await start(mail(other), "127.0.0.2", good.port);
    const { host, exit } = await look(good.port, {
      ...secure(good.port, digest(3, leaf)),
      [`${HOST} A`]: a("secure", "127.0.0.1", "127.0.0.2", "127.0.0.3"),
    });
    expect(host.addresses.map(({ address, verdict }) => [address, verdict])).toEqual([
      ["127.0.0.1", "verified"],
      ["127.0.0.2", "fail-mismatch"],
      ["127.0.0.3", "unreachable"],
    ]);
    // A refusal outweighs an address that cannot be reached.
    expect([host.verdict, exit]).toEqual(["fail-mismatch", 2]);
  });

  test("a family that fails does not spoil the other", async () => {
    const server = await start(mail(leaf));
    const { host } = await look(server.port, { ...secure(server.port, digest(3, leaf)), [`${HOST} AAAA`]: failed() });
    expect([host.verdict, host.dns.aaaa?.status]).toEqual(["verified", "indeterminate"]);
  });

  test("an insecure family is without DANE, a secure one is not", async () => {
    const server = await start(mail(leaf));
    const { host } = await look(server.port, {
      ...secure(server.port, digest(3, leaf)),
      [`${HOST} AAAA`]: aaaa("insecure", "::1"),
    });
    expect(host.addresses[0]?.verdict).toBe("verified");
    expect(host.addresses[1]?.address).toBe("::1");
    expect(host.addresses[1]?.verdict).not.toBe("verified");
  });
});

describe("mail domains", () => {
  async function domain(entries: Readonly<Record<string, FakeAnswer>>): Promise<readonly HostReport[]> {
    const { resolve } = fakeResolver(entries);
    const target: Target = { kind: "mx", text: "mx:example.org", domain: dn("example.org") };
    return (await verifyTargets([target], { ...defaults, resolve })).hosts;
  }
  const absent = (host: string): Readonly<Record<string, FakeAnswer>> => ({
    [`${host} A`]: none("secure"),
    [`${host} AAAA`]: none("secure"),
  });

  test("exchangers in order of preference, each a report of its own", async () => {
    const hosts = await domain({
      ["example.org MX"]: mx("secure", [20, "b.example.org"], [10, "a.example.org"]),
      ...absent("a.example.org"),
      ...absent("b.example.org"),
    });
    expect(hosts.map(({ endpoint, target }) => [endpoint?.host, endpoint?.port, target])).toEqual([
      ["a.example.org.", 25, "mx:example.org"],
      ["b.example.org.", 25, "mx:example.org"],
    ]);
  });

  test("a failed MX lookup is dns-error", async () => {
    const hosts = await domain({ ["example.org MX"]: failed("bogus") });
    expect(hosts.map(({ verdict }) => verdict)).toEqual(["dns-error"]);
  });

  test("a null MX leaves nothing to check", async () => {
    const hosts = await domain({ ["example.org MX"]: mx("secure", [0, "."]) });
    expect(hosts[0]).toMatchObject({ verdict: "no-dane", addresses: [] });
    expect(hosts[0]?.reason).toMatch(/null MX/);
  });

  test("without MX the domain is its own exchanger", async () => {
    const hosts = await domain({ ["example.org MX"]: none("secure"), ...absent("example.org") });
    expect(hosts.map(({ endpoint }) => endpoint?.host)).toEqual(["example.org."]);
  });
});
