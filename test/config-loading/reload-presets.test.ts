import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { adviceOnReload, describeRestarts, serviceManagerOf } from "../../src/config/reload-advice.ts";
import type { ServiceManager } from "../../src/config/reload-advice.ts";
import { isRestart, PRESET_NAMES, reloadPreset } from "../../src/config/reload-presets.ts";
import { temporaryFolder } from "../store/temporary-folder.ts";
import { configurationOf, problemsOf, withCertificateLine } from "./sample.ts";

type Row = readonly [server: string, effect: string, command: string, freebsd: string];

/** What each server was seen to need; `-`: nothing. */
const TABLE: readonly Row[] = [
  ["postfix", "reload", "systemctl reload postfix", "service postfix reload"],
  ["dovecot", "reload", "doveadm reload", "doveadm reload"],
  ["nginx", "reload", "systemctl reload nginx", "service nginx reload"],
  ["apache", "reload", "systemctl reload apache2", "service apache24 reload"],
  ["apache2", "reload", "systemctl reload apache2", "service apache24 reload"],
  ["httpd", "reload", "systemctl reload httpd", "service apache24 reload"],
  ["haproxy", "reload", "systemctl reload haproxy", "service haproxy reload"],
  ["exim", "reload", "systemctl reload exim4", "service exim reload"],
  ["exim4", "reload", "systemctl reload exim4", "service exim reload"],
  ["stunnel", "reload", "systemctl reload stunnel4", "service stunnel restart"],
  ["stunnel4", "reload", "systemctl reload stunnel4", "service stunnel restart"],
  ["prosody", "reload", "systemctl reload prosody", "service prosody reload"],
  ["inspircd", "reload", "systemctl reload inspircd", "service inspircd restart"],
  ["bind", "reload", "rndc reconfig", "rndc reconfig"],
  ["bind9", "reload", "rndc reconfig", "rndc reconfig"],
  ["named", "reload", "rndc reconfig", "rndc reconfig"],
  ["knot", "reload", "knotc reload", "knotc reload"],
  ["unbound", "restart", "systemctl restart unbound", "service unbound restart"],
  ["slapd", "restart", "systemctl restart slapd", "service slapd restart"],
  ["openldap", "restart", "systemctl restart slapd", "service slapd restart"],
  ["opensmtpd", "restart", "systemctl restart opensmtpd", "service smtpd restart"],
  ["smtpd", "restart", "systemctl restart opensmtpd", "service smtpd restart"],
  ["ejabberd", "reload", "ejabberdctl reload_config", "ejabberdctl reload_config"],
  ["courier", "nothing", "-", "-"],
  ["courier-imap", "nothing", "-", "-"],
  ["cyrus", "restart", "systemctl restart cyrus-imapd", "service imapd reload"],
  ["cyrus-imapd", "restart", "systemctl restart cyrus-imapd", "service imapd reload"],
  ["caddy", "reload", "systemctl reload caddy", "service caddy restart"],
  ["vsftpd", "restart", "systemctl restart vsftpd", "service vsftpd restart"],
];

const words = (argv: readonly string[] | undefined): string =>
  argv === undefined ? "no preset" : argv.length === 0 ? "-" : argv.join(" ");

async function reloadOf(line: string): Promise<readonly (readonly string[])[] | undefined> {
  const configuration = await configurationOf(withCertificateLine("reload", line));
  return configuration.certificates[0]?.reload;
}

describe("the preset", () => {
  test.each(TABLE)("%s is a %s: %s", (server, effect, command, freebsd) => {
    const linux = reloadPreset(server, "linux");
    expect([linux?.effect, words(linux?.argv)]).toEqual([effect, command]);
    expect(words(reloadPreset(server, "freebsd")?.argv)).toBe(freebsd);
    expect(isRestart(linux?.argv ?? [])).toBe(effect === "restart");
  });

  test("of each name is in the table above, and no name has two", () => {
    expect([...PRESET_NAMES].sort()).toEqual(TABLE.map(([server]) => server).sort());
    expect(new Set(PRESET_NAMES).size).toBe(PRESET_NAMES.length);
  });

  test("is found whatever the case, and there is none for other words", () => {
    expect(reloadPreset("Postfix", "linux")).toEqual(reloadPreset("postfix", "linux"));
    expect(reloadPreset("sendmail", "linux")).toBeNull();
  });
});

