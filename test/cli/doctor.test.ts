/** Doctor without a network: what is wrong with files and folders, and what is to be typed. */
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Finding } from "../../src/base/finding.ts";
import { run as runDoctor } from "../../src/cli/commands/doctor.ts";
import { attempt, checkAppArmor, checkNode } from "../../src/driver/doctor/host.ts";
import { tick } from "../../src/driver/tick.ts";
import { writeFreeze } from "../../src/store/freeze.ts";
import { renderFindings } from "../../src/report/setup-text.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";
import { leadTo } from "../driver/steering-world.ts";
import { recordingIo } from "./recording-io.ts";

const SECRET = "GMRQKKDhJ8Cnw5lkL0wMV5aTzKVpr1WQ1i7Z5kQ4hRs=";

let world: FakeWorld;
let config = "";

function configure(): void {
  writeFileSync(
    config,
    `version = 1
resolver = "127.0.0.1:1"
[publish.local]
type = "rfc2136"
server = "127.0.0.1"
key_file = "tsig.key"
[certificate.mx]
source = "live"
deploy = "${world.certificate.deploy}"
services = ["mx.example.org:25"]
reload = ["/bin/true"]
`,
  );
  writeFileSync(path.join(world.root, "tsig.key"), `hmac-sha256:daneward:${SECRET}\n`, { mode: 0o600 });
}

beforeEach(() => {
  world = createFakeWorld();
  config = path.join(world.root, "daneward.toml");
  configure();
});
afterEach(() => {
  world.remove();
});

/** Files are as old as the world's clock has it, not as this machine's. */
function settleTimes(): void {
  const at = new Date(world.clock());
  const state = path.join(world.stateDirectory, "certificates/mx.json");
  for (const file of [state, path.join(world.root, "live"), world.stateDirectory]) utimesSync(file, at, at);
}

interface Said {
  readonly exit: number;
  readonly findings: readonly Finding[];
  readonly out: string;
}

function isReport(value: unknown): value is { readonly findings: readonly Finding[] } {
  return typeof value === "object" && value !== null && "findings" in value && Array.isArray(value.findings);
}

async function doctor(options: object = {}): Promise<Said> {
  const io = recordingIo({ cwd: world.root, clock: world.clock, env: { PATH: "/usr/bin:/bin" } });
  const files = { config, stateDir: world.stateDirectory, root: world.root, offline: true };
  const exit = await runDoctor([], { ...files, json: true, ...options }, io);
  const { out } = io.said();
  const document: unknown = out.startsWith("{") ? JSON.parse(out) : null;
  return { exit, out, findings: isReport(document) ? document.findings : [] };
}

/** What is not well, but for what is so on every machine that runs these tests. */
function troubles(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(({ subject, grade }) => grade !== "ok" && !["schedule", "last run", "disk"].includes(subject));
}

