/** What a way did not take: kept, tried again, told in order, and told of once. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { instant } from "../../../src/base/time.ts";
import { NOTIFY_EVENTS } from "../../../src/config/notify.ts";
import type { NotifyConfig } from "../../../src/config/notify.ts";
import type { Notice } from "../../../src/driver/notify/notice.ts";
import { forgetKept, tell } from "../../../src/driver/notify/notify.ts";
import { readOutbox, writeOutbox } from "../../../src/driver/notify/outbox.ts";
import { isRetryDue } from "../../../src/driver/notify/retry.ts";
import { acquireLockFile } from "../../../src/store/lock.ts";
import { startHttpApi } from "../../fakes/http-api.ts";
import type { FakeApi } from "../../fakes/http-api.ts";
import { temporaryFolder } from "../../store/temporary-folder.ts";

const START = Date.parse("2026-11-22T12:00:00Z");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let folder = "";
let api: FakeApi;
/** What the webhook answers to a title. */
let answer: (title: string) => number | null;
let config: NotifyConfig;

beforeEach(async () => {
  folder = path.join(temporaryFolder(), "state");
  mkdirSync(folder);
  answer = () => 200;
  api = await startHttpApi(({ body }) => {
    const status = answer(titleOf(body));
    return status === null ? null : { status };
  });
  config = {
    mail: [],
    mailFrom: null,
    sendmail: "/usr/sbin/sendmail",
    exec: null,
    webhook: `${api.url}/secret-path?key=secret-query`,
    webhookSecretFile: null,
    ntfy: null,
    ntfyTokenFile: null,
    healthchecks: null,
    on: NOTIFY_EVENTS,
  };
});

function titleOf(body: unknown): string {
  return typeof body === "object" && body !== null && "title" in body ? String(body.title) : "";
}

/** Titles in the order in which they came, those too that were not taken. */
function came(): readonly string[] {
  return api.calls.map(({ body }) => titleOf(body));
}

function at(milliseconds: number, notices: readonly Notice[] = [], always = false): Promise<readonly string[]> {
  const now = instant(START + milliseconds);
  const sender = { host: "host" };
  return tell(notices, config, { stateDirectory: folder, sender, now, rolloverOf: () => null, always });
}

function bad(title: string, changes: Partial<Notice> = {}): Notice {
  const codes = ["RELOAD_FAILED"];
  return {
    event: "reload-failed",
    certificate: "mx",
    at: instant(START),
    title,
    text: "",
    codes,
    rollover: null,
    ...changes,
  };
}
function over(title: string): Notice {
  return bad(title, { event: "recovered" });
}
function done(title: string, changes: Partial<Notice> = {}): Notice {
  return bad(title, { event: "published", codes: [], ...changes });
}

