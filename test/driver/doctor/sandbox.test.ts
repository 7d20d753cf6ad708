/** The units that are shipped, on a tree of files, held against configurations as people write them. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Finding } from "../../../src/base/finding.ts";
import { readConfiguration } from "../../../src/config/load.ts";
import { checkSandbox } from "../../../src/driver/doctor/sandbox.ts";
import { needsOf } from "../../../src/driver/doctor/sandbox-needs.ts";
import { readStarters } from "../../../src/driver/doctor/schedule.ts";
import { openTree } from "../../../src/driver/setup/tree.ts";
import { makeHost } from "../setup/host.ts";
import type { Host } from "../setup/host.ts";

/** The home of the superuser. */
const ROOT_HOME = "/root";

const UNITS = path.resolve(import.meta.dirname, "../../../src/share/systemd");
const STATE = "/var/lib/daneward";

const HEAD = `version = 1
prometheus_textfile = "/var/lib/prometheus/node-exporter/daneward.prom"
[publish.local]
type = "rfc2136"
server = "127.0.0.1"
key_file = "/etc/daneward/tsig.key"
`;
const SERVICES = 'publish = "local"\nservices = ["mx.example.org:25"]\n';

let host: Host;

/** As the Debian package leaves it, with the timer enabled. */
beforeEach(() => {
  host = makeHost();
  for (const unit of ["daneward.service", "daneward-run.service", "daneward.timer"]) {
    host.write(`/usr/lib/systemd/system/${unit}`, readFileSync(path.join(UNITS, unit), "utf8"));
  }
  host.write("/run/systemd/system/x", "");
  host.write("/usr/bin/daneward", "");
  for (const folder of [
    "/etc/ssl/daneward",
    "/var/lib/prometheus/node-exporter",
    "/etc/nsd/zones",
    "/var/spool/postfix",
  ]) {
    host.write(`${folder}/x`, "");
  }
  host.link("/etc/systemd/system/timers.target.wants/daneward.timer", "/usr/lib/systemd/system/daneward.timer");
});
afterEach(() => {
  host.remove();
});

async function examine(text: string): Promise<readonly Finding[]> {
  host.write("/etc/daneward/daneward.toml", HEAD + text);
  const { configuration, problems } = await readConfiguration(`${host.root}/etc/daneward/daneward.toml`);
  expect(problems).toEqual([]);
  const tree = openTree(host.root);
  return checkSandbox(configuration, STATE, readStarters(tree), tree);
}

const PLAIN = `[certificate.mx]
source = "/etc/letsencrypt/live/mx.example.org"
reload = ["postfix", "dovecot"]
${SERVICES}`;

const ROAMING = `[publish.zones]
type = "zonefile"
file = "/etc/nsd/zones/{zone}/tlsa.inc"
parent = "/etc/nsd/parents/{zone}.zone"
reload = ["nsd-control reload {zone}"]
[certificate.mx]
source = "/home/acme/live/mx"
deploy = "/srv/tls/mx"
hold_file = "/srv/ready/mx"
confirm_patience = "1d"
reload = ["postfix reload", "ejabberd"]
${SERVICES}`;

