import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { run } from "../../src/cli/commands/hook.ts";
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

test.each([
  ["certbott", 'unknown ACME client "certbott" (did you mean "certbot"?)'],
  ["Certbot", 'unknown ACME client "Certbot" (did you mean "certbot"?)'],
  ["lego", 'unknown ACME client "lego"\n'],
])("a client that is not known (%s) is bad usage and names those that are", async (client, says) => {
  const stateDir = temporaryFolder();
  const io = recordingIo({ env: ENV });
  expect(await run([client], { stateDir }, io)).toBe(2);
  expect(io.said().err).toContain(says);
  expect(io.said().err).toContain("hint: known clients: certbot");
  expect(readdirSync(stateDir)).toEqual([]);
});
