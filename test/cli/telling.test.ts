/** What others hear of a tick: a program that writes notices down, and a textfile. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { instant } from "../../src/base/time.ts";
import type { Instant } from "../../src/base/time.ts";
import { endIdly } from "../../src/cli/idle.ts";
import { tellOfConfiguration, tellOfTick, tellOfWork, tellWhenIdle } from "../../src/cli/telling.ts";
import type { TickNews } from "../../src/cli/telling.ts";
import { NOTIFY_EVENTS } from "../../src/config/notify.ts";
import { loadRegister } from "../../src/driver/register.ts";
import { writeCatalogue } from "../../src/store/catalogue.ts";
import type { JournalEntry } from "../../src/store/journal.ts";
import { startHttpApi } from "../fakes/http-api.ts";
import type { FakeApi } from "../fakes/http-api.ts";
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
    await tellAt(at, { ...NOTHING, alarms: { due: [], standing: [], over: [{ ...ALARM, standing: [] }] } }, NOW);
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
    expect(await tellAt(at, NOTHING, NOW)).toBe(
      "daneward: warning: prometheus_textfile: cannot write /nonexistent/daneward.prom: no such file or directory; " +
        "make the folder: install -d -m 0755 /nonexistent\n",
    );
  });

  test("clients that were refused for a moment are told, unless an alarm tells it", async () => {
    const at = place();
    const entry = (event: string): JournalEntry => {
      return { at: NOW, certificate: "mx", event, detail: { code: "LIVE_MISMATCH", detail: "an address" } };
    };
    const events = [entry("mismatch"), entry("mismatch-over")];
    await tellAt(at, { ...NOTHING, events }, NOW);
    const alarm = { ...ALARM, key: "NS_LAGGING LIVE_MISMATCH" };
    await tellAt(at, { alarms: { ...NOTHING.alarms, standing: [alarm] }, events }, NOW);
    expect(at.told().match(/"event":"mismatch"/g)).toHaveLength(1);
  });
});

describe("notices", () => {
  const entry = (event: string, at: number): JournalEntry => ({
    at: instant(at),
    certificate: "mx",
    event,
    detail: {},
  });
  const titles = (at: Place): readonly unknown[] =>
    at
      .told()
      .trimEnd()
      .split("\n")
      .map((line) => {
        const notice: unknown = JSON.parse(line);
        return typeof notice === "object" && notice !== null && "event" in notice ? notice.event : null;
      });

  test("come in the order in which things happened, and how they stand now comes last", async () => {
    const at = place();
    writeFileSync(at.main, `${readFileSync(at.main, "utf8")}on = ${JSON.stringify(NOTIFY_EVENTS)}\n`);
    const mismatch = { ...entry("mismatch", NOW - 2000), detail: { code: "LIVE_MISMATCH", detail: "x" } };
    const events = [entry("announcing", NOW - 3000), mismatch, entry("deploying", NOW - 1000)];
    const over = { ...ALARM, key: "RELOAD_FAILED", standing: ["NS_LAGGING"] };
    await tellAt(at, { alarms: { due: [ALARM], standing: [], over: [over] }, events }, NOW);
    expect(titles(at)).toEqual(["renewed-seen", "mismatch", "ready", "recovered", "stuck"]);
  });

  test("that could not be delivered are said once, kept, and told by an idle tick as soon as it works", async () => {
    const at = place();
    const good = readFileSync(at.main, "utf8");
    writeFileSync(at.main, 'version = 1\n[notify]\nexec = "/bin/false"\n');
    const news = { ...NOTHING, alarms: { due: [ALARM], standing: [], over: [] } };
    expect(await tellAt(at, news, NOW)).toMatch(/^daneward: warning: \[notify\] exec: .*1 notice is kept/);
    const idle = async (minutes: number): Promise<string> => {
      const io = recordingIo({ clock: () => instant(NOW + minutes * 60_000) });
      await endIdly(at.state, { config: at.main, stateDir: at.state }, io, { always: false });
      return io.said().err;
    };
    expect(await idle(1)).toBe("");
    writeFileSync(at.main, good);
    expect(await idle(2)).toBe("");
    expect(at.told()).toBe("");
    expect(await idle(3)).toBe("");
    expect(titles(at)).toEqual(["stuck"]);
    expect(await idle(300)).toBe("");
    expect(titles(at)).toEqual(["stuck"]);
    writeFileSync(at.main, 'version = 1\n[notify]\nexec = "/bin/false"\n');
    expect(await tellAt(at, news, instant(NOW + 3_600_000))).toContain("1 notice is kept");
    writeFileSync(at.main, "version = 1\n");
    await idle(120);
    expect(existsSync(path.join(at.state, "outbox.json"))).toBe(false);
  });
});

describe("a healthchecks server", () => {
  const watched = async (status: (path: string) => number): Promise<{ at: Place; api: FakeApi }> => {
    const api = await startHttpApi((call) => ({ status: status(call.path) }));
    const at = place();
    writeFileSync(at.main, `version = 1\n[notify]\nhealthchecks = "${api.url}/ping/uuid?rid=1"\n`);
    return { at, api };
  };
  const work = async (at: Place, news: TickNews, now: Instant): Promise<string> => {
    const io = recordingIo({ clock: () => now });
    const register = await loadRegister(at.main);
    const begun = tellOfWork(register, at.state, io);
    await tellOfTick(register, { ...news, begun }, at.state, io);
    return io.said().err;
  };

  test("hears that work began when a sign is due, and then its end in any case", async () => {
    const { at, api } = await watched(() => 200);
    await work(at, NOTHING, NOW);
    await work(at, NOTHING, instant(NOW + 60_000));
    await work(at, { ...NOTHING, alarms: { due: [ALARM], standing: [], over: [] } }, instant(NOW + 61_000));
    await work(at, { ...NOTHING, alarms: { due: [], standing: [ALARM], over: [] } }, instant(NOW + 400_000));
    await tellAt(at, NOTHING, instant(NOW + 800_000));
    expect(api.calls.map(({ path: place, query }) => `${place} ${query.toString()}`)).toEqual([
      "/ping/uuid/start rid=1",
      "/ping/uuid rid=1",
      "/ping/uuid/fail rid=1",
      "/ping/uuid/start rid=1",
      "/ping/uuid/fail rid=1",
      "/ping/uuid rid=1",
    ]);
  });

  test("of another make, which knows no beginnings, is no trouble", async () => {
    const { at, api } = await watched((place) => (place.endsWith("/start") ? 404 : 200));
    expect(await work(at, NOTHING, NOW)).toBe("");
    expect(api.calls).toHaveLength(2);
  });

  test("that does not answer is said once, and again when it failed anew", async () => {
    let status = 500;
    const { at } = await watched(() => status);
    expect(await work(at, NOTHING, NOW)).toMatch(/^daneward: warning: \[notify\] healthchecks: \S+ answered 500\n$/);
    expect(await work(at, NOTHING, instant(NOW + 400_000))).toBe("");
    status = 200;
    expect(await work(at, NOTHING, instant(NOW + 800_000))).toBe("");
    status = 500;
    expect(await work(at, NOTHING, instant(NOW + 1_200_000))).toContain("answered 500");
  });
});

describe("a configuration that cannot be used", () => {
  const broken = new OperationalError("CONFIG_SYNTAX", "daneward.toml:3: no value", { hint: "write one" });
  const tell = (at: Place, now: Instant): Promise<void> =>
    tellOfConfiguration(broken, { config: at.main, stateDir: at.state }, recordingIo({ clock: () => now }));
  const good = async (at: Place): Promise<void> => {
    const register = await loadRegister(at.main);
    writeCatalogue(at.state, register.catalogue);
  };

  test("is told as the last good one says, once and then daily", async () => {
    const at = place();
    await good(at);
    writeFileSync(at.main, "version =\n");
    await tell(at, NOW);
    await tell(at, instant(NOW + 600_000));
    const told = at.told().trimEnd().split("\n");
    expect(told).toHaveLength(1);
    expect(JSON.parse(told[0] ?? "")).toMatchObject({
      event: "failed",
      certificate: null,
      title: "configuration: daneward.toml:3: no value [CONFIG_SYNTAX]",
      codes: ["CONFIG_SYNTAX"],
    });
    expect(told[0]).toContain("do:    write one");
    await tell(at, instant(NOW + 86_400_000));
    expect(at.told().trimEnd().split("\n")).toHaveLength(2);
  });

  test("is told to nobody when there never was a good one, or it was another", async () => {
    const at = place();
    await tell(at, NOW);
    await good(at);
    await tell({ ...at, main: `${at.main}.other` }, NOW);
    expect(at.told()).toBe("");
  });

  test("does not hide behind what goes wrong in telling it", async () => {
    const at = place();
    await good(at);
    rmSync(path.join(at.state, "alarms.json"), { force: true });
    mkdirSync(path.join(at.state, "alarms.json"));
    const io = recordingIo({ clock: () => NOW });
    await tellOfConfiguration(broken, { config: at.main, stateDir: at.state }, io);
    expect(io.said().err).toMatch(/^daneward: warning: cannot read .*alarms\.json/);
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
