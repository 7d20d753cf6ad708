/** Hooks of ACME clients that would show a renewal too early: judgement by a table, the looking on a tree of files. */
import { chmodSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Finding } from "../../../src/base/finding.ts";
import { checkClientHooks, judgeHooks } from "../../../src/driver/doctor/client-hooks.ts";
import type { ServersView } from "../../../src/driver/doctor/client-hooks.ts";
import { readConfiguration } from "../../../src/config/load.ts";
import type { CertificateConfig } from "../../../src/config/schema.ts";
import type { CertificateUse } from "../../../src/driver/setup/certificate-use.ts";
import { openTree } from "../../../src/driver/setup/tree.ts";
import { addCertbot, makeHost, pemFor } from "../setup/host.ts";
import type { Host } from "../setup/host.ts";

function useOf(program: CertificateUse["program"], file: string): CertificateUse {
  const place = { configuration: "/etc/x", line: 1, hosts: [], ports: [25], written: [] };
  return { program, file, companions: [], directive: "x", ...place };
}

const POSTFIX: ServersView = { reload: [["systemctl", "reload", "postfix"]], deployed: [], elsewhere: [] };
const DEPLOYED = { ...POSTFIX, deployed: [useOf("postfix", "/etc/ssl/daneward/mx/combined.pem")] };
const COPIED = { ...DEPLOYED, elsewhere: [useOf("dovecot", "/etc/dovecot/tls/cert.pem")] };

/** Where acme.sh installs itself for the superuser. */
const ACME_HOME = ["", "root", ".acme.sh"].join("/");

describe("judgement", () => {
  test.each<readonly [command: string, servers: ServersView, what: string | null]>([
    ["systemctl reload postfix", POSTFIX, "reloads postfix"],
    ["systemctl --no-block try-restart postfix.service nginx", POSTFIX, "reloads postfix"],
    ["/bin/systemctl restart postfix@-.service", POSTFIX, "reloads postfix"],
    ["service postfix reload", POSTFIX, "reloads postfix"],
    ["invoke-rc.d postfix force-reload", POSTFIX, "reloads postfix"],
    ["/etc/init.d/postfix restart >/dev/null", POSTFIX, "reloads postfix"],
    ["/usr/sbin/postfix reload", POSTFIX, "reloads postfix"],
    ["0 3 * * * root certbot -q renew --post-hook 'systemctl reload postfix'", POSTFIX, "reloads postfix"],
    ["daneward hook certbot; postfix reload", POSTFIX, "reloads postfix"],
    ["doveadm reload", { ...POSTFIX, reload: [["doveadm", "reload"]] }, "reloads dovecot"],
    ["apachectl -k graceful", { ...POSTFIX, reload: [["systemctl", "reload", "apache2"]] }, "reloads apache"],
    ["nginx -s reload", { ...POSTFIX, reload: [["systemctl", "reload", "nginx"]] }, "reloads nginx"],
    // A server of another certificate.
    ["systemctl reload nginx", POSTFIX, null],
    // One that reads the deployed files shows nothing new.
    ["systemctl reload postfix", DEPLOYED, null],
    ["systemctl status postfix", POSTFIX, null],
    ["exec /usr/bin/daneward hook certbot", POSTFIX, null],
    [
      "cp $RENEWED_LINEAGE/fullchain.pem /etc/dovecot/tls/cert.pem",
      COPIED,
      "writes /etc/dovecot/tls/cert.pem for dovecot",
    ],
    [
      'install -m 600 "$RENEWED_LINEAGE"/*.pem /etc/dovecot/tls/',
      COPIED,
      "writes /etc/dovecot/tls/cert.pem for dovecot",
    ],
    ["cp $RENEWED_LINEAGE/fullchain.pem /srv/backup/", COPIED, null],
    ["ls /etc/dovecot/tls/cert.pem", COPIED, null],
  ])("%s", (command, servers, what) => {
    const hook = { client: "certbot", where: "/etc/hook:2", command, written: command, type: [] };
    const findings = judgeHooks("mx", [hook], servers);
    if (what === null) expect(findings).toEqual([]);
    else {
      expect(findings).toMatchObject([
        { subject: "hooks of mx", grade: "warning", type: [], advice: [`take what ${what} out of /etc/hook:2`] },
      ]);
      expect(findings[0]?.said).toContain(`certbot ${what} at each renewal, before its record is known (/etc/hook:2: `);
    }
  });
});

