import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { loadConfiguration, readConfiguration } from "../../src/config/load.ts";
import { configurationPath } from "../../src/config/location.ts";
import { temporaryFolder } from "../store/temporary-folder.ts";
import { configurationOf, problemsOf, readFiles, SAMPLE, withCertificateLine } from "./sample.ts";

describe("a good configuration", () => {
  test("the handbook's sample comes out with every default filled in", async () => {
    const { configuration, files, problems, folder } = await readFiles({ "daneward.toml": SAMPLE });
    expect(problems).toEqual([]);
    expect(files).toEqual([path.join(folder, "daneward.toml")]);
    expect(configuration).toMatchObject({
      version: 1,
      watched: [path.join(folder, "daneward.toml"), path.join(folder, "conf.d")],
      resolvers: [{ kind: "plain", address: "127.0.0.1", port: 53 }],
      trust: "ad",
      trustAnchors: null,
      sha1: true,
      allowRemoteAd: false,
      nameServerPort: 53,
      defaultTtl: 3600,
      deployRoot: "/etc/ssl/daneward",
    });
    expect(configuration?.publishers.get("local")).toEqual({
      name: "local",
      type: "rfc2136",
      servers: [{ host: "127.0.0.1", port: 53 }],
      queryServer: null,
      keyAlgorithm: null,
      transport: "tcp",
      signQueries: false,
      followCname: true,
      keyFile: "/etc/daneward/tsig.key",
      keyName: null,
      zone: null,
      checkNs: "all",
      excludeNs: [],
      anycastPolls: 1,
      hiddenPrimary: null,
      timeout: 10,
    });
    const owners = ["_25._tcp.mx.example.org.", "_465._tcp.mx.example.org.", "_993._tcp.imap.example.org."];
    expect(configuration?.certificates).toEqual([
      {
        name: "mx",
        source: { kind: "directory", path: "/etc/letsencrypt/live/mx.example.org" },
        deploy: "/etc/ssl/daneward/mx",
        publisher: "local",
        services: [
          { host: "mx.example.org.", port: 25, protocol: "smtp", owner: owners[0], label: "mx.example.org:25" },
          { host: "mx.example.org.", port: 465, protocol: "tls", owner: owners[1], label: "mx.example.org:465" },
          { host: "imap.example.org.", port: 993, protocol: "tls", owner: owners[2], label: "imap.example.org:993" },
        ],
        reload: [
          ["systemctl", "reload", "postfix"],
          ["doveadm", "reload"],
        ],
        verify: ["192.0.2.10", "2001:db8::10"],
        next: "on-renewal",
        renew: null,
        nextKey: null,
        holdFile: null,
        keyGroup: "ssl-cert",
        parameters: [{ usage: 3, selector: 1, matchingType: 1 }],
        policy: {
          ttl: 3600,
          propagationDelay: 300,
          publishSafety: 3600,
          retireSafety: 86_400,
          confirmRounds: 3,
          confirmInterval: 10,
          confirmPatience: 600,
          pollInterval: 60,
          observeInterval: 3600,
          cacheFloor: 0,
          maxRecords: 12,
          owners,
        },
      },
    ]);
  });

  test("a certificate overrides the defaults key by key", async () => {
    const text = withCertificateLine("x", 'ttl = "2m"\nconfirm_rounds = 5\ntlsa = ["2 1 1", "3 1 2"]');
    const [certificate] = (await configurationOf(text)).certificates;
    expect(certificate?.policy).toMatchObject({ ttl: 120, confirmRounds: 5, retireSafety: 86_400 });
    expect(certificate?.parameters).toEqual([
      { usage: 2, selector: 1, matchingType: 1 },
      { usage: 3, selector: 1, matchingType: 2 },
    ]);
  });

  test("services of every protocol: by port, by name, and with the domain that XMPP asks for", async () => {
    const written =
      '["mx.example.org:24", "mx.example.org:389", "mx.example.org:99/nntp", "im.example.net:5222/xmpp-client/example.org"]';
    const text = withCertificateLine("services", `services = ${written}`);
    const [certificate] = (await configurationOf(text)).certificates;
    expect(certificate?.services.map(({ protocol, serviceDomain }) => [protocol, serviceDomain])).toEqual([
      ["lmtp", undefined],
      ["ldap", undefined],
      ["nntp", undefined],
      ["xmpp-client", "example.org."],
    ]);
  });

  test("relative paths count from the file that holds them", async () => {
    const files = {
      "daneward.toml": `version = 1\ndeploy_root = "out"\n[publish.p]\ntype = "rfc2136"\nserver = "ns.example.org:5353"\nkey_file = "p.key"\n`,
      "conf.d/a.toml": `[certificate.a]\nsource = { cert = "a.pem", key = "../a.key" }\nservices = ["a.example:8443/tls"]\nreload = []\n`,
    };
    const { configuration, folder, problems } = await readFiles(files);
    expect(problems).toEqual([]);
    expect(configuration?.publishers.get("p")).toMatchObject({
      keyFile: path.join(folder, "p.key"),
      servers: [{ host: "ns.example.org.", port: 5353 }],
    });
    expect(configuration?.certificates[0]).toMatchObject({
      source: {
        kind: "files",
        cert: path.join(folder, "conf.d", "a.pem"),
        key: path.join(folder, "a.key"),
        chain: null,
      },
      deploy: path.join(folder, "out", "a"),
      publisher: "p",
    });
  });

  test("conf.d is read in the order of names, hidden files and other endings are not", async () => {
    const certificate = (name: string): string =>
      `[certificate.${name}]\nsource = "/s/${name}"\nservices = ["${name}.example:443"]\nreload = ["nginx"]\n`;
    const { configuration, files, folder } = await readFiles({
      "daneward.toml": SAMPLE,
      "conf.d/20-b.toml": certificate("b"),
      "conf.d/10-a.toml": `version = 1\n${certificate("a")}`,
      "conf.d/.hidden.toml": "not read",
      "conf.d/30.toml.bak": "not read",
    });
    expect(files.map((file) => path.relative(folder, file))).toEqual([
      "daneward.toml",
      "conf.d/10-a.toml",
      "conf.d/20-b.toml",
    ]);
    expect(configuration?.certificates.map(({ name }) => name)).toEqual(["mx", "a", "b"]);
  });

  test("a byte order mark and CRLF line ends do no harm", async () => {
    expect((await configurationOf(`\ufeff${SAMPLE.replaceAll("\n", "\r\n")}`)).certificates).toHaveLength(1);
  });

  test("a laboratory may use another port, IPv6 and a remote resolver that it vouches for", async () => {
    const text = SAMPLE.replace(
      'resolver = "127.0.0.1"',
      'resolver = "[2001:db8::53]:5300"\nname_server_port = 5301',
    ).replace('trust = "ad"', 'trust = "ad"\nallow_remote_ad = true');
    expect(await configurationOf(text)).toMatchObject({
      resolvers: [{ address: "2001:db8::53", port: 5300 }],
      nameServerPort: 5301,
      allowRemoteAd: true,
    });
  });
});