describe("doctor", () => {
  test("finds a sound installation well", async () => {
    await leadTo(world, "stable");
    chmodSync(world.root, 0o711);
    settleTimes();
    const { exit, findings, out } = await doctor();
    expect([exit, troubles(findings)]).toEqual([0, []]);
    expect(findings).toContainEqual(expect.objectContaining({ subject: "state", said: "1 state file, all whole" }));
    expect(out).not.toContain(SECRET.slice(0, 8));
  });

  test("changes nothing, not even by making the state directory", async () => {
    await doctor();
    expect(() => statSync(world.stateDirectory)).toThrow();
  });

  test.each<readonly [what: string, harm: () => void, expected: object]>([
    [
      "a key that others can read",
      () => {
        chmodSync(path.join(world.root, "tsig.key"), 0o644);
      },
      { grade: "failure", code: "KEY_FILE_EXPOSED", type: [expect.stringMatching(/^chmod 0600 \S+tsig\.key$/)] },
    ],
    [
      "a configuration that others may write",
      () => {
        chmodSync(config, 0o666);
      },
      { grade: "failure", subject: "configuration", type: [expect.stringMatching(/^chmod go-w \S+daneward\.toml$/)] },
    ],
    [
      "a state directory that others can read",
      () => {
        chmodSync(world.stateDirectory, 0o755);
      },
      { grade: "warning", subject: "state", type: [expect.stringMatching(/^chmod 0700 /)] },
    ],
    [
      "a damaged state file",
      () => {
        writeFileSync(path.join(world.stateDirectory, "certificates/mx.json"), "{");
      },
      {
        grade: "failure",
        code: "STATE_DAMAGED",
        type: [expect.stringMatching(/^daneward adopt mx --config \S+ --state-dir \S+$/)],
      },
    ],
    [
      "a freeze",
      () => {
        writeFreeze(world.stateDirectory, { at: world.clock(), by: "alice", because: "test" });
      },
      { grade: "warning", code: "FROZEN", type: [expect.stringMatching(/^daneward thaw --config /)] },
    ],
    [
      "an open vault",
      () => {
        mkdirSync(path.join(world.stateDirectory, "vault/mx"), { recursive: true, mode: 0o755 });
        chmodSync(path.join(world.stateDirectory, "vault"), 0o755);
      },
      { grade: "failure", subject: "vault mx", code: "VAULT_UNSAFE" },
    ],
    [
      "a file of tomorrow",
      () => {
        const later = new Date(world.clock() + 86_400_000);
        utimesSync(path.join(world.stateDirectory, "certificates/mx.json"), later, later);
      },
      {
        grade: "warning",
        subject: "clock",
        said: expect.stringContaining("mx.json has a time in the future") as string,
      },
    ],
    [
      "a folder that services cannot pass",
      () => {
        chmodSync(path.dirname(world.certificate.deploy), 0o700);
      },
      { grade: "warning", subject: "deploy mx", type: [expect.stringMatching(/^chmod o\+x /)] },
    ],
  ])("names %s, and what to type", async (_what, harm, expected) => {
    await leadTo(world, "stable");
    settleTimes();
    harm();
    const { exit, findings } = await doctor();
    expect(troubles(findings)).toContainEqual(expect.objectContaining(expected));
    expect(exit).toBe(troubles(findings).some(({ grade }) => grade === "failure") ? 1 : 0);
  });

  test("names a service that reads the ACME client's own files: a failure as soon as a record binds clients", async () => {
    const live = path.join(world.root, "live");
    mkdirSync(path.join(world.root, "etc/postfix"), { recursive: true });
    const conf = path.join(world.root, "etc/postfix/main.cf");
    writeFileSync(conf, `myhostname = mx.example.org\nsmtpd_tls_cert_file = ${live}/fullchain.pem\n`);
    const before = troubles((await doctor()).findings).find(({ code }) => code === "DEPLOY_BYPASSED");
    expect(before?.grade).toBe("warning");
    await leadTo(world, "stable");
    const after = troubles((await doctor()).findings).find(({ code }) => code === "DEPLOY_BYPASSED");
    expect(after).toMatchObject({
      grade: "failure",
      said: expect.stringContaining("/etc/postfix/main.cf:2") as string,
    });
    writeFileSync(conf, `smtpd_tls_chain_files = ${world.certificate.deploy}/combined.pem\n`);
    const { findings } = await doctor();
    expect(findings).toContainEqual(expect.objectContaining({ subject: "services of mx", grade: "ok" }));
  });

  test("names what the unit's sandbox, the client's hooks and renew would do, on the system below its root", async () => {
    const write = (file: string, text: string): void => {
      mkdirSync(path.dirname(path.join(world.root, file)), { recursive: true });
      writeFileSync(path.join(world.root, file), text);
    };
    const units = path.resolve(import.meta.dirname, "../../src/share/systemd");
    for (const unit of ["daneward.service", "daneward.timer"]) {
      write(`usr/lib/systemd/system/${unit}`, readFileSync(path.join(units, unit), "utf8"));
    }
    write("etc/systemd/system/timers.target.wants/daneward.timer", "");
    write("run/systemd/system/x", "");
    write(
      "etc/letsencrypt/renewal/mx.conf",
      `fullchain = ${world.root}/live/fullchain.pem\n[renewalparams]\nrenew_hook = systemctl reload postfix\n`,
    );
    const renew = 'renew = "certbot renew --cert-name mx"';
    const plain = readFileSync(config, "utf8");
    writeFileSync(config, plain.replace('reload = ["/bin/true"]', `reload = ["postfix reload"]\n${renew}`));
    const { findings, exit } = await doctor();
    expect(exit).toBe(1);
    for (const [subject, grade, said] of [
      ["sandbox", "failure", /^daneward\.service starts \/usr\/bin\/daneward, which is not there$/],
      ["sandbox", "failure", /the deployed files of mx$/],
      ["sandbox", "warning", /^"postfix reload" fails in daneward\.service/],
      ["hooks of mx", "warning", /^certbot reloads postfix at each renewal, before its record is known/],
      ["renew of mx", "warning", /^away from a terminal certbot sleeps/],
    ] as const) {
      expect(findings).toContainEqual(
        expect.objectContaining({ subject, grade, said: expect.stringMatching(said) as string }),
      );
    }
    const { out } = await doctor({ json: false });
    expect(out.match(/^ {2}systemctl daemon-reload$/gm)).toHaveLength(1);
  });

  test("says how to make a key that is not there yet", async () => {
    rmSync(path.join(world.root, "tsig.key"));
    const { findings } = await doctor();
    expect(findings.find(({ code }) => code === "KEY_FILE_UNREADABLE")?.type).toEqual([
      `(umask 077 && tsig-keygen -a hmac-sha256 daneward. > ${world.root}/tsig.key)  # and tell the primary`,
    ]);
  });

  test("without a configuration says how to get one", async () => {
    const { exit, findings } = await doctor({ config: path.join(world.root, "none.toml") });
    expect(exit).toBe(1);
    expect(findings).toContainEqual(
      expect.objectContaining({ code: "CONFIG_MISSING", type: [`daneward adopt --output ${world.root}/none.toml`] }),
    );
  });

  test("says when looks are overdue", async () => {
    world.install(await world.issue());
    await tick(world.input());
    world.advance(40_000);
    const { findings } = await doctor();
    expect(findings).toContainEqual(expect.objectContaining({ subject: "last run", grade: "warning" }));
  });

  test("looks at where metrics are written, and at secrets and programs of notices", async () => {
    const plain = readFileSync(config, "utf8");
    const notify =
      '[notify]\nexec = "/nonexistent/tell"\nwebhook = "https://hooks.example.org/"\nwebhook_secret_file = "hook.key"\n';
    writeFileSync(config, `prometheus_textfile = "metrics/daneward.prom"\n${plain}${notify}`);
    writeFileSync(path.join(world.root, "hook.key"), "secret\n", { mode: 0o644 });
    const { findings } = await doctor();
    const typed = findings.filter(({ subject }) => subject === "configuration").flatMap(({ type }) => type);
    expect(typed).toEqual(
      expect.arrayContaining([`install -d -m 0755 ${world.root}/metrics`, `chmod 0600 ${world.root}/hook.key`]),
    );
    expect(findings).toContainEqual(
      expect.objectContaining({
        grade: "warning",
        said: expect.stringContaining('"/nonexistent/tell" is no program') as string,
        type: [],
        advice: [expect.stringContaining("make it executable") as string],
      }),
    );
  });

  test("has the units of npm put in place where systemd runs, and cron run ticks with the files that were named elsewhere", async () => {
    const write = (file: string): void => {
      mkdirSync(path.dirname(path.join(world.root, file)), { recursive: true });
      writeFileSync(path.join(world.root, file), "");
    };
    write("proc/self");
    write("etc/cron.d/x");
    const typed = async (): Promise<readonly string[]> => {
      const { findings } = await doctor();
      return findings.find(({ subject }) => subject === "schedule")?.type ?? [];
    };
    const flags = `--config ${config} --state-dir ${world.stateDirectory}`;
    expect(await typed()).toEqual([
      expect.stringContaining(`'*/10 * * * * root /usr/local/bin/daneward tick ${flags}' > /etc/cron.d/daneward`),
    ]);
    write("run/systemd/system/x");
    write("usr/local/lib/node_modules/daneward/bin/daneward.js");
    write("usr/local/lib/node_modules/daneward/dist/share/systemd/daneward.timer");
    mkdirSync(path.join(world.root, "usr/local/bin"));
    symlinkSync("../lib/node_modules/daneward/bin/daneward.js", path.join(world.root, "usr/local/bin/daneward"));
    const units = "/usr/local/lib/node_modules/daneward/dist/share/systemd";
    expect(await typed()).toEqual([
      `for unit in ${units}/*; do sed 's|/usr/bin/daneward|/usr/local/bin/daneward|' "$unit" > "/etc/systemd/system/\${unit##*/}"; done`,
      "install -d -m 0755 /etc/ssl/daneward",
      "systemctl daemon-reload && systemctl enable --now daneward.timer",
    ]);
    await expect(doctor({ root: path.join(world.root, "none") })).rejects.toMatchObject({ code: "USAGE" });
    // First that has to be mended.
    appendFileSync(config, "bogus = 1\n");
    expect(await typed()).toEqual([`daneward doctor ${flags}`]);
  });

  test("says what to type to have Postfix read deployed files, by the line of the key too", async () => {
    await leadTo(world, "stable");
    const live = path.join(world.root, "live");
    mkdirSync(path.join(world.root, "etc/postfix"), { recursive: true });
    writeFileSync(
      path.join(world.root, "etc/postfix/main.cf"),
      `smtpd_tls_security_level = may\nsmtpd_tls_cert_file = ${live}/fullchain.pem\nsmtpd_tls_key_file = ${live}/privkey.pem\n`,
    );
    const { deploy } = world.certificate;
    const found = (await doctor()).findings.find(({ code }) => code === "DEPLOY_BYPASSED");
    expect(found?.said).toContain("(/etc/postfix/main.cf:2 and :3)");
    expect(found?.type).toEqual([
      `postconf -e 'smtpd_tls_chain_files = ${deploy}/combined.pem' && postconf -X smtpd_tls_cert_file smtpd_tls_key_file`,
      "postfix reload",
    ]);
  });

  test("as text ends with what to type, each thing once", async () => {
    await leadTo(world, "stable");
    chmodSync(config, 0o666);
    const { out, exit } = await doctor({ json: false, quiet: true });
    expect(exit).toBe(1);
    expect(out).not.toContain("ok      ");
    expect(out).toMatch(/\nwhat to type\n(?: {2}\S.*\n)+$/);
    expect(out.match(/chmod go-w/g)).toHaveLength(1);
  });
});

