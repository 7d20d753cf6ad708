import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { createDiffieHellmanGroup } from "node:crypto";
import { createServer } from "node:net";
import { once } from "node:events";
import { OperationalError } from "../../src/base/errors.ts";
import { instant } from "../../src/base/time.ts";
import { issueCertificate, newPrivateKeyPem } from "../../src/pki/peculiar.ts";
import type { IssuedCertificate, IssueOptions } from "../../src/pki/peculiar.ts";
import { openTls } from "../../src/transport/tls.ts";
import { smtpScript, startScriptedServer } from "../fakes/scripted-server.ts";
import type { Script, ScriptedServer } from "../fakes/scripted-server.ts";

const dates = { notBefore: instant(Date.UTC(2020, 0, 1)), notAfter: instant(Date.UTC(2040, 0, 1)) };
const issue = (options: Omit<IssueOptions, "notBefore" | "notAfter">): Promise<IssuedCertificate> =>
  issueCertificate({ ...dates, ...options });

let root: IssuedCertificate;
let authority: IssuedCertificate;
let leaf: IssuedCertificate;
let stranger: IssuedCertificate;
const running: ScriptedServer[] = [];

beforeAll(async () => {
  root = await issue({ subject: "CN=Root", authority: {} });
  authority = await issue({ subject: "CN=Issuer", authority: {}, issuer: root });
  leaf = await issue({ subject: "CN=mx.example.org", dnsNames: ["mx.example.org"], issuer: authority });
  stranger = await issue({ subject: "CN=Stranger", authority: {} });
});

afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

async function start(script: Script): Promise<ScriptedServer> {
  const server = await startScriptedServer(script);
  running.push(server);
  return server;
}

const direct = (...chain: readonly IssuedCertificate[]): Script => ({
  greeting: null,
  tlsAtOnce: true,
  answers: [],
  certificates: { chainPem: chain.map((each) => each.pem).join(""), privateKeyPem: leaf.privateKeyPem },
});

const options = { dialogue: null, serverName: "mx.example.org", timeoutMs: 5000 };

async function failureOf(work: Promise<unknown>): Promise<OperationalError> {
  const outcome: unknown = await work.catch((error: unknown) => error);
  if (!(outcome instanceof OperationalError)) throw new Error(`no failure: ${String(outcome)}`);
  return outcome;
}

describe("the chain as sent", () => {
  test.each([
    { name: "leaf alone", chain: () => [leaf] },
    { name: "leaf and issuer", chain: () => [leaf, authority] },
    { name: "root included", chain: () => [leaf, authority, root] },
    { name: "out of order, with a stranger in between", chain: () => [leaf, stranger, root, authority] },
    { name: "the same certificate twice", chain: () => [leaf, authority, authority] },
    { name: "a stranger at the end", chain: () => [leaf, stranger] },
  ])("$name", async ({ chain }) => {
    const server = await start(direct(...chain()));
    const session = await openTls({ ...server, ...options });
    session.close();
    expect(session.certificates).toEqual(chain().map((each) => each.der));
    expect(session.version).toBe("TLSv1.3");
  });

  test("an expired certificate for another name is brought home all the same", async () => {
    const expired = await issueCertificate({
      subject: "CN=elsewhere.example",
      notBefore: instant(Date.UTC(2010, 0, 1)),
      notAfter: instant(Date.UTC(2011, 0, 1)),
    });
    const server = await start({ ...direct(), certificates: { ...expired, chainPem: expired.pem } });
    const session = await openTls({ ...server, ...options });
    session.close();
    expect(session.certificates).toEqual([expired.der]);
  });
});

/** PEM of the 1024-bit group of RFC 2409 §6.2, PKCS #3: SEQUENCE of prime and generator. */
function oldGroup(): string {
  const prime = createDiffieHellmanGroup("modp2").getPrime();
  const body = [2, 0x81, prime.length + 1, 0, ...prime, 2, 1, 2];
  return `-----BEGIN DH PARAMETERS-----\n${Buffer.from([0x30, 0x81, body.length, ...body]).toString("base64")}\n-----END DH PARAMETERS-----\n`;
}

test("a server with the Diffie-Hellman parameters of old is looked at, whatever OpenSSL Node came with", async () => {
  const rsa = await issue({ subject: "CN=mx.example.org", privateKeyPem: newPrivateKeyPem("rsa-2048") });
  const handshake = {
    maxVersion: "TLSv1.2",
    ciphers: "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0",
    dhparam: oldGroup(),
  } as const;
  const server = await start({
    ...direct(),
    certificates: { chainPem: rsa.pem, privateKeyPem: rsa.privateKeyPem, handshake },
  });
  const session = await openTls({ ...server, ...options });
  session.close();
  expect([session.version, session.cipher]).toEqual(["TLSv1.2", "DHE-RSA-AES128-GCM-SHA256"]);
  expect(session.certificates).toEqual([rsa.der]);
});

describe("server name indication", () => {
  test("carries the name given", async () => {
    const server = await start(direct(leaf));
    (await openTls({ ...server, ...options, serverName: "other.example.org" })).close();
    expect(server.serverNames).toEqual(["other.example.org"]);
  });

  test("is left out when there is none", async () => {
    const server = await start(direct(leaf));
    (await openTls({ ...server, ...options, serverName: null })).close();
    expect(server.serverNames).toEqual([]);
  });
});

describe("failures", () => {
  test("nobody listens", async () => {
    const server = await startScriptedServer(direct(leaf));
    await server.close();
    const error = await failureOf(openTls({ ...server, ...options }));
    expect(error.code).toBe("CONNECT_FAILED");
    expect(error.message).toBe(`127.0.0.1:${String(server.port)}: connection refused`);
  });

  test("the port speaks SMTP: the hint names STARTTLS", async () => {
    const server = await start(smtpScript(undefined));
    const error = await failureOf(openTls({ ...server, ...options, timeoutMs: 2000 }));
    expect(error.code).toBe("TLS_FAILED");
    expect(error.hint).toMatch(/\/smtp/);
  });

  test("a listener that stays silent", async () => {
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const bound = silent.address();
    const port = bound !== null && typeof bound === "object" ? bound.port : 0;
    const error = await failureOf(openTls({ address: "127.0.0.1", port, ...options, timeoutMs: 100 }));
    silent.close();
    expect(error.code).toBe("TLS_TIMEOUT");
    expect(error.message).toMatch(/while handshaking/);
  });

  test("cancelled before and during", async () => {
    const server = await start(smtpScript(leaf, {}, null));
    const before = await failureOf(openTls({ ...server, ...options, signal: AbortSignal.abort() }));
    expect(before.code).toBe("PROBE_CANCELLED");
    const controller = new AbortController();
    const during = failureOf(openTls({ ...server, ...options, signal: controller.signal }));
    controller.abort();
    expect((await during).code).toBe("PROBE_CANCELLED");
  });
});
