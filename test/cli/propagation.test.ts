import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { run } from "../../src/cli/commands/propagation.ts";
import { RCODE, TYPE } from "../../src/dns/iana.ts";
import { encodeA, encodeNs, encodeRrsig } from "../../src/dns/rdata.ts";
import type { ResourceRecord } from "../../src/dns/rrset.ts";
import { name, record, reply, soaRecord, startDnsServer, tlsaRecord } from "../fakes/scripted-dns.ts";
import type { FakeDnsServer, Script } from "../fakes/scripted-dns.ts";
import { recordingIo } from "./recording-io.ts";

const OWNER = "_25._tcp.mx.example.org";
const NOW = instant(1_790_000_000_000);
const TEXT = `3 1 1 ${"ab".repeat(32)}`;

const running: FakeDnsServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

const ZONE: readonly ResourceRecord[] = [
  soaRecord("example.org", 60, 1, 60),
  record("example.org", TYPE.NS, 60, encodeNs(name("ns1.example.org"))),
  record("example.org", TYPE.NS, 60, encodeNs(name("ns2.example.org"))),
  record("ns1.example.org", TYPE.A, 60, encodeA("127.0.0.1")),
  record("ns2.example.org", TYPE.A, 60, encodeA("127.0.0.2")),
];

const RRSIG = record(
  OWNER,
  TYPE.RRSIG,
  300,
  encodeRrsig({
    typeCovered: TYPE.TLSA,
    algorithm: 13,
    labels: 5,
    originalTtl: 300,
    inception: 1_789_990_000,
    expiration: 1_790_086_400,
    keyTag: 1,
    signer: name("example.org"),
    signature: new Uint8Array(64),
  }),
);

const resolverScript: Script = (request) => {
  const question = request.message.question[0];
  const answer = ZONE.filter((one) => one.name === question?.name && one.type === question.type);
  return reply(request, { ra: true, answer });
};

function serving(records: readonly ResourceRecord[], serial: number): Script {
  const soa = soaRecord("example.org", 60, serial, 60);
  return (request) =>
    request.message.question[0]?.type === TYPE.SOA
      ? reply(request, { answer: [soa] })
      : reply(request, records.length === 0 ? { authority: [soa] } : { answer: records });
}

async function look(first: Script, second: Script, json = false): Promise<{ exit: number; out: string; port: number }> {
  const resolver = await startDnsServer(resolverScript);
  const one = await startDnsServer(first);
  const two = await startDnsServer(second, { address: "127.0.0.2", port: one.port });
  running.push(resolver, one, two);
  const recording = recordingIo({ clock: () => NOW });
  const options = { resolver: `127.0.0.1:${String(resolver.port)}`, nameServerPort: String(one.port), json };
  return { exit: await run([OWNER], options, recording), out: recording.said().out, port: one.port };
}

const GOOD = serving([tlsaRecord(OWNER, 300, TEXT), RRSIG], 7);

