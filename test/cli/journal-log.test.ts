/** Lines for the journal of systemd: only where standard error really leads there, and how grave each is. */
import { closeSync, fstatSync, openSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { reportFailure } from "../../src/cli/failure.ts";
import { isJournalStream, loggingIo } from "../../src/cli/journal-log.ts";
import { talkToLog } from "../../src/cli/ticking.ts";
import { temporaryFolder } from "../store/temporary-folder.ts";
import { recordingIo } from "./recording-io.ts";

describe("JOURNAL_STREAM", () => {
  test("counts only while it names what the descriptor is", () => {
    const file = path.join(temporaryFolder(), "stream");
    writeFileSync(file, "");
    const descriptor = openSync(file, "a");
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    expect(isJournalStream(`${String(dev)}:${String(ino)}`, descriptor)).toBe(true);
    expect(isJournalStream(`${String(dev)}:${String(ino + 1n)}`, descriptor)).toBe(false);
    expect(isJournalStream(`${String(dev + 1n)}:${String(ino)}`, descriptor)).toBe(false);
    for (const odd of [undefined, "", "x", String(dev), `${String(dev)}:${String(ino)}:1`, "-1:2"]) {
      expect(isJournalStream(odd, descriptor)).toBe(false);
    }
    closeSync(descriptor);
    expect(isJournalStream(`${String(dev)}:${String(ino)}`, descriptor)).toBe(false);
  });
});

describe("what is said", () => {
  const AT = instant(Date.UTC(2026, 10, 23, 3, 0, 0));

  test("is marked line by line in the journal, and left alone elsewhere", () => {
    const io = recordingIo({ errIsJournal: true });
    const log = loggingIo(io);
    log.err("daneward: mx: ns2 lags [NS_LAGGING]\n  do:    wait\n\n");
    log.err("daneward: warning: no mail\n");
    log.err("mx: looking again in 5s\n");
    log.out("{}\n");
    expect(io.said()).toEqual({
      out: "{}\n",
      err: "<3>daneward: mx: ns2 lags [NS_LAGGING]\n<3>  do:    wait\n\n<4>daneward: warning: no mail\n<5>mx: looking again in 5s\n",
    });
    const plain = recordingIo();
    expect(loggingIo(plain)).toBe(plain);
  });

  test("of a command that fails is an error in the journal", () => {
    const io = recordingIo({ errIsJournal: true });
    reportFailure(new Error("x"), io, { json: false, plugin: false });
    expect(io.said().err).toMatch(/^<3>daneward: error: /);
  });

  const entry = (event: string, detail = {}) => ({ at: AT, certificate: "mx", event, detail });
  const tell = (errIsJournal: boolean): string => {
    const io = recordingIo({ errIsJournal, clock: () => AT });
    const { onEvent, onOver } = talkToLog(io, { always: false, watched: false });
    onEvent(entry("deploy", { chain: "ab", result: "done" }));
    onEvent(
      entry("publish", { owner: "_25._tcp.a.", records: ["3 1 1 ab"], result: "failed", code: "X", detail: "no" }),
    );
    onEvent(entry("mismatch", { code: "LIVE_MISMATCH", detail: "an address" }));
    onOver?.({ certificate: "mx", key: "NS_LAGGING X", text: "", standing: [] });
    return io.said().err;
  };

  test("of what happens is a line each: in the journal with how grave it is", () => {
    expect(tell(true).split("\n")).toEqual([
      "<5>mx: swapped the files and reloaded the services",
      "<3>mx: publishing 3 1 1 ab at _25._tcp.a failed: no [X]",
      "<3>mx: mismatch: an address [LIVE_MISMATCH]",
      "<5>mx: over: NS_LAGGING, X",
      "",
    ]);
  });

  test("elsewhere with the time, and the certificate all the same", () => {
    expect(tell(false).split("\n")[0]).toBe("2026-11-23 03:00:00Z mx: swapped the files and reloaded the services");
    expect(tell(false).split("\n")[3]).toBe("2026-11-23 03:00:00Z mx: over: NS_LAGGING, X");
  });
});
