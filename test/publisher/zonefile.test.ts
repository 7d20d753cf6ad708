import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { instant, seconds } from "../../src/base/time.ts";
import { formatTlsa } from "../../src/dns/rdata.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { runCommand } from "../../src/driver/command.ts";
import type { Publisher, TlsaChange } from "../../src/publisher/publisher.ts";
import { createZonefilePublisher } from "../../src/publisher/zonefile.ts";
import type { ZonefileOptions } from "../../src/publisher/zonefile.ts";
import { acquireLockFile } from "../../src/store/lock.ts";
import { name } from "../fakes/scripted-dns.ts";
import { temporaryFolder } from "../store/temporary-folder.ts";

const MX = name("_25._tcp.mx.example.org");
const ZONE = name("example.org");
const NOW = instant(Date.UTC(2026, 10, 22));

function record(octet: number): TlsaRdata {
  return { usage: 3, selector: 1, matchingType: 1, data: new Uint8Array(32).fill(octet) };
}

function line(octet: number, ttl = 300): string {
  return `${MX} ${String(ttl)} IN TLSA ${formatTlsa(record(octet))}`;
}

interface Bench {
  readonly folder: string;
  readonly file: string;
  readonly log: () => readonly string[];
  readonly publisher: Publisher;
  readonly make: (more: Partial<ZonefileOptions>) => Publisher;
  readonly add: (octet: number, publisher?: Publisher) => ReturnType<Publisher["apply"]>;
}

/** A fragment `tlsa.inc` in a folder of its own; each command appends its words to a log. */
function bench(more: Partial<ZonefileOptions> = {}): Bench {
  const folder = temporaryFolder();
  const file = path.join(folder, "tlsa.inc");
  const logFile = path.join(folder, "log");
  const make = (options: Partial<ZonefileOptions>): Publisher =>
    createZonefilePublisher({
      file,
      parent: null,
      touch: false,
      owners: new Set([MX]),
      check: null,
      serial: null,
      reload: [say(folder, "reload {file} {zone}")],
      timeoutMs: 5000,
      patienceMs: 600_000,
      run: runCommand,
      lock: (locked) => acquireLockFile(`${locked}.lock`, NOW).release,
      clock: () => NOW,
      ...options,
    });
  const publisher = make(more);
  const add = (octet: number, by = publisher): ReturnType<Publisher["apply"]> =>
    by.apply(change({ add: [record(octet)] }));
  const log = (): readonly string[] => (existsSync(logFile) ? readFileSync(logFile, "utf8").trim().split("\n") : []);
  return { folder, file, log, publisher, make, add };
}

function say(folder: string, words: string): readonly string[] {
  return ["/bin/sh", "-c", `echo "$@" >> ${path.join(folder, "log")}`, "sh", ...words.split(" ")];
}

function change(more: Partial<TlsaChange>): TlsaChange {
  return { owner: MX, zone: ZONE, ttl: seconds(300), add: [], remove: [], expected: null, ...more };
}

function recordsIn(file: string): readonly string[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((one) => one !== "" && !one.startsWith(";"));
}

async function codeOf(work: Promise<unknown>): Promise<OperationalError> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof OperationalError)) throw new Error(`no operational error: ${String(error)}`);
  return error;
}