describe("the shipped service", () => {
  test("leaves an ordinary configuration what it needs", async () => {
    expect(await examine(PLAIN)).toMatchObject([{ subject: "sandbox", grade: "ok" }]);
  });

  test("names what a wider one needs, and the drop-in that it prints ends it", async () => {
    const findings = await examine(ROAMING);
    expect(findings.map(({ said }) => said.replace(/^daneward\.service /, ""))).toEqual([
      "may not write to /srv/tls: the deployed files of mx",
      "may not write to /srv/ready: the hold file of mx",
      "may not write to /etc/nsd/zones: the zone files of publish.zones",
      "may not write to /etc/nsd/parents: the zone files of publish.zones",
      expect.stringMatching(/^"postfix reload" fails in daneward\.service/),
      expect.stringMatching(/^"ejabberdctl reload_config" fails in daneward\.service/),
    ]);
    const typed = findings[0]?.type ?? [];
    expect(typed.filter((line) => line.startsWith("install"))).toEqual([
      "install -d -m 0755 /srv/tls",
      "install -d -m 0755 /srv/ready",
      "install -d -m 0755 /etc/nsd/parents",
      "install -d -m 0755 /etc/systemd/system/daneward.service.d",
    ]);
    const [, written = ""] = /^printf '%s\\n' (.*) >> (\S+)$/.exec(typed.at(-2) ?? "") ?? [];
    const lines = [...written.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
    host.write("/etc/systemd/system/daneward.service.d/zz-local.conf", `${lines.join("\n")}\n`);
    for (const folder of ["/srv/tls", "/srv/ready", "/etc/nsd/parents"]) host.write(`${folder}/x`, "");
    expect(await examine(ROAMING)).toMatchObject([{ grade: "ok" }]);
  });

  test("sees no home where a drop-in forbids it", async () => {
    host.write("/etc/systemd/system/daneward.service.d/home.conf", "[Service]\nProtectHome=yes\n");
    const [finding] = await examine(PLAIN.replace("/etc/letsencrypt/live/mx.example.org", `${ROOT_HOME}/.acme.sh/mx`));
    expect(finding).toMatchObject({
      grade: "failure",
      said: `daneward.service cannot read ${ROOT_HOME}/.acme.sh/mx: the source of mx`,
    });
    expect(finding?.type).toContain(
      "printf '%s\\n' '[Service]' ProtectHome=read-only >> /etc/systemd/system/daneward.service.d/zz-local.conf",
    );
  });

  test("cannot start where npm put the program elsewhere and nobody made its folder", async () => {
    const other = makeHost();
    other.write("/usr/local/bin/daneward", "");
    other.write("/run/systemd/system/x", "");
    other.write("/etc/systemd/system/daneward.timer", "[Timer]\n");
    other.write("/etc/systemd/system/daneward.service", readFileSync(path.join(UNITS, "daneward.service"), "utf8"));
    const { configuration } = await readConfiguration(await place(PLAIN));
    const tree = openTree(other.root);
    const findings = checkSandbox(configuration, STATE, readStarters(tree), tree);
    other.remove();
    expect(findings.map(({ grade, said }) => [grade, said])).toEqual([
      ["warning", "daneward.service starts /usr/bin/daneward, which is not there"],
      [
        "warning",
        "daneward.service cannot start: /etc/ssl/daneward, which it may write to, is not there (status=226/NAMESPACE)",
      ],
    ]);
  });

  async function place(text: string): Promise<string> {
    await examine(text);
    return `${host.root}/etc/daneward/daneward.toml`;
  }

  test("is not asked where cron runs the ticks", async () => {
    const other = makeHost();
    other.write("/etc/crontab", "*/10 * * * * root daneward tick\n");
    const { configuration } = await readConfiguration(await place(ROAMING));
    const tree = openTree(other.root);
    expect(checkSandbox(configuration, STATE, readStarters(tree), tree)).toEqual([]);
    other.remove();
  });
});

describe("needs", () => {
  test("are the folders that are written, whatever stands in braces, and everything that is read or run", async () => {
    host.write("/etc/daneward/daneward.toml", `${HEAD}${ROAMING}[notify]\nexec = "/usr/local/bin/tell"\n`);
    const { configuration } = await readConfiguration(`${host.root}/etc/daneward/daneward.toml`);
    if (configuration === null) throw new Error("a faulty configuration");
    const { writes, reads, commands } = needsOf(configuration, STATE);
    expect(writes.map(({ place }) => place)).toEqual([
      STATE,
      "/srv/tls",
      "/srv/ready",
      "/etc/nsd/zones",
      "/etc/nsd/parents",
      "/var/lib/prometheus/node-exporter",
    ]);
    expect(reads.map(({ place }) => place)).toEqual(["/home/acme/live/mx", "/etc/daneward/tsig.key"]);
    expect(commands.map(({ argv }) => argv.join(" "))).toEqual([
      "postfix reload",
      "ejabberdctl reload_config",
      "nsd-control reload {zone}",
      "/usr/local/bin/tell",
    ]);
  });

  test("of many certificates in one folder are named by some", async () => {
    const sections = ["a", "b", "c", "d", "e"].map((name) => {
      return `[certificate.${name}]\nsource = "/srv/${name}"\npublish = "local"\nservices = ["${name}.example.org:25"]\n`;
    });
    host.write("/etc/daneward/daneward.toml", HEAD + sections.join(""));
    const { configuration } = await readConfiguration(`${host.root}/etc/daneward/daneward.toml`);
    if (configuration === null) throw new Error("a faulty configuration");
    const folder = needsOf(configuration, STATE).writes.find(({ place }) => place === "/etc/ssl/daneward");
    expect(folder?.why).toBe("the deployed files of a, the deployed files of b, the deployed files of c and 2 more");
  });
});
