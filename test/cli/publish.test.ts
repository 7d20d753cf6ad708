import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { run as publish } from "../../src/cli/commands/publish.ts";
import { run as withdraw } from "../../src/cli/commands/withdraw.ts";
import type { UpdateOptions } from "../../src/cli/update-command.ts";
import { TYPE } from "../../src/dns/iana.ts";
import { encodeCname } from "../../src/dns/rdata.ts";
import { name, record, reply, soaRecord, startDnsServer, tlsaRecord } from "../fakes/scripted-dns.ts";
import type { FakeDnsServer } from "../fakes/scripted-dns.ts";
import { KEY, startPrimary } from "../fakes/scripted-primary.ts";
import type { FakePrimary, PrimaryOptions } from "../fakes/scripted-primary.ts";
import { recordingIo } from "./recording-io.ts";

const OWNER = "_25._tcp.mx.example.org";
const NOW = instant(1_790_000_000_000);
const TEXT = `3 1 1 ${"ab".repeat(32)}`;
const OTHER = `3 1 1 ${"cd".repeat(32)}`;

const running: FakeDnsServer[] = [];
let folder = "";
let keyFile = "";

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "daneward-publish-"));
  keyFile = path.join(folder, "tsig.key");
  const secret = Buffer.from(KEY.secret.reveal()).toString("base64");
  writeFileSync(keyFile, `key "dane-key" { algorithm hmac-sha256; secret "${secret}"; };\n`, { mode: 0o600 });
});
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
  rmSync(folder, { recursive: true });
});

async function primary(options: Partial<PrimaryOptions> = {}): Promise<FakePrimary> {
  const server = await startPrimary({ clock: () => NOW, ...options });
  running.push(server);
  return server;
}

function io(): ReturnType<typeof recordingIo> {
  return recordingIo({ clock: () => NOW });
}

function flags(server: FakeDnsServer, more: UpdateOptions = {}): UpdateOptions {
  return { server: `127.0.0.1:${String(server.port)}`, keyFile, ttl: "5m", resolver: "127.0.0.1:1", ...more };
}

