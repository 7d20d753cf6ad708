/** What others hear of a tick: a program that writes notices down, and a textfile. */
import { chmodSync, existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import type { Instant } from "../../src/base/time.ts";
import { tellOfTick, tellWhenIdle } from "../../src/cli/telling.ts";
import type { TickNews } from "../../src/cli/telling.ts";
import { loadRegister } from "../../src/driver/register.ts";
import { readExposition } from "../report/exposition.ts";
import { temporaryFolder } from "../store/temporary-folder.ts";
import { recordingIo } from "./recording-io.ts";

const NOTHING: TickNews = { alarms: { due: [], standing: [], over: [] }, events: [] };
const ALARM = { certificate: "mx", key: "NS_LAGGING", text: "daneward: mx: ns2 lags [NS_LAGGING]\n" };

interface Place {
  readonly main: string;
  readonly state: string;
  readonly told: () => string;
  readonly metrics: string;
}

/** A configuration without certificates, with a program to tell and a textfile. */
function place(lines = ""): Place {
  const folder = temporaryFolder();
  const [program, told, main, state] = ["tell", "told", "daneward.toml", "state"].map((name) =>
    path.join(folder, name),
  );
  if (program === undefined || told === undefined || main === undefined || state === undefined)
    throw new Error("names");
  mkdirSync(state);
  writeFileSync(program, `#!/bin/sh\ncat >>${told}\n`);
  chmodSync(program, 0o755);
  const metrics = path.join(folder, "daneward.prom");
  writeFileSync(main, `version = 1\n${lines.replace("METRICS", metrics)}\n[notify]\nexec = "${program}"\n`);
  return { main, state, metrics, told: () => (existsSync(told) ? readFileSync(told, "utf8") : "") };
}

async function tellAt(at: Place, news: TickNews, now: Instant): Promise<string> {
  const io = recordingIo({ clock: () => now });
  const register = await loadRegister(at.main);
  await tellOfTick(register, news, at.state, io);
  return io.said().err;
}

const NOW = instant(Date.now());

describe("after a tick", () => {
  test("what has just failed and what is over is told, what stands for long is not told again", async () => {
    const at = place();
    await tellAt(at, { ...NOTHING, alarms: { due: [ALARM], standing: [], over: [] } }, NOW);
    await tellAt(at, { ...NOTHING, alarms: { due: [], standing: [ALARM], over: [] } }, NOW);
    await tellAt(at, { ...NOTHING, alarms: { due: [], standing: [], over: [ALARM] } }, NOW);
    const events = at.told().match(/"event":"[a-z-]+"/g);
    expect(events).toEqual(['"event":"stuck"', '"event":"recovered"']);
  });

  test("what cannot be told is a warning, not a failure", async () => {
    const at = place();
    writeFileSync(at.main, 'version = 1\n[notify]\nexec = "/nonexistent/program"\n');
    const said = await tellAt(at, { ...NOTHING, alarms: { due: [ALARM], standing: [], over: [] } }, NOW);
    expect(said).toMatch(/^daneward: warning: \[notify\] exec: .*no such program/);
  });

  test("metrics are written when something happened, and every five minutes when nothing does", async () => {
    const at = place('prometheus_textfile = "METRICS"');
    await tellAt(at, NOTHING, NOW);
    const lastRun = (): number | undefined =>
      readExposition(readFileSync(at.metrics, "utf8")).find(({ name }) => name.endsWith("last_run_timestamp_seconds"))
        ?.samples[0]?.value;
    expect(lastRun()).toBe(NOW / 1000);
    await tellAt(at, NOTHING, instant(NOW + 60_000));
    expect(lastRun()).toBe(NOW / 1000);
    await tellAt(at, { ...NOTHING, alarms: { due: [ALARM], standing: [], over: [] } }, instant(NOW + 61_000));
    expect(lastRun()).toBe((NOW + 61_000) / 1000);
    expect(readFileSync(at.metrics, "utf8")).toContain("daneward_alarms 1\n");
    // The last time all was well stays on record while something is wrong.
    expect(readFileSync(at.metrics, "utf8")).toContain(
      `daneward_last_success_timestamp_seconds ${String(NOW / 1000)}\n`,
    );
    await tellAt(at, NOTHING, instant(NOW + 400_000));
    expect(lastRun()).toBe((NOW + 400_000) / 1000);
  });

  test("a folder that is not there is a warning", async () => {
    const at = place('prometheus_textfile = "/nonexistent/daneward.prom"');
    expect(await tellAt(at, NOTHING, NOW)).toContain("prometheus_textfile: cannot write /nonexistent/daneward.prom");
  });
});

test("an idle tick reads the configuration afresh, and forgets signs that nobody expects any more", async () => {
  const at = place('prometheus_textfile = "METRICS"');
  await tellAt(at, NOTHING, NOW);
  const sign = path.join(at.state, "sign-of-life");
  expect(existsSync(sign)).toBe(true);
  utimesSync(sign, new Date(0), new Date(0));
  writeFileSync(at.main, "version = 1\n");
  await tellWhenIdle(NOTHING.alarms, at.state, { config: at.main }, recordingIo({ clock: () => NOW }));
  expect(existsSync(sign)).toBe(false);
});
