import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { seconds } from "../../src/base/time.ts";
import { formatTlsa } from "../../src/dns/rdata.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { runCommand } from "../../src/driver/command.ts";
import { createExecPublisher } from "../../src/publisher/exec.ts";
import type { Publisher, TlsaChange } from "../../src/publisher/publisher.ts";
import { name } from "../fakes/scripted-dns.ts";
import { temporaryFolder } from "../store/temporary-folder.ts";

const MX = name("_25._tcp.mx.example.org");
const ZONE = name("example.org");

function record(octet: number): TlsaRdata {
  return { usage: 3, selector: 1, matchingType: 1, data: new Uint8Array(32).fill(octet) };
}

function text(octet: number): string {
  return formatTlsa(record(octet));
}

function change(more: Partial<TlsaChange>): TlsaChange {
  return { owner: MX, zone: ZONE, ttl: seconds(300), add: [], remove: [], expected: null, ...more };
}

interface Bench {
  readonly folder: string;
  readonly publisher: Publisher;
  /** The requests that the program got, in order. */
  readonly requests: () => readonly Readonly<Record<string, unknown>>[];
}

/**
 * A program of the operator's: a JavaScript body that sees `request` and may call `answer(object)` and `store(set?)`,
 * a file of `{ records, ttl }`.
 */
function bench(
  body: string,
  options: { readonly present?: readonly string[]; readonly timeoutMs?: number } = {},
): Bench {
  const folder = temporaryFolder();
  const [program, log, store] = ["publish", "requests", "store"].map((one) => path.join(folder, one));
  if (program === undefined || log === undefined || store === undefined) throw new Error("three names");
  writeFileSync(store, JSON.stringify({ records: options.present ?? [], ttl: 300 }));
  const prelude = `
const fs = require("node:fs");
const request = JSON.parse(fs.readFileSync(0, "utf8"));
fs.appendFileSync(${JSON.stringify(log)}, JSON.stringify(request) + "\\n");
const answer = (object) => process.stdout.write(JSON.stringify(object));
const store = (set) => set === undefined
  ? JSON.parse(fs.readFileSync(${JSON.stringify(store)}, "utf8"))
  : fs.writeFileSync(${JSON.stringify(store)}, JSON.stringify(set));
`;
  writeFileSync(program, `#!${process.execPath}\n${prelude}${body}\n`);
  chmodSync(program, 0o755);
  const requests = (): readonly Readonly<Record<string, unknown>>[] => {
    if (!existsSync(log)) return [];
    const lines = readFileSync(log, "utf8").trim().split("\n");
    return lines.map((line): Readonly<Record<string, unknown>> => ({ ...(JSON.parse(line) as object) }));
  };
  const publisher = createExecPublisher({
    command: [program],
    timeoutMs: options.timeoutMs ?? 20_000,
    run: runCommand,
  });
  return { folder, publisher, requests };
}

const STORING = `
if (request.op === "read") answer(store());
else store({ records: request.want, ttl: request.ttl });
`;

async function errorOf(work: Promise<unknown>): Promise<OperationalError> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof OperationalError)) throw new Error(`no operational error: ${String(error)}`);
  return error;
}

