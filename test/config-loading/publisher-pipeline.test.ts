import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { PublisherConfig } from "../../src/config/schema.ts";
import { checkSurroundings } from "../../src/config/surroundings.ts";
import { rootAnchors } from "../../src/dnssec/root-anchors.ts";
import { temporaryFolder } from "../store/temporary-folder.ts";
import { SAMPLE, configurationOf, problemsOf } from "./sample.ts";

const LOCAL = `type = "rfc2136"\nserver = "127.0.0.1"\nkey_file = "/etc/daneward/tsig.key"\n`;

function withPublisher(lines: string): string {
  return SAMPLE.replace(LOCAL, `${lines}\n`);
}

async function publisherOf(lines: string): Promise<PublisherConfig | undefined> {
  return (await configurationOf(withPublisher(lines))).publishers.get("local");
}

const ZONEFILE = `type = "zonefile"\nfile = "/etc/nsd/tlsa.inc"`;
const PARENT = `${ZONEFILE}\nparent = "/etc/nsd/example.org.zone"`;
const EXEC = `type = "exec"\ncommand = ["/usr/local/bin/publish", "--zone mine"]`;

describe("a zone file publisher", () => {
  test("needs nothing but the file", async () => {
    expect(await publisherOf(ZONEFILE)).toEqual({
      name: "local",
      type: "zonefile",
      file: "/etc/nsd/tlsa.inc",
      parent: null,
      touch: false,
      owners: [],
      check: null,
      serial: null,
      reload: [],
      patience: 7200,
      zone: null,
      checkNs: "all",
      excludeNs: [],
      anycastPolls: 1,
      hiddenPrimary: null,
      timeout: 120,
    });
  });

  test("touches the parent unless told otherwise, and takes commands as lines or as words", async () => {
    const lines = [
      PARENT.replace("tlsa.inc", "tlsa.{zone}.inc"),
      `check = "nsd-checkzone {zone} {parent}"`,
      `serial = ["/usr/local/bin/serial", "{parent}"]`,
      `reload = ["nsd-control reload {zone}", ["logger", "zone {zone} was built"]]`,
      `owners = ["_25._tcp.MX.example.org"]`,
      `patience = "15m"`,
    ].join("\n");
    expect(await publisherOf(lines)).toMatchObject({
      file: "/etc/nsd/tlsa.{zone}.inc",
      touch: true,
      check: ["nsd-checkzone", "{zone}", "{parent}"],
      serial: ["/usr/local/bin/serial", "{parent}"],
      reload: [
        ["nsd-control", "reload", "{zone}"],
        ["logger", "zone {zone} was built"],
      ],
      owners: ["_25._tcp.mx.example.org."],
      patience: 900,
    });
    expect(await publisherOf(`${PARENT}\ntouch = false`)).toMatchObject({ touch: false });
    expect(await publisherOf(`${ZONEFILE}\nreload = "rndc reload"`)).toMatchObject({ reload: [["rndc", "reload"]] });
  });

  test.each([
    ["no file", `type = "zonefile"`, 'publish.local: "file" is missing'],
    ["a key of another type", `${ZONEFILE}\nserver = "::1"`, "publish.local.server: unknown key"],
    ["a misspelt key", `${ZONEFILE}\nreloads = []`, 'publish.local.reloads: unknown key (did you mean "reload"?)'],
    ["another name in braces", `type = "zonefile"\nfile = "/x/{cert}"`, "publish.local.file: only {zone} may stand"],
    ["nothing to touch", `${ZONEFILE}\ntouch = true`, "publish.local.touch: there is no parent to touch"],
    ["a placeholder for nothing", `${ZONEFILE}\ncheck = "c {parent}"`, 'publish.local.check: "{" means something'],
    [
      "one among words",
      `${ZONEFILE}\ncheck = ["c", "{parent}"]`,
      "publish.local.check: nothing stands for {parent} here",
    ],
    [
      "a shell's signs",
      `${ZONEFILE}\nreload = ["a && b"]`,
      'publish.local.reload[0]: "&" means something to a shell only',
    ],
    ["a command without words", `${ZONEFILE}\ncheck = []`, "publish.local.check: a command needs at least the program"],
    ["a name that is none", `${ZONEFILE}\nowners = ["a..b"]`, "publish.local.owners[0]: "],
    [
      "the file of another publisher",
      `${ZONEFILE}\n[publish.other]\n${ZONEFILE}`,
      "publish.other: writes the same file as [publish.local]",
    ],
  ])("refuses %s", async (_, lines, want) => {
    const faults = await problemsOf("fault", withPublisher(lines));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`: ${want}`);
  });
});

