/** Stories of somebody who comes to daneward with a host that is running already. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { run as runAdopt } from "../../src/cli/commands/adopt.ts";
import type { AdoptOptions } from "../../src/cli/commands/adopt.ts";
import { run as runCheckConfig } from "../../src/cli/commands/check-config.ts";
import { candidatesOf, proposeSetup } from "../../src/cli/setup-proposal.ts";
import type { OwnerToday } from "../../src/cli/setup-publishing.ts";
import { readConfiguration } from "../../src/config/load.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { surveyOf } from "../../src/driver/setup/survey.ts";
import { openTree } from "../../src/driver/setup/tree.ts";
import { renderConfiguration, renderSetup } from "../../src/report/setup-text.ts";
import type { SetupProposal } from "../../src/report/setup-text.ts";
import { addCertbot, makeHost, makeMailHost, SECRET } from "../driver/setup/host.ts";
import type { Host } from "../driver/setup/host.ts";
import { recordingIo } from "./recording-io.ts";

let host: Host;

beforeEach(async () => {
  host = await makeMailHost();
});
afterEach(() => {
  host.remove();
});

interface Said {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

async function adopt(options: AdoptOptions = {}, args: readonly string[] = []): Promise<Said> {
  const io = recordingIo({ cwd: host.root });
  const exit = await runAdopt(args, { root: ".", offline: true, ...options }, io);
  return { exit, ...io.said() };
}

function fingerprint(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  const parts = files.map((file) => {
    const place = path.join(folder, file);
    const stat = existsSync(place) ? statSync(place) : null;
    return `${file} ${stat?.isFile() === true ? readFileSync(place, "latin1") : ""} ${String(stat?.mtimeMs)}`;
  });
  return createHash("sha256").update(parts.join("\n")).digest("hex");
}

function nameOf(text: string): DomainName {
  const name = parseName(text);
  if (!name.ok) throw new Error(text);
  return name.value;
}

async function written(text: string): Promise<Awaited<ReturnType<typeof readConfiguration>>> {
  const folder = path.join(host.root, "check");
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "daneward.toml"), text);
  return readConfiguration(path.join(folder, "daneward.toml"));
}

describe("adopt alone", () => {
  test("writes a configuration that is valid as it stands, and changes nothing", async () => {
    const before = fingerprint(host.root);
    const { exit, out, err } = await adopt();
    expect(exit).toBe(0);
    expect(fingerprint(host.root)).toBe(before);
    expect(out + err).not.toContain(SECRET.slice(0, 10));
    const { configuration, problems } = await written(out);
    expect(problems).toEqual([]);
    expect(configuration?.certificates).toMatchObject([
      {
        name: "mx",
        source: { kind: "directory", path: "/etc/letsencrypt/live/mx.example.org" },
        deploy: "/etc/ssl/daneward/mx",
        services: [{ label: "mx.example.org:25" }, { label: "mx.example.org:465" }],
      },
    ]);
    expect(configuration?.certificates[0]?.reload).toHaveLength(3);
    expect(configuration?.publishers.get("local")).toMatchObject({
      keyFile: "/etc/letsencrypt/rfc2136.ini",
      servers: [{ host: "192.0.2.53", port: 53 }],
    });
  });

  test("says where services are to be pointed, what the primary must allow, the hook, and the next commands", async () => {
    const { err } = await adopt();
    const lines = err.split("\n").map((line) => line.trim());
    const expected = [
      "grant acme. name _25._tcp.mx.example.org. TLSA;",
      "in       /etc/postfix/main.cf:6",
      "new      smtpd_tls_chain_files = /etc/ssl/daneward/mx/combined.pem",
      "old      smtpd_tls_cert_file=/etc/letsencrypt/live/$myhostname/fullchain.pem",
      "in       /etc/postfix/main.cf:7",
      "old      smtpd_tls_key_file = /etc/letsencrypt/live/${myhostname}/privkey.pem",
      "type     postconf -e 'smtpd_tls_chain_files = /etc/ssl/daneward/mx/combined.pem' && postconf -X smtpd_tls_cert_file smtpd_tls_key_file",
      "in       /etc/dovecot/conf.d/10-ssl.conf:5",
      "old      ssl_key = </etc/letsencrypt/live/mx.example.org/privkey.pem",
      "new      ssl_key = </etc/ssl/daneward/mx/privkey.pem",
      String.raw`type     printf '#!/bin/sh\nexec /usr/local/bin/daneward hook certbot\n' > /etc/letsencrypt/renewal-hooks/deploy/daneward`,
      "type     daneward check-config",
      "type     daneward doctor",
      "type     daneward tick",
    ];
    expect(expected.filter((line) => !lines.includes(line))).toEqual([]);
    expect(err.replace(/\s+/g, " ")).toContain(
      "dovecot reads /etc/dovecot/private/net.pem (/etc/dovecot/conf.d/10-ssl.conf:8), which belongs to no ACME client",
    );
  });

  test.each<readonly [what: string, install: () => void, line: string]>([
    [
      "by the Debian package",
      () => {
        host.write("/usr/share/daneward/daneward.schema.json", "{}");
      },
      "#:schema file:///usr/share/daneward/daneward.schema.json",
    ],
    [
      "by npm",
      () => {
        host.write("/usr/local/lib/node_modules/daneward/bin/daneward.js", "");
        host.write("/usr/local/lib/node_modules/daneward/dist/share/schema/daneward.schema.json", "{}");
        host.link("/usr/local/bin/daneward", "../lib/node_modules/daneward/bin/daneward.js");
      },
      "#:schema file:///usr/local/lib/node_modules/daneward/dist/share/schema/daneward.schema.json",
    ],
    ["as one file, without it", () => undefined, "# Written by daneward adopt out of what it found."],
  ])("begins with the schema that was installed %s", async (_what, install, line) => {
    install();
    const { out } = await adopt();
    expect(out.split("\n")[0]?.startsWith(line)).toBe(true);
    expect((await written(out)).problems).toEqual([]);
  });

  test("reloads by presets where systemd is, and by the servers' own words in a container", async () => {
    const line = async (): Promise<string | undefined> => /^reload = .*$/m.exec((await adopt()).out)?.[0];
    expect(await line()).toBe('reload = ["postfix", "dovecot", "nginx"]');
    host.write("/proc/self/status", "");
    expect(await line()).toBe('reload = ["postfix reload", "dovecot", "nginx -s reload"]');
    expect((await written((await adopt()).out)).configuration?.certificates[0]?.reload).toEqual([
      ["postfix", "reload"],
      ["doveadm", "reload"],
      ["nginx", "-s", "reload"],
    ]);
    host.write("/run/systemd/system/x", "");
    expect(await line()).toBe('reload = ["postfix", "dovecot", "nginx"]');
  });

  test("knows servers that read deployed files already, and has nothing to point anywhere for them", async () => {
    host.write(
      "/etc/postfix/main.cf",
      "myhostname = mx.example.org\nsmtpd_tls_chain_files = /etc/ssl/daneward/mx/combined.pem\n",
    );
    const chain = readFileSync(path.join(host.root, "etc/letsencrypt/archive/mx.example.org/fullchain1.pem"), "utf8");
    host.write("/etc/ssl/daneward/web/fullchain.pem", chain);
    host.write("/etc/ssl/daneward/else/fullchain.pem", "something else");
    const site = (name: string): string => `ssl_certificate /etc/ssl/daneward/${name}/fullchain.pem;`;
    host.write(
      "/etc/nginx/sites-available/www",
      `server { listen 443 ssl; ${site("web")} }\nserver { ${site("else")} }\n`,
    );
    const { out, err } = await adopt();
    expect((await written(out)).configuration?.certificates).toMatchObject([
      { name: "mx", services: [{ label: "mx.example.org:25" }, { label: "mx.example.org:465" }] },
    ]);
    expect(/^reload = .*$/m.exec(out)?.[0]).toBe('reload = ["postfix", "dovecot", "nginx"]');
    expect(err).not.toContain("/etc/postfix/main.cf");
    expect(err.replace(/\s+/g, " ")).toContain("nginx reads /etc/ssl/daneward/else/fullchain.pem");
    expect(err).toContain("old      ssl_certificate /etc/ssl/daneward/web/fullchain.pem;");
  });

  test("never writes over a file", async () => {
    const { err } = await adopt({ output: "new.toml" });
    const file = path.join(host.root, "new.toml");
    expect(err).toContain(`the configuration is ${file}`);
    expect(err).toContain(`daneward check-config --config ${file}`);
    const text = readFileSync(file, "utf8");
    writeFileSync(file, `${text}# mine\n`);
    await expect(adopt({ output: "new.toml" })).rejects.toMatchObject({ code: "USAGE" });
    expect(readFileSync(file, "utf8")).toBe(`${text}# mine\n`);
    await expect(adopt({ output: "none/new.toml" })).rejects.toMatchObject({
      hint: expect.stringContaining("install -d") as string,
    });
  });

  test("makes the folder that everybody has in mind, and a file that every user may read, whatever the umask", async () => {
    const umask = process.umask(0o077);
    try {
      const { err } = await adopt({ output: "daneward/daneward.toml" });
      expect(err).toContain(`made ${path.join(host.root, "daneward")} (0755)\n`);
    } finally {
      process.umask(umask);
    }
    const mode = (file: string): number => statSync(path.join(host.root, file)).mode & 0o777;
    expect([mode("daneward"), mode("daneward/daneward.toml")]).toEqual([0o755, 0o644]);
    await expect(adopt({ output: "none/daneward/daneward.toml" })).rejects.toMatchObject({ code: "USAGE" });
  });

  test("with -n shows what it would write, and writes nothing", async () => {
    const before = fingerprint(host.root);
    const file = path.join(host.root, "daneward/new.toml");
    const { out, err } = await adopt({ output: "daneward/new.toml", dryRun: true });
    expect(out).toContain("[certificate.mx]");
    expect(err).toContain(`nothing was written; without -n this would go to ${file}\n`);
    const json = await adopt({ output: "daneward/new.toml", dryRun: true, json: true });
    expect(JSON.parse(json.out)).toMatchObject({ writtenTo: null, wouldWrite: file });
    expect(fingerprint(host.root)).toBe(before);
    writeFileSync(path.join(host.root, "there.toml"), "");
    await expect(adopt({ output: "there.toml", dryRun: true })).rejects.toMatchObject({ code: "USAGE" });
  });

  test("as JSON says nothing of a file that could not be written", async () => {
    writeFileSync(path.join(host.root, "there.toml"), "");
    const io = recordingIo({ cwd: host.root });
    const options = { root: ".", offline: true, json: true, output: "there.toml" };
    await expect(runAdopt([], options, io)).rejects.toMatchObject({ code: "USAGE" });
    expect(io.said().out).toBe("");
  });

  test("leaves nothing behind on a disk that is full", async (context) => {
    const full = path.join(host.root, "full");
    mkdirSync(full);
    const mounted = spawnSync("/bin/mount", ["-t", "tmpfs", "-o", "size=4k,mode=755", "tmpfs", full]);
    if (mounted.status !== 0) context.skip("needs a user who may mount");
    try {
      writeFileSync(path.join(full, "much"), "x".repeat(4096));
      await expect(adopt({ output: "full/new.toml" })).rejects.toMatchObject({ code: "DISK_FULL", retry: "later" });
      await expect(adopt({ output: "full/daneward/new.toml" })).rejects.toMatchObject({ code: "DISK_FULL" });
      expect(readdirSync(full)).toEqual(["much"]);
    } finally {
      spawnSync("/bin/umount", [full]);
    }
  });

  test("refuses a root that is not there", async () => {
    await expect(adopt({ root: "none" })).rejects.toMatchObject({
      code: "USAGE",
      message: `--root: there is no folder ${path.join(host.root, "none")}`,
    });
  });

  test("writes the trust anchors that it was told of", async () => {
    const anchors = "example.org. IN DS 1 13 2 0000000000000000000000000000000000000000000000000000000000000000\n";
    host.write("/anchors.txt", anchors);
    const { out } = await adopt({ trustAnchor: "anchors.txt" });
    expect(out).toContain(`\n[dnssec]\ntrust_anchors = "${path.join(host.root, "anchors.txt")}"\n`);
    expect((await written(out)).configuration?.trustAnchors).toBe(path.join(host.root, "anchors.txt"));
  });

  test("sends updates where named listens and not to the resolver, and says how to have it read what it must", async () => {
    rmSync(path.join(host.root, "etc/letsencrypt/rfc2136.ini"));
    host.write(
      "/etc/bind/named.conf",
      'include "/etc/bind/named.conf.local";\noptions { listen-on { 192.0.2.53; }; };\n',
    );
    host.write(
      "/etc/bind/named.conf.local",
      'zone "example.org" {\n  type primary;\n  file "/etc/bind/db.org";\n  dnssec-policy default;\n};\n',
    );
    const { out, err } = await adopt({ resolver: ["127.0.0.1"] });
    expect(out).toContain(
      'server = "192.0.2.53"  # named on this host listens there (/etc/bind/named.conf) and is primary',
    );
    const said = err.replace(/\s+/g, " ");
    expect(said).toContain('in the clause of zone "example.org" at /etc/bind/named.conf.local:1 update-policy { grant');
    expect(said).toContain('named signs this zone; "rndc zonestatus example.org" says whether inline-signing is on');
    expect(said).toContain("named has to write /etc/bind/db.org");
    expect(out + err).not.toContain("inline-signing no");
    const loopback = await adopt({ resolver: ["192.0.2.53"] });
    expect(loopback.out).not.toContain('server = "192.0.2.53"');
  });

  test("lists every command, in the order in which to type them", async () => {
    rmSync(path.join(host.root, "etc/letsencrypt/rfc2136.ini"));
    host.write("/etc/bind/named.conf", 'zone "example.org" { type primary; };\n');
    host.write("/run/systemd/system/x", "");
    host.write("/usr/lib/systemd/system/daneward.timer", "");
    const next = async (): Promise<readonly string[]> => {
      const said: unknown = JSON.parse((await adopt({ json: true })).out);
      const hasNext = (value: unknown): value is { readonly next: readonly string[] } =>
        typeof value === "object" && value !== null && "next" in value && Array.isArray(value.next);
      return hasNext(said) ? said.next.map((line) => line.split(/ '| \//)[0] ?? "") : [];
    };
    expect(await next()).toEqual([
      "install -d -m 0755",
      "(umask 077 && tsig-keygen -a hmac-sha256 daneward. >",
      "install -m 0640 -g bind",
      "echo",
      "named-checkconf && rndc reconfig",
      "daneward check-config",
      "daneward doctor",
      "daneward tick",
      "postconf -e",
      "postfix reload",
      ...["sed -i --follow-symlinks", "sed -i --follow-symlinks", "doveadm reload"],
      ...["sed -i --follow-symlinks", "sed -i --follow-symlinks", "systemctl reload nginx"],
      "daneward tick --force",
      "daneward status",
      "systemctl enable --now daneward.timer",
    ]);
    host.write("/etc/daneward/x", "");
    expect(await next()).not.toContain("install -d -m 0755");
  });

  test("copies a key that a name server reads, since its group may read it there", async () => {
    rmSync(path.join(host.root, "etc/letsencrypt/rfc2136.ini"));
    host.write("/etc/bind/named.conf", 'zone "example.org" { type primary; };\n');
    host.write("/etc/bind/daneward.key", `key "daneward." { algorithm hmac-sha256; secret "${SECRET}"; };\n`);
    chmodSync(path.join(host.root, "etc/bind/daneward.key"), 0o644);
    const { out, err } = await adopt();
    expect(out).toContain('key_file = "/etc/daneward/tsig.key"  # a copy of /etc/bind/daneward.key');
    expect(err).toContain("type     install -m 0600 /etc/bind/daneward.key /etc/daneward/tsig.key\n");
    expect(err).not.toContain("tsig-keygen");
  });

  test("asks for nothing that is there already", async () => {
    rmSync(path.join(host.root, "etc/letsencrypt/rfc2136.ini"));
    const key = `key "daneward." { algorithm hmac-sha256; secret "${SECRET}"; };\n`;
    host.write("/etc/daneward/tsig.key", key, 0o600);
    const grant = (port: number): string => `grant daneward name _${String(port)}._tcp.mx.example.org. TLSA;`;
    const named = (known: string, grants: string): void => {
      host.write(
        "/etc/bind/named.conf",
        `${known}zone "example.org" { type primary; update-policy { ${grants} }; };\n`,
      );
    };
    named("", grant(25));
    const { err } = await adopt();
    expect(err).not.toContain("tsig-keygen");
    expect(err).toContain("type     install -m 0640 -g bind /etc/daneward/tsig.key /etc/bind/daneward.key\n");
    expect(err).toContain("more lines for update-policy");
    expect(err).toContain("grant daneward. name _465");
    expect(err).not.toContain("grant daneward. name _25");
    named(key, `${grant(25)} ${grant(465)}`);
    const { err: done } = await adopt();
    expect(done).toContain("\n1. look, and have the certificate copied");
  });

  test("has Knot make the key, and allow everything by one acl", async () => {
    rmSync(path.join(host.root, "etc/letsencrypt/rfc2136.ini"));
    host.write("/etc/knot/knot.conf", "server:\n    listen: 192.0.2.54@53\nzone:\n  - domain: example.org\n");
    const { out, err } = await adopt();
    expect(out).toContain('server = "192.0.2.54"  # Knot on this host listens there');
    expect(err.match(/- id: daneward$/gm)).toHaveLength(1);
    expect(err).toContain("type     (umask 077 && keymgr -t daneward. hmac-sha256 > /etc/daneward/tsig.key)\n");
    expect(err).toContain("type     knotc conf-check && knotc reload\n");
  });

  test("has Postfix offer TLS where it does not yet, and read two chains by one setting", async () => {
    await addCertbot(host, ["mx2.example.org"]);
    host.write(
      "/etc/postfix/main.cf",
      `myhostname = mx.example.org
smtpd_tls_cert_file = /etc/letsencrypt/live/mx.example.org/fullchain.pem
smtpd_tls_key_file = /etc/letsencrypt/live/mx.example.org/privkey.pem
smtpd_tls_eccert_file = /etc/letsencrypt/live/mx2.example.org/fullchain.pem
smtpd_tls_eckey_file = /etc/letsencrypt/live/mx2.example.org/privkey.pem
`,
    );
    const { err } = await adopt();
    const both = "/etc/ssl/daneward/mx/combined.pem, /etc/ssl/daneward/mx2/combined.pem";
    const gone = "smtpd_tls_cert_file smtpd_tls_key_file smtpd_tls_eccert_file smtpd_tls_eckey_file";
    expect(err).toContain(
      `type     postconf -e 'smtpd_tls_chain_files = ${both}' 'smtpd_tls_security_level = may' && postconf -X ${gone}\n`,
    );
  });

  test("marks what it did not find, and check-config refuses each of these by name", async () => {
    const empty = makeHost();
    const { out, err } = await adopt({ root: empty.root });
    empty.remove();
    expect(err.replace(/\s+/g, " ")).toContain(
      "no certificate of certbot, dehydrated, acme.sh or lego: fill source in",
    );
    expect(err).toContain("tsig-keygen -a hmac-sha256 daneward.");
    const { configuration, problems } = await written(out);
    expect(configuration).toBeNull();
    expect(problems.map(({ message }) => message)).toEqual([
      "publish.local.server: is still to be filled in: address of the primary of the zone",
      "certificate.mx.source: is still to be filled in: folder with fullchain.pem and privkey.pem",
      "certificate.mx.services[0]: is still to be filled in: host:port of a service that presents this certificate",
    ]);
    const io = recordingIo({ cwd: host.root });
    expect(await runCheckConfig([], { config: "check/daneward.toml" }, io)).toBe(78);
  });

  test("writes lineages that nothing reads as comments", async () => {
    await addCertbot(host, ["mx.example.net", "mx2.example.net"]);
    const { out } = await adopt();
    expect(out).toContain('# no configuration of a server was found that reads it\n# [certificate."mx.example.net"]\n');
    const { configuration, problems } = await written(out);
    expect(problems).toEqual([]);
    expect(configuration?.certificates.map(({ name }) => name)).toEqual(["mx.example.org"]);
  });

  test("as JSON is the same with the configuration in it", async () => {
    const { out, err } = await adopt({ json: true });
    expect(err).toBe("");
    expect(JSON.parse(out)).toMatchObject({
      schema: "daneward/adopt-setup/1",
      certificates: [{ name: "mx", active: true }],
      configuration: expect.stringContaining("[certificate.mx]") as string,
      look: ["daneward check-config", "daneward doctor", "daneward tick"],
    });
    expect(out).not.toContain(SECRET.slice(0, 10));
  });

  test("refuses flags that belong to the other half", async () => {
    await expect(adopt({ record: ["3 1 1 aa"] })).rejects.toMatchObject({ code: "USAGE" });
    await expect(adopt({ output: "x" }, ["mx"])).rejects.toMatchObject({ code: "USAGE" });
  });
});

describe("what DNS says today", () => {
  function propose(today: Readonly<Record<string, Partial<OwnerToday>>>): SetupProposal {
    const survey = surveyOf(openTree(host.root), "daneward");
    const known = new Map(
      Object.entries(today).map(([owner, one]): [DomainName, OwnerToday] => [
        nameOf(owner),
        {
          status: "secure",
          records: [],
          zone: nameOf("example.org"),
          primary: null,
          addresses: [],
          detail: "",
          ...one,
        },
      ]),
    );
    return proposeSetup({ ...survey, keys: [] }, known, {
      resolver: "127.0.0.1",
      resolvers: [],
      local: [],
      trustAnchors: null,
      output: null,
      dryRun: false,
    });
  }

  test("a service with records is looked after whatever its port, others only where mail goes", () => {
    const [certificate] = propose({ "_993._tcp.imap.example.org": { records: ["3 1 1 aa"] } }).certificates;
    expect(certificate?.services.map(({ label, active }) => `${active ? "+" : "-"}${label}`)).toEqual([
      "+mx.example.org:25",
      "+mx.example.org:465",
      "-imap.example.org:143",
      "+imap.example.org:993",
      "-www.example.org:443",
    ]);
  });

  test("the SOA record's primary is asked where nobody else is known, and an unsigned zone is named", () => {
    const proposal = propose({
      "_25._tcp.mx.example.org": { status: "insecure", primary: nameOf("ns0.example.org"), detail: "no DS" },
    });
    expect(proposal.publisher).toMatchObject({ server: "ns0.example.org", keyFile: "/etc/daneward/tsig.key" });
    expect(renderConfiguration(proposal)).toContain('server = "ns0.example.org"');
    expect(renderSetup(proposal).replace(/\s+/g, " ")).toContain("DNSSEC: the zone of mx.example.org is not signed");
  });

  test("without a known name server program each is told how", () => {
    const titles = propose({}).policies.map(({ title }) => title);
    expect(titles).toHaveLength(3);
    expect(propose({}).policies[2]?.notes[0]).toBe("pdnsutil set-meta example.org TSIG-ALLOW-DNSUPDATE daneward");
    expect(propose({}).next).not.toContain("systemctl restart pdns");
    expect(renderSetup(propose({}))).toContain(
      "\n2. the primary of the zone, which is one of these\n  * what BIND must allow",
    );
  });

  test("a service is called by the name that its server and its certificate share", () => {
    const [lineage] = surveyOf(openTree(host.root), "daneward").lineages;
    expect(
      lineage === undefined ? [] : candidatesOf(lineage).map(({ host: name, port }) => `${name}:${String(port)}`),
    ).toEqual([
      "mx.example.org:25",
      "mx.example.org:465",
      "imap.example.org:143",
      "imap.example.org:993",
      "www.example.org:443",
    ]);
  });
});
