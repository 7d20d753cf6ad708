import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { rolldown } from "rolldown";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { acquireLock, lockFile, withLock } from "../../src/store/lock.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const now = instant(1_790_000_000_000);
let program = "";

beforeAll(async () => {
  const input = path.resolve(import.meta.dirname, "lock-holder.ts");
  const build = await rolldown({ input, platform: "node" });
  const { output } = await build.generate({ format: "cjs" });
  program = output[0].code;
});

function start(folder: string): { readonly child: ChildProcess; readonly said: Promise<string> } {
  const child = spawn(process.execPath, ["-e", program, folder, folder], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const said = (async () => {
    let text = "";
    for await (const chunk of child.stdout) {
      text += String(chunk);
      if (text.endsWith("\n")) break;
    }
    return text.trim();
  })();
  return { child, said };
}

describe("lock", () => {
  test("it is taken once, and again after its release", () => {
    const folder = temporaryFolder();
    const lock = acquireLock(folder, now);
    expect(() => acquireLock(folder, now)).toThrow(
      expect.objectContaining({
        code: "LOCK_HELD",
        retry: "later",
        message: `the lock ${lockFile(folder)} is held by process ${String(process.pid)} since 2026-09-21T14:13:20Z`,
      }),
    );
    lock.release();
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
    acquireLock(folder, now).release();
  });

  test("work under it releases it, also when it fails", async () => {
    const folder = temporaryFolder();
    await expect(withLock(folder, now, () => Promise.resolve(existsSync(lockFile(folder))))).resolves.toBe(true);
    await expect(withLock(folder, now, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("work under it finds what killed takers left removed, but for what may still be in use", async () => {
    const folder = temporaryFolder();
    const dead = { pid: 2 ** 30, since: 1, started: null, boot: "before", space: null };
    // Of three takers in a row each died: the second while it replaced the lock of the first.
    const [a, b, c] = ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc"];
    writeFileSync(path.join(folder, `lock.${a}`), JSON.stringify({ token: b, ...dead }));
    writeFileSync(path.join(folder, `lock.${b}`), JSON.stringify({ token: c, ...dead }));
    writeFileSync(path.join(folder, "lock.toml"), "of somebody else");
    const during = await withLock(folder, now, () => Promise.resolve(readdirSync(folder)));
    expect(during).toEqual(["lock", `lock.${b}`, "lock.toml"]);
    await withLock(folder, now, () => Promise.resolve());
    expect(readdirSync(folder)).toEqual(["lock.toml"]);
  });

  test("a release does not remove the lock of somebody else", () => {
    const folder = temporaryFolder();
    const lock = acquireLock(folder, now);
    writeFileSync(lockFile(folder), "somebody else's");
    lock.release();
    expect(readFileSync(lockFile(folder), "utf8")).toBe("somebody else's");
  });

  test.each([
    { name: "a process id used again by a younger process", change: { started: "1" } },
    { name: "another boot of the machine", change: { boot: "00000000-0000-0000-0000-000000000000" } },
    { name: "a process that is gone", change: { pid: 2 ** 22 + 1 } },
  ])("a lock of $name is taken over", ({ change }) => {
    const folder = temporaryFolder();
    const lock = acquireLock(folder, now);
    const mine = JSON.parse(readFileSync(lockFile(folder), "utf8")) as object;
    lock.release();
    writeFileSync(lockFile(folder), JSON.stringify({ ...mine, token: "0123456789abcdef", ...change }));
    acquireLock(folder, now).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each(["", "{", "[]", '{"pid":1}'])("a lock torn by a power cut (%j) is taken over", (text) => {
    const folder = temporaryFolder();
    writeFileSync(lockFile(folder), text);
    acquireLock(folder, now).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a long row of processes that died while taking over from each other does not block for ever", () => {
    const folder = temporaryFolder();
    const lock = acquireLock(folder, now);
    const mine = JSON.parse(readFileSync(lockFile(folder), "utf8")) as object;
    lock.release();
    let path = lockFile(folder);
    for (let taker = 0; taker < 30; taker += 1) {
      const token = String(taker).padStart(16, "0");
      writeFileSync(path, JSON.stringify({ ...mine, token, pid: 2 ** 22 + 1 }));
      path = `${lockFile(folder)}.${token}`;
    }
    acquireLock(folder, now).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a process of another container is never taken for dead", () => {
    const folder = temporaryFolder();
    const lock = acquireLock(folder, now);
    const mine = JSON.parse(readFileSync(lockFile(folder), "utf8")) as { space: string | null };
    lock.release();
    if (mine.space === null) return;
    const other = { ...mine, token: "0123456789abcdef", pid: 2 ** 22 + 1, space: "pid:[1]" };
    writeFileSync(lockFile(folder), JSON.stringify(other));
    expect(() => acquireLock(folder, now)).toThrow(/of another container/);
  });

  test("the lock of a living process holds; that of a killed one is taken over, by exactly one of several", async () => {
    const folder = temporaryFolder();
    const holder = start(folder);
    expect(await holder.said).toBe("held");
    expect(() => acquireLock(folder, now)).toThrow(`process ${String(holder.child.pid)}`);
    holder.child.kill("SIGKILL");
    await once(holder.child, "exit");
    const rivals = Array.from({ length: 6 }, () => start(folder));
    const said = await Promise.all(rivals.map((rival) => rival.said));
    expect(said.sort()).toEqual(["LOCK_HELD", "LOCK_HELD", "LOCK_HELD", "LOCK_HELD", "LOCK_HELD", "held"]);
    expect(readdirSync(folder)).toEqual(["lock"]);
  });

  test("a process that exits without a word has released its lock", async () => {
    const folder = temporaryFolder();
    const holder = start(folder);
    expect(await holder.said).toBe("held");
    holder.child.stdin?.end();
    await once(holder.child, "exit");
    expect(readdirSync(folder)).toEqual([]);
  });
});
