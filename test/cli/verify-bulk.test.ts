/** `daneward verify --targets`: lists of targets, results as they are finished, and what an interrupt leaves. */
import { once, setMaxListeners } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import type { Io } from "../../src/cli/io.ts";
import { runProgram } from "../../src/cli/program.ts";
import { readCertificate } from "../../src/pki/certificate.ts";
import { issueCertificate } from "../../src/pki/peculiar.ts";
import { associationFor } from "../../src/tlsa/association.ts";
import { startFakeDnsServer } from "../fakes/dns-server.ts";
import type { FakeDnsServer } from "../fakes/dns-server.ts";
import { a, failed, fakeResolver, mx, none, tlsa } from "../fakes/resolver.ts";
import type { FakeAnswer } from "../fakes/resolver.ts";
import { startScriptedServer } from "../fakes/scripted-server.ts";
import type { ScriptedServer } from "../fakes/scripted-server.ts";
import { recordingIo } from "./recording-io.ts";

let folder: string;
let dns: FakeDnsServer;
let web: ScriptedServer;
let port: string;

const HOSTS = 40;

beforeAll(async () => {
  const dates = { notBefore: instant(Date.UTC(2026, 0, 1)), notAfter: instant(Date.UTC(2027, 0, 1)) };
  const leaf = await issueCertificate({ ...dates, subject: "CN=web", dnsNames: ["example.org"] });
  const read = readCertificate(leaf.der);
  if (!read.ok) throw new Error(read.fault.message);
  const record = associationFor({ usage: 3, selector: 1, matchingType: 1 }, read.value);
  const wrong = { ...record, data: new Uint8Array(32).fill(7) };
  web = await startScriptedServer({
    greeting: null,
    tlsAtOnce: true,
    answers: [],
    certificates: { chainPem: leaf.pem, privateKeyPem: leaf.privateKeyPem },
  });
  port = String(web.port);
  const world: Record<string, FakeAnswer> = {
    ["broken.example A"]: failed(),
    ["broken.example AAAA"]: failed(),
    ["plain.example A"]: a("insecure", "127.0.0.1"),
    ["plain.example AAAA"]: none("insecure"),
    ["null.example MX"]: mx("secure", [0, "."]),
  };
  const host = (name: string, ...records: readonly (typeof record)[]): void => {
    world[`${name} A`] = a("secure", "127.0.0.1");
    world[`${name} AAAA`] = none("secure");
    world[`_${port}._tcp.${name} TLSA`] = tlsa("secure", ...records);
  };
  for (let index = 0; index < HOSTS; index += 1) host(`h${String(index)}.example`, record);
  host("stale.example", wrong);
  dns = await startFakeDnsServer(fakeResolver(world).resolve);
  folder = await mkdtemp(path.join(tmpdir(), "daneward-bulk-"));
});

afterAll(async () => {
  await web.close();
  await dns.close();
  await rm(folder, { recursive: true });
});