describe("parts", () => {
  test.each([
    ["20.18.3", "failure"],
    ["20.19.0", "ok"],
    ["18.20.4", "failure"],
    ["24.1.0", "ok"],
  ])("node %s: %s", (version, grade) => {
    expect(checkNode(version).grade).toBe(grade);
  });

  test("a deploy path that AppArmor's profiles do not allow is named where it is on", () => {
    const view = {
      mainFile: "",
      stateDirectory: "",
      configuration: world.configuration,
      now: world.clock(),
      node: "",
    };
    expect(checkAppArmor(view, true)).toMatchObject([{ grade: "warning", subject: "apparmor mx" }]);
    expect(checkAppArmor(view, false)).toEqual([]);
  });

  const CRON = "*/10 * * * * root test -d /run/systemd/system || /usr/bin/daneward tick\n";
  test.each<readonly [string, Readonly<Record<string, string>>, string, RegExp]>([
    ["nothing", {}, "warning", /neither a timer, a cron line nor daneward run/],
    ["a comment in cron", { "etc/crontab": "# daneward tick\n" }, "warning", /neither/],
    ["cron without systemd", { "etc/cron.d/daneward": CRON }, "ok", /cron\.d/],
    [
      "cron that leaves it to systemd",
      { "etc/cron.d/daneward": CRON, "run/systemd/system/x": "" },
      "warning",
      /neither/,
    ],
    [
      "a timer that is not enabled",
      { "lib/systemd/system/daneward.timer": "", "run/systemd/system/x": "" },
      "warning",
      /not enabled/,
    ],
    [
      "a timer that is enabled",
      { "etc/systemd/system/timers.target.wants/daneward.timer": "", "run/systemd/system/x": "" },
      "ok",
      /daneward\.timer is enabled/,
    ],
    [
      "the resident driver",
      { "etc/systemd/system/multi-user.target.wants/daneward-run.service": "", "run/systemd/system/x": "" },
      "ok",
      /daneward-run\.service is enabled/,
    ],
  ])("schedule: %s", async (_what, files, grade, said) => {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(world.root, file)), { recursive: true });
      writeFileSync(path.join(world.root, file), text);
    }
    const { findings } = await doctor();
    expect(findings.find(({ subject }) => subject === "schedule")).toMatchObject({
      grade,
      said: expect.stringMatching(said) as string,
    });
  });

  test("what the system does not let us look at is a finding, a defect is none", () => {
    const denied = attempt("state", () => void lstatSync(path.join(config, "below")));
    expect(denied).toMatchObject([{ grade: "failure", code: "PERMISSION_DENIED", type: ["sudo daneward doctor"] }]);
    expect(() =>
      attempt("state", () => {
        throw new TypeError("a defect");
      }),
    ).toThrow("a defect");
  });

  test("hints stand with what they belong to, once, and only commands are to be typed; words are counted as people do", () => {
    const doubt = { grade: "warning", said: "x", type: ["do it"], advice: ["think"] } as const;
    expect(
      renderFindings(
        [
          { subject: "a", ...doubt },
          { subject: "b", ...doubt },
        ],
        false,
      ),
    ).toBe("warning a: x\n        hint: think\nwarning b: x\n0 ok, 2 warnings, 0 failures\n\nwhat to type\n  do it\n");
    expect(renderFindings([{ subject: "a", ...doubt }], false)).toContain("0 ok, 1 warning, 0 failures");
  });

  test("findings without trouble have nothing to type", () => {
    expect(renderFindings([{ subject: "a", grade: "ok", said: "b", type: [] }], false)).toBe(
      "ok      a: b\n1 ok, 0 warnings, 0 failures\n",
    );
  });
});