describe("writing a fragment", () => {
  test("makes the file that readers may read, runs the reload, and says that it is on its way", async () => {
    const { folder, file, add, log } = bench();
    await expect(add(1)).resolves.toEqual({ status: "pending", records: [record(1)], ttl: 300, signed: false });
    expect(recordsIn(file)).toEqual([line(1)]);
    expect(statSync(file).mode & 0o777).toBe(0o644);
    expect(log()).toEqual([`reload ${file} example.org`]);
    expect(readdirSync(folder).sort()).toEqual(["log", "tlsa.inc"]);
  });

  test("writes and runs nothing when nothing changes, also over a file in another form", async () => {
    const { file, add, log } = bench();
    writeFileSync(file, `; by hand\n${MX} IN 300 TLSA ${formatTlsa(record(1)).toUpperCase()}\n`);
    utimesSync(file, NOW / 1000, NOW / 1000);
    const before = statSync(file);
    await add(1);
    expect(statSync(file).ino).toBe(before.ino);
    expect(statSync(file).mtimeMs).toBe(before.mtimeMs);
    expect(log()).toEqual([]);
  });

  test("keeps mode and owner of the file, and follows a link to it", async () => {
    const { folder, file, make, add } = bench();
    writeFileSync(file, "");
    chmodSync(file, 0o640);
    const link = path.join(folder, "link.inc");
    symlinkSync("tlsa.inc", link);
    await add(1, make({ file: link }));
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(recordsIn(file)).toEqual([line(1)]);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });

  test.runIf(process.getuid?.() === 0)("gives the new file to the owner of the old one", async () => {
    const { file, add } = bench();
    writeFileSync(file, "");
    const { chownSync } = await import("node:fs");
    chownSync(file, 65_534, 65_534);
    await add(1);
    expect([statSync(file).uid, statSync(file).gid]).toEqual([65_534, 65_534]);
  });

  test("withdraws the last record into an empty fragment, which stays there", async () => {
    const { file, add, publisher } = bench();
    await add(1);
    const done = await publisher.apply(change({ remove: [record(1)], expected: [record(1)] }));
    expect(done).toMatchObject({ records: [], ttl: null });
    expect(existsSync(file)).toBe(true);
    expect(recordsIn(file)).toEqual([]);
  });

  test("keeps records of others at the name", async () => {
    const { file, add } = bench();
    writeFileSync(file, `${line(9, 60)}\n`);
    await add(1);
    expect(recordsIn(file)).toEqual([line(1), line(9)]);
  });

  test("puts the zone into file names, and a zone with a slash in its name leads to no other folder", async () => {
    const { folder, make, publisher } = bench();
    const per = make({ file: path.join(folder, "tlsa.{zone}.inc") });
    await per.apply(change({ add: [record(1)] }));
    expect(readdirSync(folder)).toContain("tlsa.example.org.inc");
    const zone = name("0/25.2.0.192.in-addr.arpa");
    const owner = name("_25._tcp.0/25.2.0.192.in-addr.arpa");
    const odd = make({ file: path.join(folder, "tlsa.{zone}.inc"), owners: new Set([owner]) });
    await odd.apply(change({ zone, owner, add: [record(1)] }));
    expect(readdirSync(folder)).toContain("tlsa.0\\04725.2.0.192.in-addr.arpa.inc");
    expect(publisher.capabilities.readBack).toBe("stored");
  });

  test("makes one write of changes that come together, and one of those that come while commands run", async () => {
    const { folder, file, make, add, log } = bench();
    const late: Promise<unknown>[] = [];
    const slow = make({
      run: async (argv, options) => {
        if (late.length === 0) late.push(add(4, slow), add(5, slow));
        return runCommand(argv, options);
      },
      reload: [say(folder, "reload")],
    });
    await Promise.all([1, 2, 3].map((octet) => add(octet, slow)));
    await Promise.all(late);
    expect(recordsIn(file)).toEqual([1, 2, 3, 4, 5].map((octet) => line(octet)));
    expect(log()).toHaveLength(2);
  });

  test("gives each of several changes its own outcome", async () => {
    const { file, make } = bench();
    writeFileSync(file, `${line(9)}\n`);
    const outcomes = await make({}).applyAll?.([
      change({ add: [record(1)] }),
      change({ owner: name("_25._tcp.other.example.org"), add: [record(1)] }),
      change({ remove: [record(9)], expected: [record(9)] }),
    ]);
    expect(outcomes?.map((outcome) => (outcome.ok ? "done" : outcome.fault.code))).toEqual([
      "done",
      "FRAGMENT_OWNER",
      // The record that was added a moment ago is not served yet.
      "PUBLISH_CONFLICT",
    ]);
    expect(recordsIn(file)).toEqual([line(1), line(9)]);
  });

  test("a defect of our own is thrown, not told as an outcome", async () => {
    const { make, add } = bench();
    const broken = make({
      run: () => {
        throw new TypeError("a bug");
      },
    });
    await expect(add(1, broken)).rejects.toThrow(TypeError);
    await expect(add(2, broken)).rejects.toThrow(TypeError);
  });
});

