/** What is read out of other programs' files: real shapes, odd ones, and anything at all. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseCertbotRenewal, readLineages } from "../../../src/driver/setup/lineages.ts";
import { parseDovecot, parseMainCf, parseMasterCf } from "../../../src/driver/setup/mail-servers.ts";
import { readServices } from "../../../src/driver/setup/services.ts";
import {
  judgeKnot,
  judgeNamed,
  parseKnot,
  parseNamed,
  powerDnsListens,
} from "../../../src/driver/setup/name-servers.ts";
import { surveyOf } from "../../../src/driver/setup/survey.ts";
import { initSystemOf, reloadActionOf } from "../../../src/driver/setup/init-system.ts";
import { launcherOf, openTree, programIn } from "../../../src/driver/setup/tree.ts";
import { parseApache, parseHaproxy, parseNginx } from "../../../src/driver/setup/web-servers.ts";
import { bracedWords, iniValues, matchesGlob, shellValues } from "../../../src/driver/setup/words.ts";
import {
  addCertbot,
  APACHE_SITE,
  CERTBOT_RENEWAL,
  DOVECOT_CONF,
  DOVECOT_SSL,
  HAPROXY_CFG,
  MAIN_CF,
  makeHost,
  makeMailHost,
  MASTER_CF,
  NGINX_CONF,
  NGINX_SITE,
  pemFor,
  RFC2136_INI,
  SECRET,
} from "./host.ts";
import type { Host } from "./host.ts";

/** The home of the superuser. */
const ROOT_HOME = "/root";

const NAMED_CONF = `// local zones
include "/etc/bind/named.conf.local"; /* zone "no.example" { type primary; }; */
zone "." { type hint; file "/usr/share/dns/root.hints"; };
zone "localhost" { type primary; file "/etc/bind/db.local"; };
zone "example.org" IN { type primary; file "x"; update-policy { grant k name a. TLSA; }; };
view "inside" { zone "example.net" { type master; }; zone "secondary.example" { type secondary; }; };
`;

let host: Host;

beforeEach(() => {
  host = makeHost();
});
afterEach(() => {
  host.remove();
});

describe("parsers", () => {
  test("take certbot's renewal file as it is written", () => {
    expect(parseCertbotRenewal(CERTBOT_RENEWAL)).toEqual({
      fullchain: "/etc/letsencrypt/live/mx.example.org/fullchain.pem",
      reuseKey: false,
      keyType: "ecdsa",
      authenticator: "dns-rfc2136",
      credentials: "/etc/letsencrypt/rfc2136.ini",
      hook: "systemctl reload postfix",
    });
    expect(parseCertbotRenewal(`${CERTBOT_RENEWAL}reuse_key = True\n`).reuseKey).toBe(true);
    expect(parseCertbotRenewal(CERTBOT_RENEWAL.replace("dns-rfc2136", "webroot")).credentials).toBeNull();
  });

  test("take main.cf with continuations, comments between, and the line of each setting", () => {
    const settings = parseMainCf(MAIN_CF);
    expect(settings.get("smtpd_tls_key_file")).toEqual({
      value: "/etc/letsencrypt/live/${myhostname}/privkey.pem",
      text: "smtpd_tls_key_file = /etc/letsencrypt/live/${myhostname}/privkey.pem",
      line: 7,
    });
    expect(settings.get("myhostname")?.value).toBe("mx.example.org");
  });

  test("take the ports of master.cf at which the network is served", () => {
    expect(parseMasterCf(MASTER_CF)).toEqual([25, 465]);
    expect(parseMasterCf("smtp inet n - y - 1 postscreen\n2525 inet n - n - - smtpd\n")).toEqual([25, 2525]);
  });

  test("take the zones that named is primary for, views and comments and all", () => {
    const { zones } = judgeNamed(parseNamed(NAMED_CONF, "f"));
    expect(zones?.map(({ name, line, updates, file }) => [name, line, updates, file])).toEqual([
      ["example.org.", 5, "update-policy", "x"],
      ["example.net.", 6, "nothing", null],
    ]);
  });

  test("take the words of nginx with their lines", () => {
    expect(bracedWords("a \"b;\n{c\" {\n d; } # e\n'f'")).toEqual([
      { word: "a", line: 1 },
      { word: "b;\n{c", line: 1 },
      { word: "{", line: 2 },
      { word: "d", line: 3 },
      { word: ";", line: 3 },
      { word: "}", line: 3 },
      { word: "f", line: 4 },
    ]);
  });

  test.each([
    ["*.conf", "a.conf", true],
    ["*.conf", ".a.conf", false],
    ["a?c", "abc", true],
    ["a+c", "aac", false],
    ["*", "a/b", false],
  ])("pattern %s and %s: %s", (pattern, name, is) => {
    expect(matchesGlob(pattern, name)).toBe(is);
  });

  test("expand shell variables that the file itself sets", () => {
    const values = shellValues("A=/x\nexport B=\"${A}/y\" # why\nC='$A'\nD=$UNKNOWN/z\n");
    expect([...values]).toEqual([
      ["A", "/x"],
      ["B", "/x/y"],
      ["C", "/x"],
      ["D", "$UNKNOWN/z"],
    ]);
  });

  const TEXTS = [
    CERTBOT_RENEWAL,
    MAIN_CF,
    MASTER_CF,
    DOVECOT_CONF,
    DOVECOT_SSL,
    NGINX_CONF,
    NGINX_SITE,
    APACHE_SITE,
    HAPROXY_CFG,
    NAMED_CONF,
    RFC2136_INI,
  ];
  const anyText = fc.oneof(
    fc.string({ unit: "binary", maxLength: 400 }),
    fc
      .array(
        fc.constantFrom("{", "}", ";", "\n", '"', "'", "\\", "#", " ", "=", "$", "server", "zone", "[", "]", "<"),
        { maxLength: 200 },
      )
      .map((parts) => parts.join("")),
    fc
      .tuple(fc.constantFrom(...TEXTS), fc.nat(2000), fc.nat(60), fc.string({ maxLength: 8 }))
      .map(([text, at, length, put]) => text.slice(0, at) + put + text.slice(at + length)),
  );

  test("never throw and always end, whatever the text", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const results: readonly unknown[] = [
          parseCertbotRenewal(text),
          parseMainCf(text),
          parseMasterCf(text),
          parseDovecot(text, "f"),
          parseNginx(text, "f"),
          parseApache(text, "f"),
          parseHaproxy(text, "f", () => text),
          judgeNamed(parseNamed(text, "f")),
          judgeKnot(parseKnot(text, "f")),
          powerDnsListens([text]),
          iniValues(text),
          shellValues(text),
        ];
        expect(results).toHaveLength(12);
      }),
      { numRuns: 500 },
    );
  });
});

