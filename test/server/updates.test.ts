/** `publish`, `withdraw` and `propagation` against BIND, Knot and PowerDNS: what works, and what each mistake is called. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { daneward, hostPort } from "./lab/daneward.ts";
import type { Ended } from "./lab/process.ts";
import { serverSuite } from "./lab/programs.ts";
import { ALLOWED, UPDATE_PROGRAMS, startUpdateWorld } from "./lab/update-world.ts";
import type { PrimaryKind, UpdateWorld } from "./lab/update-world.ts";
import { ZONE } from "./lab/tree.ts";
import { TLSA, ask, tlsaText } from "./lab/wire.ts";

const OWNER = ALLOWED[0];
const SOA = 6;
const ONE = `3 1 1 ${"11".repeat(32)}`;
const THREE = `3 1 1 ${"33".repeat(32)}`;
const TWO = `3 1 1 ${"22".repeat(32)}`;

/** A failed update by hand: 1 (or 75 where trying again may help), one error, one hint, the words given. */
function expectRefused(ended: Ended, words: RegExp, code = 1): void {
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({
    code,
    stderr: expect.stringMatching(words) as string,
  });
  expect(ended.stderr).toMatch(/^daneward: error: .+\nhint: .+\n$/);
}

function updateSuite(kind: PrimaryKind, title: string): void {
  serverSuite(`updates by hand against ${title}`, UPDATE_PROGRAMS[kind], () => {
    let lab: UpdateWorld | null = null;
    const world = (): UpdateWorld => {
      if (lab === null) throw new Error("the lab did not start");
      return lab;
    };
    beforeAll(async () => {
      lab = await startUpdateWorld(kind);
    }, 60_000);
    afterAll(async () => {
      await lab?.stop();
    });
    afterEach(({ task }) => {
      if (task.result?.state === "fail") console.error(lab?.logs());
    });

    const change = (
      verb: "publish" | "withdraw",
      owner: string,
      record: string,
      flags: readonly string[] = [],
    ): Promise<Ended> => {
      const at = ["--server", hostPort(world().primary), "--resolver", hostPort(world().resolver)];
      return daneward([verb, owner, record, "--ttl", "60s", ...at, "--key-file", world().tsigKey, ...flags]);
    };
    const served = async (owner: string = OWNER): Promise<readonly string[]> =>
      (await ask(world().primary, owner, TLSA, { recursion: false })).answers.map(({ data }) => tlsaText(data)).sort();
    const propagation = (...flags: readonly string[]): Promise<Ended> => {
      const port = ["--name-server-port", String(world().primary.port)];
      return daneward(["propagation", OWNER, "--resolver", hostPort(world().resolver), ...port, ...flags]);
    };
    const keyFile = (name: string, content: string): string => {
      const file = join(world().folder, name);
      writeFileSync(file, content, { mode: 0o600 });
      return file;
    };

    test("doctor finds out whether the key may change a name without changing the zone", async () => {
      const config = keyFile(
        "doctor.toml",
        `version = 1
resolver = "${hostPort(world().resolver)}"
name_server_port = ${String(world().primary.port)}
[dnssec]
trust_anchors = "${world().anchorFile}"
[publish.lab]
type = "rfc2136"
server = "${hostPort(world().primary)}"
key_file = "${world().tsigKey}"
[certificate.mx]
source = "none"
services = ["mx.${ZONE}:25", "mx.${ZONE}:465"]
reload = []
`,
      );
      const soa = async (): Promise<string> =>
        (await ask(world().primary, ZONE, SOA, { recursion: false })).answers
          .map(({ data }) => data.toString("hex"))
          .join();
      const before = await soa();
      expect(before).not.toBe("");
      const ended = await daneward(["--config", config, "--state-dir", join(world().folder, "none"), "doctor"]);
      expect(ended.stdout).toMatch(
        new RegExp(`^ok {6}update ${OWNER}: \\S+ takes updates under the key daneward\\.$`, "m"),
      );
      // PowerDNS says NOERROR to what its policy script skips.
      const other = `update _465._tcp.mx.${ZONE}`;
      expect(ended.stdout).toContain(kind === "powerdns" ? `ok      ${other}` : `FAILURE ${other}`);
      expect(await soa()).toBe(before);
      expect(await served()).toEqual([]);
    });

    test("publish adds one record after another, and again without harm", async () => {
      for (const [record, want] of [
        [ONE, [ONE]],
        [TWO, [ONE, TWO]],
        [TWO, [ONE, TWO]],
      ] as const) {
        const ended = await change("publish", OWNER, record);
        expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: "" });
        expect(await served()).toEqual(want);
      }
    });

    test("propagation shows the RRset on the name server, in sync and signed", async () => {
      const ended = await propagation();
      expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: "" });
      expect(ended.stdout).toContain("ns1.example.test");
      expect(ended.stdout).toContain(world().primary.address);
      const { stdout } = await propagation("--json");
      for (const record of [ONE, TWO]) expect(stdout).toContain(record);
    });

    test("a dry run changes nothing", async () => {
      const ended = await change("withdraw", OWNER, ONE, ["--dry-run"]);
      expect(ended.code).toBe(0);
      expect(await served()).toEqual([ONE, TWO]);
    });

    test("withdraw removes exactly the record named; again it does no harm and says so", async () => {
      const ended = await change("withdraw", OWNER, ONE);
      expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: "" });
      expect(await served()).toEqual([TWO]);
      const again = await change("withdraw", OWNER, ONE);
      expect({ code: again.code, stderr: again.stderr }).toEqual({ code: 0, stderr: "" });
      expect(again.stdout).toContain(`nothing to withdraw: ${OWNER} has no TLSA ${ONE}\n`);
      expect(await served()).toEqual([TWO]);
    });

    test("what a withdrawal leaves is not denied by the zone (aggressive resolvers would believe it)", async () => {
      const where = ["--resolver", hostPort(world().resolver), "--trust-anchor", world().anchorFile];
      const denial = await daneward(["resolve", OWNER, "A", ...where]);
      expect({ code: denial.code, out: denial.stdout + denial.stderr }).toMatchObject({ code: 0 });
    });

    test("the zone may be named instead of looked up", async () => {
      const ended = await change("publish", OWNER, ONE, ["--zone", "example.test"]);
      expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: "" });
      expect(await served()).toEqual([ONE, TWO]);
    });

    test("a wrong secret is refused and called so", async () => {
      const right = readFileSync(world().tsigKey, "utf8");
      const file = keyFile(
        "wrong-secret.key",
        right.replace(/secret "[^"]+"/, `secret "${Buffer.alloc(32, 7).toString("base64")}"`),
      );
      expectRefused(
        await change("publish", OWNER, THREE, ["--key-file", file]),
        kind === "powerdns" ? /REFUSED/ : /BADSIG|secret/,
      );
    });

    test("an unknown key name is refused and called so", async () => {
      const right = readFileSync(world().tsigKey, "utf8");
      const file = keyFile("unknown.key", right.replace(/key "[^"]+"/, `key "nobody"`));
      expectRefused(
        await change("publish", OWNER, THREE, ["--key-file", file]),
        kind === "powerdns" ? /REFUSED/ : /BADKEY|does not know/,
      );
    });

    test("a name that the key may not write is refused, never taken for done", async () => {
      expectRefused(
        await change("publish", "_25._tcp.www.example.test", ONE),
        /REFUSED|NOTAUTH|BADKEY|not (there|served)|NOERROR but serves/,
      );
      expect(await served("_25._tcp.www.example.test")).toEqual([]);
    });

    test("a zone that the server does not have is called so", async () => {
      expectRefused(
        await change("publish", "_25._tcp.mx.other.test", ONE, ["--zone", "other.test"]),
        /NOTAUTH|not authoritative|other\.test/,
      );
    });

    test("a record whose digest has the wrong length never leaves the house", async () => {
      const ended = await change("publish", OWNER, "3 1 1 abcd");
      expectRefused(ended, /abcd|octets|digest/, 2);
      expect(await served()).not.toContain("3 1 1 abcd");
    });

    test("a server that is not there is called so", async () => {
      const nowhere = `${world().primary.address}:${String(world().primary.port + 3)}`;
      const ended = await change("publish", OWNER, THREE, ["--zone", "example.test", "--server", nowhere]);
      expect([1, 75]).toContain(ended.code);
      expect(ended.stderr).toContain(nowhere.split(":")[0]);
      expect(ended.stderr).toMatch(/^daneward: error: .+\nhint: .+\n$/);
    });
  });
}

updateSuite("bind", "BIND");
updateSuite("knot", "Knot DNS");
updateSuite("powerdns", "PowerDNS");
