/** Whether a unit's sandbox leaves what a configuration needs: judgement alone, by tables. */
import { describe, expect, test } from "vitest";
import type { Finding } from "../../../src/base/finding.ts";
import { judgeSandbox } from "../../../src/driver/doctor/sandbox-fit.ts";
import type { UnitView } from "../../../src/driver/doctor/sandbox-fit.ts";
import type { Needs } from "../../../src/driver/doctor/sandbox-needs.ts";
import { parseUnit, sandboxOf } from "../../../src/driver/doctor/unit.ts";

/** The home of the superuser. */
const ROOT_HOME = "/root";

const STRICT = ["ProtectSystem=strict", "ReadWritePaths=/etc/ssl/daneward", "CapabilityBoundingSet=CAP_CHOWN"];
const NOTHING: Needs = { writes: [], reads: [], commands: [] };

function viewOf(lines: readonly string[], more: Partial<UnitView> = {}): UnitView {
  const real = more.real ?? ((file: string): string => file);
  return {
    name: "daneward.service",
    sandbox: sandboxOf({ settings: parseUnit(["[Service]", ...lines].join("\n")) }, real),
    command: ["/usr/bin/daneward", "tick"],
    runs: true,
    has: () => true,
    real,
    program: "/usr/local/bin/daneward",
    ...more,
  };
}

const writes = (...places: readonly string[]): Needs => {
  return { ...NOTHING, writes: places.map((place) => ({ place, why: "the zone files of publish.zones" })) };
};
const reads = (place: string): Needs => ({ ...NOTHING, reads: [{ place, why: "the source of mx" }] });
const runs = (...argv: readonly string[]): Needs => ({ ...NOTHING, commands: [{ argv, why: "the reload of mx" }] });

const ELSEWHERE = "choose a place that is not in /tmp, /var/tmp or another TemporaryFileSystem of the unit";
const FOLDER = "/etc/systemd/system/daneward.service.d";
const dropIn = (...lines: readonly string[]): readonly string[] => [
  `install -d -m 0755 ${FOLDER}`,
  `printf '%s\\n' '[Service]' ${lines.join(" ")} >> ${FOLDER}/zz-local.conf`,
  "systemctl daemon-reload",
];

/** What is to be typed, and done by hand. */
function mended(finding: Finding | undefined): readonly string[] {
  return [...(finding?.type ?? []), ...(finding?.advice ?? [])];
}

describe("what a unit may write", () => {
  test.each<readonly [what: string, lines: readonly string[], needs: Needs, said: RegExp, type: readonly string[]]>([
    [
      "a folder that is read-only",
      STRICT,
      writes("/etc/nsd/zones"),
      /^daneward\.service may not write to \/etc\/nsd\/zones: the zone files of publish\.zones$/,
      dropIn("ReadWritePaths=/etc/nsd/zones"),
    ],
    [
      "a folder in a home that is not seen",
      [...STRICT, "ProtectHome=yes"],
      writes("/home/zones"),
      /does not see \/home\/zones, and is to write there/,
      dropIn("ProtectHome=read-only", "ReadWritePaths=/home/zones"),
    ],
    [
      "a folder in a home that may be read alone",
      [...STRICT, "ProtectHome=read-only"],
      writes("/home/zones"),
      /may not write to \/home\/zones/,
      dropIn("ReadWritePaths=/home/zones"),
    ],
    [
      "a folder of its own in /tmp",
      [...STRICT, "PrivateTmp=yes"],
      writes("/tmp/ready"),
      /nobody else sees/,
      [ELSEWHERE],
    ],
    [
      "a folder with blanks and signs of the shell",
      STRICT,
      writes("/srv/it's 100%"),
      /may not write/,
      dropIn(String.raw`'ReadWritePaths="/srv/it'\''s 100%%"'`),
    ],
  ])("%s", (_what, lines, needs, said, type) => {
    const [finding, ...others] = judgeSandbox(viewOf(lines), needs);
    expect(finding).toMatchObject({ grade: "failure", subject: "sandbox" });
    expect(mended(finding)).toEqual(type);
    expect(finding?.said).toMatch(said);
    expect(others).toEqual([]);
  });

  test("what is wrong in several places is mended by one drop-in, that each finding has", () => {
    const needs = {
      ...writes("/etc/nsd/zones", "/srv/ready"),
      commands: runs("ejabberdctl", "reload_config").commands,
    };
    const findings = judgeSandbox(viewOf(STRICT), needs);
    const settings = ["'ReadWritePaths=/etc/nsd/zones /srv/ready'", "'CapabilityBoundingSet=CAP_SETUID CAP_SETGID'"];
    expect(findings.map(({ grade }) => grade)).toEqual(["failure", "failure", "warning"]);
    for (const { type } of findings) expect(type).toEqual(dropIn(...settings));
  });

  test("a folder that is not there is made first", () => {
    const [finding] = judgeSandbox(viewOf(STRICT, { has: (file) => !file.startsWith("/srv") }), writes("/srv/ready"));
    expect(finding?.type[0]).toBe("install -d -m 0755 /srv/ready");
    expect(finding?.type.slice(1)).toEqual(dropIn("ReadWritePaths=/srv/ready"));
  });

  test("a link is allowed where it leads", () => {
    const real = (file: string): string => file.replace("/etc/ssl/daneward", "/srv/certs");
    expect(judgeSandbox(viewOf(STRICT, { real }), writes("/etc/ssl/daneward"))).toMatchObject([{ grade: "ok" }]);
    const [finding] = judgeSandbox(viewOf(["ProtectSystem=strict"], { real }), writes("/etc/ssl/daneward"));
    expect(finding?.type).toEqual(dropIn("ReadWritePaths=/srv/certs"));
  });

  test("of a unit that is not enabled it is a warning", () => {
    expect(judgeSandbox(viewOf(STRICT, { runs: false }), writes("/srv"))).toMatchObject([{ grade: "warning" }]);
  });

  test("the resident driver is started anew to have it", () => {
    const findings = judgeSandbox(viewOf(STRICT, { name: "daneward-run.service" }), writes("/srv"));
    expect(findings[0]?.type.at(-1)).toBe("systemctl restart daneward-run.service");
  });

  test.each([
    ["what is listed", STRICT, "/etc/ssl/daneward"],
    ["anything without a sandbox", [], "/etc/nsd"],
  ])("%s is well", (_what, lines, place) => {
    expect(judgeSandbox(viewOf(lines), writes(place))).toMatchObject([{ grade: "ok" }]);
  });
});