describe("publish", () => {
  test("adds the record in the zone that the server names, and shows what is served", async () => {
    const server = await primary({ records: [tlsaRecord(OWNER, 60, OTHER)] });
    const recording = io();
    expect(await publish([OWNER, TEXT], flags(server), recording)).toBe(0);
    expect(server.updates()[0]?.question[0]?.name).toBe(name("example.org"));
    expect(recording.said().out).toContain(`published  ${OWNER}. TLSA ${TEXT}`);
    expect(recording.said().out).toContain(`${OWNER}. 300 IN TLSA ${OTHER}`);
    expect(recording.said().out).toContain(`127.0.0.1:${String(server.port)}, signed`);
    expect(recording.said().err).toBe("");
  });

  test("of a record that is there says so, and that nothing changed", async () => {
    const server = await primary({ records: [tlsaRecord(OWNER, 300, TEXT)] });
    const recording = io();
    expect(await publish([OWNER, TEXT], flags(server), recording)).toBe(0);
    expect(recording.said().out).toMatch(new RegExp(`^already there: ${OWNER} has TLSA ${TEXT}\n`));
    const json = io();
    await publish([OWNER, TEXT], flags(server, { json: true }), json);
    expect(JSON.parse(json.said().out)).toMatchObject({ schema: "daneward/publish/1", changed: false });
    // With another TTL it is a change.
    const other = io();
    await publish([OWNER, TEXT], flags(server, { ttl: "7m" }), other);
    expect(other.said().out).toMatch(/^published /);
  });

  test("takes a given zone without looking", async () => {
    const server = await primary();
    const recording = io();
    expect(await publish([OWNER, TEXT], flags(server, { zone: "EXAMPLE.org." }), recording)).toBe(0);
    const asked = server.requests.flatMap((request) => request.message.question).map((question) => question.type);
    // A look for the words, one before, the update (whose zone section has type SOA), a look after.
    expect(asked).toEqual([TYPE.TLSA, TYPE.TLSA, TYPE.SOA, TYPE.TLSA]);
  });

  test("asks the resolver for a zone that the update server does not know", async () => {
    const resolver = await startDnsServer((request) =>
      request.message.question[0]?.name === name("example.org")
        ? reply(request, { ra: true, answer: [soaRecord("example.org", 60, 1, 60)] })
        : reply(request, { ra: true, rcode: 3 }),
    );
    running.push(resolver);
    const server = await primary({
      onQuery: (request, usual) =>
        request.message.question[0]?.type === TYPE.SOA ? reply(request, { rcode: 5 }) : usual(),
    });
    const options = flags(server, { resolver: `127.0.0.1:${String(resolver.port)}` });
    expect(await publish([OWNER, TEXT], options, io())).toBe(0);
    expect(server.updates()[0]?.question[0]?.name).toBe(name("example.org"));
  });

  test("says how to name a zone that nobody knows", async () => {
    const server = await primary({ onQuery: (request) => reply(request, { rcode: 5 }) });
    await expect(publish([OWNER, TEXT], flags(server), io())).rejects.toMatchObject({
      code: "ZONE_UNKNOWN",
      hint: "name it with --zone ZONE",
      retry: "never",
    });
  });

  test("tells everything in JSON, and nothing else on standard output", async () => {
    const server = await primary({ maxTtl: 100 });
    const recording = io();
    expect(await publish([OWNER, TEXT], flags(server, { json: true }), recording)).toBe(0);
    expect(JSON.parse(recording.said().out)).toEqual({
      schema: "daneward/publish/1",
      changed: true,
      owner: `${OWNER}.`,
      zone: "example.org.",
      server: `127.0.0.1:${String(server.port)}`,
      records: [TEXT],
      ttl: 100,
      signed: true,
      notes: [expect.objectContaining({ code: "PUBLISH_TTL_CHANGED" })],
    });
  });

  test("warns when what is served is not signed, and of an old key", async () => {
    const server = await primary({ signed: false });
    const secret = Buffer.from(KEY.secret.reveal()).toString("base64");
    writeFileSync(keyFile, `hmac-sha1:dane-key:${secret}\n`);
    const recording = io();
    await expect(publish([OWNER, TEXT], flags(server), recording)).rejects.toMatchObject({ code: "TSIG_BADKEY" });
    expect(recording.said().err).toContain("uses hmac-sha1");
    writeFileSync(keyFile, `hmac-sha256:dane-key:${secret}\n`);
    expect(await publish([OWNER, TEXT], flags(server), recording)).toBe(0);
    expect(recording.said().err).toContain("without RRSIG");
  });

  test("prints an nsupdate script and sends nothing with --dry-run", async () => {
    const server = await primary();
    const recording = io();
    expect(await publish([OWNER, TEXT], flags(server, { dryRun: true }), recording)).toBe(0);
    expect(recording.said().out).toBe(
      [
        "; signed with key dane-key (hmac-sha256)",
        `server 127.0.0.1 ${String(server.port)}`,
        "zone example.org.",
        `update add ${OWNER}. 300 IN TLSA ${TEXT}`,
        "send",
        "",
      ].join("\n"),
    );
    expect(server.updates()).toHaveLength(0);
  });

  test("has the update and its text in a document with --dry-run --json", async () => {
    const server = await primary({ records: [tlsaRecord(OWNER, 300, OTHER)] });
    const recording = io();
    expect(await publish([OWNER, TEXT], flags(server, { dryRun: true, json: true }), recording)).toBe(0);
    const facts = { dryRun: true, changed: false, owner: `${OWNER}.`, zone: "example.org." };
    expect(JSON.parse(recording.said().out)).toMatchObject({
      ...{ schema: "daneward/publish/1", ...facts, ttl: 300, expected: null, add: [TEXT], remove: [] },
      key: { name: "dane-key.", algorithm: "hmac-sha256" },
      update: expect.stringContaining(`update add ${OWNER}. 300 IN TLSA ${TEXT}\nsend\n`) as string,
    });
    const gone = io();
    expect(await withdraw([OWNER, OTHER], flags(server, { dryRun: true, json: true }), gone)).toBe(0);
    const wanted = { schema: "daneward/withdraw/1", ...facts, expected: [OTHER], add: [], remove: [OTHER] };
    expect(JSON.parse(gone.said().out)).toMatchObject(wanted);
    expect(server.updates()).toHaveLength(0);
  });

  test("is silent when told so", async () => {
    const server = await primary({ signed: false });
    const recording = io();
    expect(await publish([OWNER, TEXT], flags(server, { quiet: true }), recording)).toBe(0);
    expect(recording.said().out + recording.said().err).toBe("");
  });

  test.each(["IN TLSA ", "TLSA ", "in tlsa  ", `${OWNER}. 3600 IN TLSA `, `${OWNER}. IN TLSA `, `${OWNER}.  TLSA `])(
    "takes a record as printed, led by %j",
    async (lead) => {
      const server = await primary();
      const recording = io();
      expect(await publish([OWNER, lead + TEXT], flags(server, { dryRun: true }), recording)).toBe(0);
      expect(recording.said().out).toContain(`update add ${OWNER}. 300 IN TLSA ${TEXT}\n`);
    },
  );

  describe("without --server or --key-file", () => {
    function configured(server: FakeDnsServer, more = ""): string {
      const file = path.join(folder, "daneward.toml");
      const port = String(server.port);
      const publisher = `[publish.local]\ntype = "rfc2136"\nserver = "127.0.0.1:${port}"\nkey_file = "tsig.key"\n`;
      writeFileSync(file, `version = 1\nresolver = "127.0.0.1:1"\n${publisher}${more}`);
      return file;
    }

    test("takes the one publisher of the configuration, and says so with -v", async () => {
      const server = await primary();
      const config = configured(server);
      const recording = io();
      expect(await publish([OWNER, TEXT], { config, verbose: true }, recording)).toBe(0);
      expect(server.updates()).toHaveLength(1);
      expect(recording.said().err).toBe(`using [publish.local] of ${config} for what no flag says\n`);
    });

    test("takes the TTL of [defaults], which --ttl overrules", async () => {
      const server = await primary();
      const config = configured(server, '[defaults]\nttl = "300s"\n');
      const recording = io();
      expect(await publish([OWNER, TEXT], { config, dryRun: true }, recording)).toBe(0);
      expect(await publish([OWNER, TEXT], { config, dryRun: true, ttl: "7m" }, recording)).toBe(0);
      const ttls = [...recording.said().out.matchAll(/^update add \S+ (\d+) /gm)].map(([, ttl]) => ttl);
      expect(ttls).toEqual(["300", "420"]);
    });

    test("asks for the flags when there are several publishers, or no configuration", async () => {
      const server = await primary();
      const config = configured(
        server,
        `[publish.other]\ntype = "rfc2136"\nserver = "127.0.0.1"\nkey_file = "tsig.key"\n`,
      );
      const hint = expect.stringMatching(
        /--server 127\.0\.0\.1 --key-file FILE, or .*\[publish\.NAME\]: --config FILE/,
      ) as unknown;
      const wanted = { code: "USAGE", message: "--server is missing", hint };
      await expect(publish([OWNER, TEXT], { config }, io())).rejects.toMatchObject(wanted);
      const env = { DANEWARD_CONFIG: path.join(folder, "none.toml") };
      await expect(publish([OWNER, TEXT], {}, recordingIo({ env }))).rejects.toMatchObject(wanted);
    });
  });

  test.each<readonly [string, readonly string[], UpdateOptions, string]>([
    ["a bad owner name", ["a..b", TEXT], {}, "USAGE"],
    ["a record that is none", [OWNER, "3 1 x"], {}, "USAGE"],
    ["a bad TTL", [OWNER, TEXT], { ttl: "soon" }, "USAGE"],
    ["no server", [OWNER, TEXT], { server: "" }, "USAGE"],
    ["a bad server port", [OWNER, TEXT], { server: "127.0.0.1:99999" }, "USAGE"],
    ["no key file", [OWNER, TEXT], { keyFile: "" }, "USAGE"],
    ["a bad zone", [OWNER, TEXT], { zone: "a..b" }, "USAGE"],
    ["a bad resolver", [OWNER, TEXT], { resolver: "resolver.example" }, "USAGE"],
    ["a key file that is not there", [OWNER, TEXT], { keyFile: "/nonexistent/tsig.key" }, "KEY_FILE_UNREADABLE"],
    ["a key that the file does not hold", [OWNER, TEXT], { keyName: "other" }, "KEY_FILE_NO_SUCH_KEY"],
    ["a digest of the wrong length", [OWNER, "3 1 1 abcd"], {}, "PUBLISH_INVALID"],
    ["an owner outside the zone", [OWNER, TEXT], { zone: "example.net" }, "PUBLISH_INVALID"],
  ])("refuses %s before any update", async (_, args, more, code) => {
    const server = await primary();
    await expect(publish(args, flags(server, more), io())).rejects.toMatchObject({ code, retry: "never" });
    expect(server.updates()).toHaveLength(0);
  });

  test.each([publish, withdraw])("points a service to its owner name", async (run) => {
    const server = await primary();
    const attempt = run(["mx.example.org:25", TEXT], flags(server), io());
    await expect(attempt).rejects.toMatchObject({ code: "USAGE", hint: `its TLSA records stand at ${OWNER}` });
    expect(server.requests).toHaveLength(0);
  });

  test.each([publish, withdraw])("warns of an owner that no client asks for, and goes on", async (run) => {
    const server = await primary();
    const recording = io();
    expect(await run(["mx.example.org", TEXT], flags(server, { dryRun: true }), recording)).toBe(0);
    expect(recording.said().err).toBe(
      "daneward: warning: mx.example.org is no TLSA owner name of a service; clients come there only by an alias (CNAME)\n" +
        `hint: for a mail server that would be ${OWNER}\n`,
    );
  });

  test("refuses a key file that others can read", async () => {
    const server = await primary();
    chmodSync(keyFile, 0o644);
    await expect(publish([OWNER, TEXT], flags(server), io())).rejects.toMatchObject({ code: "KEY_FILE_EXPOSED" });
    expect(server.requests).toHaveLength(0);
  });
});

