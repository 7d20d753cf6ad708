import { describe, expect, test } from "vitest";
import { runProgram } from "../../src/cli/program.ts";
import { quickParse } from "../../src/cli/quick.ts";
import { VERBS } from "../../src/cli/verbs.ts";
import { recordingIo } from "./recording-io.ts";

interface Call {
  readonly verb: string;
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

async function commander(argv: readonly string[]): Promise<Call | null> {
  const calls: Call[] = [];
  await runProgram(argv, recordingIo(), "0.0.0", (verb, args, options) => {
    calls.push({ verb: verb.usage, args, options });
    return Promise.resolve(0);
  });
  return calls[0] ?? null;
}

function quick(argv: readonly string[]): Call | null {
  const call = quickParse(argv);
  return call === null ? null : { verb: call.verb.usage, args: call.args, options: call.options };
}

const UNDERSTOOD: readonly string[] = [
  "tick",
  "tick mx imap --force -n",
  "tick --config /tmp/a.toml --state-dir=/tmp/s -q",
  "hook certbot",
  "hook certbot --anything -x y",
  "hook --state-dir /tmp/s -q certbot --state-dir /tmp/other",
  "hook dehydrated deploy_cert mx.example.org key.pem",
  "tlsa cert.pem chain.pem --params=3_1_1 --params 2_1_1 --name mx.example.org --port 25 --json",
  "verify mx.example.org:25 --address 192.0.2.1 --address 2001:db8::1 --no-color",
  "verify --chain f.pem --tlsa 3_1_1_aa --name mx.example.org --ee-names",
  "publish _25._tcp.mx.example.org 3_1_1_aa --ttl 1h --server 127.0.0.1 --key-file k -n",
  "publish _25._tcp.mx.example.org 3_1_1_aa --no-follow-cname",
  "status",
  "status mx --json",
  "explain NS_LAGGING",
  "resolve _25._tcp.mx.example.org",
  "resolve mx.example.org AAAA --resolver 127.0.0.1 --resolver ::1 --trust local --at 2026-11-22 --json -q",
  "hold mx --because maintenance",
];

describe("the quick way and commander understand the same words", () => {
  test.each(UNDERSTOOD)("%s", async (line) => {
    const argv = line.split(" ");
    const fast = quick(argv);
    expect(fast).not.toBeNull();
    expect(fast).toEqual(await commander(argv));
  });
});

describe("the help", () => {
  test.each(["verify", "resolve", "propagation"])("of %s names its exit codes", async (verb) => {
    const io = recordingIo();
    expect(await runProgram([verb, "--help"], io, "0.0.0")).toBe(0);
    expect(io.said().out).toMatch(/Exit codes \(monitoring plugins\):\n {2}0 .*\n {2}1 .*\n {2}2 .*\n {2}3 /);
    expect(io.said().out.replace(/\s+/g, " ")).toContain(
      "reads no configuration unless --config or DANEWARD_CONFIG names one",
    );
    expect(io.said().out.match(/--config <file>/g)).toHaveLength(1);
  });
});

test.each([[], ...VERBS.map(({ usage }) => usage.split(" ").slice(0, 1))])(
  "the first line of the help of daneward %s is an example to copy",
  async (...verb) => {
    const io = recordingIo();
    expect(await runProgram([...verb, "--help"], io, "0.0.0")).toBe(0);
    expect(io.said().out).toMatch(new RegExp(`^Example: .*daneward ${verb.join("")}`));
    if (verb.length > 0) return;
    // Without a word the same is said where errors go.
    const none = recordingIo();
    expect(await runProgram([], none, "0.0.0")).toBe(2);
    expect(none.said()).toEqual({ out: "", err: io.said().out });
  },
);

describe("bad usage is answered as the command does that is meant", () => {
  test.each([
    ["--config x verify --foo", 3, "daneward verify --help"],
    ["--state-dir /tmp check --nope", 3, "daneward check --help"],
    ["-q --state-dir=/tmp resolve", 3, "daneward resolve --help"],
    ["--json --foo propagation x", 3, "daneward propagation --help"],
    ["--config verify tick --nope", 2, "daneward tick --help"],
    ["--json --foo", 2, "daneward --help"],
  ])("%s", async (line, code, hint) => {
    const io = recordingIo();
    expect(await runProgram(line.split(" "), io, "0.0.0")).toBe(code);
    expect(io.said().err).toContain(`\nhint: ${hint}\n`);
  });

  test.each([
    ["check --config=", 3, "--config names nothing"],
    ["--state-dir= verify mx.example.org:25", 3, "--state-dir names nothing"],
    ["tick --state-dir=", 2, "--state-dir names nothing"],
    ["hook --state-dir= certbot", 2, "--state-dir names nothing"],
  ])("%s: an empty name is not the default", async (line, code, says) => {
    const io = recordingIo();
    expect(await runProgram(line.split(" "), io, "0.0.0")).toBe(code);
    expect(io.said().err).toContain(says);
  });
});

describe("help for a command that does not exist", () => {
  test.each([
    ["frob", "unknown command 'frob'\nhint: daneward --help"],
    ["verfy", "unknown command 'verfy'\nhint: did you mean verify?"],
  ])("%s", async (word, said) => {
    const io = recordingIo();
    expect(await runProgram(["help", word], io, "0.0.0")).toBe(2);
    expect(io.said()).toEqual({ out: "", err: `daneward: error: ${said}\n` });
  });

  test.each([["help"], ["help", "verify"]])("not for %s %s", async (...argv) => {
    const io = recordingIo();
    expect(await runProgram(argv, io, "0.0.0")).toBe(0);
    expect(io.said().out).toMatch(/^Usage: daneward /m);
  });
});

describe("what commander answers better is left to it", () => {
  test.each([
    "--help",
    "tick --help",
    "tikc",
    "tick --frce",
    "hold",
    "hold a b",
    "--json status",
    "hook",
    "hook --help",
  ])("%s", (line) => {
    expect(quick(line.split(" "))).toBeNull();
  });
});