describe("what a unit may read", () => {
  const real = (file: string): string => file.replace("/etc/acme", `${ROOT_HOME}/.acme.sh`);
  test.each<readonly [what: string, lines: readonly string[], place: string, said: string, type: readonly string[]]>([
    [
      "a source in /root",
      ["ProtectHome=yes"],
      `${ROOT_HOME}/.acme.sh/mx`,
      `daneward.service cannot read ${ROOT_HOME}/.acme.sh/mx: the source of mx`,
      dropIn("ProtectHome=read-only"),
    ],
    [
      "a link into /root",
      ["ProtectHome=yes"],
      "/etc/acme/mx",
      `daneward.service cannot read /etc/acme/mx, which leads to ${ROOT_HOME}/.acme.sh/mx: the source of mx`,
      dropIn("ProtectHome=read-only"),
    ],
    [
      "a folder that is covered",
      ["InaccessiblePaths=/srv"],
      "/srv/mx",
      "daneward.service cannot read /srv/mx: the source of mx",
      ["systemctl edit daneward.service, and take what covers /srv/mx out of InaccessiblePaths"],
    ],
    [
      "a file in /tmp",
      ["PrivateTmp=yes"],
      "/tmp/mx.pem",
      "daneward.service cannot read /tmp/mx.pem: the source of mx",
      [ELSEWHERE],
    ],
  ])("%s", (_what, lines, place, said, type) => {
    const findings = judgeSandbox(viewOf(lines, { real }), reads(place));
    expect(findings).toMatchObject([{ subject: "sandbox", grade: "failure", said }]);
    expect(mended(findings[0])).toEqual(type);
  });

  test.each(["ProtectHome=read-only", "ProtectHome=no"])("%s lets it read", (line) => {
    expect(judgeSandbox(viewOf([line]), reads(`${ROOT_HOME}/.acme.sh/mx`))).toMatchObject([{ grade: "ok" }]);
  });
});

describe("what fails within a sandbox", () => {
  const CAPABLE = "CapabilityBoundingSet=CAP_SETUID CAP_SETGID";
  test.each<readonly [argv: string, lines: readonly string[], isWell: boolean]>([
    ["postfix reload", STRICT, false],
    ["/usr/sbin/postfix reload", STRICT, false],
    ["postmulti -i postfix-out -p reload", STRICT, false],
    ["postfix reload", ["CapabilityBoundingSet=CAP_SETUID"], false],
    ["postfix reload", [...STRICT, CAPABLE], true],
    ["postfix reload", [], true],
    ["systemctl reload postfix", STRICT, true],
    ["doveadm reload", STRICT, true],
    ["nginx -s reload", STRICT, true],
    ["ejabberdctl reload_config", STRICT, false],
    ["ejabberdctl reload_config", [...STRICT, CAPABLE], true],
    ["runuser -u acme -- /usr/local/bin/x", STRICT, false],
    [`${ROOT_HOME}/bin/reload`, [...STRICT, "ProtectHome=yes"], false],
    [`${ROOT_HOME}/bin/reload`, [...STRICT, "ProtectHome=read-only"], true],
  ])("%s under %j: well is %s", (argv, lines, isWell) => {
    const [finding] = judgeSandbox(viewOf(lines), runs(...argv.split(" ")));
    expect(finding?.grade === "ok").toBe(isWell);
  });

  test("postfix reload has a preset that does not fail", () => {
    expect(judgeSandbox(viewOf(STRICT), runs("postfix", "reload"))).toEqual([
      {
        subject: "sandbox",
        grade: "warning",
        said: '"postfix reload" fails in daneward.service, as it changes its user: the reload of mx',
        type: [],
        advice: ['write reload = ["postfix"] (systemctl reload postfix, which systemd does outside of the sandbox)'],
      },
    ]);
  });
});

describe("what keeps a unit from starting", () => {
  test("a program that is elsewhere", () => {
    const [finding] = judgeSandbox(viewOf([], { has: (file) => file !== "/usr/bin/daneward" }), NOTHING);
    expect(finding).toMatchObject({ grade: "failure", said: expect.stringContaining("is not there") as string });
    expect(finding?.type).toEqual(dropIn("ExecStart=", "'ExecStart=/usr/local/bin/daneward tick'"));
  });

  test("a folder of ReadWritePaths that is not there, unless it may be missing", () => {
    const view = viewOf(["ReadWritePaths=/etc/ssl/daneward -/var/lib/x"], {
      has: (file) => file === "/usr/bin/daneward",
    });
    expect(judgeSandbox(view, NOTHING)).toMatchObject([
      { grade: "failure", type: ["install -d -m 0755 /etc/ssl/daneward"] },
    ]);
  });
});