describe("validation", () => {
  const withDnssec = (lines: string, resolver = '"127.0.0.1"'): string =>
    SAMPLE.replace('trust = "ad"', lines).replace('resolver = "127.0.0.1"', `resolver = ${resolver}`);

  test("happens here unless told otherwise", async () => {
    expect(await configurationOf(withDnssec(""))).toMatchObject({ trust: "local", trustAnchors: null, sha1: true });
  });

  test("may begin at anchors of a file, beside the configuration if its path is relative, and refuse SHA-1", async () => {
    const configuration = await configurationOf(withDnssec('trust_anchors = "/etc/daneward/root.key"\nsha1 = false'));
    expect(configuration).toMatchObject({ trust: "local", trustAnchors: "/etc/daneward/root.key", sha1: false });
  });

  test("takes several resolvers, wherever they are", async () => {
    const list = '["192.0.2.53", "tls://[2001:db8::53]#dns.example"]';
    expect((await configurationOf(withDnssec("", list))).resolvers).toEqual([
      { kind: "plain", address: "192.0.2.53", port: 53 },
      { kind: "tls", address: "2001:db8::53", port: 853, name: "dns.example" },
    ]);
  });

  test.each([
    ["an empty list of resolvers", withDnssec("", "[]"), "resolver: must name at least one resolver"],
    [
      "an AD bit over TLS",
      withDnssec('trust = "ad"', '"tls://192.0.2.1"'),
      'resolver: tls://192.0.2.1:853 cannot be asked with trust = "ad"',
    ],
    [
      "what only the other mode looks at",
      withDnssec("allow_remote_ad = true"),
      'dnssec.allow_remote_ad: means nothing with trust = "local"',
    ],
    ["the same the other way", withDnssec('trust = "ad"\nsha1 = true'), 'dnssec.sha1: means nothing with trust = "ad"'],
  ])("refuses %s", async (_, text, message) => {
    const { problems } = await readFiles({ "daneward.toml": text });
    expect(problems.map((problem) => problem.message)).toEqual([message]);
  });
});

