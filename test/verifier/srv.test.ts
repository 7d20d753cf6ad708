/** Services found by SRV records (RFC 7673): what the records are worth decides whether DANE applies, and which names count. */
import { createHash } from "node:crypto";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { issueCertificate } from "../../src/pki/peculiar.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";
import { parseTarget } from "../../src/verifier/target.ts";
import type { HostReport } from "../../src/verifier/verdict.ts";
import { verifyTargets } from "../../src/verifier/verify.ts";
import { a, aaaa, cname, failed, fakeResolver, none, srv, tlsa } from "../fakes/resolver.ts";
import type { FakeAnswer } from "../fakes/resolver.ts";
import { startScriptedServer } from "../fakes/scripted-server.ts";
import type { ScriptedServer } from "../fakes/scripted-server.ts";

const SERVICE = "_xmpp-client._tcp.example.org";
const HOST = "im.example.net";
const dates = { notBefore: instant(Date.UTC(2025, 0, 1)), notAfter: instant(Date.UTC(2027, 0, 1)) };

let authority: IssuedCertificate;
/** Names the domain only, the host only, or neither. */
let forDomain: IssuedCertificate;
let forHost: IssuedCertificate;
let forNobody: IssuedCertificate;
const running: ScriptedServer[] = [];

beforeAll(async () => {
  authority = await issueCertificate({ ...dates, subject: "CN=Issuer", authority: {} });
  const issue = (name: string): Promise<IssuedCertificate> =>
    issueCertificate({ ...dates, subject: `CN=${name}`, dnsNames: [name], issuer: authority });
  forDomain = await issue("example.org");
  forHost = await issue(HOST);
  forNobody = await issue("example.com");
});

afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

function digest(usage: 2 | 3, { der }: IssuedCertificate): TlsaRdata {
  return { usage, selector: 0, matchingType: 1, data: new Uint8Array(createHash("sha256").update(der).digest()) };
}

/** An XMPP server; the answer to its opening is right whatever the domain. */
async function start(certificate: IssuedCertificate): Promise<ScriptedServer> {
  const streams = "xmlns:stream='http://etherx.jabber.org/streams'";
  const starttls = "xmlns='urn:ietf:params:xml:ns:xmpp-tls'";
  const server = await startScriptedServer({
    greeting: null,
    frame: (buffered) => (buffered.endsWith(">") ? buffered.length : null),
    certificates: { ...certificate, chainPem: certificate.pem + authority.pem },
    answers: [
      [
        /stream:stream/,
        {
          send: `<stream:stream ${streams} version='1.0'><stream:features><starttls ${starttls}/></stream:features>`,
        },
      ],
      [/starttls/, { send: `<proceed ${starttls}/>`, then: "tls" }],
    ],
  });
  running.push(server);
  return server;
}

async function look(text: string, entries: Readonly<Record<string, FakeAnswer>>): Promise<readonly HostReport[]> {
  const target = parseTarget(text);
  if (!target.ok) throw new Error(target.fault.message);
  const { hosts } = await verifyTargets([target.value], {
    resolve: fakeResolver(entries).resolve,
    at: instant(Date.UTC(2026, 0, 1)),
    timeoutMs: 3000,
    deadlineMs: null,
    concurrency: 8,
    addresses: [],
    profile: null,
    eeNames: false,
    everyKind: true,
    aheadDays: null,
    loadTrustStore: () => [],
  });
  return hosts;
}

function host(
  status: FakeAnswer["status"],
  port: number,
  ...records: readonly TlsaRdata[]
): Record<string, FakeAnswer> {
  return {
    [`${HOST} A`]: a(status, "127.0.0.1"),
    [`${HOST} AAAA`]: none(status),
    [`_${String(port)}._tcp.${HOST} TLSA`]: tlsa("secure", ...records),
  };
}

