/** Notices, and every way that they leave by: against a sendmail and a program that write down what they got, and real HTTP. */
import { createHmac } from "node:crypto";
import { chmodSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { instant } from "../../../src/base/time.ts";
import { CONFIGURATION } from "../../../src/driver/alarms.ts";
import { NOTIFY_EVENTS } from "../../../src/config/notify.ts";
import type { NotifyConfig } from "../../../src/config/notify.ts";
import { mailMessage, ping } from "../../../src/driver/notify/channels.ts";

import { noticeOfAlarm, noticeOfEvent, noticeOfRecovery, noticesOfPassing } from "../../../src/driver/notify/notice.ts";
import type { Notice } from "../../../src/driver/notify/notice.ts";
import { tell as tellFrom } from "../../../src/driver/notify/notify.ts";
import { forgetSigns, isSignDue, missingSigns, noteSign } from "../../../src/driver/notify/signs.ts";
import { lastSuccess, writeTextfile } from "../../../src/driver/notify/textfile.ts";
import type { JournalEntry } from "../../../src/store/journal.ts";
import { renderStatusPrometheus } from "../../../src/report/status-prometheus.ts";
import { startHttpApi } from "../../fakes/http-api.ts";
import { temporaryFolder } from "../../store/temporary-folder.ts";

const AT = instant(Date.parse("2026-11-22T12:00:00Z"));
const SENDER = { host: "mx.example.test" };

const NOBODY: NotifyConfig = {
  mail: [],
  mailFrom: null,
  sendmail: "/usr/sbin/sendmail",
  exec: null,
  webhook: null,
  webhookSecretFile: null,
  ntfy: null,
  ntfyTokenFile: null,
  healthchecks: null,
  on: NOTIFY_EVENTS,
};

const NOTICE: Notice = {
  event: "mismatch",
  certificate: "mx",
  at: AT,
  title: "mx: Größe: a client refuses now [LIVE_MISMATCH]",
  text: "daneward: mx: a client refuses now [LIVE_MISMATCH]\n.\n  do: look\n",
  codes: ["LIVE_MISMATCH"],
  rollover: null,
};

const ROLLOVER = "9a590dfa1b2c3d4e5f60718293a4b5c6d7e8f9001122334455667788990011aa";

/** Tells with a state directory of its own, in which nothing is kept. */
function tell(notices: readonly Notice[], config: NotifyConfig): Promise<readonly string[]> {
  const stateDirectory = temporaryFolder();
  return tellFrom(notices, config, {
    stateDirectory,
    sender: SENDER,
    now: AT,
    rolloverOf: () => ROLLOVER,
    always: false,
  });
}

/** A program that keeps what it is given. */
function recorder(exit = 0): { readonly program: string; readonly said: () => string } {
  const folder = temporaryFolder();
  const program = path.join(folder, "program");
  const file = path.join(folder, "said");
  writeFileSync(
    program,
    `#!/bin/sh\n{ echo "args: $*"; echo "env: $DANEWARD_EVENT $DANEWARD_SEVERITY $DANEWARD_CERTIFICATE"; cat; } >>${file}\nexit ${String(exit)}\n`,
  );
  chmodSync(program, 0o755);
  return { program, said: () => readFileSync(file, "utf8") };
}

function secretFile(text: string): string {
  const file = path.join(temporaryFolder(), "secret");
  writeFileSync(file, `${text}\n`, { mode: 0o600 });
  return file;
}

describe("what is worth telling", () => {
  const entry = (event: string, detail = {}) => ({ at: AT, certificate: "mx", event, detail });
  const render = (): string => "mx: published 3 1 1 ab…\n";

  test.each([
    ["publish", "published"],
    ["deploy", "flipped"],
    ["deploying", "ready"],
    ["announcing", "renewed-seen"],
    ["confirmed", "verified"],
    ["withdrawn", "withdrawn"],
    ["record-vanished", "foreign-change"],
  ])("%s is told as %s", (event, told) => {
    expect(noticeOfEvent(entry(event), render)).toMatchObject({ event: told, title: "mx: published 3 1 1 ab…" });
  });

  test("what failed is told as an alarm that stands, not as an event, and housekeeping not at all", () => {
    expect(noticeOfEvent(entry("publish", { result: "failed" }), render)).toBeNull();
    expect(noticeOfEvent(entry("prune"), render)).toBeNull();
  });

  test.each([
    ["NS_LAGGING", "stuck"],
    ["NS_LAGGING LIVE_MISMATCH", "mismatch"],
    ["UPDATE_REFUSED", "publish-failed"],
    ["RELOAD_FAILED", "reload-failed"],
    ["DEADLINE_NEAR", "expiring"],
    ["SECOND_WRITER", "foreign-change"],
    ["STATE_DAMAGED", "failed"],
  ])("an alarm of %s is called %s", (key, event) => {
    const notice = noticeOfAlarm({ certificate: "mx", key, text: "daneward: mx: it is so\n  do: this\n" }, AT);
    expect(notice).toMatchObject({ event, title: "mx: it is so", codes: key.split(" ") });
  });

  test("that it is over says what it was, what stands on, and not what was to be done about it", () => {
    const text = "daneward: mx: ns2 lags [NS_LAGGING]\ndaneward: mx: bypassed [DEPLOY_BYPASSED]\n  do:    wait\n";
    const notice = noticeOfRecovery({ certificate: "mx", key: "NS_LAGGING", text, standing: ["DEPLOY_BYPASSED"] }, AT);
    expect(notice).toMatchObject({ event: "recovered", title: "mx: over: NS_LAGGING", codes: ["NS_LAGGING"] });
    expect(notice.text).toBe(
      "mx: over: NS_LAGGING\n\nIt had been:\nmx: ns2 lags [NS_LAGGING]\n\nWhat stands on: DEPLOY_BYPASSED\n",
    );
  });

  test("what is not about one certificate names none", () => {
    const alarm = {
      certificate: CONFIGURATION,
      key: "CONFIG_SYNTAX",
      text: "daneward: configuration: x [CONFIG_SYNTAX]\n",
    };
    expect(noticeOfAlarm(alarm, AT)).toMatchObject({ event: "failed", certificate: null });
    const over = noticeOfRecovery({ ...alarm, standing: [] }, AT);
    expect(over).toMatchObject({ certificate: null, title: "configuration: over: CONFIG_SYNTAX" });
  });

  describe("clients that were refused and were served again within one tick", () => {
    const begun = entry("mismatch", { code: "LIVE_MISMATCH", detail: "an address presents another" });
    const ended = entry("mismatch-over", { code: "LIVE_MISMATCH", detail: "no more" });
    const words = ({ event }: JournalEntry): string => `mx: ${event}\n`;
    const alarm = { certificate: "mx", key: "DEPLOY_BYPASSED LIVE_MISMATCH", text: "" };
    const none = { due: [], standing: [], over: [] };

    test("are told once, with how it ended", () => {
      const told = noticesOfPassing([begun, ended, begun, ended], none, words);
      expect(told).toMatchObject([
        { event: "mismatch", certificate: "mx", title: "mx: mismatch", codes: ["LIVE_MISMATCH"] },
      ]);
      expect(told[0]?.text).toContain("mx: mismatch-over");
      expect(told[0]?.text).toContain("over within one run");
    });

    test.each([
      ["is told now", { ...none, due: [alarm] }],
      ["stands", { ...none, standing: [alarm] }],
      ["is over now", { ...none, over: [{ ...alarm, standing: [] }] }],
    ])("are not told beside an alarm that %s", (_, alarms) => {
      expect(noticesOfPassing([begun, ended], alarms, words)).toEqual([]);
      expect(noticeOfEvent(begun, words)).toBeNull();
    });
  });
});

describe("mail", () => {
  test("goes to sendmail with all it needs, and no address on the command line", async () => {
    const { program, said } = recorder();
    expect(await tell([NOTICE], { ...NOBODY, mail: ["root", "a@example.org"], sendmail: program })).toEqual([]);
    const message = said();
    expect(message).toContain("args: -t -i\n");
    expect(message).toContain("To: root, a@example.org\n");
    expect(message).toContain("Auto-Submitted: auto-generated\n");
    expect(message).toContain("Date: Sun, 22 Nov 2026 12:00:00 +0000\n");
    expect(message).toContain("In-Reply-To: <daneward.mx.9a590dfa1b2c3d4e@mx.example.test>\n");
    expect(message).toContain("References: <daneward.mx.9a590dfa1b2c3d4e@mx.example.test>\n");
    // Left to sendmail, which knows the domain that mail of this host comes from.
    expect(message).not.toMatch(/^From:/m);
    expect(message).toMatch(/^Subject: =\?utf-8\?B\?/m);
    expect(message).toContain("\n.\n  do: look\n");
  });

  test("no text of a notice can add a header line", () => {
    const sly = { ...NOTICE, title: "mx: a\nBcc: b@example.org\r\nX: y" };
    const [head = ""] = mailMessage(sly, { ...NOBODY, mail: ["root"] }, SENDER).split("\n\n");
    expect(head).not.toMatch(/^(Bcc|X):/m);
    expect(head).toContain("Bcc: b@example.org X: y");
  });

  const headers = (notice: Notice): readonly string[] =>
    (mailMessage(notice, { ...NOBODY, mail: ["root"] }, SENDER).split("\n\n")[0] ?? "").split("\n");
  const header = (notice: Notice, name: string): string =>
    headers(notice).find((line) => line.startsWith(`${name}: `)) ?? "";

  test("has an identifier of its own for each notice, the same for the same", () => {
    const published = { ...NOTICE, event: "published", text: "_25._tcp" } as const;
    const notices: readonly Notice[] = [
      published,
      { ...published, text: "_465._tcp" },
      { ...published, certificate: "www" },
      { ...published, at: instant(AT + 1) },
      { ...published, title: "another" },
    ];
    expect(new Set(notices.map((notice) => header(notice, "Message-ID"))).size).toBe(notices.length);
    expect(header({ ...published }, "Message-ID")).toBe(header(published, "Message-ID"));
    expect(header(published, "Message-ID")).toMatch(/^Message-ID: <[\w.-]+@mx\.example\.test>$/);
  });

  test("is in one thread with all of its rollover, and with nothing else; before the first one too", () => {
    const thread = (changes: Partial<Notice>): string =>
      header({ ...NOTICE, rollover: ROLLOVER, ...changes }, "References");
    expect(thread({ event: "published", at: instant(AT + 1) })).toBe(thread({ event: "recovered", title: "over" }));
    expect(thread({})).not.toBe(thread({ rollover: ROLLOVER.replace("9a", "00") }));
    expect(thread({})).not.toBe(thread({ certificate: "www" }));
    expect(thread({ rollover: null })).toBe("References: <daneward.mx.first@mx.example.test>");
    expect(thread({ certificate: null })).toBe("");
  });

  test("has a subject of plain ASCII in one line of 78 characters, cut before the code", () => {
    const title =
      "mx: mx.example.org:25 at 192.0.2.10 presents 3 1 1 9a590dfa1b2c…, but caches may hold it alone [LIVE_MISMATCH]";
    const subject = header({ ...NOTICE, title }, "Subject");
    expect(subject).toBe("Subject: [daneward mx.example.test] mx: mx.example.org:25... [LIVE_MISMATCH]");
    expect(subject.length).toBeLessThanOrEqual(78);
    expect(header({ ...NOTICE, title: "mx: published 3 1 1 9a59…" }, "Subject")).toBe(
      "Subject: [daneward mx.example.test] mx: published 3 1 1 9a59...",
    );
    expect(mailMessage({ ...NOTICE, title, text: `${title}\n` }, { ...NOBODY, mail: ["root"] }, SENDER)).toContain(
      `\n\n${title}\n`,
    );
  });

  test("on a host with a very long name still says something", () => {
    const host = `${"a-very-long-name.".repeat(5)}example.test`;
    const message = mailMessage(
      { ...NOTICE, title: "mx: ns2 lags [NS_LAGGING]" },
      { ...NOBODY, mail: ["root"] },
      { host },
    );
    expect(message).toMatch(/^Subject: .*mx: ns2 lags \[NS_LAGGING\]$/m);
  });

  test("encoded words of a long subject stay within 75 characters", () => {
    const long = mailMessage({ ...NOTICE, title: "ä€".repeat(80) }, { ...NOBODY, mail: ["root"] }, SENDER);
    const words = long.match(/=\?utf-8\?B\?[^?]*\?=/g) ?? [];
    expect(words.length).toBeGreaterThan(2);
    for (const word of words) expect(word.length).toBeLessThanOrEqual(75);
  });
});

test("a program gets JSON on its standard input and the gist in its environment", async () => {
  const { program, said } = recorder();
  expect(await tell([NOTICE], { ...NOBODY, exec: [program, "word"] })).toEqual([]);
  const [args, env, json = ""] = said().split("\n");
  expect([args, env]).toEqual(["args: word", "env: mismatch critical mx"]);
  expect(JSON.parse(json)).toMatchObject({ schema: "daneward/notice/1", event: "mismatch", certificate: "mx" });
});

describe("over HTTP", () => {
  test("a webhook is signed with the key of its file", async () => {
    const api = await startHttpApi(() => ({ status: 204 }));
    const webhookSecretFile = secretFile("s3cret");
    expect(await tell([NOTICE], { ...NOBODY, webhook: `${api.url}/hook`, webhookSecretFile })).toEqual([]);
    const [call] = api.calls;
    const hmac = createHmac("sha256", "s3cret")
      .update(`${JSON.stringify(call?.body)}\n`)
      .digest("hex");
    expect(call).toMatchObject({
      method: "POST",
      path: "/hook",
      headers: { "x-daneward-signature": `sha256=${hmac}` },
    });
  });

  test("ntfy gets title, priority and token", async () => {
    const api = await startHttpApi(() => ({ status: 200 }));
    const ntfyTokenFile = secretFile("tk_abc");
    const others: readonly Notice[] = [
      { ...NOTICE, event: "stuck" },
      { ...NOTICE, event: "recovered" },
      { ...NOTICE, event: "published", title: "b" },
      { ...NOTICE, event: "failed", certificate: null },
    ];
    const config = { ...NOBODY, ntfy: `${api.url}/topic`, ntfyTokenFile };
    expect(await tell([NOTICE, ...others], config)).toEqual([]);
    expect(api.calls[0]).toMatchObject({
      path: "/topic",
      body: `${NOTICE.text}\ndaneward on mx.example.test, 2026-11-22 12:00:00Z\n`,
      headers: { authorization: "Bearer tk_abc" },
    });
    expect(api.calls.map(({ headers }) => `${String(headers["priority"])} ${String(headers["title"])}`)).toEqual([
      "5 mx: mismatch (mx.example.test)",
      "4 mx: stuck (mx.example.test)",
      "3 mx: recovered (mx.example.test)",
      "2 mx: published (mx.example.test)",
      "4 daneward: failed (mx.example.test)",
    ]);
  });

  test("a healthchecks server hears whether all is well", async () => {
    const api = await startHttpApi(() => ({ status: 200 }));
    await ping(`${api.url}/uuid`, "start", "");
    await ping(`${api.url}/uuid`, "well", "well");
    await ping(`${api.url}/uuid`, "fail", "lags");
    await ping(`${api.url}/key/slug?create=1`, "fail", "lags");
    expect(api.calls[3]?.query.get("create")).toBe("1");
    expect(api.calls.map(({ path, body }) => [path, body])).toEqual([
      ["/uuid/start", undefined],
      ["/uuid", "well"],
      ["/uuid/fail", "lags"],
      ["/key/slug/fail", "lags"],
    ]);
  });

  test("what goes wrong names the host alone, and no way keeps another from working", async () => {
    const api = await startHttpApi(() => ({ status: 500 }));
    const { program, said } = recorder();
    const cut = await startHttpApi(() => null);
    const config = { ...NOBODY, webhook: `${api.url}/secret-path`, exec: [program], ntfy: `${cut.url}/topic` };
    const problems = await tell([NOTICE], config);
    expect(problems).toHaveLength(2);
    expect(problems.join("\n")).toMatch(/webhook: 127\.0\.0\.1:\d+ answered 500/);
    expect(problems.join("\n")).toMatch(/ntfy: 127\.0\.0\.1:\d+: no connection \(\w+\)/);
    expect(problems.join("\n")).not.toContain("secret-path");
    expect(said()).toContain("mismatch");
  });
});

test("a program that fails is named with what it said", async () => {
  const { program } = recorder(3);
  const [problem] = await tell([NOTICE], { ...NOBODY, exec: [program] });
  expect(problem).toContain("exec:");
  expect(problem).toContain("exit code 3");
});

test("only chosen events are told, and a flood ends in one notice that counts the rest", async () => {
  const { program, said } = recorder();
  const config: NotifyConfig = { ...NOBODY, exec: [program], on: ["stuck"] };
  const flood = Array.from({ length: 50 }, (_, at): Notice => ({
    ...NOTICE,
    event: "stuck",
    certificate: `c${String(at)}`,
  }));
  expect(await tell([NOTICE, ...flood], config)).toEqual([]);
  const told = said().match(/^\{.*$/gm) ?? [];
  expect(told).toHaveLength(21);
  expect(told.filter((line) => line.includes("30 more notices, about 30 certificates"))).toHaveLength(1);
});

describe("the sign of life", () => {
  test("is due when it is expected and was never given, and again after a while", () => {
    const folder = temporaryFolder();
    const now = instant(Date.now());
    expect(isSignDue(folder, now)).toBe(false);
    expect(isSignDue(folder, now, true)).toBe(true);
    expect(missingSigns(folder)).toEqual([]);
    noteSign(folder, ["healthchecks"]);
    expect(missingSigns(folder)).toContain("healthchecks");
    expect(isSignDue(folder, now, true)).toBe(false);
    const old = new Date(now - 700_000);
    utimesSync(path.join(folder, "sign-of-life"), old, old);
    expect(isSignDue(folder, now)).toBe(true);
    forgetSigns(folder);
    forgetSigns(folder);
    expect(isSignDue(folder, now)).toBe(false);
  });
});

test("a textfile is there for others to read, and says when all was well", () => {
  const file = path.join(temporaryFolder(), "daneward.prom");
  expect(lastSuccess(file)).toBeNull();
  const run = { version: "1", lastRunAt: AT, lastSuccessAt: AT, alarms: 0 };
  writeTextfile(file, renderStatusPrometheus(null, run));
  expect(statSync(file).mode & 0o777).toBe(0o644);
  expect(lastSuccess(file)).toBe(AT);
  writeTextfile(file, renderStatusPrometheus(null, { ...run, lastSuccessAt: null }));
  expect(lastSuccess(file)).toBeNull();
});