describe("propagation", () => {
  test("ends with 0 when every server serves the same signed RRset", async () => {
    const { exit, out } = await look(GOOD, GOOD);
    expect(exit).toBe(0);
    expect(out).toMatch(/^OK: _25\._tcp\.mx\.example\.org TLSA: 2 addresses in sync and signed\n/);
    expect(out).toMatch(/in-sync +ns1\.example\.org +127\.0\.0\.1 +A +5m +7 +until .* \(in 1d\)/);
    expect(out).toContain(`A  ${TEXT}\n`);
  });

  test("gives the same as a document", async () => {
    const { exit, out, port } = await look(GOOD, serving([], 6), true);
    expect(exit).toBe(1);
    const server = { port, at: "2026-09-21T14:13:20Z", authoritative: true, hidden: false };
    expect(JSON.parse(out)).toEqual({
      schema: "daneward/propagation/1",
      at: "2026-09-21T14:13:20Z",
      exit: 1,
      summary: "1 of 2 addresses serves another RRset than the newest zone",
      polls: 1,
      owner: `${OWNER}.`,
      type: "TLSA",
      aliases: [],
      finalOwner: `${OWNER}.`,
      zone: "example.org.",
      servers: [
        {
          ...server,
          name: "ns1.example.org.",
          address: "127.0.0.1",
          condition: "in-sync",
          inSync: true,
          goodPolls: 1,
          records: [TEXT],
          ttl: 300,
          negativeTtl: null,
          signed: true,
          signatureExpires: "2026-09-22T14:13:20Z",
          serial: 7,
        },
        {
          ...server,
          name: "ns2.example.org.",
          address: "127.0.0.2",
          condition: "lags",
          inSync: false,
          goodPolls: 0,
          records: [],
          ttl: null,
          negativeTtl: 60,
          signed: null,
          signatureExpires: null,
          serial: 6,
        },
      ],
    });
  });

  test("shows a server that refuses as failed, with its hint, and ends with 1", async () => {
    const { exit, out } = await look(GOOD, (request) => reply(request, { rcode: RCODE.REFUSED }));
    expect(exit).toBe(1);
    expect(out).toMatch(/failed +ns2\.example\.org +127\.0\.0\.2/);
    expect(out).toContain("answered REFUSED");
    expect(out).toContain("hint: ");
  });

  test("ends with 2 for an unsigned RRset", async () => {
    const { exit, out } = await look(GOOD, serving([tlsaRecord(OWNER, 300, TEXT)], 7));
    expect(exit).toBe(2);
    expect(out).toMatch(/^CRITICAL: .*1 of 2 addresses serves the RRset without RRSIG/);
  });

  test("ends with 3 when no server answers", async () => {
    const refuse: Script = (request) => reply(request, { rcode: RCODE.REFUSED });
    expect((await look(refuse, refuse)).exit).toBe(3);
  });

  test("points a service to its owner name", async () => {
    await expect(run(["mx.example.org:25"], {}, recordingIo())).rejects.toMatchObject({
      code: "USAGE",
      hint: `its TLSA records stand at ${OWNER}`,
    });
  });

  test.each([
    ["mx.example.org", "_25._tcp.mx.example.org"],
    ["_tcp.mx.example.org", "_25._tcp.mx.example.org"],
    ["_25._quic.mx.example.org", "_25._tcp.mx.example.org"],
  ])("warns of %s, which no client asks for by itself", async (owner, meant) => {
    const recording = recordingIo({ clock: () => NOW });
    await run([owner], { resolver: "127.0.0.1:1" }, recording).catch(() => undefined);
    const what = `${owner} is no TLSA owner name of a service; clients come there only by an alias (CNAME)`;
    expect(recording.said().err).toBe(`daneward: warning: ${what}\nhint: for a mail server that would be ${meant}\n`);
  });

  test.each(["_443._udp.example.org", "*._tcp.mx.example.org", "_25._TCP.mx.example.org"])(
    "not of %s",
    async (owner) => {
      const recording = recordingIo({ clock: () => NOW });
      await run([owner], { resolver: "127.0.0.1:1" }, recording).catch(() => undefined);
      expect(recording.said().err).toBe("");
    },
  );

  test("takes resolvers, one of them dead, and the name servers' port from a configuration that is named", async () => {
    const resolver = await startDnsServer(resolverScript);
    const one = await startDnsServer(GOOD);
    const two = await startDnsServer(GOOD, { address: "127.0.0.2", port: one.port });
    running.push(resolver, one, two);
    const folder = mkdtempSync(path.join(tmpdir(), "daneward-propagation-"));
    const text = `version = 1\nresolver = ["127.0.0.1:1", "127.0.0.1:${String(resolver.port)}"]\n`;
    writeFileSync(path.join(folder, "lab.toml"), `${text}name_server_port = ${String(one.port)}\n`);
    try {
      const byFlag = recordingIo({ clock: () => NOW, cwd: folder });
      expect(await run([OWNER], { config: "lab.toml" }, byFlag)).toBe(0);
      const byEnvironment = recordingIo({ clock: () => NOW, cwd: folder, env: { DANEWARD_CONFIG: "lab.toml" } });
      expect(await run([OWNER], {}, byEnvironment)).toBe(0);
      expect(byFlag.said().out).toContain("2 addresses in sync and signed");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.each<readonly [string, readonly string[], object, string]>([
    ["a bad name", ["a..b"], {}, "USAGE"],
    ["a configuration that is missing", [OWNER], { config: "/nonexistent/daneward.toml" }, "CONFIG_MISSING"],
    ["a bad port", [OWNER], { nameServerPort: "0" }, "USAGE"],
    ["a resolver that is a name", [OWNER], { resolver: "resolver.example" }, "USAGE"],
    ["a resolver that is not there", [OWNER], { resolver: "127.0.0.1:1" }, "ZONE_UNKNOWN"],
  ])("throws for %s", async (_, args, options, code) => {
    await expect(run(args, options, recordingIo({ clock: () => NOW }))).rejects.toMatchObject({ code });
  });
});