describe("the program that hooks are to call", () => {
  test("is the name on the search path that leads to the one that runs, else that one by its own path", () => {
    host.write("/opt/daneward/bin/daneward.js", "", 0o755);
    const launcher = `${host.root}/opt/daneward/bin/daneward.js`;
    const searchPath = `relative:${host.root}/sbin:${host.root}/bin`;
    expect(launcherOf({ launcher, searchPath })).toBe(launcher);
    host.write("/sbin/daneward", "another one", 0o755);
    expect(launcherOf({ launcher, searchPath })).toBe(launcher);
    host.link("/bin/daneward", launcher);
    expect(launcherOf({ launcher, searchPath })).toBe(`${host.root}/bin/daneward`);
    expect(launcherOf({ launcher: `${host.root}/bin/daneward`, searchPath })).toBe(`${host.root}/bin/daneward`);
    expect(launcherOf({ launcher: "/usr/bin/vitest", searchPath })).toBeNull();
  });

  test("belongs to the system itself, and to no other root", () => {
    const own = { launcher: "/opt/daneward", searchPath: "/nonexistent" };
    expect(programIn(openTree("/", own))).toBe("/opt/daneward");
    expect(programIn(openTree(host.root, own))).toBe("/usr/local/bin/daneward");
    host.write("/usr/bin/daneward", "");
    expect(programIn(openTree(host.root, own))).toBe("/usr/bin/daneward");
  });
});

describe("a tree below a root", () => {
  test("has absolute links begin at the root, and none lead out of it", () => {
    host.write("/data/a.txt", "inside");
    host.link("/one", "/data/a.txt");
    host.link("/two", "../../../../data/a.txt");
    host.link("/circle", "/circle");
    const tree = openTree(host.root);
    expect(["/one", "/two", "/circle", "/none"].map(tree.text)).toEqual(["inside", "inside", null, null]);
    expect(tree.real("/one")).toBe("/data/a.txt");
    expect(tree.names("/data")).toEqual(["a.txt"]);
    expect(tree.text("/data")).toBeNull();
  });
});