describe("what a way did not take", () => {
  test("is tried again by idle ticks, ever more seldom, until it is taken, and said once", async () => {
    answer = () => 500;
    const [problem, ...more] = await at(0, [bad("a")]);
    expect(problem).toMatch(/^\[notify\] webhook: 127\.0\.0\.1:\d+ answered 500; 1 notice is kept, to be tried again$/);
    expect(more).toEqual([]);
    const tries: number[] = [];
    for (let minute = 0; minute <= 300; minute++) {
      const before = came().length;
      if (isRetryDue(folder, instant(START + minute * MINUTE))) expect(await at(minute * MINUTE)).toEqual([]);
      if (came().length > before) tries.push(minute);
    }
    expect(tries).toEqual([1, 3, 7, 15, 31, 63, 123, 183, 243]);
    answer = () => 200;
    expect(await at(303 * MINUTE)).toEqual([]);
    expect(came().at(-1)).toBe("a");
    expect(existsSync(path.join(folder, "outbox.json"))).toBe(false);
    expect(isRetryDue(folder, instant(START + 400 * HOUR))).toBe(false);
    expect(await at(400 * HOUR)).toEqual([]);
    expect(came()).toHaveLength(11);
  });

  test("comes before what is news, and that it is over comes after it", async () => {
    answer = () => 500;
    await at(0, [bad("begins")]);
    await at(MINUTE, [over("is over")]);
    expect(came()).toEqual(["begins", "begins"]);
    answer = () => 200;
    await at(2 * MINUTE, [done("published")]);
    expect(came().slice(2)).toEqual(["begins", "is over", "published"]);
  });

  test("is kept for the way that did not take it, and for no other", async () => {
    const told = path.join(folder, "told");
    config = { ...config, exec: ["/bin/sh", "-c", `cat >>${told}`] };
    answer = () => null;
    const problems = await at(0, [bad("a"), done("b")]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain("2 notices are kept");
    answer = () => 200;
    await at(MINUTE);
    expect(came()).toEqual(["a", "a", "b"]);
    expect(readFileSync(told, "utf8").trimEnd().split("\n")).toHaveLength(2);
  });

  test("is private, and without the address", async () => {
    answer = () => 500;
    await at(0, [bad("a")]);
    const file = path.join(folder, "outbox.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).not.toMatch(/secret|127\.0\.0\.1/);
  });

  test("is said again after a day, and each time to somebody who looks on", async () => {
    answer = () => 500;
    expect(await at(0, [bad("a")])).toHaveLength(1);
    expect(await at(12 * HOUR)).toEqual([]);
    expect(await at(13 * HOUR, [], true)).toHaveLength(1);
    expect(await at(38 * HOUR)).toHaveLength(1);
  });

  test("was written down before it was sent: nothing is lost with a process that is killed", async () => {
    let seen = "";
    answer = () => {
      seen = readFileSync(path.join(folder, "outbox.json"), "utf8");
      return 200;
    };
    await at(0, [bad("a")]);
    expect(seen).toContain('"title":"a"');
    // As it stood on the disk at that moment.
    writeFileSync(path.join(folder, "outbox.json"), seen);
    expect(await at(MINUTE, [done("b")])).toEqual([]);
    expect(came()).toEqual(["a", "a", "b"]);
  });

  test("a failure that stands a day later, or grew, is told once", async () => {
    answer = () => 500;
    await at(0, [bad("first"), bad("other", { codes: ["NS_LAGGING"] }), bad("of www", { certificate: "www" })]);
    await at(24 * HOUR, [bad("second", { at: instant(START + 24 * HOUR) })]);
    await at(25 * HOUR, [bad("third", { at: instant(START + 25 * HOUR), codes: ["RELOAD_FAILED", "MISFIT"] })]);
    expect(readOutbox(folder).waiting.map(({ notice }) => notice.title)).toEqual(["other", "of www", "third"]);
  });

  test("a failure that was over in between is told with its end, and again", async () => {
    answer = () => 500;
    await at(0, [bad("first")]);
    await at(HOUR, [over("over")]);
    await at(2 * HOUR, [bad("again")]);
    await at(3 * HOUR, [bad("and again")]);
    expect(readOutbox(folder).waiting.map(({ notice }) => notice.title)).toEqual(["first", "over", "and again"]);
  });

  test("is given up after three days, and of very many the gravest are kept; both is said", async () => {
    answer = () => 500;
    await at(0, [bad("grave")]);
    for (let tick = 1; tick <= 6; tick++) {
      const many = Array.from({ length: 12 }, (_, index) => done(`${String(tick)}-${String(index)}`));
      const said = await at(tick * HOUR, many);
      if (tick === 5)
        expect(said).toEqual(["[notify] webhook: 11 notices are given up, for they are too old or too many"]);
    }
    const kept = readOutbox(folder).waiting.map(({ notice }) => notice.title);
    expect(kept).toHaveLength(50);
    expect([kept[0], kept.at(-1)]).toEqual(["grave", "6-11"]);
    const last = done("last", { at: instant(START + 80 * HOUR) });
    expect(await at(80 * HOUR, [last])).toContain(
      "[notify] webhook: 50 notices are given up, for they are too old or too many",
    );
    expect(readOutbox(folder).waiting.map(({ notice }) => notice.title)).toEqual(["last"]);
  });

  test("does not hold up others for ever when it is the notice that is not taken", async () => {
    answer = (title) => (title === "poison" ? 400 : 200);
    for (let tick = 0; tick < 8; tick++) await at(tick * HOUR, [tick === 0 ? bad("poison") : done(String(tick))]);
    expect(came().filter((title) => title !== "poison")).toEqual(["1", "2", "3", "4", "5", "6", "7"]);
    expect(readOutbox(folder).waiting.map(({ notice }) => notice.title)).toEqual(["poison"]);
  });

  test("is forgotten with its way, with its event and with [notify]", async () => {
    answer = () => 500;
    await at(0, [bad("a"), done("b")]);
    config = { ...config, on: ["published"] };
    await at(MINUTE);
    expect(readOutbox(folder).waiting.map(({ notice }) => notice.title)).toEqual(["b"]);
    forgetKept(folder);
    expect(existsSync(path.join(folder, "outbox.json"))).toBe(false);
    await at(2 * MINUTE, [done("c")]);
    config = { ...config, webhook: null };
    await at(3 * HOUR);
    expect(existsSync(path.join(folder, "outbox.json"))).toBe(false);
  });
});

describe("a tick", () => {
  test("tells its notices one after the other, however long one takes", async () => {
    const order: string[] = [];
    const slow = await startHttpApi(async ({ body }) => {
      order.push(`${titleOf(body)} begins`);
      if (titleOf(body) === "a") for (let turn = 0; turn < 50; turn++) await new Promise((next) => setImmediate(next));
      order.push(`${titleOf(body)} ends`);
      return { status: 200 };
    });
    config = { ...config, webhook: slow.url };
    await at(
      0,
      ["a", "b", "c"].map((title) => done(title)),
    );
    expect(order).toEqual(["a", "b", "c"].flatMap((title) => [`${title} begins`, `${title} ends`]));
  });

  test("leaves what is kept to another that is at it", async () => {
    answer = () => 500;
    await at(0, [bad("a")]);
    const lock = acquireLockFile(path.join(folder, "outbox.json.lock"), instant(START));
    expect(await at(HOUR)).toEqual([]);
    expect(came()).toEqual(["a"]);
    lock.release();
    await at(HOUR);
    expect(came()).toEqual(["a", "a"]);
  });

  test("tells what is news where nothing can be written down, and says why", async () => {
    folder = path.join(folder, "gone");
    expect((await at(0, [bad("a")])).join("\n")).toMatch(/^\[notify\] cannot write .*no such file/);
    expect(came()).toEqual(["a"]);
  });
});

describe("the file", () => {
  test.each([
    "",
    "{",
    "[]",
    '{"waiting":3}',
    '{"waiting":[{"way":"x"},null,{"way":"x","failures":0,"notice":{"event":"?"}}]}',
  ])("that says %s keeps nothing", async (text) => {
    writeFileSync(path.join(folder, "outbox.json"), text);
    expect(readOutbox(folder).waiting).toEqual([]);
    expect(await at(HOUR, [done("a")])).toEqual([]);
    expect(came()).toEqual(["a"]);
  });

  test("that is none is no reason to tell nothing", async () => {
    mkdirSync(path.join(folder, "outbox.json"));
    expect((await at(0, [bad("a")])).join("\n")).toMatch(/^\[notify\] cannot read .*outbox\.json/);
    expect(came()).toEqual(["a"]);
  });

  test("is tried at once when the clock was set back", () => {
    const trouble = { failures: 1, tryAt: instant(START + 5 * HOUR), saidAt: null };
    writeOutbox(folder, {
      waiting: [{ way: "mail", notice: bad("a"), failures: 1 }],
      troubles: new Map([["mail", trouble]]),
    });
    expect(isRetryDue(folder, instant(START + 4.5 * HOUR))).toBe(false);
    expect(isRetryDue(folder, instant(START))).toBe(true);
    expect(readOutbox(folder).waiting[0]?.notice).toEqual(bad("a"));
  });
});
