/**
 * Deployments that go wrong on live servers: a reload that ends well while the server goes on with the old certificate,
 * and one that takes one of two addresses down. The old files come back by themselves, daneward holds and says which
 * address it was, and no DANE client ever meets a certificate that its records do not match.
 */
import { chmodSync, copyFileSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeWard } from "./lab/daneward.ts";
import type { Told, Ward } from "./lab/daneward.ts";
import { until } from "./lab/poll.ts";
import type { Ended } from "./lab/process.ts";
import { serverSuite } from "./lab/programs.ts";
import { establish, isSettled, tickUntil, witness } from "./lab/rollover.ts";
import { presentedSpki } from "./lab/sampler.ts";
import type { Sampler } from "./lab/sampler.ts";
import { useWorld } from "./lab/suite.ts";
import { WORLD_PROGRAMS, WWW } from "./lab/world.ts";

const LABEL = `${WWW.host}:${String(WWW.port)}`;
/** Long enough for a reload, short enough to wait for. */
const PATIENCE = `confirm_patience = "2s"`;

function isNoBreakdown(tick: Ended): void {
  if (tick.code !== 0 && tick.code !== 1) throw new Error(`${String(tick.code)}\n${tick.stderr}`);
}

serverSuite("deployments that go wrong", WORLD_PROGRAMS, () => {
  const lab = useWorld({ secondWebAddress: true });
  let ward: Ward;

  const [quote, postfix] = [
    (argv: readonly string[]): string => JSON.stringify(argv.join(" ")),
    (): string => JSON.stringify(lab().postfix.reload.join(" ")),
  ];
  const presented = (address: string): Promise<string> =>
    presentedSpki({ address, port: WWW.port }, WWW.host, false).catch(() => "nothing");

  /** A renewal whose deployment is undone: gives what the failing tick and status said. */
  const undone = async (reload: readonly string[]): Promise<{ readonly said: string; readonly told: Told }> => {
    const [link, key] = [readlinkSync(ward.deploy), lab().lineage.spki()];
    await lab().lineage.renew();
    ward.configure({ reload, extra: [PATIENCE] });
    const failures: string[] = [];
    await tickUntil(ward, "daneward holds", async () => (await ward.status()).phase === "held", {
      check: (tick) => {
        isNoBreakdown(tick);
        if (tick.stderr !== "") failures.push(tick.stderr);
      },
    });
    await until("the old files are back", () => readlinkSync(ward.deploy) === link);
    for (const address of lab().webAddresses) {
      await until(`${address} presents the old certificate`, async () => (await presented(address)) === key);
    }
    await ward.tick();
    return { said: failures.join("").replace(/\s+/g, " "), told: await ward.told() };
  };
  const expectHeld = ({ told: { text, json, codes } }: { readonly told: Told }, address: string): void => {
    expect(json).toMatchObject({ phase: "held", concern: "attention", hold: { reason: "CONFIRM_FAILED" } });
    expect(codes).toContain("CONFIRM_FAILED");
    expect(text).toMatch(/^lab held, needs you/);
    expect(text).toContain(`${LABEL} at ${address}`);
    expect(text).toContain("daneward resume lab");
    expect(text).toContain("all records stay published");
  };
  const goOn = async (): Promise<void> => {
    ward.configure();
    expect((await ward.run(["resume", "lab"])).code).toBe(0);
    await tickUntil(ward, "complete", async () => (await isSettled(lab())) && (await ward.status()).concern === "well");
  };
  const mismatches = (sampler: Sampler): readonly unknown[] =>
    sampler.samples().filter((sample) => sample.outcome !== "match");

  test("daneward is established", async () => {
    ward = makeWard(lab());
    await establish(lab(), ward);
  }, 90_000);

  test("a reload that lies: exit code 0, and the old certificate still served", async () => {
    const [first = "", second = ""] = lab().webAddresses;
    const sampler = witness(lab());
    try {
      const ending = await undone([postfix(), quote(["/bin/true"])]);
      expectHeld(ending, first);
      expectHeld(ending, second);
      for (const words of [ending.said, ending.told.text]) {
        expect(words).toContain(`${first} presents key`);
        expect(words).toContain("instead of key");
      }
      await goOn();
      expect(mismatches(sampler)).toEqual([]);
    } finally {
      ward.configure();
      await sampler.stop();
    }
  }, 120_000);

  test("a reload that takes one of two addresses down: it is back with the old files", async () => {
    const [, second = ""] = lab().webAddresses;
    const [config, whole] = ["nginx.conf", "nginx.whole"].map((name) => join(lab().folder, "nginx", name));
    if (config === undefined || whole === undefined) throw new Error("no names");
    copyFileSync(config, whole);
    expect(readFileSync(whole, "utf8")).toContain(`listen ${second}:${String(WWW.port)} ssl;`);
    const script = join(lab().folder, "reload-web");
    const [deployed, renewed] = [`${ward.deploy}/cert.pem`, `${lab().lineage.live}/cert.pem`];
    const listen = `listen ${second}:${String(WWW.port)} ssl;`;
    writeFileSync(
      script,
      `#!/bin/sh
if cmp -s ${deployed} ${renewed}; then sed 's/${listen}//' ${whole} >${config}; else cp ${whole} ${config}; fi
exec ${lab().nginx.reload.join(" ")}
`,
    );
    chmodSync(script, 0o755);
    const sampler = witness(lab());
    try {
      const ending = await undone([postfix(), quote([script])]);
      const back = Date.now();
      expectHeld(ending, second);
      expect(ending.told.text).not.toContain(`${LABEL} at ${lab().webAddresses[0] ?? ""}`);
      const refused = new RegExp(`${LABEL} at ${second.replaceAll(".", "\\.")}:? connection refused`);
      for (const words of [ending.said, ending.told.text]) expect(words).toMatch(refused);
      await goOn();
      const failed = sampler.samples().filter((sample) => sample.outcome !== "match");
      // Clients go on to the other address; nobody met a certificate that does not match.
      expect(failed.filter(({ evidence }) => !/ECONNREFUSED|ECONNRESET|closed before/.test(evidence))).toEqual([]);
      expect(failed.filter(({ at }) => at > back)).toEqual([]);
      expect(failed.length).toBeGreaterThan(0);
    } finally {
      ward.configure();
      await sampler.stop();
    }
  }, 120_000);
});