describe("a program that publishes", () => {
  test("needs the command alone", async () => {
    expect(await publisherOf(EXEC)).toMatchObject({
      type: "exec",
      command: ["/usr/local/bin/publish", "--zone mine"],
      timeout: 60,
    });
    expect(await publisherOf(`type = "exec"\ncommand = "publish now"`)).toMatchObject({ command: ["publish", "now"] });
  });

  test.each([
    ["no command", `type = "exec"`, 'publish.local: "command" is missing'],
    [
      "a placeholder",
      `type = "exec"\ncommand = ["p", "{zone}"]`,
      "publish.local.command: nothing stands for {zone} here",
    ],
    ["a key of another type", `${EXEC}\nreload = []`, "publish.local.reload: unknown key"],
  ])("refuses %s", async (_, lines, want) => {
    const faults = await problemsOf("fault", withPublisher(lines));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`: ${want}`);
  });
});

describe("what can be seen beforehand", () => {
  async function adviceOn(lines: string): Promise<readonly string[]> {
    const configuration = await configurationOf(withPublisher(lines).replace('key_group = "ssl-cert"\n', ""));
    const problems = checkSurroundings(configuration, {
      readKey: () => [],
      readToken: () => undefined,
      readAnchors: rootAnchors,
      findGroup: () => undefined,
      searchPath: "/usr/bin:/bin",
      serviceManager: { program: "systemctl", runs: true, knows: () => true },
      locate: () => null,
      findClash: () => null,
      findMisfit: () => null,
    });
    for (const { severity } of problems) expect(severity).toBe("warning");
    return problems.map(({ message }) => message).filter((message) => message.startsWith("publish."));
  }

  test("of a pipeline that is complete: nothing", async () => {
    const folder = temporaryFolder();
    const parent = path.join(folder, "zone.db");
    writeFileSync(parent, "$INCLUDE tlsa.inc\n");
    const files = `type = "zonefile"\nfile = "${folder}/tlsa.inc"\nparent = "${parent}"`;
    expect(await adviceOn(`${files}\ncheck = "true {parent}"\nserial = "true"\nreload = ["/bin/true"]`)).toEqual([]);
  });

  test("of one that is not: folder, parent, check, reload, programs", async () => {
    const folder = temporaryFolder();
    const bare = await adviceOn(`type = "zonefile"\nfile = "${folder}/no/tlsa.inc"\nparent = "${folder}/zone.db"`);
    expect(bare).toEqual([
      `publish.local.file: there is no folder ${folder}/no`,
      `publish.local.parent: ${folder}/zone.db is not there or cannot be read by this user`,
      "publish.local.file: there is no check: a fault elsewhere in the zone shows after the reload only",
      "publish.local.file: there is no reload: nobody is told of a new file",
    ]);
    mkdirSync(path.join(folder, "yes"));
    const programs = `check = "no-such-check"\nserial = "/no/such/serial"\nreload = ["no-such-reload"]`;
    expect(await adviceOn(`type = "zonefile"\nfile = "${folder}/yes/tlsa.inc"\n${programs}`)).toEqual([
      "publish.local.check: the check names neither {file} nor {parent}: it looks at what is there already",
      'publish.local.check: the program "no-such-check" is not there',
      'publish.local.serial: the program "/no/such/serial" is not there',
      'publish.local.reload: the program "no-such-reload" is not there',
    ]);
  });

  test("of a program that publishes: whether it is there", async () => {
    expect(await adviceOn(`type = "exec"\ncommand = ["/no/such/program"]`)).toEqual([
      'publish.local.command: the program "/no/such/program" is not there',
    ]);
    expect(await adviceOn(`type = "exec"\ncommand = ["true"]`)).toEqual([]);
  });
});