describe("a program that publishes", () => {
  test("is asked what is there, told what to change and what the whole set becomes, and asked again", async () => {
    const { publisher, requests } = bench(STORING, { present: [text(9)] });
    const done = await publisher.apply(change({ add: [record(1)] }));
    expect(done).toEqual({ status: "pending", records: [record(1), record(9)], ttl: 300, signed: false });
    const place = { version: 1, zone: "example.org.", name: "_25._tcp.mx.example.org." };
    expect(requests()).toEqual([
      { op: "read", ...place },
      { op: "apply", ...place, ttl: 300, add: [text(1)], remove: [], want: [text(1), text(9)], expected: null },
      { op: "read", ...place },
    ]);
  });

  test("is not asked to change what is so already, but is for another TTL", async () => {
    const { publisher, requests } = bench(STORING, { present: [text(1)] });
    await publisher.apply(change({ add: [record(1)] }));
    expect(requests().map(({ op }) => op)).toEqual(["read"]);
    await expect(publisher.apply(change({ add: [record(1)], ttl: seconds(60) }))).resolves.toMatchObject({ ttl: 60 });
  });

  test("is told what must be there when something is removed", async () => {
    const { publisher, requests } = bench(STORING, { present: [text(1), text(2)] });
    const expected = [record(2), record(1)];
    await expect(publisher.apply(change({ remove: [record(1)], expected }))).resolves.toMatchObject({
      records: [record(2)],
    });
    expect(requests()[1]).toMatchObject({ remove: [text(1)], want: [text(2)], expected: [text(1), text(2)] });
  });

  test("is not asked to remove when it has another set than the name servers", async () => {
    const { publisher, requests } = bench(STORING, { present: [text(1)] });
    const error = await errorOf(publisher.apply(change({ remove: [record(1)], expected: [record(1), record(2)] })));
    expect(error.code).toBe("PUBLISH_CONFLICT");
    expect(requests()).toHaveLength(1);
  });

  test("may find itself that the set has changed", async () => {
    const body = `if (request.op === "read") answer({ records: null }); else answer({ conflict: true });`;
    const { publisher, requests } = bench(body);
    const error = await errorOf(publisher.apply(change({ remove: [record(1)], expected: [record(1)] })));
    expect(error.code).toBe("PUBLISH_CONFLICT");
    expect(requests()[1]).toMatchObject({ want: null, expected: [text(1)] });
  });

  test("may be unable to read, or slow: then what was asked for is pending", async () => {
    const blind = bench(`if (request.op === "read") answer({ records: null });`);
    await expect(blind.publisher.apply(change({ add: [record(1)] }))).resolves.toMatchObject({
      status: "pending",
      records: [record(1)],
    });
    const slow = bench(`answer(request.op === "read" ? store() : { pending: true });`);
    await expect(slow.publisher.apply(change({ add: [record(1)] }))).resolves.toMatchObject({ status: "pending" });
  });

  test("that says done and does nothing is not believed", async () => {
    const { publisher } = bench(`if (request.op === "read") answer(store());`);
    const error = await errorOf(publisher.apply(change({ add: [record(1)] })));
    expect(error.code).toBe("PUBLISH_NOT_APPLIED");
    expect(error.hint).toContain('{"pending": true}');
  });

  test.each([
    ["75", "process.exit(75)", "EXEC_LATER", "later"],
    ["another code", "process.exit(1)", "EXEC_FAILED", "never"],
    ["a signal", "process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 5000)", "EXEC_FAILED", "never"],
  ])("ending with %s is told apart, and what it said is shown", async (_, ending, code, retry) => {
    const { publisher } = bench(`process.stderr.write("zone is locked\\n"); ${ending}`);
    expect(await errorOf(publisher.apply(change({ add: [record(1)] })))).toMatchObject({
      code,
      retry,
      message: expect.stringMatching(/^read: .*zone is locked/) as string,
    });
  });

  test("that hangs is ended, and asked again later", async () => {
    const { publisher } = bench("setTimeout(() => {}, 60_000)", { timeoutMs: 300 });
    const error = await errorOf(publisher.apply(change({ add: [record(1)] })));
    expect(error.code).toBe("EXEC_LATER");
    expect(error.message).toContain("still running");
  });

  test("that is not there is an error that names it", async () => {
    const publisher = createExecPublisher({ command: ["/no/such/program"], timeoutMs: 1000, run: runCommand });
    const error = await errorOf(publisher.apply(change({ add: [record(1)] })));
    expect(error).toMatchObject({ code: "EXEC_FAILED", message: expect.stringContaining("no such program") as string });
  });

  test.each([
    ["no JSON", `process.stdout.write("done")`],
    ["no object", `process.stdout.write("[]")`],
    ["no records", `answer({})`],
    ["a record that is none", `answer({ records: ["3 1 1 xyz"] })`],
    ["a number among the records", `answer({ records: [3] })`],
    ["a TTL that is none", `answer({ records: [], ttl: "1h" })`],
  ])("answering with %s is refused", async (_, body) => {
    const { publisher } = bench(body);
    expect((await errorOf(publisher.apply(change({ add: [record(1)] })))).code).toBe("EXEC_ANSWER");
  });

  test("is not started for a record that no client could use", async () => {
    const { publisher, requests } = bench(STORING);
    const short = { ...record(1), data: new Uint8Array(2) };
    expect((await errorOf(publisher.apply(change({ add: [short] })))).code).toBe("PUBLISH_INVALID");
    expect(requests()).toEqual([]);
  });

  test("gets a clean environment and no arguments but its own", async () => {
    const { folder, publisher } = bench(
      `fs.writeFileSync(__dirname + "/env", JSON.stringify([Object.keys(process.env).sort(), process.argv.slice(2)]));
       answer({ records: null });`,
    );
    await publisher.apply(change({ add: [record(1)] }));
    expect(JSON.parse(readFileSync(path.join(folder, "env"), "utf8"))).toEqual([["LANG", "PATH"], []]);
  });
});