describe("what must not be written", () => {
  test("a digest of the wrong length, which no checker minds", async () => {
    const { file, publisher } = bench();
    const short = { ...record(1), data: new Uint8Array(2) };
    expect((await codeOf(publisher.apply(change({ add: [short] })))).code).toBe("PUBLISH_INVALID");
    expect(existsSync(file)).toBe(false);
  });

  test("a name that no certificate here has", async () => {
    const { file, publisher } = bench();
    const error = await codeOf(publisher.apply(change({ owner: name("mx._dane.example.org"), add: [record(1)] })));
    expect(error.code).toBe("FRAGMENT_OWNER");
    expect(error.hint).toContain('owners = ["mx._dane.example.org"]');
    expect(existsSync(file)).toBe(false);
  });

  test.each([
    ["a zone file", "$TTL 60\n@ IN SOA ns. root. 1 2 3 4 5\n", "line 1 is the directive $TTL"],
    ["records of other names", `_25._tcp.old.example.org. 60 IN TLSA ${formatTlsa(record(4))}\n`, "holds records of"],
  ])("over %s", async (_, content, want) => {
    const { file, add, log } = bench();
    writeFileSync(file, content);
    const error = await codeOf(add(1));
    expect(error.code).toBe("FRAGMENT_FOREIGN");
    expect(error.message).toContain(want);
    expect(readFileSync(file, "utf8")).toBe(content);
    expect(log()).toEqual([]);
  });

  test("over a folder, or where no folder is", async () => {
    const { folder, make, add } = bench();
    mkdirSync(path.join(folder, "dir"));
    expect((await codeOf(add(1, make({ file: path.join(folder, "dir") })))).code).toBe("FRAGMENT_FOREIGN");
    const nowhere = make({ file: path.join(folder, "no/tlsa.inc"), lock: () => () => undefined });
    expect((await codeOf(add(1, nowhere))).code).toBe("FRAGMENT_UNWRITABLE");
  });

  test("while another process holds the lock", async () => {
    const { file, add } = bench();
    const held = acquireLockFile(`${file}.lock`, NOW);
    expect((await codeOf(add(1))).code).toBe("LOCK_HELD");
    held.release();
    await add(1);
    expect(recordsIn(file)).toEqual([line(1)]);
  });
});