describe("withdraw", () => {
  test("deletes exactly the record, on condition of what was read before", async () => {
    const server = await primary({ records: [tlsaRecord(OWNER, 60, TEXT), tlsaRecord(OWNER, 60, OTHER)] });
    const recording = io();
    expect(await withdraw([OWNER, TEXT], flags(server), recording)).toBe(0);
    const [update] = server.updates();
    expect(update?.answer).toHaveLength(2);
    // The deletion, and the record that stays deleted and added again.
    expect(update?.authority).toHaveLength(3);
    expect(server.records()).toEqual([tlsaRecord(OWNER, 60, OTHER)]);
    expect(recording.said().out).toContain(`withdrawn  ${OWNER}. TLSA ${TEXT}`);
  });

  test("of a record that is not there changes nothing and says so", async () => {
    const server = await primary({ records: [tlsaRecord(OWNER, 60, OTHER)] });
    const recording = io();
    expect(await withdraw([OWNER, TEXT], flags(server), recording)).toBe(0);
    expect(recording.said().out).toContain(`nothing to withdraw: ${OWNER} has no TLSA ${TEXT}\nserved by `);
    expect(recording.said().out).not.toContain("withdrawn");
    expect(server.updates()).toHaveLength(0);
  });

  test("shows the condition with --dry-run", async () => {
    const server = await primary({ records: [tlsaRecord(OWNER, 60, TEXT)] });
    const recording = io();
    expect(await withdraw([OWNER, TEXT], flags(server, { dryRun: true }), recording)).toBe(0);
    expect(recording.said().out).toContain(`prereq yxrrset ${OWNER}. IN TLSA ${TEXT}\n`);
    expect(recording.said().out).toContain(`update delete ${OWNER}. IN TLSA ${TEXT}\n`);
    expect(server.updates()).toHaveLength(0);
  });

  test("at an alias names the target when told not to follow it", async () => {
    const server = await primary({ records: [record(OWNER, TYPE.CNAME, 60, encodeCname(name("x.example.net")))] });
    const attempt = withdraw([OWNER, TEXT], flags(server, { followCname: false }), io());
    await expect(attempt).rejects.toMatchObject({ code: "PUBLISH_CNAME_AT_OWNER" });
  });

  test("follows an alias into another zone, with the server and the key of the publisher for that zone", async () => {
    const target = "_dane.example.net";
    const other = await primary({ zone: "example.net" });
    const server = await primary({ records: [record(OWNER, TYPE.CNAME, 60, encodeCname(name(target)))] });
    const config = path.join(folder, "daneward.toml");
    const publisher = (called: string, at: FakePrimary, zone: string): string =>
      `[publish.${called}]\ntype = "rfc2136"\nserver = "127.0.0.1:${String(at.port)}"\nkey_file = "${keyFile}"\nzone = "${zone}"\n`;
    const certificate = `[certificate.mx]\nsource = "${folder}"\npublish = "own"\nservices = ["mx.example.org:25"]\n`;
    const text = `version = 1\n${publisher("own", server, "example.org")}${publisher("aliases", other, "example.net")}${certificate}`;
    writeFileSync(config, text);
    const recording = io();
    expect(await publish([OWNER, TEXT], flags(server, { config }), recording)).toBe(0);
    expect(other.updates()[0]?.question[0]?.name).toBe(name("example.net"));
    expect(server.updates()).toHaveLength(0);
    expect(recording.said().err).toBe(`${OWNER} is an alias of ${target}: going there\n`);
    expect(recording.said().out).toContain(`published  ${target}. TLSA ${TEXT}`);
  });
});
