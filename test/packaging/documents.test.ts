/** What is made of the command tree: manual pages read by mandoc, completions run by the shells themselves. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { flagsOf, GLOBAL_FLAGS, VERBS } from "../../src/cli/verbs.ts";
import { findProgram, serverSuite } from "../server/lab/programs.ts";
import { must, run } from "../server/lab/process.ts";
import { temporaryFolder } from "../store/temporary-folder.ts";

const SHARE = path.resolve(import.meta.dirname, "../../dist/share");
const page = (name: string): string => path.join(SHARE, "man", name);
const BASH = path.join(SHARE, "completions/daneward.bash");
const NAMES = VERBS.map(({ usage }) => usage.split(" ")[0] ?? "");
const longOf = (notation: string): string => /--[a-z-]+/.exec(notation)?.[0] ?? "";

serverSuite("the manual pages", ["mandoc"], () => {
  const read = async (name: string): Promise<string> =>
    (await must("mandoc", ["-T", "ascii", "-O", "width=200", page(name)])).replace(/.\x08/g, "");

  test.each(["daneward.8", "daneward-verify.1", "daneward.toml.5"])(
    "mandoc finds nothing to warn of in %s",
    async (name) => {
      const { code, stdout, stderr } = await run("mandoc", ["-T", "lint", "-W", "warning", page(name)]);
      expect({ code, said: stdout + stderr }).toEqual({ code: 0, said: "" });
    },
  );

  test("daneward(8) has every command and every flag but those of verify, which has a page of its own", async () => {
    const text = await read("daneward.8");
    for (const name of NAMES) expect(text).toMatch(new RegExp(`^ {5}${name.replaceAll("-", "\\-")}(?= |$)`, "m"));
    const flags = VERBS.filter(({ usage }) => !usage.startsWith("verify")).flatMap(({ flags: own = [] }) => own);
    for (const [notation] of [...flags, ...GLOBAL_FLAGS]) expect(text).toContain(longOf(notation));
    const verify = await read("daneward-verify.1");
    const own = VERBS.filter(({ usage }) => usage.startsWith("verify")).flatMap(flagsOf);
    for (const [notation] of own) expect(verify).toContain(longOf(notation));
  });

  test("daneward.toml(5) has every key of the schema, and the example as it is shipped", async () => {
    const text = await read("daneward.toml.5");
    const schema = readFileSync(path.join(SHARE, "schema/daneward.schema.json"), "utf8");
    const keys = [...schema.matchAll(/^ +"([a-z0-9_]+)": \{/gm)].map(([, key = ""]) => key);
    const structure =
      /^(publish_.*|properties|items|duration|publisher|additionalProperties|propertyNames|type|services|cert|key|chain)$/;
    for (const key of keys.filter((one) => !structure.test(one))) expect(text).toMatch(new RegExp(`\\b${key}\\b`));
    for (const line of readFileSync(path.join(SHARE, "examples/daneward.toml"), "utf8").trim().split("\n")) {
      expect(text).toContain(line);
    }
  });
});

/** Words that bash offers for the last of these. */
function complete(words: readonly string[], home = "/"): readonly string[] {
  const script = `. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _daneward; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync("bash", ["-c", script, BASH, ...words], { encoding: "utf8", cwd: home });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.split("\n").filter((line) => line !== "");
}

describe("the completion for bash", () => {
  test("offers every command, and help", () => {
    expect([...complete(["daneward", ""])].sort()).toEqual([...NAMES, "help"].sort());
    expect(complete(["daneward", "--json", "propa"])).toEqual(["propagation"]);
    expect(complete(["daneward", "--config", "/etc/x", "propa"])).toEqual(["propagation"]);
  });

  test("offers the flags of the command that is typed, its own and the global ones", () => {
    for (const verb of VERBS) {
      const name = verb.usage.split(" ")[0] ?? "";
      const offered = complete(["daneward", name, "--"]);
      expect([...offered].sort()).toEqual([...flagsOf(verb).map(([notation]) => longOf(notation)), "--help"].sort());
    }
  });

  test("offers words that the help names, where there are few", () => {
    const cases = [
      [["verify", "--format", ""], "verify", "--format"],
      [["verify", "--trust", ""], "verify", "--trust"],
      [["verify", "--starttls", ""], "verify", "--starttls"],
      [["tlsa", "--output", ""], "tlsa", "--output"],
      [["csr", "--key-type", ""], "csr", "--key-type"],
      [["publish", "--transport", ""], "publish", "--transport"],
    ] as const;
    for (const [words, name, flag] of cases) {
      const verb = VERBS.find(({ usage }) => usage.startsWith(name));
      const help = verb?.flags?.find(([notation]) => longOf(notation) === flag)?.[1] ?? "";
      const offered = complete(["daneward", ...words]);
      expect(offered.length).toBeGreaterThan(1);
      for (const word of offered) expect(help).toContain(word);
    }
    const clients = VERBS.find(({ usage }) => usage.startsWith("hook"))?.after ?? "";
    for (const word of complete(["daneward", "hook", ""])) expect(clients).toContain(word);
  });

  test("offers files where a file belongs", () => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, "fullchain.pem"), "");
    mkdirSync(path.join(folder, "full"));
    expect([...complete(["daneward", "tlsa", "full"], folder)].sort()).toEqual(["full", "fullchain.pem"]);
    expect(complete(["daneward", "status", "--state-dir", "full"], folder)).toEqual(["full"]);
    expect(complete(["daneward", "explain", "full"], folder)).toEqual([]);
  });
});

describe("the completions for other shells", () => {
  test.skipIf(findProgram("zsh") === null)(
    "zsh offers commands, flags and words (where zsh is installed)",
    async () => {
      const folder = temporaryFolder();
      const script = path.join(folder, "try.zsh");
      // A pseudo terminal of zsh's own, in which TAB is pressed.
      const setUp = `fpath=(${path.join(SHARE, "completions")} \\$fpath); autoload -U compinit; compinit -u -D`;
      const cases = [
        ["daneward propa", "propagation"],
        ["daneward tlsa --out", "--output"],
        ["daneward hook dehy", "dehydrated"],
      ] as const;
      const lines = cases.map(
        ([typed, offered]) =>
          `zpty -w -n z $'\\025'"${typed}"$'\\t'; zpty -r z line '*${offered}*'; print -r -- "$line"`,
      );
      // Each read waits for what it names; what does not come ends with the deadline of the command.
      writeFileSync(
        script,
        `zmodload zsh/zpty; zpty z 'exec zsh -f -i'\nzpty -w z "${setUp}; print REA''DY"\nzpty -r z line '*READY*'\n${lines.join("\n")}\nzpty -d z\n`,
      );
      const { stdout } = await run("zsh", ["-f", script], { timeoutMs: 20_000 });
      for (const word of ["propagation", "--output", "dehydrated"]) expect(stdout).toContain(word);
    },
  );

  test.skipIf(findProgram("fish") === null)(
    "fish offers commands, flags and words (where fish is installed)",
    async () => {
      const offered = async (line: string): Promise<readonly string[]> => {
        const file = path.join(SHARE, "completions/daneward.fish");
        const home = temporaryFolder();
        const out = await must("fish", ["--no-config", "-c", `source ${file}; complete -C '${line}'`], {
          env: { HOME: home },
        });
        return out.split("\n").map((one) => one.split("\t")[0] ?? "");
      };
      expect(await offered("daneward propa")).toContain("propagation");
      expect(await offered("daneward tlsa --out")).toContain("--output");
      expect(await offered("daneward tlsa --output ")).toEqual(expect.arrayContaining(["rfc", "generic", "json"]));
      expect(await offered("daneward hook dehy")).toContain("dehydrated");
    },
  );
});

test("what other authors wrote is shipped with its license", () => {
  const notice = readFileSync(path.join(SHARE, "THIRD-PARTY.txt"), "utf8");
  for (const name of ["@peculiar/x509", "asn1js", "commander", "node-cron", "smol-toml", "reflect-metadata"]) {
    expect(notice).toMatch(new RegExp(`^${name} \\d`, "m"));
  }
  expect(existsSync(path.join(SHARE, "debian"))).toBe(false);
});
