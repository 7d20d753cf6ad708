import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatHex } from "../../src/base/bytes.ts";
import { instant } from "../../src/base/time.ts";
import type { Io } from "../../src/cli/io.ts";
import { runProgram } from "../../src/cli/program.ts";
import { sliceCertificate } from "../../src/pki/der.ts";
import { issueCertificate, newPrivateKeyPem } from "../../src/pki/peculiar.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";
import { associationData } from "../../src/tlsa/association.ts";

const folder = mkdtempSync(path.join(tmpdir(), "daneward-tlsa-"));
const now = instant(1_800_000_000_000);
const validity = { notBefore: instant(1_790_000_000_000), notAfter: instant(1_900_000_000_000) };

async function makeWorld() {
  const root = await issueCertificate({ subject: "CN=Root", authority: {}, ...validity });
  const ca = await issueCertificate({ subject: "CN=CA", issuer: root, authority: {}, ...validity });
  const host = { subject: "CN=mx", dnsNames: ["mx.test"], issuer: ca, ...validity };
  return {
    root,
    ca,
    ec: await issueCertificate(host),
    rsa: await issueCertificate({ ...host, privateKeyPem: newPrivateKeyPem("rsa-2048") }),
    expired: await issueCertificate({ ...host, notAfter: instant(now - 1000) }),
  };
}

let world: Awaited<ReturnType<typeof makeWorld>>;

function save(name: string, content: string | Uint8Array): void {
  writeFileSync(path.join(folder, name), content);
}