describe("looking", () => {
  let host: Host;
  beforeEach(() => {
    host = makeHost();
  });
  afterEach(() => {
    host.remove();
  });

  async function certificateOf(source: string): Promise<readonly CertificateConfig[]> {
    const written = source.startsWith("{") ? source : JSON.stringify(source);
    host.write(
      "/etc/daneward/daneward.toml",
      `version = 1
[publish.local]
type = "rfc2136"
server = "127.0.0.1"
key_file = "/etc/daneward/tsig.key"
[certificate.mx]
source = ${written}
services = ["mx.example.org:25"]
reload = ["postfix"]
`,
    );
    const { configuration, problems } = await readConfiguration(`${host.root}/etc/daneward/daneward.toml`);
    expect(problems).toEqual([]);
    return configuration?.certificates ?? [];
  }

  async function look(source: string): Promise<readonly Finding[]> {
    return checkClientHooks(await certificateOf(source), openTree(host.root));
  }

  const places = (findings: readonly Finding[]): readonly string[] =>
    findings.map(({ said }) => /\((\/[^:]+(?::\d+)?):/.exec(said)?.[1] ?? said);

  const LIVE = "/etc/letsencrypt/live/mx.example.org";

  test("finds certbot's hooks in every place that it has for them, and says what ends each", async () => {
    await addCertbot(host, ["mx.example.org"]);
    const hooks = "/etc/letsencrypt/renewal-hooks";
    host.write("/usr/bin/daneward", "", 0o755);
    host.write(`${hooks}/deploy/daneward`, "#!/bin/sh\nexec /usr/bin/daneward hook certbot\n", 0o755);
    host.write(`${hooks}/deploy/reload`, "#!/bin/sh\n# systemctl reload postfix\nsystemctl reload postfix\n", 0o755);
    host.write(`${hooks}/deploy/off`, "#!/bin/sh\nsystemctl reload postfix\n", 0o644);
    host.write(`${hooks}/deploy/old~`, "#!/bin/sh\nsystemctl reload postfix\n", 0o755);
    host.write(`${hooks}/post/script`, "#!/bin/sh\nservice postfix restart\n", 0o755);
    host.write("/etc/letsencrypt/cli.ini", "deploy-hook = /usr/local/sbin/renewed\n");
    host.write("/usr/local/sbin/renewed", "#!/bin/sh\n\npostfix reload\n", 0o755);
    host.write("/etc/cron.d/certbot", "0 3 * * * root certbot -q renew --post-hook 'postfix reload'\n");
    const findings = await look(LIVE);
    expect(places(findings)).toEqual([
      "/etc/letsencrypt/renewal/mx.example.org.conf",
      "/usr/local/sbin/renewed:3",
      `${hooks}/deploy/reload:3`,
      `${hooks}/post/script:2`,
      "/etc/cron.d/certbot:1",
    ]);
    expect(findings[0]?.type).toEqual(["sed -i '/^renew_hook *=/d' /etc/letsencrypt/renewal/mx.example.org.conf"]);
    expect(findings[2]?.advice).toEqual([`take what reloads postfix out of ${hooks}/deploy/reload:3`]);
  });

  test("names a program in a hook of ours that is not there or cannot be run, and a hook that is passed over", async () => {
    await addCertbot(host, ["mx.example.org"]);
    host.write("/etc/letsencrypt/renewal/mx.example.org.conf", "[renewalparams]\n");
    const hook = "/etc/letsencrypt/renewal-hooks/deploy/daneward";
    host.write(hook, "#!/bin/sh\nexec /usr/local/bin/daneward hook certbot\n", 0o755);
    host.write("/usr/bin/daneward", "", 0o755);
    const subject = "hook of certbot";
    expect(await look(LIVE)).toMatchObject([
      {
        ...{ subject, grade: "warning" },
        said: expect.stringContaining(`${hook}:2 runs /usr/local/bin/daneward, which is not there`) as string,
        type: [`sed -i 's|/usr/local/bin/daneward|/usr/bin/daneward|' ${hook}`],
      },
    ]);
    host.write("/usr/local/bin/daneward", "");
    expect(await look(LIVE)).toMatchObject([{ subject, type: ["chmod 0755 /usr/local/bin/daneward"] }]);
    host.write("/usr/local/bin/daneward", "", 0o755);
    chmodSync(`${host.root}/usr/local/bin/daneward`, 0o755);
    expect(await look(LIVE)).toEqual([]);
    chmodSync(`${host.root}${hook}`, 0o644);
    expect(await look(LIVE)).toMatchObject([{ subject, type: [`chmod 0755 ${hook}`] }]);
  });

  test("says nothing of them once Postfix reads the deployed files", async () => {
    await addCertbot(host, ["mx.example.org"]);
    host.write("/etc/postfix/main.cf", `smtpd_tls_cert_file = ${LIVE}/fullchain.pem\n`);
    expect(await look(LIVE)).toHaveLength(1);
    host.write("/etc/postfix/main.cf", "smtpd_tls_chain_files = /etc/ssl/daneward/mx/combined.pem\n");
    expect(await look(LIVE)).toEqual([]);
  });

  test("finds the program of dehydrated", async () => {
    const { chain } = await pemFor(["mx.example.org"]);
    host.write("/etc/dehydrated/config", "BASEDIR=/var/lib/dehydrated\nHOOK=/etc/dehydrated/mine\n");
    host.write("/var/lib/dehydrated/certs/mx.example.org/fullchain.pem", chain);
    host.write("/etc/dehydrated/mine", "#!/bin/sh\ncase $1 in\ndeploy_cert) systemctl reload postfix;;\nesac\n", 0o755);
    expect(places(await look("/var/lib/dehydrated/certs/mx.example.org"))).toEqual(["/etc/dehydrated/mine:3"]);
    host.write("/etc/dehydrated/daneward-hook", '#!/bin/sh\n/opt/daneward hook dehydrated "$@" || :\n', 0o755);
    const [, ours] = await look("/var/lib/dehydrated/certs/mx.example.org");
    expect(ours).toMatchObject({ subject: "hook of dehydrated", grade: "warning" });
    expect(ours?.said).toContain("/etc/dehydrated/daneward-hook:2 runs /opt/daneward, which is not there");
  });

  test("finds the reload command of acme.sh behind its encoding, and says how to call the hook instead", async () => {
    const command = Buffer.from("systemctl reload postfix").toString("base64");
    host.write(
      `${ACME_HOME}/mx.example.org_ecc/mx.example.org.conf`,
      `Le_Domain='mx.example.org'\nLe_ReloadCmd='__ACME_BASE64__START_${command}__ACME_BASE64__END_'\n`,
    );
    const [finding, ...others] = await look("/etc/daneward/acme.sh/mx.example.org");
    expect(finding?.said).toContain("acme.sh reloads postfix");
    expect(finding?.type.at(-1)).toMatch(/^acme\.sh --install-cert .*--reloadcmd '\S+daneward hook acme\.sh'$/);
    expect(others).toEqual([]);
  });

  test("knows acme.sh by the file that it installs, whatever its folder is called", async () => {
    host.write(
      `${ACME_HOME}/mx.example.org_ecc/mx.example.org.conf`,
      "Le_RealFullChainPath='/etc/daneward/acme.sh/mx/fullchain.pem'\nLe_ReloadCmd='service postfix restart'\n",
    );
    expect(await look("/etc/daneward/acme.sh/mx")).toHaveLength(1);
    expect(await look("/etc/daneward/acme.sh/mx2")).toEqual([]);
  });

  test("finds the flags of lego in cron and in units", async () => {
    const { chain } = await pemFor(["mx.example.org"]);
    const stem = "/var/lib/lego/certificates/mx.example.org";
    host.write(`${stem}.crt`, chain);
    host.write("/etc/systemd/system/lego.service", '[Service]\nExecStart=lego renew --renew-hook "postfix reload"\n');
    host.write("/usr/bin/daneward", "", 0o755);
    host.write("/etc/crontab", "0 3 * * * root lego renew --renew-hook '/usr/bin/daneward hook lego'\n");
    const findings = await look(`{ cert = "${stem}.crt", key = "${stem}.key" }`);
    expect(places(findings)).toEqual(["/etc/systemd/system/lego.service:2"]);
  });

  test("heeds no hooks of clients that have nothing to do with the certificate", async () => {
    await addCertbot(host, ["mx.example.org"]);
    host.write("/etc/cron.d/certbot", "0 3 * * * root certbot -q renew --post-hook 'postfix reload'\n");
    expect(await look("/srv/certs/mx")).toEqual([]);
  });
});
