/** `daneward verify` as typed: output, exit codes, and what it refuses. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatHex } from "../../src/base/bytes.ts";
import { instant } from "../../src/base/time.ts";
import { runProgram } from "../../src/cli/program.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { readCertificate } from "../../src/pki/certificate.ts";
import { issueCertificate } from "../../src/pki/peculiar.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";
import { associationFor } from "../../src/tlsa/association.ts";
import { startFakeDnsServer } from "../fakes/dns-server.ts";
import type { FakeDnsServer } from "../fakes/dns-server.ts";
import { a, fakeResolver, failed, none, tlsa } from "../fakes/resolver.ts";
import { smtpScript, startScriptedServer } from "../fakes/scripted-server.ts";
import type { ScriptedServer } from "../fakes/scripted-server.ts";
import { recordingIo } from "./recording-io.ts";

const HOST = "mx.example.org";
let folder: string;
let leaf: IssuedCertificate;
let issuer: IssuedCertificate;
let old: IssuedCertificate;
let dns: FakeDnsServer;
let mail: ScriptedServer;
/** Begins in the clear, and understands nothing. */
let talker: Server;
let talkerPort = "";

beforeAll(async () => {
  const dates = { notBefore: instant(Date.UTC(2026, 0, 1)), notAfter: instant(Date.UTC(2027, 0, 1)) };
  issuer = await issueCertificate({ ...dates, subject: "CN=Issuer", authority: {} });
  leaf = await issueCertificate({ ...dates, subject: `CN=${HOST}`, dnsNames: [HOST], issuer });
  old = await issueCertificate({ ...dates, subject: `CN=${HOST}`, dnsNames: [HOST], issuer });
  const chainPem = leaf.pem + issuer.pem;
  mail = await startScriptedServer(smtpScript({ chainPem, privateKeyPem: leaf.privateKeyPem }));
  talker = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.end("220 speak first\r\n");
  });
  await new Promise<void>((ready) => talker.listen(0, "127.0.0.1", ready));
  const where = talker.address();
  talkerPort = String(typeof where === "object" ? where?.port : where);
  const port = String(mail.port);
  const { resolve } = fakeResolver({
    [`${HOST} A`]: a("secure", "127.0.0.1"),
    [`${HOST} AAAA`]: none("secure"),
    [`_${port}._tcp.${HOST} TLSA`]: tlsa("secure", record(leaf), { ...record(leaf), data: new Uint8Array(32).fill(7) }),
    [`_${talkerPort}._tcp.${HOST} TLSA`]: tlsa("secure", record(leaf)),
    ["stale.example.org A"]: a("secure", "127.0.0.1"),
    ["stale.example.org AAAA"]: none("secure"),
    [`_${port}._tcp.stale.example.org TLSA`]: tlsa("secure", record(issuer)),
    ["plain.example.org A"]: a("insecure", "127.0.0.1"),
    ["plain.example.org AAAA"]: none("insecure"),
    ["broken.example.org A"]: failed(),
    ["broken.example.org AAAA"]: failed(),
  });
  dns = await startFakeDnsServer(resolve);
  folder = await mkdtemp(path.join(tmpdir(), "daneward-verify-"));
  await writeFile(path.join(folder, "chain.pem"), leaf.privateKeyPem + chainPem);
  await writeFile(path.join(folder, "key.pem"), leaf.privateKeyPem);
});

afterAll(async () => {
  await mail.close();
  talker.close();
  await dns.close();
  await rm(folder, { recursive: true });
});

function record(certificate: IssuedCertificate, usage: 2 | 3 = 3): TlsaRdata {
  const read = readCertificate(certificate.der);
  if (!read.ok) throw new Error(read.fault.message);
  return associationFor({ usage, selector: 1, matchingType: 1 }, read.value);
}

const hex = (certificate: IssuedCertificate): string => formatHex(record(certificate).data);

async function daneward(...argv: readonly string[]): Promise<{ exit: number; out: string; err: string }> {
  const io = recordingIo({ cwd: folder });
  const exit = await runProgram(["verify", ...argv], io, "0.0.0");
  return { exit, ...io.said() };
}

