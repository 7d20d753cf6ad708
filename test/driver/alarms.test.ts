/** Alarms, code by code: what is news, what stands on, what is over. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { CONFIGURATION, isConfigurationBroken, updateAlarms } from "../../src/driver/alarms.ts";
import type { Alarm, AlarmNews } from "../../src/driver/alarms.ts";
import { temporaryFolder } from "../store/temporary-folder.ts";

let folder = "";

beforeEach(() => {
  folder = path.join(temporaryFolder(), "state");
  mkdirSync(folder);
});

const alarm = (key: string, certificate = "mx"): Alarm => ({
  certificate,
  key,
  text: `daneward: ${certificate}: ${key}\n`,
});
const blind = (key: string): Alarm => ({ ...alarm(key), isBlind: true });

function look(hours: number, ...alarms: readonly Alarm[]): AlarmNews {
  const isConfigured = (name: string): boolean => name === "mx";
  return updateAlarms(folder, { alarms, looked: new Set(["mx"]), isConfigured, now: instant(hours * 3_600_000) });
}

describe("an alarm of several codes", () => {
  test("that loses one tells that this one is over, and what stands on is no news", () => {
    look(0, alarm("LIVE_MISMATCH DEPLOY_BYPASSED"));
    const news = look(1, alarm("DEPLOY_BYPASSED"));
    expect(news.due).toEqual([]);
    expect(news.standing).toEqual([alarm("DEPLOY_BYPASSED")]);
    expect(news.over).toMatchObject([{ certificate: "mx", key: "LIVE_MISMATCH", standing: ["DEPLOY_BYPASSED"] }]);
  });

  test("keeps the time when it was last told when it loses one, and is told again a day after that", () => {
    look(0, alarm("LIVE_MISMATCH DEPLOY_BYPASSED"));
    look(20, alarm("DEPLOY_BYPASSED"));
    expect(look(23, alarm("DEPLOY_BYPASSED")).due).toEqual([]);
    expect(look(24, alarm("DEPLOY_BYPASSED")).due).toEqual([alarm("DEPLOY_BYPASSED")]);
  });

  test("that gains one is told once with all, and nothing is over", () => {
    look(0, alarm("DEPLOY_BYPASSED"));
    const more = alarm("LIVE_MISMATCH DEPLOY_BYPASSED");
    expect(look(1, more)).toEqual({ due: [more], standing: [], over: [] });
    expect(look(2, more)).toEqual({ due: [], standing: [more], over: [] });
  });

  test("in another order is the same", () => {
    look(0, alarm("DEPLOY_BYPASSED LIVE_MISMATCH"));
    expect(look(1, alarm("LIVE_MISMATCH DEPLOY_BYPASSED"))).toMatchObject({ due: [], over: [] });
  });

  test("that changes one for another tells both", () => {
    look(0, alarm("NS_LAGGING"));
    expect(look(1, alarm("RELOAD_FAILED"))).toMatchObject({
      due: [{ key: "RELOAD_FAILED" }],
      over: [{ key: "NS_LAGGING", standing: ["RELOAD_FAILED"] }],
    });
  });
});

describe("a certificate that cannot be looked at", () => {
  test("ends no alarm: nobody knows", () => {
    look(0, alarm("LIVE_MISMATCH"));
    expect(look(1, blind("STATE_DAMAGED"))).toMatchObject({ due: [{ key: "STATE_DAMAGED" }], over: [] });
    expect(look(2, blind("STATE_DAMAGED"))).toMatchObject({ due: [], over: [] });
    expect(look(3).over.map(({ key }) => key)).toEqual(["LIVE_MISMATCH", "STATE_DAMAGED"]);
  });

  test("for another reason than before tells that the first is over", () => {
    look(0, blind("STATE_DAMAGED"));
    expect(look(1, blind("DISK_FULL"))).toMatchObject({
      due: [{ key: "DISK_FULL" }],
      over: [{ key: "STATE_DAMAGED" }],
    });
  });
});

test("the configuration as a whole is over with the next look at anything", () => {
  const broken = alarm("CONFIG_SYNTAX", CONFIGURATION);
  const input = { alarms: [broken], looked: new Set([CONFIGURATION]), isConfigured: () => true, now: instant(0) };
  expect(updateAlarms(folder, input).due).toEqual([broken]);
  expect(updateAlarms(folder, input).due).toEqual([]);
  expect(isConfigurationBroken(folder)).toBe(true);
  expect(look(1).over).toMatchObject([{ certificate: CONFIGURATION, key: "CONFIG_SYNTAX" }]);
  expect(isConfigurationBroken(folder)).toBe(false);
});
