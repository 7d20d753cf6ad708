/** The program as a process: what only shows with real descriptors, signals and working directories. Runs dist/. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../store/temporary-folder.ts";

const PROGRAM = path.resolve(import.meta.dirname, "../../bin/daneward.js");

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a line of shell in a fresh folder, in which `$D` is the program and `$S` a state directory still to be made. */
function shell(line: string, folder = temporaryFolder()): Ended {
  const env = { PATH: process.env["PATH"], D: `${process.execPath} ${PROGRAM}`, S: path.join(folder, "state") };
  const { status, stdout, stderr } = spawnSync("sh", ["-c", line], {
    cwd: folder,
    env,
    encoding: "utf8",
    timeout: 20_000,
  });
  return { code: status, out: stdout, err: stderr };
}

const NO_TRACE = /^(?!.*\n\s+at )/s;

describe("a reader that goes away", () => {
  test("does not keep a command from its work", () => {
    const { out } = shell("$D freeze -y --state-dir $S 2>&1 | true; ls $S");
    expect(out).toContain("frozen.json");
  });

  test("does not make a failure look like success", () => {
    const { out } = shell(
      "{ $D verify --chain none --tlsa '3 1 1 00' --name a 2>&1; echo $? >&3; } 3>code | true; cat code",
    );
    expect(out).toBe("3\n");
  });
});

describe.skipIf(!existsSync("/dev/full"))("a full disk behind", () => {
  test.each(["--help", "--version", "tlsa --help", "explain --json"])(
    "the output of %s is an error of one line",
    (args) => {
      const { code, err } = shell(`$D ${args} >/dev/full`);
      expect(code).toBe(75);
      expect(err).toBe(
        "daneward: error: cannot write to standard output: no space left on device\nhint: make room where the output goes\n",
      );
    },
  );

  test("standard error changes no exit code", () => {
    expect(shell("$D freeze -y --state-dir $S 2>/dev/full").code).toBe(0);
    expect(shell("$D tick nonsense --nope 2>/dev/full").code).toBe(2);
    expect(shell("touch f; RENEWED_LINEAGE=/etc/x $D hook --state-dir f certbot 2>/dev/full").code).toBe(0);
  });
});

describe("a working directory that is gone", () => {
  test("matters to nobody who names whole paths", () => {
    const folder = temporaryFolder();
    const line = "mkdir gone; cd gone; rmdir ../gone; RENEWED_LINEAGE=/etc/x $D hook --state-dir $S certbot";
    expect(shell(line, folder)).toMatchObject({ code: 0 });
    expect(readdirSync(path.join(folder, "state", "spool"))).toHaveLength(1);
  });

  test("holds no file, and nothing is made elsewhere", () => {
    expect(shell("echo x > c.pem; mkdir gone; cd gone; rmdir ../gone; $D tlsa c.pem")).toMatchObject({
      code: 1,
      err: expect.stringContaining("c.pem: no such file") as string,
    });
    const { code, err } = shell("mkdir gone; cd gone; rmdir ../gone; $D freeze -y --state-dir here");
    expect(code).toBe(1);
    expect(err).toMatch(NO_TRACE);
    expect(existsSync("/here")).toBe(false);
  });
});

describe("places that are none", () => {
  test("a file as state directory is named as such, for good", () => {
    const { code, err } = shell("touch f; $D freeze -y -q --state-dir f");
    expect(code).toBe(1);
    expect(err).toMatch(/^daneward: error: cannot write .*\/f: it is not a directory\nhint: .*--state-dir/);
  });

  test.skipIf(!existsSync("/proc/self"))("a folder in which none can be made is given up at once", () => {
    const { code, err } = shell("RENEWED_LINEAGE=/etc/x $D hook --state-dir /proc/x certbot");
    expect(code).toBe(0);
    expect(err).toMatch(/cannot write \/proc\/x\/spool: no such file or directory; the next daneward tick/);
  });
});

test.each([
  ["nofile", 1, "cannot be read: there is no such file\nhint: check the path"],
  [".", 1, "cannot be read: it is a directory\nhint: name the file in it"],
])("a key file that is none (%s) is nobody's permission", (file, code, says) => {
  const ended = shell(
    `$D publish _25._tcp.a.test '3 1 1 ${"00".repeat(32)}' --ttl 1h --server 127.0.0.1:1 --zone a.test --key-file ${file}`,
  );
  expect(ended.code).toBe(code);
  expect(ended.err).toContain(says);
});

test("pipes are read, named and handed over; what has no end is given up", () => {
  const folder = temporaryFolder();
  execFileSync(
    "openssl",
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem -out c.pem -subj /CN=mx".split(" "),
    {
      cwd: folder,
      stdio: "ignore",
    },
  );
  const want = shell("$D tlsa c.pem", folder).out;
  expect(want).toMatch(/^IN TLSA 3 1 1 [0-9a-f]{64}\n$/);
  expect(
    shell("$D tlsa - < c.pem; cat c.pem | $D tlsa -; cat c.pem | $D tlsa /dev/stdin; $D tlsa /dev/fd/5 5<c.pem", folder)
      .out,
  ).toBe(want.repeat(4));
  expect(shell("mkfifo p; cat c.pem > p & $D tlsa p", folder).out).toBe(want);
  expect(shell("$D tlsa /dev/zero", folder)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^daneward: error: \/dev\/zero is longer than 16777216 octets/) as string,
  });
});

test("a second signal ends what the first could not, with the code that shells give", async () => {
  const folder = temporaryFolder();
  // A reader of a list that never comes: the first signal is heard, and --left waits for the rest of the list.
  const args = [PROGRAM, "verify", "--targets", "-", "--left", "left.txt", "--resolver", "127.0.0.1:1"];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ["pipe", "ignore", "pipe"] });
  const ended = once(child, "exit");
  child.stdin.write("# begun\nnonsense line\n");
  await once(child.stderr, "data");
  child.kill("SIGINT");
  const deadline = Date.now() + 5000;
  while (child.exitCode === null && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    child.kill("SIGTERM");
  }
  child.stdin.end();
  expect(await ended).toEqual([143, null]);
});