describe("the example script for nsupdate", () => {
  const script = path.resolve(import.meta.dirname, "../../fixtures/exec/nsupdate.mjs");

  interface Example {
    readonly publisher: Publisher;
    /** What nsupdate was called with, and what it read. */
    readonly commands: () => string;
  }

  /** The script with fake `nsupdate` and `dig` on the path: dig prints the store, nsupdate notes its input and ends. */
  function example(served: readonly string[], nsupdate: string): Example {
    const folder = temporaryFolder();
    const bin = path.join(folder, "bin");
    mkdirSync(bin);
    const noted = path.join(folder, "noted");
    const dig = served.map((one) => `echo "$name 300 IN TLSA ${one}"`).join("\n");
    writeFileSync(
      path.join(bin, "dig"),
      `#!/bin/sh\nname="_25._tcp.mx.example.org."\necho ";; status: NOERROR"\n${dig}\n`,
    );
    writeFileSync(
      path.join(bin, "nsupdate"),
      `#!/bin/sh\necho "nsupdate $*" > ${noted}\ncat >> ${noted}\n${nsupdate}\n`,
    );
    for (const one of ["dig", "nsupdate"]) chmodSync(path.join(bin, one), 0o755);
    const publisher = createExecPublisher({
      command: [script, "192.0.2.1#5300", "-g"],
      timeoutMs: 20_000,
      run: (argv, options) => runCommand(argv, options, `${bin}:${path.dirname(process.execPath)}`),
    });
    return { publisher, commands: () => (existsSync(noted) ? readFileSync(noted, "utf8") : "") };
  }

  test("adds single records", async () => {
    const { publisher, commands } = example([text(9)], "");
    const error = await errorOf(publisher.apply(change({ add: [record(1)] })));
    expect(error.code).toBe("PUBLISH_NOT_APPLIED"); // the fake does nothing, and the script does not pretend
    expect(commands()).toBe(
      `nsupdate -g\nserver 192.0.2.1 5300\nzone example.org.\nupdate add ${MX} 300 IN TLSA ${text(1)}\nsend\n`,
    );
  });

  test("removes under the condition that the set is what it was", async () => {
    const { publisher, commands } = example([text(1), text(2)], "echo update failed: NXRRSET >&2; exit 2");
    const error = await errorOf(publisher.apply(change({ remove: [record(1)], expected: [record(1), record(2)] })));
    expect(error.code).toBe("PUBLISH_CONFLICT");
    expect(commands()).toContain(
      [1, 2].map((octet) => `prereq yxrrset ${MX} IN TLSA ${text(octet)}\n`).join("") +
        `update delete ${MX} IN TLSA ${text(1)}\n`,
    );
  });

  test.each([
    ["; Communication with 192.0.2.1#53 failed: timed out", "exit 1", "EXEC_LATER"],
    ["update failed: REFUSED", "exit 2", "EXEC_FAILED"],
  ])("tells what passes from what does not: %s", async (said, ending, code) => {
    const { publisher } = example([], `echo "${said}" >&2; ${ending}`);
    const error = await errorOf(publisher.apply(change({ add: [record(1)] })));
    expect(error.code).toBe(code);
    expect(error.message).toContain(said.replace("; ", ""));
  });
});
