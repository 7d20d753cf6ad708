import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { run } from "../../src/cli/commands/hook.ts";
import { runProgram } from "../../src/cli/program.ts";
import type { Io } from "../../src/cli/io.ts";
import { readSpool } from "../../src/store/spool.ts";
import { temporaryFolder } from "../store/temporary-folder.ts";
import { recordingIo } from "./recording-io.ts";

const ENV = {
  RENEWED_LINEAGE: "/etc/letsencrypt/live/mx.example.org",
  RENEWED_DOMAINS: "mx.example.org imap.example.org",
};

describe("daneward hook certbot", () => {
  test("leaves one note and says nothing", async () => {
    const stateDir = path.join(temporaryFolder(), "state");
    const io = recordingIo({ env: ENV });
    expect(await run(["certbot"], { stateDir }, io)).toBe(0);
    expect(io.said()).toEqual({ out: "", err: "" });
    expect(readSpool(stateDir).notes.map(({ note }) => note)).toEqual([
      {
        client: "certbot",
        at: io.clock(),
        source: "/etc/letsencrypt/live/mx.example.org",
        domains: ["mx.example.org", "imap.example.org"],
      },
    ]);
  });

  test("says what it did on a terminal, unless told to be quiet", async () => {
    const stateDir = temporaryFolder();
    const io = recordingIo({ env: ENV, errIsTerminal: true });
    expect(await run(["certbot"], { stateDir }, io)).toBe(0);
    expect(io.said().err).toBe("noted for the next daneward tick: /etc/letsencrypt/live/mx.example.org\n");
    const quiet = recordingIo({ env: ENV, errIsTerminal: true });
    expect(await run(["certbot"], { stateDir, quiet: true }, quiet)).toBe(0);
    expect(quiet.said()).toEqual({ out: "", err: "" });
    expect(readSpool(stateDir).notes).toHaveLength(2);
  });

  test("further arguments, as certbot's own hooks may pass them, do not matter", async () => {
    const stateDir = temporaryFolder();
    expect(await run(["certbot", "--whatever", "x"], { stateDir }, recordingIo({ env: ENV }))).toBe(0);
    expect(readSpool(stateDir).notes).toHaveLength(1);
  });

  test.each([
    { name: "without certbot's environment", env: {}, says: /RENEWED_LINEAGE is not set/ },
    { name: "with a relative lineage", env: { RENEWED_LINEAGE: "live/mx" }, says: /not an absolute path/ },
  ])("$name it notes nothing, says why, and ends with 0", async ({ env, says }) => {
    const stateDir = temporaryFolder();
    const io = recordingIo({ env });
    expect(await run(["certbot"], { stateDir }, io)).toBe(0);
    expect(io.said().err).toMatch(says);
    expect(readdirSync(stateDir)).toEqual([]);
  });

  test("a spool that cannot be written costs one line on standard error, and ends with 0", async () => {
    const stateDir = temporaryFolder();
    writeFileSync(path.join(stateDir, "spool"), "a file where the folder should be");
    const io = recordingIo({ env: ENV });
    expect(await run(["certbot"], { stateDir }, io)).toBe(0);
    const { out, err } = io.said();
    expect(out).toBe("");
    expect(err).toMatch(
      /^daneward: hook certbot: cannot write .*; the next daneward tick finds the renewal by itself\n$/,
    );
  });

  test("many hooks at once leave as many notes", async () => {
    const stateDir = temporaryFolder();
    mkdirSync(path.join(stateDir, "spool"));
    await Promise.all(Array.from({ length: 20 }, () => run(["certbot"], { stateDir }, recordingIo({ env: ENV }))));
    expect(readSpool(stateDir).notes).toHaveLength(20);
  });
});

describe("every client", () => {
  const file = "/etc/x/cert.pem";
  const calls: readonly (readonly [client: string, args: readonly string[], parts: Partial<Io>])[] = [
    ["certbot", [], { env: { RENEWED_LINEAGE: file } }],
    ["acme.sh", [], { env: { CERT_PATH: file } }],
    ["dehydrated", ["deploy_cert", "mx", "key", file, "fullchain", "chain", "1"], {}],
    ["lego", [], { env: { LEGO_CERT_PATH: file } }],
    ["lego", [], { env: { LEGO_HOOK_CERT_PATH: file } }],
    ["acmetool", ["live-updated"], { stdin: Readable.from(["mx\n"]) }],
    ["uacme", [file], {}],
    ["lacme", [file], {}],
    ["mod_md", ["installed", "mx"], {}],
    ["caddy", ["mx", file], {}],
  ];

  test.each(calls)(
    "%s %j leaves one note in its own name, says nothing, and ends with 0",
    async (client, args, parts) => {
      const stateDir = temporaryFolder();
      const io = recordingIo(parts);
      expect(await run([client, ...args], { stateDir }, io)).toBe(0);
      expect(io.said()).toEqual({ out: "", err: "" });
      expect(readSpool(stateDir).notes.map(({ note }) => note.client)).toEqual([client]);
    },
  );

  test.each(calls)("%s %j ends with 0 and one line where the spool cannot be written", async (client, args, parts) => {
    const stateDir = temporaryFolder();
    writeFileSync(path.join(stateDir, "spool"), "a file where the folder should be");
    const stdin = Readable.from(["mx\nimap\npop\n"]);
    const io = recordingIo({ ...parts, stdin });
    expect(await run([client, ...args], { stateDir }, io)).toBe(0);
    expect(io.said().err.split("\n")).toHaveLength(2);
    expect(io.said().err).toMatch(/finds the renewal by itself\n$/);
  });
});