const live = (host: string, ...more: readonly string[]): Promise<{ exit: number; out: string; err: string }> => {
  return daneward(
    `${host}:${String(mail.port)}/smtp`,
    "--resolver",
    `127.0.0.1:${String(dns.port)}`,
    "--trust",
    "ad",
    "--timeout",
    "2s",
    ...more,
  );
};

describe("live", () => {
  test("a host that is well: the ladder, and 0", async () => {
    const { exit, out, err } = await live(HOST);
    expect(exit).toBe(0);
    expect(err).toBe("");
    expect(out.replaceAll(String(mail.port), "PORT").replace(/[0-9a-f]{16}…/, "DIGEST…")).toBe(`\
mx.example.org:PORT (smtp)  verified
  addresses A 1 address, secure; AAAA none, secure
  tlsa      _PORT._tcp.mx.example.org: 2 records, secure
  127.0.0.1  verified: 3 1 1 matches at depth 0
    STARTTLS, TLSv1.3, 2 certificates sent
    CN=mx.example.org, EC P-256, until 2027-01-01T00:00:00Z
    3 1 1 DIGEST…  matched at depth 0
    3 1 1 0707070707070707…  stale
  => a DANE sender delivers, authenticated and encrypted
`);
  });

  test("quiet: nothing when all is well, the failure when not", async () => {
    expect(await live(HOST, "-q")).toEqual({ exit: 0, out: "", err: "" });
    const { exit, out } = await live("stale.example.org", "-q");
    expect(exit).toBe(2);
    expect(out).toMatch(/fail-mismatch/);
    expect(out).toMatch(/MAIL STOPS/);
    expect(out).toContain(`"3 1 1 ${hex(leaf)}"`);
  });

  test("several targets: the worst counts", async () => {
    const server = `127.0.0.1:${String(dns.port)}`;
    const port = String(mail.port);
    const targets = [`plain.example.org:${port}/smtp`, `${HOST}:${port}/smtp`, `broken.example.org:${port}/smtp`];
    const { exit, out } = await daneward(...targets, "--resolver", server, "--trust", "ad");
    expect(exit).toBe(3);
    expect(out).toMatch(
      /plain\.example\.org.* no-dane\n[^]*mx\.example\.org.* verified\n[^]*broken\.example\.org.* unreachable\n/,
    );
  });

  test("for monitoring: one line for Nagios, an exposition for Prometheus", async () => {
    const nagios = await live(HOST, "--format", "nagios");
    expect(nagios).toMatchObject({ exit: 0, err: "" });
    expect(nagios.out).toMatch(/^DANE OK - mx\.example\.org:\d+ verified on 1 of 1 address \| /);
    const prometheus = await live("stale.example.org", "--format", "prometheus");
    expect(prometheus.exit).toBe(2);
    expect(prometheus.out).toMatch(/^daneward_dane_match\{.*\} 0$/m);
  });

  test("--days: a certificate that ends soon makes 1 of 0, and the verdict stays", async () => {
    // The clock of the test stands at 2026-09-21, the certificate ends on 2027-01-01.
    expect((await live(HOST, "--days", "30")).exit).toBe(0);
    const { exit, out } = await live(HOST, "--days", "120", "--json");
    expect(exit).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ exit: 1, targets: [{ verdict: "verified" }] });
  });

  test("JSON", async () => {
    const { exit, out } = await live(HOST, "--json");
    const document: unknown = JSON.parse(out);
    expect(exit).toBe(0);
    expect(document).toMatchObject({
      schema: "daneward/verify/1",
      exit: 0,
      targets: [
        {
          target: `${HOST}:${String(mail.port)}/smtp`,
          host: HOST,
          port: mail.port,
          protocol: "smtp",
          verdict: "verified",
          dnssec: { a: "secure", aaaa: "secure", tlsa: "secure" },
          baseDomain: HOST,
          addresses: [
            {
              address: "127.0.0.1",
              verdict: "verified",
              reason: "3 1 1 matches at depth 0",
              certificate: {
                subject: `CN=${HOST}`,
                notAfter: "2027-01-01T00:00:00Z",
                spkiSha256: hex(leaf),
                algorithm: "EC P-256",
              },
              records: [
                { usage: 3, selector: 1, matchingType: 1, data: hex(leaf), status: "matched", depth: 0 },
                { usage: 3, selector: 1, matchingType: 1, data: "07".repeat(32), status: "stale" },
              ],
            },
          ],
        },
      ],
    });
    expect(out).not.toMatch(/"mx":|"depth":null/);
  });

  test("--address looks at another address of the host", async () => {
    const { exit, out } = await live(HOST, "--address", "127.0.0.9");
    expect(exit).toBe(3);
    expect(out).toMatch(/127\.0\.0\.9 {2}unreachable: .*connection refused/);
  });

  test("a resolver that is silent: 3, and the text says which", async () => {
    const { exit, out } = await daneward(`${HOST}:25`, "--resolver", "127.0.0.1:1", "--timeout", "1s", "--json");
    expect(exit).toBe(3);
    expect(out).toMatch(/127\.0\.0\.1/);
  });
});