interface Ended {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** `interruptAt`: after so many pieces of output. */
async function bulk(argv: readonly string[], parts: Partial<Io> = {}, interruptAt = Infinity): Promise<Ended> {
  const controller = new AbortController();
  // As the program itself does: every probe under way listens.
  setMaxListeners(0, controller.signal);
  const io = recordingIo({ cwd: folder, signal: controller.signal, ...parts });
  let seen = 0;
  const out = (text: string): void => {
    io.out(text);
    seen += 1;
    if (seen === interruptAt) controller.abort();
  };
  const resolver = ["--resolver", `127.0.0.1:${String(dns.port)}`, "--trust", "ad", "--timeout", "3s"];
  const exit = await runProgram(["verify", ...argv, ...resolver], { ...io, out }, "0.0.0");
  return { exit, ...io.said() };
}

/** With a list on standard input. */
function listed(list: string, ...argv: readonly string[]): Promise<Ended> {
  return bulk(["--targets", "-", ...argv], { stdin: Readable.from([list]) });
}

const healthy = Array.from({ length: HOSTS }, (_, index) => `h${String(index)}.example`);

interface Line {
  readonly schema: string;
  readonly target: string;
  readonly line: number;
  readonly exit: number;
  readonly error?: { readonly code: string };
  readonly targets: readonly { readonly verdict: string }[];
}

function documents(out: string): readonly Line[] {
  return out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}

describe("results", () => {
  test("one JSON document a line, each with its target, its place and the report on it", async () => {
    const list = `# two that are well\n${healthy.slice(0, 2).join(`:${port}\n`)}:${port}\n\nplain.example:${port}\nmx:null.example`;
    const { exit, out, err } = await listed(list, "--json");
    expect([exit, err]).toEqual([1, ""]);
    const found = documents(out);
    expect([...found].sort((left, right) => left.line - right.line)).toMatchObject([
      { schema: "daneward/verify-result/1", target: `h0.example:${port}`, line: 2, exit: 0 },
      { target: `h1.example:${port}`, line: 3, exit: 0, targets: [{ verdict: "verified", host: "h1.example" }] },
      { target: `plain.example:${port}`, line: 5, exit: 1, targets: [{ verdict: "no-dane" }] },
      { target: "mx:null.example", line: 6, exit: 1, targets: [{ verdict: "no-dane", addresses: [] }] },
    ]);
  });

  test("as text: a line for each, the ladder for what failed, and the worst exit code", async () => {
    const { exit, out } = await listed(
      `h0.example:${port}\nstale.example:${port}\nbroken.example:${port}\n`,
      "--concurrency",
      "1",
    );
    expect(exit).toBe(2);
    const heads = out.split("\n").filter((line) => /^\S/.test(line));
    expect(heads).toEqual([
      `verified       h0.example:${port}  1 address`,
      `fail-mismatch  stale.example:${port}  the TLSA record that counts does not match the chain`,
      expect.stringMatching(/^unreachable {4}broken\.example:\d+ {2}the address lookup failed/),
    ]);
    // The block does not say again what the line above it has said.
    expect(out).toMatch(/chain\n {4}addresses .*\n {4}tlsa .*\n {4}127\.0\.0\.1\n {6}dnssec ok/);
    expect(out.match(/fail-mismatch/g)).toHaveLength(1);
    expect(out).not.toContain("_tcp.h0.example");
  });

  test("quiet: nothing of what is well; verbose: the ladder of everything", async () => {
    expect(await listed(`h0.example:${port}\n`, "-q")).toEqual({ exit: 0, out: "", err: "" });
    expect(await listed(`h0.example:${port}\n`, "-q", "--json")).toEqual({ exit: 0, out: "", err: "" });
    expect((await listed(`stale.example:${port}\n`, "-q")).out).toMatch(/^fail-mismatch/);
    expect((await listed(`h0.example:${port}\n`, "-v")).out).toMatch(
      /\n {4}tlsa .*\n {4}127\.0\.0\.1 {2}3 1 1 matches/,
    );
  });

  test("a line that is no target is reported with its place and counted, and stops nothing", async () => {
    await writeFile(
      path.join(folder, "list"),
      `h0.example:${port}\nnonsense\n# fine\nh1.example:notaport\nh2.example:${port}\n`,
    );
    const { exit, out, err } = await bulk(["--targets", "list", "--json"]);
    expect(exit).toBe(3);
    expect(err).toMatch(
      /^daneward: error: list:2: "nonsense": not a target\nhint: .+\ndaneward: error: list:4: .*port.*\nhint: .+\n$/,
    );
    const found = documents(out);
    expect(found.map(({ exit: each }) => each).sort()).toEqual([0, 0, 3, 3]);
    expect(found.find(({ line }) => line === 2)).toMatchObject({
      target: "nonsense",
      error: { code: "USAGE" },
      targets: [],
    });
  });

  test("for monitoring: one text over all of them, in the order of the list", async () => {
    const list = `stale.example:${port}\n${healthy.map((host) => `${host}:${port}`).join("\n")}\n`;
    const nagios = await listed(list, "--format", "nagios");
    expect(nagios.exit).toBe(2);
    expect(nagios.out).toMatch(/^DANE CRITICAL - stale\.example/);
    const prometheus = await listed(list, "--format", "prometheus");
    const matches = prometheus.out.split("\n").filter((line) => line.startsWith("daneward_dane_match{"));
    expect(matches).toHaveLength(HOSTS + 1);
    expect(matches[0]).toMatch(/stale\.example.* 0$/);
  });

  test("for monitoring: a line that is no target and one that is given twice are said in the text itself", async () => {
    const list = `h0.example:${port}\njunk\nH0.example:${port}\n`;
    const nagios = await listed(list, "--format", "nagios");
    expect(nagios.exit).toBe(3);
    expect(nagios.out).toMatch(
      /^DANE UNKNOWN - 1 line of the list is no target \(line 2: "junk"\); 1 of 1 host verified \| .* bad_lines=1;/,
    );
    expect(nagios.out).toMatch(
      /\nline 2: "junk": not a target\nhint: .*\n(?:.*\n)*note: 1 of the hosts given is a rep/,
    );
    expect((await listed(list, "--format", "prometheus")).out).toContain("\ndaneward_verify_bad_lines 1\n");
  });

  test("a list without a target is a mistake", async () => {
    const { exit, err } = await listed("# nothing\n\n");
    expect(exit).toBe(3);
    expect(err).toMatch(/^daneward: error: standard input: no target\nhint: .+\n$/);
  });
});

describe("progress", () => {
  test("on a terminal a line that is taken away before anything else is printed, elsewhere nothing", async () => {
    await writeFile(path.join(folder, "three"), healthy.slice(0, 3).join(`:${port}\n`) + `:${port}\n`);
    let screen = "";
    const write = (text: string): void => {
      screen += text;
    };
    const terminal = { out: write, err: write, outIsTerminal: true, errIsTerminal: true };
    await bulk(["--targets", "three", "--starttls", "tls"], terminal);
    expect(screen).toContain("1 of 3");
    // What stays when each line that was taken away is gone.
    const left = screen.replace(/\r\u001b\[K[^\r\n]*(?=\r\u001b\[K)/g, "").replaceAll("\r\u001b[K", "");
    expect(left.split("\n").filter((line) => line !== "")).toEqual([
      expect.stringMatching(/^verified/),
      expect.stringMatching(/^verified/),
      expect.stringMatching(/^verified/),
    ]);
    screen = "";
    await bulk(["--targets", "three", "-q"], terminal);
    expect(screen).toBe("");
    expect((await bulk(["--targets", "three", "--starttls", "tls"])).err).toBe("");
  });
});

describe("an interrupt", () => {
  test("what is done and what is left make the list, without overlap", async () => {
    const list = path.join(folder, "resumable");
    const all = healthy.map((host) => `${host}:${port}`);
    await writeFile(list, all.map((target) => `${target} # comment\n`).join(""));
    // The list itself takes what is left.
    const first = await bulk(["--targets", "resumable", "--left", "resumable", "--json", "--concurrency", "4"], {}, 7);
    expect(first.exit).toBe(3);
    expect(first.err).toBe("daneward: interrupted after 7 targets; what is left is in resumable\n");
    const left = (await readFile(list, "utf8")).trim().split("\n");
    const done = documents(first.out).map(({ target }) => target);
    expect(done).toHaveLength(7);
    expect([...done, ...left].sort()).toEqual([...all].sort());
    const second = await bulk(["--targets", "resumable", "--left", "resumable", "--json"]);
    expect(second.exit).toBe(0);
    expect([...done, ...documents(second.out).map(({ target }) => target)].sort()).toEqual([...all].sort());
    expect(await readFile(list, "utf8")).toBe("");
  });

  test("a list without an end is left alone at once", async () => {
    let pulled = 0;
    const endless = Readable.from(
      (function* () {
        for (;;) {
          pulled += 1;
          yield `h${String(pulled % HOSTS)}.example:${port}\n`;
        }
      })(),
    );
    const { exit, err } = await bulk(["--targets", "-", "--json"], { stdin: endless }, 20);
    expect(exit).toBe(3);
    expect(err).toBe("daneward: interrupted after 20 targets; --left FILE would keep what is left\n");
    // Read as places became free, with what a stream buffers on top.
    expect(pulled).toBeLessThan(100);
  });
});

describe("bounds", () => {
  let slow: Server;
  const open = new Set<Socket>();
  let most = 0;

  beforeAll(async () => {
    // Holds each connection for a moment, then drops it.
    slow = createServer((socket) => {
      open.add(socket);
      most = Math.max(most, open.size);
      socket.on("error", () => undefined);
      socket.once("data", () => setTimeout(() => socket.destroy(), 30));
      socket.once("close", () => open.delete(socket));
    });
    slow.listen(0, "127.0.0.1");
    await once(slow, "listening");
  });

  afterAll(() => {
    for (const socket of open) socket.destroy();
    slow.close();
  });

  test("no more handshakes at a time than --concurrency says", async () => {
    const address = slow.address();
    const where = address !== null && typeof address === "object" ? String(address.port) : "";
    const world = healthy
      .slice(0, 12)
      .flatMap((host) => [
        [`${host} A`, a("insecure", "127.0.0.1")] as const,
        [`${host} AAAA`, none("insecure")] as const,
      ]);
    const server = await startFakeDnsServer(fakeResolver(Object.fromEntries(world)).resolve);
    const io = recordingIo({ stdin: Readable.from([healthy.slice(0, 12).join(`:${where}\n`), `:${where}\n`]) });
    const argv = ["--resolver", `127.0.0.1:${String(server.port)}`, "--trust", "ad", "--concurrency", "3", "--json"];
    const exit = await runProgram(["verify", "--targets", "-", ...argv], io, "0.0.0");
    await server.close();
    expect([exit, documents(io.said().out).length, most]).toEqual([1, 12, 3]);
  });

  test("a target that takes too long gives its place up", async () => {
    const silent = createServer((socket) => open.add(socket));
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const address = silent.address();
    const where = address !== null && typeof address === "object" ? String(address.port) : "";
    const world = {
      ["slow.example A"]: a("secure", "127.0.0.1"),
      ["slow.example AAAA"]: none("secure"),
      [`_${where}._tcp.slow.example TLSA`]: tlsa("secure", {
        usage: 3,
        selector: 1,
        matchingType: 1,
        data: new Uint8Array(32),
      }),
    };
    const server = await startFakeDnsServer(fakeResolver(world).resolve);
    const io = recordingIo({ stdin: Readable.from([`slow.example:${where}\n`]) });
    const argv = ["--resolver", `127.0.0.1:${String(server.port)}`, "--trust", "ad", "--deadline", "1s", "--json"];
    const exit = await runProgram(["verify", "--targets", "-", ...argv], io, "0.0.0");
    await server.close();
    silent.close();
    // Not fail-tls: nobody knows what the server would have done with the time it was not given.
    expect([exit, documents(io.said().out)[0]?.targets]).toMatchObject([
      3,
      [{ verdict: "unreachable", addresses: [{ code: "PROBE_CANCELLED", reason: "not finished within 1 s" }] }],
    ]);
  });
});
