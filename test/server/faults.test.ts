/**
 * What goes wrong on real hosts: each fault is called by its name with a hint, gives the right exit code, loses nothing
 * (the state stays readable, DNS and the deployed link stay as they were), and the tick after the repair goes on.
 */
import { readFileSync, readdirSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { daneward, makeWard } from "./lab/daneward.ts";
import type { Settings, Ward } from "./lab/daneward.ts";
import { expectError } from "./lab/expect-error.ts";
import { until } from "./lab/poll.ts";
import { must } from "./lab/process.ts";
import type { Ended } from "./lab/process.ts";
import { program, serverSuite } from "./lab/programs.ts";
import { establish, isSettled, servedEverywhere, tickUntil, witness } from "./lab/rollover.ts";
import { presentedSpki } from "./lab/sampler.ts";
import { useWorld } from "./lab/suite.ts";
import { MX, WORLD_PROGRAMS } from "./lab/world.ts";

serverSuite("faults", WORLD_PROGRAMS, () => {
  const lab = useWorld();
  let ward: Ward;

  /** Everything that a fault must leave alone. */
  const inventory = async (): Promise<unknown> => ({
    dns: await servedEverywhere(lab()),
    link: readlinkSync(ward.deploy),
    presented: await presentedSpki({ address: lab().mailAddresses[0] ?? "", port: MX.port }, MX.host, true),
  });
  const savedState = (): string => readFileSync(join(ward.stateDir, "certificates", "lab.json"), "utf8");

  /** One tick with these settings fails as said and leaves everything alone. */
  const failsWith = async (settings: Settings, code: number, words: RegExp): Promise<void> => {
    const before = await inventory();
    ward.configure(settings);
    const ended = await ward.tick();
    ward.configure();
    expectError(ended, code, words);
    expect(await inventory()).toEqual(before);
    expect(() => void JSON.parse(savedState())).not.toThrow();
  };

  test("daneward is established", async () => {
    ward = makeWard(lab());
    await establish(lab(), ward);
  }, 90_000);

  test("a configuration typo: the line, the column and the nearest key, from tick as from check-config", async () => {
    const typo: Settings = { extra: ["confrim_rounds = 2"] };
    const before = savedState();
    ward.configure(typo);
    const line = readFileSync(ward.configFile, "utf8").split("\n").indexOf("confrim_rounds = 2") + 1;
    const place = new RegExp(`daneward\\.toml:${String(line)}:1\\b`);
    const ended = await ward.tick();
    expectError(ended, 78, place);
    expect(ended.stderr).toContain("confirm_rounds");
    const checked = await ward.run(["check-config"]);
    expect({ code: checked.code, said: checked.stdout + checked.stderr }).toEqual({
      code: 78,
      said: expect.stringMatching(place) as string,
    });
    ward.configure();
    expect(savedState()).toBe(before);
    expect((await ward.run(["check-config"])).code).toBe(0);
  });

  test("a configuration that is not there", async () => {
    const ended = await daneward([
      "tick",
      "--config",
      join(lab().folder, "nowhere.toml"),
      "--state-dir",
      ward.stateDir,
    ]);
    expectError(ended, 78, /nowhere\.toml/);
  });

  test("a TSIG key file that is missing, readable by all, or no key file", async () => {
    await lab().lineage.renew(); // there is something to publish from here on
    const file = (name: string, content: string, mode: number): string => {
      const path = join(lab().folder, name);
      writeFileSync(path, content, { mode });
      return path;
    };
    const good = readFileSync(lab().tsigKey, "utf8");
    const missing = join(lab().folder, "no.key");
    await failsWith({ keyFile: missing }, 1, /no\.key/);
    await failsWith({ keyFile: file("exposed.key", good, 0o644) }, 1, /exposed\.key.*(others|644|mode)/i);
    await failsWith({ keyFile: file("nonsense.key", "hello\n", 0o600) }, 1, /nonsense\.key/);
  }, 60_000);

  test("a wrong TSIG secret, an unknown TSIG key, a primary that is not there", async () => {
    const good = readFileSync(lab().tsigKey, "utf8");
    const wrong = join(lab().folder, "wrong.key");
    const secret = Buffer.alloc(32, 7).toString("base64");
    writeFileSync(wrong, good.replace(/secret "[^"]+"/, `secret "${secret}"`), { mode: 0o600 });
    await failsWith({ keyFile: wrong }, 1, /BADSIG|secret|signature/i);
    await failsWith({ keyFile: lab().strangerKey }, 1, /BADKEY|does not know|key/i);
    const nowhere = { address: lab().primary.address, port: lab().primary.port + 7 };
    await failsWith({ server: nowhere }, 1, new RegExp(String(nowhere.port)));
    const files = readdirSync(ward.stateDir, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    for (const entry of files) expect(readFileSync(join(entry.parentPath, entry.name), "utf8")).not.toContain(secret);
  }, 60_000);

  test("after the repair the same renewal goes through, and no client noticed anything", async () => {
    const sampler = witness(lab());
    try {
      await tickUntil(ward, "the rollover is complete", () => isSettled(lab()));
      expect(sampler.samples().filter((sample) => sample.outcome !== "match")).toEqual([]);
    } finally {
      await sampler.stop();
    }
  }, 90_000);

  test("a private key that does not fit its certificate is not deployed", async () => {
    const [before, key] = [await inventory(), join(lab().lineage.live, "privkey.pem")];
    const right = readFileSync(key);
    await must(program("openssl"), [
      "genpkey",
      "-algorithm",
      "EC",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-out",
      key,
    ]);
    const ended = await ward.run(["tick", "--force"]);
    expect(await inventory()).toEqual(before);
    const status = (await ward.run(["status"])).stdout;
    writeFileSync(key, right);
    expect(`${ended.stderr}${status}`).toMatch(/private key does not belong to the certificate|do not fit together/);
    await tickUntil(
      ward,
      "daneward is at rest",
      async () => (await ward.status()).phase === "stable" && (await isSettled(lab())),
    );
  }, 60_000);

  test("a reload command that fails: the old files come back, daneward holds, resume goes on", async () => {
    const world = lab();
    const sampler = witness(world);
    try {
      const [old, link] = [world.lineage.spki(), readlinkSync(ward.deploy)];
      await world.lineage.renew();
      ward.configure({ reload: ['"/bin/false"'] });
      const failures: Ended[] = [];
      await tickUntil(ward, "daneward holds", async () => (await ward.status()).phase === "held", {
        check: (tick) => {
          if (tick.code !== 0) failures.push(tick);
        },
      });
      expect(failures.length).toBeGreaterThan(0);
      const [first] = failures;
      if (first !== undefined) expectError(first, 1, /\/bin\/false/);
      await until("the old files are back", () => readlinkSync(ward.deploy) === link);
      expect((await ward.run(["status"])).stdout).toMatch(/RELOAD_FAILED|reload/);
      ward.configure();
      const held = await ward.tick();
      expect(readlinkSync(ward.deploy)).toBe(link); // nothing moves by itself
      expect({ code: held.code, stderr: held.stderr }).toEqual({ code: 1, stderr: "" }); // still a failure, said once a day
      expect((await ward.run(["resume", "lab"])).code).toBe(0);
      await tickUntil(ward, "the rollover is complete", () => isSettled(world));
      expect(world.lineage.spki()).not.toBe(old);
      expect(sampler.samples().filter((sample) => sample.outcome !== "match")).toEqual([]);
    } finally {
      await sampler.stop();
    }
  }, 120_000);

  test("a held lock: 75, and the one at work is not disturbed", async () => {
    const world = lab();
    world.primaryDaemon.signal("SIGSTOP"); // the first tick waits for its answers
    const first = ward.run(["tick", "--force"]);
    try {
      await until(
        "the first tick holds the lock",
        () => statSync(join(ward.stateDir, "lock"), { throwIfNoEntry: false }) !== undefined,
      );
      expectError(await ward.run(["tick", "--force"]), 75, /lock .*held by process \d+ since/);
    } finally {
      world.primaryDaemon.signal("SIGCONT");
    }
    expect([0, 1, 75]).toContain((await first).code);
    await tickUntil(ward, "daneward is at rest", async () => (await ward.status()).phase === "stable");
  }, 60_000);
});