describe("services", () => {
  test("of a mail host: every file that is read, where it is said, at which names and ports", async () => {
    const mail = await makeMailHost();
    try {
      const uses = readServices(openTree(mail.root)).map((use) => [
        use.program,
        `${use.configuration}:${String(use.line)}`,
        use.directive,
        use.file,
        use.hosts.join(),
        use.ports.join(),
      ]);
      const live = "/etc/letsencrypt/live/mx.example.org/fullchain.pem";
      expect(uses).toEqual([
        ["postfix", "/etc/postfix/main.cf:6", "smtpd_tls_cert_file", live, "mx.example.org", "25,465"],
        ["dovecot", "/etc/dovecot/conf.d/10-ssl.conf:5", "ssl_cert", live, "", "143,993"],
        [
          "dovecot",
          "/etc/dovecot/conf.d/10-ssl.conf:8",
          "ssl_cert",
          "/etc/dovecot/private/net.pem",
          "imap.example.net",
          "143,993",
        ],
        [
          "nginx",
          "/etc/nginx/sites-enabled/www:9",
          "ssl_certificate",
          live,
          "www.example.org,other.example.org",
          "443",
        ],
      ]);
    } finally {
      mail.remove();
    }
  });

  test("of Apache and HAProxy", () => {
    host.write("/etc/apache2/apache2.conf", "IncludeOptional sites-enabled/*.conf\n");
    host.write("/etc/apache2/sites-enabled/www.conf", APACHE_SITE);
    host.write("/etc/haproxy/haproxy.cfg", HAPROXY_CFG);
    const uses = readServices(openTree(host.root));
    expect(uses).toMatchObject([
      {
        program: "apache",
        file: "/etc/ssl/own/www.crt",
        companions: ["/etc/ssl/own/www.key"],
        hosts: ["www.example.net", "example.net", "web.example.net"],
        ports: [443],
      },
      { program: "haproxy", file: "/etc/haproxy/certs/www.pem", ports: [443, 443], line: 2 },
    ]);
  });

  test("of Postfix with chain files, and of Dovecot 2.4", () => {
    host.write("/etc/postfix/main.cf", "smtpd_tls_chain_files = /a/key.pem,\n  /a/chain.pem\n");
    host.write(
      "/etc/dovecot/dovecot.conf",
      "protocols {\n  imap = yes\n}\nssl_server_cert_file = /a/fullchain.pem\nssl_server_key_file = /a/privkey.pem\n",
    );
    expect(readServices(openTree(host.root))).toMatchObject([
      { program: "postfix", file: "/a/chain.pem", companions: ["/a/key.pem"], ports: [25] },
      { program: "dovecot", file: "/a/fullchain.pem", companions: ["/a/privkey.pem"], ports: [143, 993] },
    ]);
  });
});

describe("hooks of a client's own", () => {
  const START = "__ACME_BASE64__START_";
  test.each<readonly [what: string, command: string, shown: string | null]>([
    ["ours alone is none", "/usr/bin/daneward hook acme.sh", null],
    ["ours with exec is none", "exec /usr/local/bin/daneward hook acme.sh", null],
    [
      "ours with something after it is one",
      "daneward hook acme.sh; nginx -s reload",
      "daneward hook acme.sh; nginx -s reload",
    ],
    ["a line break ends no comment", "true\n[certificate.evil]", "true [certificate.evil]"],
  ])("%s", (_what, command, shown) => {
    const encoded = `${START}${Buffer.from(command).toString("base64")}__ACME_BASE64__END_`;
    host.write(`${ROOT_HOME}/.acme.sh/a.example/a.example.conf`, `Le_ReloadCmd='${encoded}'\n`);
    const [lineage] = readLineages(openTree(host.root), "daneward");
    expect(lineage?.ownHook).toBe(shown);
    expect(parseCertbotRenewal(`[renewalparams]\nrenew_hook = ${command.split("\n")[0] ?? ""}\n`).hook).toBe(
      shown === null ? null : (command.split("\n")[0] ?? ""),
    );
  });
});