describe("secure SRV records", () => {
  test.each([
    ["the domain", () => forDomain, "verified"],
    ["the host", () => forHost, "verified"],
    ["neither", () => forNobody, "fail-name"],
  ])("with 2 0 1 the certificate may name %s", async (_, certificate, verdict) => {
    const server = await start(certificate());
    const [report] = await look(`srv:${SERVICE}`, {
      [`${SERVICE} SRV`]: srv("secure", [0, 0, server.port, HOST]),
      ...host("secure", server.port, digest(2, authority)),
    });
    expect(report?.addresses.map((each) => each.verdict)).toEqual([verdict]);
  });

  test("the stream is for the domain, SNI for the host", async () => {
    const server = await start(forNobody);
    const [report] = await look(`srv:${SERVICE}`, {
      [`${SERVICE} SRV`]: srv("secure", [0, 0, server.port, HOST]),
      ...host("secure", server.port, digest(3, forNobody)),
    });
    expect(report).toMatchObject({ verdict: "verified", profile: "generic", endpoint: { port: server.port } });
    expect(server.received[0]).toContain("to='example.org'");
    expect([...new Set(server.serverNames)]).toEqual([HOST]);
    expect(report?.dns.srv?.status).toBe("secure");
  });

  test("hosts come by priority, then by weight, and each once", async () => {
    const absent = (name: string): Record<string, FakeAnswer> => ({
      [`${name} A`]: none("secure"),
      [`${name} AAAA`]: none("secure"),
    });
    const hosts = await look(`srv:${SERVICE}`, {
      [`${SERVICE} SRV`]: srv(
        "secure",
        [20, 0, 5222, "c.example.org"],
        [10, 1, 5222, "b.example.org"],
        [10, 9, 5222, "a.example.org"],
        [10, 9, 5222, "a.example.org"],
      ),
      ...absent("a.example.org"),
      ...absent("b.example.org"),
      ...absent("c.example.org"),
    });
    expect(hosts.map(({ endpoint }) => endpoint?.host)).toEqual(["a.example.org.", "b.example.org.", "c.example.org."]);
  });

  test("insecure addresses end it: TLSA is not asked for, not even at the name of an alias", async () => {
    const server = await start(forHost);
    const [report] = await look(`srv:${SERVICE}`, {
      [`${SERVICE} SRV`]: srv("secure", [0, 0, server.port, HOST]),
      [`${HOST} CNAME`]: cname("secure", "elsewhere.example"),
      ["elsewhere.example A"]: a("insecure", "127.0.0.1"),
      ["elsewhere.example AAAA"]: aaaa("insecure"),
    });
    expect(report?.verdict).toBe("no-dane");
  });
});

describe("other SRV answers", () => {
  test("insecure: no DANE, TLSA is not asked for, and SNI is the domain", async () => {
    const server = await start(forDomain);
    const [report] = await look(`srv:${SERVICE}`, {
      [`${SERVICE} SRV`]: srv("insecure", [0, 0, server.port, HOST]),
      [`${HOST} A`]: a("secure", "127.0.0.1"),
      [`${HOST} AAAA`]: none("secure"),
    });
    expect(report?.verdict).toBe("no-dane");
    expect(report?.addresses[0]?.reason).toMatch(/SRV records are not DNSSEC-secure/);
    expect(server.serverNames).toEqual(["example.org"]);
  });

  test.each([
    ["a failed lookup", failed("bogus"), "dns-error", /SRV lookup failed/],
    ["none", none("secure"), "unreachable", /no SRV records/],
    ["a dot for a target", srv("secure", [0, 0, 0, "."]), "no-dane", /does not offer/],
  ] as const)("%s", async (_, answer, verdict, reason) => {
    const [report] = await look(`srv:${SERVICE}`, { [`${SERVICE} SRV`]: answer });
    expect(report).toMatchObject({ verdict, addresses: [] });
    expect(report?.reason).toMatch(reason);
  });
});