describe("the check", () => {
  test("sees the candidate before it is in place", async () => {
    const { folder, file, make, add } = bench();
    writeFileSync(file, `${line(9)}\n`);
    const copy = path.join(folder, "copy");
    await add(1, make({ check: ["/bin/sh", "-c", `cat "$1" ${file} > ${copy}`, "sh", "{file}"] }));
    expect(recordsIn(copy)).toEqual([line(1), line(9), line(9)]);
  });

  test("that fails keeps the old file, runs no reload, and shows what it said", async () => {
    const { folder, file, make, add, log } = bench();
    writeFileSync(file, `${line(9)}\n`);
    const failing = make({ check: ["/bin/sh", "-c", "echo zone example.org: not loaded due to errors >&2; exit 1"] });
    const error = await codeOf(add(1, failing));
    expect(error.code).toBe("FRAGMENT_CHECK_FAILED");
    expect(error.message).toContain("exit code 1; it said: zone example.org: not loaded due to errors");
    expect(recordsIn(file)).toEqual([line(9)]);
    expect(log()).toEqual([]);
    expect(readdirSync(folder)).toEqual(["tlsa.inc"]);
  });

  test("gets a scratch copy of the parent that includes the candidate", async () => {
    const { folder, file, make, add } = bench();
    const parent = path.join(folder, "zone.db");
    writeFileSync(parent, `$ORIGIN example.org.\n$include tlsa.inc ; records\n@ IN NS ns\n`);
    const copy = path.join(folder, "copy");
    const check = [
      "/bin/sh",
      "-c",
      `cat "$1" > ${copy}; pwd >> ${copy}; cat $(sed -n 's/^.include \\([^ ]*\\) .*/\\1/p' "$1") >> ${copy}`,
    ];
    await add(1, make({ parent, check: [...check, "sh", "{parent}"] }));
    const seen = readFileSync(copy, "utf8");
    expect(seen).toMatch(/^\$ORIGIN example\.org\.\n\$include [^"\s]+\.tmp ; records\n@ IN NS ns\n/);
    expect(seen).toContain(`\n${folder}\n`);
    expect(seen).toContain(line(1));
    expect(readFileSync(parent, "utf8")).toContain("$include tlsa.inc ;");
    expect(readdirSync(folder).filter((one) => one.endsWith(".tmp"))).toEqual([]);
    expect(recordsIn(file)).toEqual([line(1)]);
  });

  test.each([
    ["does not include", "@ IN NS ns\n"],
    ["includes 2 times", "$INCLUDE tlsa.inc\n$INCLUDE ./tlsa.inc\n"],
  ])("is not run when the parent %s the fragment", async (want, content) => {
    const { folder, file, make, add } = bench();
    const parent = path.join(folder, "zone.db");
    writeFileSync(parent, content);
    const error = await codeOf(add(1, make({ parent, check: ["/bin/true", "{parent}"] })));
    expect(error.code).toBe("FRAGMENT_PARENT");
    expect(error.message).toContain(`${parent} ${want} ${file}`);
    expect(existsSync(file)).toBe(false);
  });
});

describe("what follows", () => {
  test("is: touch the parent, raise the serial, reload, in this order", async () => {
    const { folder, make, add, log, file } = bench();
    const parent = path.join(folder, "zone.db");
    writeFileSync(parent, "$INCLUDE tlsa.inc\n");
    utimesSync(parent, 1, 1);
    const serial = say(folder, "serial {parent}");
    await add(1, make({ parent, touch: true, serial, reload: [say(folder, "one"), say(folder, "two {file}")] }));
    expect(log()).toEqual([`serial ${parent}`, "one", `two ${file}`]);
    expect(statSync(parent).mtimeMs).toBe(NOW);
  });

  test("is done again at the next pass when it failed, although the file is right", async () => {
    const { folder, file, make, add, log } = bench();
    const down = make({ reload: [["/bin/sh", "-c", "echo connection refused; exit 1"]] });
    const error = await codeOf(add(1, down));
    expect(error.code).toBe("FRAGMENT_COMMAND_FAILED");
    expect(error.message).toContain(`${file} is in place, but "/bin/sh`);
    expect(error.message).toContain("connection refused");
    expect(recordsIn(file)).toEqual([line(1)]);
    await add(1);
    expect(log()).toHaveLength(1);
    await add(1);
    expect(log()).toHaveLength(1);
    expect(readdirSync(folder).sort()).toEqual(["log", "tlsa.inc"]);
  });

  test("is ended when it hangs", async () => {
    const { make, add } = bench();
    const error = await codeOf(add(1, make({ reload: [["/bin/sleep", "60"]], timeoutMs: 100 })));
    expect(error.message).toContain("was still running");
  });
});

test("a file that has been right for long, and still is asked for, means that the pipeline does not deliver", async () => {
  const { folder, file, make, add, log } = bench();
  await add(1);
  utimesSync(file, NOW / 1000, NOW / 1000);
  const later = (minutes: number): Publisher => make({ clock: () => instant(NOW + minutes * 60_000) });
  await expect(add(1, later(10))).resolves.toMatchObject({ status: "pending" });
  expect(log()).toHaveLength(1);
  const error = await codeOf(add(1, later(11)));
  expect(error.code).toBe("FRAGMENT_NOT_SEEN");
  expect(error.message).toContain("has held the records of _25._tcp.mx.example.org for 11m");
  expect(error.hint).toContain("serial");
  // The commands are run once more, and again when the time is over again.
  expect(log()).toHaveLength(2);
  expect((await codeOf(add(1, later(21)))).code).toBe("FRAGMENT_NOT_SEEN");
  expect(log()).toHaveLength(2);
  expect((await codeOf(add(1, later(22)))).code).toBe("FRAGMENT_NOT_SEEN");
  expect(log()).toHaveLength(3);
  await add(2, later(30));
  expect(readdirSync(folder).sort()).toEqual(["log", "tlsa.inc"]);
});
