import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { maskSecrets } from "../../src/driver/mask.ts";
import { runReload, runReloads } from "../../src/driver/reload.ts";

const options = { path: "/usr/bin:/bin", timeoutMs: 10_000 };
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "daneward-reload-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A killed process whose parent is gone may stay as a zombie until something reaps it. */
function isRunning(pid: string): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

describe("a reload action", () => {
  test("that ends with 0 is a success", async () => {
    expect(await runReload(["/bin/sh", "-c", "exit 0"], options)).toBeNull();
  });

  test("that fails names its exit code and its last lines", async () => {
    const problem = await runReload(["/bin/sh", "-c", "echo one; echo bad config in line 7 >&2; exit 3"], options);
    expect(problem?.code).toBe("RELOAD_FAILED");
    expect(problem?.message).toContain("exit code 3");
    expect(problem?.message).toContain("bad config in line 7");
  });

  test("that does not exist is told apart from one that fails", async () => {
    const problem = await runReload(["/nonexistent/reload"], options);
    expect(problem?.message).toContain("there is no such program");
    expect(problem?.hint).toContain("absolute path");
  });

  test("that is not executable is told apart too", async () => {
    const file = join(folder, "plain");
    writeFileSync(file, "text", { mode: 0o644 });
    const problem = await runReload([file], options);
    expect(problem?.message).toContain("not executable");
  });

  test("that hangs is ended with everything it started", async () => {
    const pidFile = join(folder, "pid");
    const started = performance.now();
    const problem = await runReload(["/bin/sh", "-c", `sleep 60 & echo $! > ${pidFile}; sleep 60`], {
      ...options,
      timeoutMs: 300,
    });
    expect(performance.now() - started).toBeLessThan(5000);
    expect(problem?.message).toContain("still running after 1s");
    const pid = readFileSync(pidFile, "utf8").trim();
    await vi.waitUntil(() => !isRunning(pid), { timeout: 3000, interval: 20 });
  });

  test("is not waited for when a daemon it left behind keeps the pipe open", async () => {
    const started = performance.now();
    expect(await runReload(["/bin/sh", "-c", "sleep 3 & exit 0"], options)).toBeNull();
    expect(performance.now() - started).toBeLessThan(2500);
  });

  test("ended by a signal says which", async () => {
    const problem = await runReload(["/bin/sh", "-c", "kill -TERM $$"], options);
    expect(problem?.message).toContain("SIGTERM");
  });

  test("gets a clean environment and no shell", async () => {
    const file = join(folder, "env");
    await runReload(["/bin/sh", "-c", `env > ${file}`], options);
    const names = readFileSync(file, "utf8")
      .split("\n")
      .map((line) => line.split("=")[0])
      .filter((name) => name !== "" && name !== "PWD" && name !== "_" && name !== "SHLVL" && name !== "OLDPWD");
    expect(names.sort()).toEqual(["LANG", "PATH"]);
    expect(await runReload(["/bin/echo", "$(exit 1)", ";", "false"], options)).toBeNull();
  });

  test("finds programs in sbin although the caller's path lacks it", async () => {
    const file = join(folder, "path");
    await runReload(["/bin/sh", "-c", `echo "$PATH" > ${file}`], { ...options, path: "/usr/bin" });
    expect(readFileSync(file, "utf8").split(":")).toContain("/usr/sbin");
  });

  test("cannot play with the terminal through its output", async () => {
    const problem = await runReload(["/bin/sh", "-c", "printf '\\033[2Jboo\\n'; exit 1"], options);
    expect(problem?.message).not.toContain("\u001b");
    expect(problem?.message).toContain("boo");
  });
});

