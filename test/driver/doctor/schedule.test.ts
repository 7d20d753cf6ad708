/** What runs the ticks: judgement by a table, and the looking on a tree of files. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { judgeStarters, readStarters, tickingService } from "../../../src/driver/doctor/schedule.ts";
import type { Starters } from "../../../src/driver/doctor/schedule.ts";
import { openTree } from "../../../src/driver/setup/tree.ts";
import { makeHost } from "../setup/host.ts";
import type { Host } from "../setup/host.ts";

const NONE: Starters = {
  init: "systemd",
  enabled: null,
  timer: null,
  shipped: null,
  cron: null,
  isResident: false,
  cronFolder: "/etc/cron.d",
  program: "/usr/bin/daneward",
};
const TIMER = "/lib/systemd/system/daneward.timer";
const LINE = expect.stringMatching(
  /^printf '%s\\n' 'PATH=\S+' '\S+ \* \* \* \* root \/usr\/bin\/daneward tick' > \/etc\/cron\.d\/daneward$/,
) as string;

describe("judgement", () => {
  test.each<readonly [what: string, starters: Partial<Starters>, grade: string, said: RegExp, type: readonly string[]]>(
    [
      ["an enabled timer", { enabled: "daneward.timer", timer: TIMER }, "ok", /daneward\.timer is enabled/, []],
      ["an enabled resident driver", { enabled: "daneward-run.service" }, "ok", /daneward-run\.service is enabled/, []],
      ["a line of cron's", { cron: "/etc/crontab", init: "other" }, "ok", /crontab starts daneward tick/, []],
      ["a process", { isResident: true, init: "other" }, "ok", /daneward run is at work/, []],
      [
        "a timer that is installed alone",
        { timer: TIMER },
        "warning",
        /daneward\.timer is not enabled.*nothing runs ticks/,
        ["systemctl enable --now daneward.timer"],
      ],
      [
        "a timer that is masked",
        { timer: "/dev/null" },
        "warning",
        /masked/,
        ["systemctl unmask daneward.timer", "systemctl enable --now daneward.timer"],
      ],
      ["a timer beside cron", { timer: TIMER, cron: "/etc/crontab" }, "ok", /crontab/, []],
      [
        "an enabled timer where systemd does not run",
        { enabled: "daneward.timer", timer: TIMER, init: "other" },
        "warning",
        /enabled, but systemd does not run here/,
        [LINE],
      ],
      ["nothing", {}, "warning", /neither a timer, a cron line nor daneward run/, [LINE]],
      ["nothing, and no cron", { init: "other", cronFolder: null }, "warning", /neither/, []],
    ],
  )("%s", (_what, starters, grade, said, type) => {
    const finding = judgeStarters({ ...NONE, ...starters });
    expect(finding).toMatchObject({ subject: "schedule", grade, type });
    expect(finding.said).toMatch(said);
  });

  test.each<readonly [what: string, starters: Partial<Starters>, service: string | null]>([
    ["an enabled timer", { enabled: "daneward.timer", timer: TIMER }, "daneward.service, which runs"],
    ["the resident driver", { enabled: "daneward-run.service", timer: TIMER }, "daneward-run.service, which runs"],
    ["a timer to be enabled", { timer: TIMER }, "daneward.service, which does not"],
    ["cron", { timer: TIMER, cron: "/etc/crontab" }, null],
    ["a process of somebody's", { timer: TIMER, isResident: true }, null],
    ["no systemd", { enabled: "daneward.timer", timer: TIMER, init: "other" }, null],
    ["nothing", {}, null],
  ])("the sandbox that counts with %s is that of %s", (_what, starters, service) => {
    const found = tickingService({ ...NONE, ...starters });
    expect(found === null ? null : `${found.name}, which ${found.runs ? "runs" : "does not"}`).toBe(service);
  });
});

describe("looking", () => {
  let host: Host;
  beforeEach(() => {
    host = makeHost();
  });
  afterEach(() => {
    host.remove();
  });

  test.each<readonly [what: string, commandLine: readonly string[], isResident: boolean]>([
    ["by its link", ["node", "/usr/bin/daneward", "run"], true],
    ["by its file, with flags", ["/usr/bin/node", "/opt/daneward.mjs", "--config", "/x", "run"], true],
    ["another verb", ["node", "/usr/bin/daneward", "tick"], false],
    ["another program", ["vim", "notes", "about", "daneward", "run"], false],
  ])("finds a process %s", (_what, commandLine, isResident) => {
    host.write("/proc/self/status", "");
    host.write("/proc/17/cmdline", commandLine.map((word) => `${word}\0`).join(""));
    expect(readStarters(openTree(host.root))).toMatchObject({ init: "other", isResident });
  });

  test("a link to a timer that is gone enables nothing", () => {
    host.link("/etc/systemd/system/timers.target.wants/daneward.timer", TIMER);
    expect(readStarters(openTree(host.root)).enabled).toBeNull();
    host.write(TIMER, "[Timer]\n");
    expect(readStarters(openTree(host.root))).toMatchObject({
      enabled: "daneward.timer",
      timer: expect.any(String) as string,
    });
  });
});
