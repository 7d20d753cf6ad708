/** Servers with certificates of several kinds: each is found, whatever the version of TLS, and told apart from failures. */
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:tls";
import type { SecureVersion, Server } from "node:tls";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { fault } from "../../src/base/errors.ts";
import { instant } from "../../src/base/time.ts";
import { issueCertificate, newPrivateKeyPem } from "../../src/pki/peculiar.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";
import type { CertificateKind } from "../../src/transport/tls.ts";
import type { Endpoint, ProbeOutcome } from "../../src/verifier/endpoint.ts";
import { probeAddress, probeEveryKind } from "../../src/verifier/probe.ts";
import type { KindOutcome } from "../../src/verifier/probe.ts";
import { dn } from "../fakes/resolver.ts";
import { smtpScript, startScriptedServer } from "../fakes/scripted-server.ts";

const HOST = "mx.example.org";
const dates = { notBefore: instant(Date.UTC(2020, 0, 1)), notAfter: instant(Date.UTC(2040, 0, 1)) };

/** Self-signed, by `openssl req -x509 -newkey ed25519`: our own issuer makes no such keys. */
const ED25519 = {
  privateKeyPem: `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIMdyQzFVZ57ZKyYhzxJphqW9tALv1EBWJfFw0pk5rh2/
-----END PRIVATE KEY-----
`,
  pem: `-----BEGIN CERTIFICATE-----
MIIBUjCCAQSgAwIBAgIUCDzawb0xqjKcdoDxd1J8Ah1u3+gwBQYDK2VwMBAxDjAM
BgNVBAMMBWVkZHNhMCAXDTI2MTEyMjIwNTQyNVoYDzIxMjYxMDI5MjA1NDI1WjAQ
MQ4wDAYDVQQDDAVlZGRzYTAqMAUGAytlcAMhAIEgi+bOx9etYH4bOTJcyzzN8nr1
vLdLk0+x3xpOYnEPo24wbDAdBgNVHQ4EFgQURG18Ga8sLdEXUNH3gprLM+cu+Vww
HwYDVR0jBBgwFoAURG18Ga8sLdEXUNH3gprLM+cu+VwwDwYDVR0TAQH/BAUwAwEB
/zAZBgNVHREEEjAQgg5teC5leGFtcGxlLm9yZzAFBgMrZXADQQB8i8d1Y0jWEENA
T9iIYqHfWOWNhx9OVyJRyVJyujmLjJ8sviyMzejemrxEpHVyTuMupmS9RS+S+YOG
G2JeeEgA
-----END CERTIFICATE-----
`,
};

const certificates = new Map<CertificateKind, IssuedCertificate>();
const running: Server[] = [];

beforeAll(async () => {
  const authority = await issueCertificate({ ...dates, subject: "CN=Issuer", authority: {} });
  const keys: readonly (readonly [CertificateKind, string])[] = [
    ["rsa", newPrivateKeyPem("rsa-2048")],
    ["ecdsa", newPrivateKeyPem()],
  ];
  for (const [kind, privateKeyPem] of keys) {
    const leaf = { ...dates, subject: `CN=${kind}`, dnsNames: [HOST], issuer: authority, privateKeyPem };
    certificates.set(kind, await issueCertificate(leaf));
  }
  const der = new Uint8Array(new X509Certificate(ED25519.pem).raw);
  certificates.set("eddsa", { ...ED25519, chainPem: ED25519.pem, der });
});

afterEach(() => {
  for (const server of running.splice(0)) server.close();
});

async function serve(kinds: readonly CertificateKind[], version: SecureVersion): Promise<Endpoint> {
  const chosen = kinds.flatMap((kind) => certificates.get(kind) ?? []);
  const server = createServer({
    cert: chosen.map(({ pem }) => pem),
    key: chosen.map(({ privateKeyPem }) => privateKeyPem),
    minVersion: version,
    maxVersion: version,
  });
  running.push(server);
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("no port");
  return { host: dn(HOST), port: bound.port, protocol: "tls" };
}

function look(endpoint: Endpoint): Promise<readonly KindOutcome[]> {
  const options = { serverName: endpoint.host, timeoutMs: 5000 };
  return probeEveryKind((kind) => probeAddress(endpoint, "127.0.0.1", options, kind));
}

function leaves(found: readonly KindOutcome[]): readonly (readonly [string | null, boolean])[] {
  return found.map(({ kind, outcome }) => {
    const leaf = outcome.outcome === "served" ? outcome.certificates[0] : undefined;
    const expected = kind === null ? undefined : certificates.get(kind)?.der;
    return [kind, leaf !== undefined && expected !== undefined && Buffer.from(leaf).equals(expected)];
  });
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("%s", (version) => {
  test.each<readonly (readonly CertificateKind[])[]>([
    [["rsa"]],
    [["ecdsa"]],
    [["eddsa"]],
    [["rsa", "ecdsa"]],
    [["ecdsa", "eddsa"]],
    [["rsa", "ecdsa", "eddsa"]],
  ])("a server with %j presents each of them once", async (kinds) => {
    const found = leaves(await look(await serve(kinds, version)));
    expect([...found].sort()).toEqual(kinds.map((kind) => [kind, true]).sort());
  });
});

describe("what goes wrong", () => {
  const served = (octet: number): ProbeOutcome => ({
    outcome: "served",
    certificates: [Uint8Array.of(octet)],
    tlsVersion: "TLSv1.3",
  });
  const failed = (code: "TLS_FAILED" | "CONNECT_TIMEOUT" | "SERVICE_REFUSED"): ProbeOutcome => {
    return { outcome: "failed", fault: fault(code, "what happened") };
  };
  const scripted = (outcomes: Readonly<Record<string, ProbeOutcome>>): Promise<readonly KindOutcome[]> => {
    return probeEveryKind((kind = "rsa") => Promise.resolve(outcomes[kind] ?? failed("TLS_FAILED")));
  };

  test("a first look that fails is all there is", async () => {
    const server = await startScriptedServer(smtpScript(undefined, { EHLO: { send: "250 mx\r\n" } }));
    const found = await look({ host: dn(HOST), port: server.port, protocol: "smtp" });
    await server.close();
    expect(found).toMatchObject([{ kind: null, outcome: { fault: { code: "STARTTLS_NOT_OFFERED" } } }]);
    expect(server.received).toHaveLength(1);
  });

  test("a handshake that is refused means that there is no certificate of that kind", async () => {
    expect(await scripted({ rsa: served(1), ecdsa: failed("TLS_FAILED") })).toHaveLength(1);
  });

  test.each(["CONNECT_TIMEOUT", "SERVICE_REFUSED"] as const)("%s of a further look is not hidden", async (code) => {
    const found = await scripted({ rsa: served(1), ecdsa: failed(code) });
    expect(found[1]).toMatchObject({
      kind: "ecdsa",
      outcome: {
        fault: { code, message: "asked for an ECDSA certificate, after another one was seen: what happened" },
      },
    });
  });

  test("chains with the same leaf are one, others are not", async () => {
    expect(await scripted({ rsa: served(1), ecdsa: served(1), eddsa: served(2) })).toHaveLength(2);
  });
});