beforeAll(async () => {
  world = await makeWorld();
  const { root, ca, ec, rsa, expired } = world;
  save("fullchain.pem", ec.pem + ca.pem + root.pem);
  save("cert.pem", ec.pem);
  save("chain.pem", ca.pem);
  save("key.pem", ec.privateKeyPem);
  save("other-key.pem", rsa.privateKeyPem);
  save("cert.der", ec.der);
  save("both.pem", rsa.pem + ec.pem + ca.pem);
  save("wrong-key.pem", rsa.privateKeyPem + ec.pem);
  save("expired.pem", expired.pem);
  save("old-and-new.pem", ec.pem + expired.pem);
  save("damaged.pem", ec.pem + ca.pem.slice(0, -40));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function daneward(args: readonly string[], stdin: string | Uint8Array = ""): Promise<Outcome> {
  let out = "";
  let err = "";
  const io: Io = {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    stdin: Readable.from([Buffer.from(stdin)]),
    outIsTerminal: false,
    errIsTerminal: false,
    color: false,
    columns: 100,
    clock: () => now,
    env: {},
    cwd: folder,
    signal: new AbortController().signal,
  };
  const code = await runProgram(["tlsa", ...args], io, "0.0.0");
  return { code, out, err };
}

function hex(of: IssuedCertificate, selector: 0 | 1, matchingType: 0 | 1 | 2 = 1): string {
  const slices = sliceCertificate(of.der);
  if (!slices.ok) throw new Error(slices.fault.message);
  return formatHex(associationData(matchingType, selector === 0 ? slices.value.der : slices.value.spki));
}

describe("records", () => {
  test("3 1 1 of the leaf is the default, wherever the leaf stands and whatever the file is", async () => {
    const want = { code: 0, out: `IN TLSA 3 1 1 ${hex(world.ec, 1)}\n`, err: "" };
    for (const file of ["fullchain.pem", "cert.pem", "cert.der", "key.pem"])
      expect(await daneward([file])).toEqual(want);
    expect(await daneward(["-"], world.ca.pem + world.ec.pem)).toEqual(want);
    expect(await daneward(["-"], world.ec.der)).toEqual(want);
    expect(await daneward(["cert.pem", "chain.pem", "key.pem"])).toEqual(want);
  });

  test("with a name the line is a whole record", async () => {
    const { out } = await daneward(["cert.pem", "--name", "MX.Example.org"]);
    expect(out).toBe(`_25._tcp.mx.example.org. 3600 IN TLSA 3 1 1 ${hex(world.ec, 1)}\n`);
    const sip = ["--name", "a.test.", "--port", "5061", "--proto", "SCTP", "--ttl", "1h30m"];
    expect((await daneward(["cert.pem", ...sip])).out).toBe(
      `_5061._sctp.a.test. 5400 IN TLSA 3 1 1 ${hex(world.ec, 1)}\n`,
    );
  });

  test("usages 0 and 2 name every issuer in the file, by depth", async () => {
    const { out, err } = await daneward(["fullchain.pem", "--params", "2 1 1", "--params", "2 0 2"]);
    expect(out.split("\n")).toEqual([
      `IN TLSA 2 1 1 ${hex(world.ca, 1)}`,
      `IN TLSA 2 1 1 ${hex(world.root, 1)}`,
      `IN TLSA 2 0 2 ${hex(world.ca, 0, 2)}`,
      `IN TLSA 2 0 2 ${hex(world.root, 0, 2)}`,
      "",
    ]);
    expect(err).toContain("note: 2 1 1 works only while the server sends that issuer certificate");
    expect((await daneward(["cert.pem", "chain.pem", "--params", "2 1 1"])).out).toBe(
      `IN TLSA 2 1 1 ${hex(world.ca, 1)}\n`,
    );
  });

  test("authorities alone are issuers for usage 2, and suspicious for usage 3", async () => {
    expect((await daneward(["chain.pem", "--params", "2 0 1"])).out).toBe(`IN TLSA 2 0 1 ${hex(world.ca, 0)}\n`);
    const suspicious = await daneward(["chain.pem"]);
    expect(suspicious.code).toBe(0);
    expect(suspicious.err).toContain('warning: "CN=CA" is a certification authority');
  });

  test("a server with two certificates gets the records of both", async () => {
    const { out, err } = await daneward(["both.pem"]);
    expect(out).toBe(`IN TLSA 3 1 1 ${hex(world.rsa, 1)}\nIN TLSA 3 1 1 ${hex(world.ec, 1)}\n`);
    expect(err).toBe(
      'daneward: note: 2 server certificates, records of each: "CN=mx" (RSA 2048), "CN=mx" (EC P-256)\n',
    );
    expect((await daneward(["old-and-new.pem"])).err).toContain("daneward: warning: 2 server certificates");
    expect((await daneward(["both.pem", "-q"])).err).toBe("");
  });

  test("oddities of the input are said and do not stop it", async () => {
    expect((await daneward(["expired.pem"])).err).toBe('daneward: warning: "CN=mx" expired at 2027-01-15T07:59:59Z\n');
    expect((await daneward(["wrong-key.pem"])).err).toContain("the private key in the file belongs to none of its");
  });
});

describe("forms of output", () => {
  test("generic (RFC 3597)", async () => {
    const { out } = await daneward(["cert.pem", "--output", "generic", "--name", "mx.test"]);
    expect(out).toBe(`_25._tcp.mx.test. 3600 IN TYPE52 \\# 35 030101${hex(world.ec, 1)}\n`);
  });

  test("nsupdate", async () => {
    const { out } = await daneward(["cert.pem", "--output", "nsupdate", "--name", "mx.test", "--ttl", "300"]);
    expect(out).toBe(`update add _25._tcp.mx.test. 300 IN TLSA 3 1 1 ${hex(world.ec, 1)}\nsend\n`);
  });

  test("json, by either flag", async () => {
    const { out } = await daneward(["fullchain.pem", "--json", "--params", "2 1 1"]);
    expect(JSON.parse(out)).toEqual({
      schema: "daneward/tlsa/1",
      records: [
        { subject: "CN=CA", depth: 1, data: hex(world.ca, 1) },
        { subject: "CN=Root", depth: 2, data: hex(world.root, 1) },
      ].map((each) => ({
        usage: 2,
        selector: 1,
        matchingType: 1,
        text: `2 1 1 ${each.data}`,
        source: "certificate",
        ...each,
      })),
    });
    const again = await daneward(["fullchain.pem", "--output", "json", "--params", "2 1 1"]);
    expect(again.out).toBe(out);
    expect(JSON.parse((await daneward(["key.pem", "--json", "--name", "mx.test"])).out)).toMatchObject({
      owner: "_25._tcp.mx.test.",
      ttl: 3600,
      records: [{ subject: null, depth: 0, source: "private key" }],
    });
  });
});

describe("the name of a configured certificate", () => {
  const CONFIG = `version = 1
[publish.local]
type = "rfc2136"
server = "127.0.0.1"
key_file = "tsig.key"
[certificate.lab]
source = { cert = "cert.pem", key = "key.pem", chain = "chain.pem" }
deploy = "deployed"
services = ["mx.test:25", "imap.test:993"]
tlsa = ["3 1 1"]
ttl = "10m"
reload = ["/bin/true"]
`;
  beforeAll(() => {
    save("daneward.toml", CONFIG);
  });
  const config = ["--config", "daneward.toml"];

  test("stands for its files, with the owner names, parameters and TTL of the configuration", async () => {
    const lines = ["_25._tcp.mx.test.", "_993._tcp.imap.test."].map(
      (owner) => `${owner} 600 IN TLSA 3 1 1 ${hex(world.ec, 1)}\n`,
    );
    expect(await daneward(["lab", ...config])).toEqual({ code: 0, out: lines.join(""), err: "" });
    expect(JSON.parse((await daneward(["lab", "--json", ...config])).out)).toMatchObject({
      owners: ["_25._tcp.mx.test.", "_993._tcp.imap.test."],
      ttl: 600,
      records: [{ text: `3 1 1 ${hex(world.ec, 1)}` }],
    });
    const update = (await daneward(["lab", "--output", "nsupdate", ...config])).out;
    expect(update.match(/^send$/gm)).toHaveLength(2);
  });

  test("gives way to flags", async () => {
    const args = ["lab", "--params", "2 1 1", "--name", "a.test", "--ttl", "60", "-q", ...config];
    expect((await daneward(args)).out).toBe(`_25._tcp.a.test. 60 IN TLSA 2 1 1 ${hex(world.ca, 1)}\n`);
  });

  test("while a renewal waits has the records of both", async () => {
    mkdirSync(path.join(folder, "deployed"));
    save("deployed/fullchain.pem", world.rsa.pem + world.ca.pem);
    const { out, err } = await daneward(["lab", "--name", "a.test", ...config]);
    rmSync(path.join(folder, "deployed"), { recursive: true });
    expect(out.match(/[0-9a-f]{64}/g)).toEqual([hex(world.rsa, 1), hex(world.ec, 1)]);
    expect(err).toBe("daneward: note: lab: a renewal waits: records of what is deployed and of the renewal\n");
  });

  test("comes after a file of that name, which needs no configuration", async () => {
    save("lab", world.rsa.pem);
    const outcome = await daneward(["lab", "--config", "none.toml"]);
    rmSync(path.join(folder, "lab"));
    expect(outcome).toMatchObject({ code: 0, out: `IN TLSA 3 1 1 ${hex(world.rsa, 1)}\n` });
  });

  test("waits no more than the driver does for a pipe in the place of its files", async () => {
    execFileSync("mkfifo", [path.join(folder, "pipe.pem")]);
    save("pipe.toml", CONFIG.replace('"cert.pem"', '"pipe.pem"'));
    const { code, err } = await daneward(["lab", "--config", "pipe.toml"]);
    expect([code, err]).toEqual([1, expect.stringContaining("pipe.pem: it is a pipe, not a file\n")]);
  });

  test("that is neither is refused with both that it could have been", async () => {
    expect(await daneward(["lob", ...config])).toMatchObject({
      code: 1,
      err: `daneward: error: "lob" is neither a file here nor a configured certificate\nhint: check the path; ${folder}/daneward.toml has lab\n`,
    });
    const { code, err } = await daneward(["lob"]);
    expect([code, err]).toEqual([1, expect.stringMatching(/lob: no such file, and no certificate: /)]);
    expect((await daneward(["lab", "cert.pem", ...config])).err).toContain("lab: no such file\n");
  });
});

describe("refusals print nothing but the reason", () => {
  test.each([
    { name: "a damaged file", args: ["damaged.pem"], code: 1, err: /damaged\.pem: line \d+: the CERTIFICATE block/ },
    { name: "a good file beside a damaged one", args: ["cert.pem", "damaged.pem"], code: 1, err: /damaged\.pem: line/ },
    { name: "a missing file", args: ["none.pem"], code: 1, err: /none\.pem: no such file/ },
    { name: "a directory", args: ["."], code: 1, err: /is a directory/ },
    {
      name: "no issuer for usage 2",
      args: ["cert.pem", "--params", "2 1 1"],
      code: 1,
      err: /2 1 1 needs the issuer of "CN=mx"/,
    },
    {
      name: "a key for selector 0",
      args: ["key.pem", "--params", "3 0 1"],
      code: 1,
      err: /cannot be computed from a private key/,
    },
    {
      name: "one good and one impossible parameter",
      args: ["key.pem", "--params", "3 1 1", "--params", "2 1 1"],
      code: 1,
      err: /2 1 1 cannot/,
    },
    {
      name: "parameters out of range",
      args: ["cert.pem", "--params", "4 1 1"],
      code: 2,
      err: /certificate usage 4 is not 0 to 3/,
    },
    {
      name: "nsupdate without a name",
      args: ["cert.pem", "--output", "nsupdate"],
      code: 2,
      err: /needs an owner name\nhint: add --name/,
    },
    {
      name: "an unknown output",
      args: ["cert.pem", "--output", "xml"],
      code: 2,
      err: /xml is not one of rfc, generic, nsupdate, json/,
    },
    { name: "a port without a name", args: ["cert.pem", "--port", "25"], code: 2, err: /--port needs --name/ },
    {
      name: "a port out of range",
      args: ["cert.pem", "--name", "a.test", "--port", "65536"],
      code: 2,
      err: /--port 65536/,
    },
    {
      name: "an unknown transport",
      args: ["cert.pem", "--name", "a.test", "--proto", "quic"],
      code: 2,
      err: /--proto quic/,
    },
    {
      name: "a TTL that is none",
      args: ["cert.pem", "--ttl", "soon"],
      code: 2,
      err: /--ttl: "soon" is not a duration/,
    },
    ...[
      ["::1", /is an address\nhint: DANE needs the name/],
      ["[2001:db8::1]", /is an address/],
      ["192.0.2.1", /is an address/],
      ["mx.example.org:25", /is not a name\nhint: write --name mx\.example\.org --port 25\n/],
      ["https://x.test/y", /is not a name\nhint: write --name x\.test\n/],
      ["smtp://x.test:587", /is not a name\nhint: write --name x\.test --port 587\n/],
      ["192.0.2.1:25", /is not a name\nhint: write --name mx\.example\.org --port 25\n/],
      [".", /is the root, not a host\nhint: name the host/],
      ["", /--name: /],
    ].map(([given, err]) => ({
      name: `${String(given)} as host`,
      args: ["cert.pem", "--name", String(given)],
      code: 2,
      err: new RegExp(err ?? ""),
    })),
    {
      name: "an owner name as host",
      args: ["cert.pem", "--name", "_25._tcp.a.test"],
      code: 2,
      err: /already an owner name/,
    },
    { name: "a name that is none", args: ["cert.pem", "--name", "a..test"], code: 2, err: /--name: / },
  ])("$name", async ({ args, code, err }) => {
    const outcome = await daneward(args);
    expect(outcome).toMatchObject({ code, out: "" });
    expect(outcome.err).toMatch(err);
    expect(outcome.err).toMatch(/^daneward: error: .+\nhint: .+\n$/);
  });
});