describe("finding the files", () => {
  test.each([
    { name: "the flag", given: "a.toml", env: { DANEWARD_CONFIG: "/b.toml" }, want: "/srv/a.toml" },
    { name: "the environment", given: undefined, env: { DANEWARD_CONFIG: "/b.toml" }, want: "/b.toml" },
    { name: "the default", given: undefined, env: {}, want: "/etc/daneward/daneward.toml" },
    {
      name: "the default over an empty environment",
      given: undefined,
      env: { DANEWARD_CONFIG: "" },
      want: "/etc/daneward/daneward.toml",
    },
  ])("$name names the main file", ({ given, env, want }) => {
    expect(configurationPath(given, { env, cwd: "/srv" })).toBe(want);
  });

  test("a main file that is not there is CONFIG_MISSING", async () => {
    const file = path.join(temporaryFolder(), "daneward.toml");
    await expect(readConfiguration(file)).rejects.toMatchObject({
      code: "CONFIG_MISSING",
      message: `no configuration file ${file}`,
    });
  });

  test("what is no file in conf.d is a fault like any other, and none is passed over", async () => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, "daneward.toml"), SAMPLE);
    mkdirSync(path.join(folder, "conf.d", "a.toml"), { recursive: true });
    symlinkSync("nowhere", path.join(folder, "conf.d", "b.toml"));
    execFileSync("mkfifo", [path.join(folder, "conf.d", "c.toml")]);
    const { configuration, problems } = await readConfiguration(path.join(folder, "daneward.toml"));
    expect(configuration).toBeNull();
    expect(problems.map(({ code, message, severity }) => [code, severity, message.replace(`${folder}/`, "")])).toEqual([
      ["CONFIG_INVALID", "fault", "conf.d/a.toml is a directory"],
      ["CONFIG_INVALID", "fault", "conf.d/b.toml is a link that leads nowhere"],
      ["CONFIG_INVALID", "fault", "conf.d/c.toml is a pipe, not a file"],
    ]);
  });

  test.each([
    [".", "is a directory"],
    ["/dev/zero", "is a device, not a file"],
  ])("a main file that is none (%s) is CONFIG_INVALID, and nothing is read without an end", async (file, what) => {
    const main = path.resolve(file);
    await expect(readConfiguration(main)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: `${main} ${what}`,
      hint: expect.stringContaining("--config") as string,
    });
  });

  test.skipIf(process.getuid?.() === 0)("a file without read permission is PERMISSION_DENIED", async () => {
    const file = path.join(temporaryFolder(), "daneward.toml");
    writeFileSync(file, SAMPLE);
    chmodSync(file, 0);
    await expect(readConfiguration(file)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });
});

describe("telling all faults at once", () => {
  test("each has its line and column, in the order of the files", async () => {
    const faults = await problemsOf("fault", {
      "daneward.toml": SAMPLE.replace('ttl = "1h"', 'ttl = "1 hour"\nretire_savety = "1d"').replace(
        "mx.example.org:465",
        "mx.example.org:8465",
      ),
      "conf.d/www.toml": `resolver = "::1"\n[certificate.mx]\nsource = "/a"\n[ certificate . "w w" ]\nsurce = 1\n`,
    });
    expect(faults).toEqual([
      'daneward.toml:7:1: defaults.ttl: "1 hour" is not a duration; write 90s, 1h, 1h30m, 2d or 1w',
      'daneward.toml:8:1: defaults.retire_savety: unknown key (did you mean "retire_safety"?)',
      "daneward.toml:16:34: certificate.mx.services[1]: the protocol of port 8465 is not known",
      "conf.d/www.toml:1:1: resolver: set a second time; the first is at daneward.toml:2:1",
      "conf.d/www.toml:2:14: certificate.mx: set a second time; the first is at daneward.toml:13:14",
      'conf.d/www.toml:4:17: certificate."w w": "w w" cannot be the name of a certificate',
      'conf.d/www.toml:4:17: certificate."w w": "source" is missing',
      'conf.d/www.toml:4:17: certificate."w w": "services" is missing',
      'conf.d/www.toml:5:1: certificate."w w".surce: unknown key (did you mean "source"?)',
    ]);
  });

  test("loading throws one error that names them all, or the only one with its own hint", async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, "daneward.toml");
    writeFileSync(file, SAMPLE.replace('ttl = "1h"', "ttl = true\nretire_safety = []"));
    await expect(loadConfiguration(file)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      retry: "never",
      message:
        "the configuration has 2 faults:\n" +
        `  ${file}:7:1: defaults.ttl: must be a duration such as "1h", not true or false\n` +
        `  ${file}:8:1: defaults.retire_safety: must be a duration such as "1h", not an array`,
    });
    writeFileSync(file, `${SAMPLE}nxet = "prepublish"\n`);
    await expect(loadConfiguration(file)).rejects.toMatchObject({ code: "CONFIG_UNKNOWN_KEY" });
    writeFileSync(file, SAMPLE);
    expect((await loadConfiguration(file)).certificates).toHaveLength(1);
  });

  test.each([
    { name: "a syntax error", text: 'version = 1\nresolver = "127.0.0.1\n', want: /^daneward\.toml:2:\d+: / },
    { name: "a key given twice in one file", text: "version = 1\nversion = 1\n", want: /^daneward\.toml:2:\d+: / },
    { name: "deep nesting", text: `a = ${"[".repeat(5000)}`, want: /^daneward\.toml:1:\d+: / },
  ])("$name is CONFIG_SYNTAX at its place", async ({ text, want }) => {
    const { problems, folder } = await readFiles({ "daneward.toml": text });
    expect(problems).toHaveLength(1);
    expect(problems[0]?.code).toBe("CONFIG_SYNTAX");
    expect((await problemsOf("fault", text))[0]).toMatch(want);
    expect(folder).not.toBe("");
  });

  test("what is not UTF-8 is refused", async () => {
    const file = path.join(temporaryFolder(), "daneward.toml");
    writeFileSync(file, Buffer.from([0x76, 0xff, 0xfe]));
    expect((await readConfiguration(file)).problems).toMatchObject([
      { code: "CONFIG_SYNTAX", message: "is not UTF-8 text" },
    ]);
  });
});