describe("what starts services", () => {
  test.each<readonly [what: string, files: readonly (readonly [string, string])[], init: string]>([
    [
      "systemd at work",
      [
        ["/run/systemd/system/x", ""],
        ["/proc/self/x", ""],
      ],
      "systemd",
    ],
    [
      "a container with systemd's files",
      [
        ["/proc/self/x", ""],
        ["/sbin/init", "/lib/systemd/systemd"],
      ],
      "other",
    ],
    [
      "a tree whose init is systemd",
      [
        ["/sbin/init", "/lib/systemd/systemd"],
        ["/lib/systemd/systemd", ""],
      ],
      "systemd",
    ],
    ["a tree whose init is another", [["/sbin/init", ""]], "other"],
    ["a tree without an init", [], "unknown"],
    [
      "FreeBSD",
      [
        ["/bin/freebsd-version", ""],
        ["/etc/rc.subr", ""],
        ["/sbin/init", ""],
      ],
      "freebsd",
    ],
  ])("%s", (_what, files, init) => {
    for (const [file, target] of files) {
      if (target === "") host.write(file, "");
      else host.link(file, target);
    }
    expect(initSystemOf(openTree(host.root))).toBe(init);
  });

  test.each([
    ["postfix", "systemd", "postfix"],
    ["postfix", "freebsd", "postfix"],
    ["postfix", "unknown", "postfix"],
    ["postfix", "other", "postfix reload"],
    ["dovecot", "other", "dovecot"],
    ["nginx", "other", "nginx -s reload"],
    ["apache", "systemd", "apache2"],
    ["apache", "other", "apachectl graceful"],
    ["haproxy", "other", "service haproxy reload"],
  ] as const)("%s under %s is reloaded by %s", (program, init, action) => {
    expect(reloadActionOf(program, init)).toBe(action);
  });
});

describe("lineages", () => {
  test("of certbot, dehydrated, acme.sh and lego", async () => {
    await addCertbot(host, ["mx.example.org"]);
    const { chain } = await pemFor(["a.example"]);
    host.write(
      "/etc/dehydrated/config",
      'CONFIG_D=/etc/dehydrated/conf.d\nBASEDIR=/var/lib/dehydrated\nWELLKNOWN="${BASEDIR}/acme-challenges"\n',
    );
    host.write("/etc/dehydrated/conf.d/mine.sh", "PRIVATE_KEY_RENEW=no\nHOOK=/etc/dehydrated/my-hook\n");
    host.write("/var/lib/dehydrated/certs/d.example/fullchain-1.pem", chain);
    host.link("/var/lib/dehydrated/certs/d.example/fullchain.pem", "fullchain-1.pem");
    host.write(
      "/var/db/acme/.acme.sh/s.example_ecc/s.example.conf",
      "Le_Domain='s.example'\nLe_RealFullChainPath='/etc/postfix/s.pem'\nLe_ReloadCmd='__ACME_BASE64__START_eA==__ACME_BASE64__END_'\n",
    );
    host.write("/var/lib/lego/certificates/l.example.crt", chain);
    host.write("/var/lib/lego/certificates/l.example.issuer.crt", chain);
    const found = readLineages(openTree(host.root), "/usr/local/bin/daneward");
    expect(found.map(({ client, name, keepsKey, ownHook }) => [client, name, keepsKey, ownHook])).toEqual([
      ["certbot", "mx.example.org", false, "systemctl reload postfix"],
      ["dehydrated", "d.example", true, "/etc/dehydrated/my-hook"],
      ["acme.sh", "s.example", true, "x"],
      ["lego", "l.example", false, null],
    ]);
    expect(found.map(({ source }) => source)).toEqual([
      { folder: "/etc/letsencrypt/live/mx.example.org" },
      { folder: "/var/lib/dehydrated/certs/d.example" },
      { folder: "/etc/daneward/acme.sh/s.example" },
      { cert: "/var/lib/lego/certificates/l.example.crt", key: "/var/lib/lego/certificates/l.example.key" },
    ]);
  });

  test("are known to be read also by way of a link, and keys come without their secrets", async () => {
    await addCertbot(host, ["mx.example.org"]);
    host.link("/etc/ssl/mail.pem", "/etc/letsencrypt/live/mx.example.org/fullchain.pem");
    host.write("/etc/postfix/main.cf", "smtpd_tls_cert_file = /etc/ssl/mail.pem\n");
    host.write("/etc/bind/named.conf", 'zone "example.org" { type primary; };\n');
    const survey = surveyOf(openTree(host.root), "daneward");
    expect(survey.lineages[0]?.uses).toMatchObject([{ program: "postfix", file: "/etc/ssl/mail.pem" }]);
    expect(survey.lineages[0]).toMatchObject({ dnsNames: ["mx.example.org"], keyAlgorithm: "EC P-256" });
    expect(survey).toMatchObject({
      otherUses: [],
      nameServers: [{ program: "bind", configuration: "/etc/bind/named.conf", zones: [{ name: "example.org." }] }],
    });
    const server = { host: "192.0.2.53", port: 53 };
    expect(survey.keys).toEqual([{ file: "/etc/letsencrypt/rfc2136.ini", name: "acme.", server, isPrivate: true }]);
    expect(JSON.stringify(survey)).not.toContain(SECRET.slice(0, 10));
  });
});