describe("`reload` in the configuration", () => {
  test("takes presets, lines and arrays of words together", async () => {
    const command = words(reloadPreset("nginx", process.platform)?.argv).split(" ");
    expect(await reloadOf('reload = ["nginx", "systemctl reload postfix", ["echo", "a b"]]')).toEqual([
      command,
      ["systemctl", "reload", "postfix"],
      ["echo", "a b"],
    ]);
    expect(await reloadOf('reload = "nginx"')).toEqual([command]);
  });

  test("runs nothing for a server that needs no telling", async () => {
    expect(await reloadOf('reload = "courier"')).toEqual([]);
    expect(await reloadOf('reload = ["courier", "true"]')).toEqual([["true"]]);
    expect(await problemsOf("warning", withCertificateLine("reload", 'reload = "courier"'))).toEqual([]);
  });

  test.each([
    ["postfx", "postfix"],
    ["dovcot", "dovecot"],
    ["ngnix", "nginx"],
    ["unbuond", "unbound"],
    ["open-smtpd", "opensmtpd"],
  ])("refuses %s and names %s", async (slip, meant) => {
    const faults = await problemsOf("fault", withCertificateLine("reload", `reload = ["${slip}"]`));
    expect(faults).toEqual([expect.stringContaining(`there is no preset "${slip}" (did you mean "${meant}"?)`)]);
  });

  test("takes programs by their bare name, their path, or with words", async () => {
    for (const line of ["true", "reload-mail", "/usr/sbin/postfx", "postfx now"]) {
      expect(await reloadOf(`reload = ["${line}"]`)).toEqual([line.split(" ")]);
    }
    expect(await reloadOf('reload = [["postfx"]]')).toEqual([["postfx"]]);
  });
});

describe("what a host lacks", () => {
  const SYSTEMD: ServiceManager = { program: "systemctl", runs: true, knows: (service) => service === "postfix" };
  const RC: ServiceManager = { program: "service", runs: true, knows: (service) => service === "postfix" };

  function advice(line: string, manager: ServiceManager): readonly string[] {
    const folder = temporaryFolder();
    for (const program of ["systemctl", "service"]) {
      writeFileSync(path.join(folder, program), "#!/bin/sh\n", { mode: 0o755 });
    }
    mkdirSync(path.join(folder, "doveadm"));
    return adviceOnReload([line.split(" ")], folder, manager).map(({ message }) => message);
  }

  test.each([
    ["nothing", "systemctl reload postfix", SYSTEMD, []],
    ["nothing on FreeBSD", "service postfix reload", RC, []],
    ["a program", "knotc reload", SYSTEMD, ['the program "knotc" is not there']],
    ["a program that is a folder", "doveadm reload", SYSTEMD, ['the program "doveadm" is not there']],
    ["a unit", "systemctl reload nginx", SYSTEMD, ['there is no service "nginx" on this host']],
    ["a script of rc", "service nginx reload", RC, ['there is no service "nginx" on this host']],
    [
      "systemd itself",
      "systemctl reload postfix",
      { ...SYSTEMD, runs: false },
      ['systemd does not run here: "systemctl reload postfix" will fail'],
    ],
    [
      "a program at a relative path",
      "./reload.sh",
      SYSTEMD,
      ['the program "./reload.sh" has a relative path, and commands run in /'],
    ],
    ["nothing that can be told", "systemctl --user reload x", SYSTEMD, []],
  ] as const)("is named: %s", (_, line, manager, expected) => {
    expect(advice(line, manager)).toEqual(expected);
  });

  test("that has no systemd is told what to write", () => {
    const [problem] = adviceOnReload([["systemctl", "reload", "postfix"]], "/bin", { ...SYSTEMD, runs: false });
    expect(problem?.hint).toBe('write reload = ["service postfix reload"]');
  });

  test("is looked for on this very host without failing", () => {
    for (const platform of ["linux", "freebsd"]) {
      expect(serviceManagerOf(platform).knows("no-such-service-anywhere")).toBe(false);
    }
  });
});

describe("restarts", () => {
  test.each([
    [["systemctl", "restart", "slapd"], true],
    [["/bin/systemctl", "restart", "slapd"], true],
    [["service", "slapd", "restart"], true],
    [["systemctl", "reload", "nginx"], false],
    [["restart"], false],
    [[], false],
  ])("are known by their words: %j", (argv, expected) => {
    expect(isRestart(argv)).toBe(expected);
  });

  test("are said once for each command, with who has it", () => {
    const slapd = ["systemctl", "restart", "slapd"];
    const certificates = ["a", "b", "c", "d", "e"].map((name) => ({ name, reload: [slapd, slapd, ["true"]] }));
    expect(describeRestarts(certificates)).toEqual([
      '"systemctl restart slapd" is a restart, not a reload: it cuts connections whenever a new certificate is shown (a, b, c and 2 more)',
    ]);
    expect(describeRestarts([{ name: "a", reload: [["true"]] }])).toEqual([]);
  });
});