describe("a reload action that misbehaves", () => {
  test.each([
    ["below a file", ["/etc/passwd/x"], "ENOTDIR"],
    ["with more words than the system takes", ["/bin/true", "x".repeat(3_000_000)], "E2BIG"],
    ["with a zero octet", ["/bin/true", "a\0b"], "null bytes"],
    ["without a name", [""], "cannot be empty"],
  ])("is no bug of ours: %s", async (_, argv, words) => {
    const problem = await runReload(argv, options);
    expect(problem?.code).toBe("RELOAD_FAILED");
    expect(problem?.message).toContain(words);
  });

  test("by closing its output ends when it ends", async () => {
    expect(await runReload(["/bin/sh", "-c", "exec >&- 2>&-; exit 0"], options)).toBeNull();
    const problem = await runReload(["/bin/sh", "-c", "exec >&- 2>&-; exit 4"], options);
    expect(problem?.message).toContain("exit code 4");
  });

  test("by reading waits for nobody: there is nothing to read", async () => {
    expect(await runReload(["/bin/cat"], options)).toBeNull();
  });

  test("by printing without end keeps its last lines and ends in time", async () => {
    const problem = await runReload(["/bin/sh", "-c", "yes line; :"], { ...options, timeoutMs: 300 });
    expect(problem?.message).toContain("was still running");
    expect(problem?.message.length).toBeLessThan(1000);
  });

  test("by ignoring signals is ended all the same", async () => {
    const started = performance.now();
    const problem = await runReload(["/bin/sh", "-c", "trap '' TERM INT HUP; sleep 60; :"], {
      ...options,
      timeoutMs: 300,
    });
    expect(problem?.message).toContain("was still running");
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test("by leaving its process group with the output open is not waited for", async () => {
    const started = performance.now();
    const pidFile = join(folder, "pid");
    const script = `setsid sh -c 'echo $$ > ${pidFile}; exec sleep 20' & sleep 0.2; exit 0`;
    expect(await runReload(["/bin/sh", "-c", script], options)).toBeNull();
    expect(performance.now() - started).toBeLessThan(5000);
    const pid = readFileSync(pidFile, "utf8").trim();
    expect(isRunning(pid)).toBe(true);
    process.kill(Number(pid));
  });

  test("by printing secrets does not get them into the journal", async () => {
    const key = "MHcCAQEEIB".padEnd(64, "q");
    const script = `echo '-----BEGIN EC PRIVATE KEY-----'; echo '${key}'; echo 'short=='; echo '-----END EC PRIVATE KEY-----'; echo 'token=hunter2 in /etc/nginx/nginx.conf:7'; exit 1`;
    const problem = await runReload(["/bin/sh", "-c", `cat "$0" >&2; exit 1`, join(folder, "said")], options);
    expect(problem?.message).toContain("exit code 1");
    writeFileSync(join(folder, "script"), script);
    const told = (await runReload(["/bin/sh", join(folder, "script")], options))?.message ?? "";
    expect(told).toContain("[…] / token=[…] in /etc/nginx/nginx.conf:7");
    for (const secret of [key, "short==", "hunter2"]) expect(told).not.toContain(secret);
  });
});

describe("what looks like a secret in output", () => {
  test.each([
    ["a message", "nginx: [emerg] cannot load certificate /etc/ssl/daneward/mx/fullchain.pem", null],
    ["a long path", `cannot open /${"folder/".repeat(12)}file`, null],
    ["a host name", "mail.a-rather-long-name.for-a-host.somewhere.example.org refused", null],
    ["a file of a key", "private_key: /etc/ssl/daneward/mx/privkey.pem is missing", null],
    ["a password", 'user=x password="a b"', 'user=x password=[…] b"'],
    ["a token", "Token: abc", "Token: […]"],
    ["a digest", `got ${"0f".repeat(32)} instead`, "got […] instead"],
    ["a line of Base64", `before\n${"QUJD".repeat(16)}\nafter`, "before\n[…]\nafter"],
    ["the end of a key block", "QUJD\n-----END PRIVATE KEY-----\nfailed", "[…]\nfailed"],
    ["a block that does not end", "-----BEGIN PRIVATE KEY-----\nQUJD\nREVG", "[…]"],
    ["two blocks", "-----BEGIN PRIVATE KEY-----\nQQ\n-----END PRIVATE KEY-----\nand", "[…]\nand"],
  ])("%s", (_, said, expected) => {
    expect(maskSecrets(said)).toBe(expected ?? said);
  });
});

describe("several reload actions", () => {
  test("run in order and stop at the first failure", async () => {
    const file = join(folder, "order");
    const add = (word: string, code: number): readonly string[] => [
      "/bin/sh",
      "-c",
      `echo ${word} >> ${file}; exit ${String(code)}`,
    ];
    const problem = await runReloads([add("a", 0), add("b", 1), add("c", 0)], options);
    expect(problem?.message).toContain("exit code 1");
    expect(readFileSync(file, "utf8")).toBe("a\nb\n");
  });
});