describe("offline", () => {
  test("a chain that matches, and one that does not", async () => {
    const good = await daneward("--chain", "chain.pem", "--tlsa", `3 1 1 ${hex(leaf)}`, "--name", HOST);
    expect(good).toMatchObject({ exit: 0, err: "" });
    expect(good.out).toMatch(
      /^mx\.example\.org \(offline\) {2}verified\n {2}chain {2}verified: 3 1 1 matches at depth 0\n/,
    );
    const line = `_25._tcp.${HOST}. 3600 IN TLSA 3 1 1 ${hex(leaf)}`;
    const pasted = await daneward("--chain", "chain.pem", "--tlsa", line, "--name", HOST);
    expect([pasted.exit, pasted.out]).toEqual([good.exit, good.out]);
    const bad = await daneward("--chain", "chain.pem", "--tlsa", `3 1 1 ${hex(issuer)}`, "--name", HOST);
    expect(bad.exit).toBe(2);
    expect(bad.out).toMatch(/stale \(the SHA2-256 digest of an issuer's public key/);
  });

  test("names, dates and depth for usage 2", async () => {
    const judge = (...more: readonly string[]): Promise<{ exit: number; out: string }> => {
      return daneward("--chain", "chain.pem", "--tlsa", `2 1 1 ${hex(issuer)}`, "--json", ...more);
    };
    expect((await judge("--name", HOST)).out).toMatch(/"status":"matched","depth":1/);
    expect((await judge("--name", "other.example")).out).toMatch(/"verdict":"fail-name"/);
    expect((await judge("--name", "other.example", "--also-name", HOST)).exit).toBe(0);
    expect((await judge("--name", HOST, "--at", "2028-01-01")).out).toMatch(/"verdict":"fail-expired"/);
  });

  test("--ee-names, --profile and --store", async () => {
    const judge = async (usage: number, ...more: readonly string[]): Promise<number> => {
      const result = await daneward("--chain", "chain.pem", "--tlsa", `${String(usage)} 1 1 ${hex(leaf)}`, ...more);
      return result.exit;
    };
    expect(await judge(3, "--name", "other.example")).toBe(0);
    expect(await judge(3, "--name", "other.example", "--ee-names")).toBe(2);
    expect(await judge(1, "--name", HOST)).toBe(2);
    expect(await judge(1, "--name", HOST, "--store", "chain.pem")).toBe(0);
    expect(await judge(1, "--name", HOST, "--profile", "smtp")).toBe(1);
  });

  test("--previous tells an old record from a foreign one, and changes no verdict", async () => {
    await writeFile(path.join(folder, "old.pem"), old.pem);
    const argv = ["--chain", "chain.pem", "--tlsa", `3 1 1 ${hex(old)}`, "--name", HOST];
    const without = await daneward(...argv);
    const known = await daneward(...argv, "--previous", "old.pem");
    expect([without.exit, known.exit]).toEqual([2, 2]);
    expect(without.out).not.toMatch(/previous/);
    expect(known.out).toContain("the server's previous public key: the renewal was not published");
    expect(known.out).toContain(`right would be "3 1 1 ${hex(leaf)}"`);
  });

  test("the document has one target and one entry without an address", async () => {
    const { out } = await daneward("--chain", "chain.pem", "--tlsa", "3 1 1 ", "--name", HOST, "--json");
    expect(JSON.parse(out)).toMatchObject({
      exit: 1,
      targets: [
        {
          target: HOST,
          host: HOST,
          dnssec: { a: null, aaaa: null, tlsa: null },
          addresses: [
            { address: null, verdict: "unusable-unauthenticated", records: [{ status: "unusable", data: "" }] },
          ],
        },
      ],
    });
  });
});

const offline = ["--chain", "chain.pem", "--name", HOST, "--tlsa", "3 1 1 00"];
const refused: readonly (readonly [what: string, argv: readonly string[], says: RegExp])[] = [
  ["mx: with a port", [`mx:${HOST}:25`], /no port belongs here: .*\nhint: write mx:mx\.example\.org, or HOST:25/],
  [
    "srv: with a port",
    ["srv:_imaps._tcp.example.org:993"],
    /\nhint: write srv:_imaps\._tcp\.example\.org, or HOST:993/,
  ],
  [
    "--name with an address",
    ["--chain", "chain.pem", "--name", "192.0.2.1", "--tlsa", "3 1 1 00"],
    /--name 192\.0\.2\.1: DANE needs a name, not an address\nhint: .*--name mx\.example\.org/,
  ],
  ["-H without a port", ["-H", HOST], /-H mx\.example\.org: the port is missing\nhint: add -p 25/],
  ["-p without a host", ["-p", "25"], /-p names no host\nhint: write -H mx\.example\.org -p 25/],
  ["-p beside a port", [`${HOST}:25`, "-p", "25"], /"mx\.example\.org:25" and -p 25 exclude each other/],
  ["-p that is none", [HOST, "-p", "smtp"], /"smtp" is not a port/],
  ["-H beside a target", [`${HOST}:25`, "-H", HOST], /and -H exclude each other/],
  ["-H with an address", ["-H", "192.0.2.1", "-p", "25"], /DANE needs a name, not an address/],
  ["-H with --chain", [...offline, "-H", HOST], /--host makes sense without --chain/],
  ["-w beside --days", [`${HOST}:25`, "-w", "7", "--days", "7"], /--days and --warning are the same/],
  ["-c that is none", [`${HOST}:25`, "-c", "@7"], /--critical: "@7" is not a number from 1 to 3650/],
  ["no target at all", [], /no target/],
  [
    "a host without a port",
    [HOST],
    /not a target\nhint: write mx\.example\.org:25 for a host, mx:example\.org for a mail domain/,
  ],
  ["a domain without a port", ["example.org."], /hint: write example\.org:25 for a host, mx:example\.org for/],
  ["a mail domain without its name", ["mx:"], /the domain is missing\nhint: write mx:example\.org\n/],
  ["a configuration that is missing", [`${HOST}:25`, "--config", "none.toml"], /no configuration file .*none\.toml/],
  ["--config with --chain", [...offline, "--config", "none.toml"], /--config makes sense without --chain/],
  ["an address as target", ["192.0.2.1:25"], /DANE needs a name/],
  ["--trust blind", [`${HOST}:25`, "--trust", "blind"], /use local or ad/],
  [
    "--trust-anchor with --trust ad",
    [`${HOST}:25`, "--trust", "ad", "--trust-anchor", "chain.pem"],
    /only with --trust local/,
  ],
  ["a trust anchor file that is missing", [`${HOST}:25`, "--trust-anchor", "nowhere"], /nowhere is missing/],
  ["--format xml", [`${HOST}:25`, "--format", "xml"], /not known/],
  ["--json with --format nagios", [`${HOST}:25`, "--json", "--format", "nagios"], /contradict/],
  ["--days 0", [`${HOST}:25`, "--days", "0"], /--days: "0" is not a number from 1 to 3650/],
  ["--days with --chain", [...offline, "--days", "7"], /--days cannot be used with --chain; use --at\n/],
  ["--concurrency 65", [`${HOST}:25`, "--concurrency", "65"], /from 1 to 64/],
  ["--deadline 0", [`${HOST}:25`, "--deadline", "0"], /--deadline: write 1s to 1h/],
  ["--left with one target", [`${HOST}:25`, "--left", "rest"], /--left makes sense only with --targets/],
  ["--targets beside a target", [`${HOST}:25`, "--targets", "list"], /exclude each other/],
  ["--targets with --address", ["--targets", "list", "--address", "192.0.2.1"], /--address makes sense only without/],
  ["--targets with --chain", ["--targets", "list", "--chain", "chain.pem"], /--chain makes sense only without/],
  ["a list that is missing", ["--targets", "nowhere"], /nowhere: no such file/],
  ["--json with --format text", [`${HOST}:25`, "--json", "--format", "text"], /contradict/],
  ["--starttls gopher", [`${HOST}:25`, "--starttls", "gopher"], /tls, smtp, lmtp/],
  ["--profile xmpp", [`${HOST}:25`, "--profile", "xmpp"], /smtp or generic/],
  ["--timeout soon", [`${HOST}:25`, "--timeout", "soon"], /--timeout/],
  ["--at noon", [`${HOST}:25`, "--at", "noon"], /--at/],
  ["--address of a name", [`${HOST}:25`, "--address", HOST], /not an IP address/],
  ["--resolver by name", [`${HOST}:25`, "--resolver", "dns.example"], /--resolver/],
  ["a resolver elsewhere", [`${HOST}:25`, "--trust", "ad", "--resolver", "192.0.2.53"], /not on this host/],
  ["--name with a live target", [`${HOST}:25`, "--name", HOST], /--name makes sense only with --chain/],
  ["a target with --chain", [`${HOST}:25`, ...offline], /exclude each other/],
  ["--resolver with --chain", [...offline, "--resolver", "127.0.0.1"], /--resolver makes sense/],
  ["--tlsa without --chain", ["--tlsa", "3 1 1 00", "--name", HOST], /--chain FILE is missing/],
  ["--chain without --tlsa", ["--chain", "chain.pem", "--name", HOST], /--tlsa .* is missing/],
  ["--chain without --name", ["--chain", "chain.pem", "--tlsa", "3 1 1 00"], /--name HOST/],
  [
    "a chain file that is missing",
    ["--chain", "nowhere.pem", "--tlsa", "3 1 1 00", "--name", HOST],
    /nowhere\.pem: no such file\n/,
  ],
  ["a chain file with a key alone", ["--chain", "key.pem", "--tlsa", "3 1 1 00", "--name", HOST], /no certificate/],
  ["a record that is none", ["--chain", "chain.pem", "--tlsa", "3 1 one", "--name", HOST], /TLSA record/],
];

describe("refused with 3, an error and a hint", () => {
  test.each(refused)("%s", async (_what, argv, says) => {
    const { exit, out, err } = await daneward(...argv);
    expect(exit).toBe(3);
    expect(err).toMatch(/^daneward: error: .+\nhint: .+\n$/);
    expect(err).toMatch(says);
    if (!argv.includes("--json")) expect(out).toBe("");
  });
});

describe("as monitoring plugins have it", () => {
  const elsewhere = (): readonly string[] => ["--resolver", `127.0.0.1:${String(dns.port)}`, "--trust", "ad"];

  test("-H, -p, -w, -c and -t are taken, and the ranges stand in the performance data", async () => {
    const port = String(mail.port);
    const plugin = ["-H", HOST, "-p", port, "--starttls", "smtp", "-t", "2", "--format", "nagios", ...elsewhere()];
    const well = await daneward(...plugin, "-w", "30", "-c", "7:");
    expect(well.exit).toBe(0);
    expect(well.out).toMatch(/^DANE OK - .* days_left=\d+;30:;7: /);
    const soon = await daneward(...plugin, "-w", "120");
    expect(soon.exit).toBe(1);
    expect(soon.out).toMatch(/^DANE WARNING - certificate CN=.* ends at .* days_left=\d+;120: /);
    const late = await daneward(...plugin, "-w", "130", "-c", "120");
    expect(late.exit).toBe(2);
    expect(late.out).toMatch(/^DANE CRITICAL - certificate CN=.* ends at .* days_left=\d+;130:;120: /);
    const critical = await daneward(`${HOST}:${port}/smtp`, ...elsewhere(), "--critical", "120", "--json");
    expect(critical.exit).toBe(2);
    expect(JSON.parse(critical.out)).toMatchObject({ targets: [{ expiring: [{ critical: true }] }] });
  });

  test("-p gives the port to targets that are names alone", async () => {
    const port = String(mail.port);
    const { exit, out } = await daneward(HOST, "stale.example.org", "-p", port, "--starttls", "smtp", ...elsewhere());
    expect(exit).toBe(2);
    expect(out).toContain(`${HOST}:${port} (smtp)  verified`);
    expect(out).toContain(`stale.example.org:${port} (smtp)  fail-mismatch`);
  });
});

test("a resolver that is dead is what the hint is about, not the target", async () => {
  const { exit, out } = await daneward(`${HOST}:25`, "--resolver", "127.0.0.1:1");
  expect(exit).toBe(3);
  expect(out).toContain("  hint: check the resolver: its address, its port, and the firewall\n");
});

describe("a port that does not tell its protocol", () => {
  const elsewhere = (): readonly string[] => ["--resolver", `127.0.0.1:${String(dns.port)}`, "--trust", "ad"];
  const target = "plain.example.org:2525";

  test("is no reason to call a server broken that speaks no TLS at once: 3, and what to write", async () => {
    const guessed = `${HOST}:${talkerPort}`;
    const { exit, out } = await daneward(guessed, ...elsewhere(), "--timeout", "2s");
    expect(exit).toBe(3);
    expect(out).toContain(`port ${talkerPort} is not known, and TLS at once did not come about: `);
    expect(out).toContain("address ok > tls BROKEN > ");
    expect(out).toContain("=> what a client makes of it is not known: it was asked in the wrong protocol\n");
    expect(out).toContain(`hint: say what it speaks: ${guessed}/smtp (or --starttls smtp), or ${guessed}/tls`);
    await writeFile(path.join(folder, "guessed.txt"), `${guessed}\n`);
    expect((await daneward("--targets", "guessed.txt", ...elsewhere(), "--timeout", "2s")).exit).toBe(3);
    // Said in so many words it is what it was.
    expect((await daneward(`${guessed}/tls`, ...elsewhere(), "--timeout", "2s")).exit).toBe(2);
    expect((await daneward(guessed, "--starttls", "tls", ...elsewhere(), "--timeout", "2s")).exit).toBe(2);
  });

  test("is said to be guessed, with what to write", async () => {
    const { err } = await daneward(target, ...elsewhere());
    const advice = "port 2525 is not known: direct TLS assumed; write plain.example.org:2525/smtp";
    expect(err).toBe(`daneward: warning: ${advice}, or what else it speaks\n`);
  });

  test("in a list too, with its line", async () => {
    await writeFile(path.join(folder, "guess.txt"), `plain.example.org:25\n${target}\n`);
    const { err } = await daneward("--targets", "guess.txt", ...elsewhere());
    expect(err).toMatch(/^daneward: warning: guess\.txt:2: port 2525 is not known: .*\n$/);
  });

  test.each<readonly [string, readonly string[]]>([
    ["where the target names it", [`${target}/smtp`]],
    ["where --starttls names it", [target, "--starttls", "smtp"]],
    ["where the scheme names it", ["https://plain.example.org:2525/"]],
    ["where the port is known", ["plain.example.org:443"]],
    ["when told to be quiet", [target, "-q"]],
    ["in a document", [target, "--json"]],
    ["for monitoring", [target, "--format", "nagios"]],
  ])("not %s", async (_, argv) => {
    expect((await daneward(...argv, ...elsewhere())).err).toBe("");
  });
});

describe("a configuration that is named", () => {
  test("says whom to ask and whom to believe where no flag does, be it by flag or by environment", async () => {
    const text = `version = 1\nresolver = "127.0.0.1:${String(dns.port)}"\n[dnssec]\ntrust = "ad"\n`;
    await writeFile(path.join(folder, "named.toml"), text);
    const target = `${HOST}:${String(mail.port)}/smtp`;
    expect((await daneward(target, "--config", "named.toml")).exit).toBe(0);
    const io = recordingIo({ cwd: folder, env: { DANEWARD_CONFIG: "named.toml" } });
    expect(await runProgram(["verify", target], io, "0.0.0")).toBe(0);
    const other = await daneward(target, "--config", "named.toml", "--resolver", "127.0.0.1:1");
    expect(other.exit).toBe(3);
  });

  test("with a fault ends with the place of the fault, and 3", async () => {
    await writeFile(path.join(folder, "faulty.toml"), `version = 1\nresolvr = "127.0.0.1"\n`);
    const { exit, err } = await daneward(`${HOST}:25`, "--config", "faulty.toml");
    expect(exit).toBe(3);
    expect(err).toMatch(/^daneward: error: .*faulty\.toml:2:1.*resolvr/);
  });
});