describe("events that are no renewals", () => {
  test.each([
    [
      "dehydrated",
      ["this_hookscript_is_broken__dehydrated_is_working_fine__please_ignore_unknown_hooks_in_your_script"],
      0,
    ],
    ["dehydrated", ["generate_csr", "mx", "/certs/mx", "mx"], 0],
    ["mod_md", ["renewing", "mx"], 0],
    ["acmetool", ["challenge-dns-start", "mx", "target", "token"], 42],
  ])("%s %j is answered with the code that stops nothing, without a word or a note", async (client, args, code) => {
    const stateDir = temporaryFolder();
    const io = recordingIo({ errIsTerminal: true });
    expect(await run([client, ...args], { stateDir }, io)).toBe(code);
    expect(io.said()).toEqual({ out: "", err: "" });
    expect(readdirSync(stateDir)).toEqual([]);
  });

  test("uacme is told why its challenge is declined", async () => {
    const io = recordingIo();
    const args = ["uacme", "begin", "dns-01", "mx.example.org", "token", "auth"];
    expect(await run(args, { stateDir: temporaryFolder() }, io)).toBe(1);
    expect(io.said().err).toMatch(/^daneward: hook uacme: daneward sets up no challenges/);
  });
});

describe("standard input", () => {
  test("that never ends is read for a while only, and what has come counts", async () => {
    const stateDir = temporaryFolder();
    const stdin = new Readable({ read: () => undefined });
    stdin.push("mx.example.org\n");
    expect(await run(["acmetool", "live-updated"], { stateDir }, recordingIo({ stdin }))).toBe(0);
    expect(readSpool(stateDir).notes.map(({ note }) => note.domains)).toEqual([["mx.example.org"]]);
    expect(stdin.destroyed).toBe(true);
  });

  test("that floods is read up to a limit", async () => {
    const stateDir = temporaryFolder();
    let sent = 0;
    const stdin = new Readable({
      read() {
        sent += 1;
        this.push("x".repeat(10_000));
      },
    });
    const io = recordingIo({ stdin });
    expect(await run(["acmetool", "live-updated"], { stateDir }, io)).toBe(0);
    expect(sent).toBeLessThan(100);
    expect(io.said().err).toMatch(/no names of changed links on standard input; nothing noted\n$/);
  });

  test("that fails is empty", async () => {
    const stdin = new Readable({ read: () => undefined });
    stdin.destroy(new Error("gone"));
    const io = recordingIo({ stdin });
    expect(await run(["acmetool", "live-updated"], { stateDir: temporaryFolder() }, io)).toBe(0);
    expect(io.said().err).toMatch(/no names of changed links/);
  });

  test("is left alone for clients that send nothing there", async () => {
    const stdin = new Readable({ read: () => undefined });
    await run(["dehydrated", "exit_hook"], { stateDir: temporaryFolder() }, recordingIo({ stdin }));
    expect(stdin.destroyed).toBe(false);
    expect(stdin.readableFlowing).toBeNull();
  });
});

test("the help names the clients that are known", async () => {
  const io = recordingIo();
  await run(["?"], { stateDir: temporaryFolder() }, io);
  const known = /known clients: ([^;]*);/.exec(io.said().err)?.[1]?.split(", ") ?? [];
  expect(known).toHaveLength(9);
  const help = recordingIo();
  await runProgram(["hook", "--help"], help, "0.0.0");
  for (const client of known) expect(help.said().out).toContain(` ${client}`);
});

test.each([
  ["certbott", 'unknown ACME client "certbott" (did you mean "certbot"?)'],
  ["Certbot", 'unknown ACME client "Certbot" (did you mean "certbot"?)'],
  ["acmesh", 'unknown ACME client "acmesh" (did you mean "acme.sh"?)'],
  ["mod-md", 'unknown ACME client "mod-md" (did you mean "mod_md"?)'],
  ["dehydated", 'unknown ACME client "dehydated" (did you mean "dehydrated"?)'],
  ["getssl", 'unknown ACME client "getssl"\n'],
  ["\u001b[2J", String.raw`unknown ACME client "\u001b[2J"`],
])("a client that is not known (%s) is bad usage and names those that are", async (client, says) => {
  const stateDir = temporaryFolder();
  const io = recordingIo({ env: ENV });
  expect(await run([client], { stateDir }, io)).toBe(2);
  expect(io.said().err).toContain(says);
  expect(io.said().err).toContain("hint: known clients: certbot");
  expect(readdirSync(stateDir)).toEqual([]);
});
