import { describe, expect, test } from "vitest";
import { problemsOf, readFiles, SAMPLE, withCertificateLine } from "./sample.ts";

interface Case {
  readonly name: string;
  readonly text: string;
  readonly want: string;
}

const certificate = (name: string, key: string, line: string, want: string): Case => ({
  name,
  text: withCertificateLine(key, line),
  want,
});
const replaced = (name: string, from: string, to: string, want: string): Case => ({
  name,
  text: SAMPLE.replace(from, to),
  want,
});

const TOP: readonly Case[] = [
  replaced("no version", "version = 1\n", "", '"version" is missing'),
  replaced("a later version", "version = 1", "version = 2", "version: this daneward reads version = 1"),
  replaced(
    "an unknown top key",
    "version = 1",
    "version = 1\nreslover = 1",
    'reslover: unknown key (did you mean "resolver"?)',
  ),
  replaced("a section that is no table", "[dnssec]\ntrust", "dnssec", "dnssec: must be a table, not a string"),
  replaced("a resolver by name", '"127.0.0.1"', '"dns.example"', 'resolver: "dns.example" is not an address'),
  replaced(
    "a resolver with a port out of range",
    '"127.0.0.1"',
    '"127.0.0.1:70000"',
    'resolver: the port of "127.0.0.1:70000" is not between 1 and 65535',
  ),
  replaced(
    "an IPv6 resolver with a bare port",
    '"127.0.0.1"',
    '"[::1"',
    'resolver: "[::1" is not an IP address with or without a port',
  ),
  replaced(
    "a remote resolver",
    '"127.0.0.1"',
    '"192.0.2.53"',
    "resolver: the AD bit of 192.0.2.53 would be believed over the network",
  ),
  replaced(
    "a remote IPv6 resolver",
    '"127.0.0.1"',
    '"2001:db8::53"',
    "resolver: the AD bit of 2001:db8::53 would be believed over the network",
  ),
  replaced("another trust", 'trust = "ad"', 'trust = "adbit"', 'dnssec.trust: must be "local" or "ad", not "adbit"'),
  replaced("an unknown default", 'ttl = "1h"', "services = []", "defaults.services: unknown key"),
  replaced("a TTL of nothing", 'ttl = "1h"', "ttl = 0", "defaults.ttl: must be 1s or more"),
  replaced("a TTL of years", 'ttl = "1h"', 'ttl = "99w"', "defaults.ttl: must be a year or less"),
  replaced(
    "a negative TTL",
    'ttl = "1h"',
    "ttl = -5",
    'defaults.ttl: "-5" is not a duration; write 90s, 1h, 1h30m, 2d or 1w',
  ),
  replaced(
    "no rounds",
    'ttl = "1h"',
    "confirm_rounds = 0",
    "defaults.confirm_rounds: must be a whole number from 1 to 100, not 0",
  ),
  replaced(
    "a broken number of rounds",
    'ttl = "1h"',
    "confirm_rounds = 1.5",
    "defaults.confirm_rounds: must be a whole number from 1 to 100, not 1.5",
  ),
];

const PUBLISH: readonly Case[] = [
  replaced(
    "a misspelt type",
    '"rfc2136"',
    '"rfc2316"',
    'publish.local.type: unknown type "rfc2316" (did you mean "rfc2136"?)',
  ),
  replaced("no key file", 'key_file = "/etc/daneward/tsig.key"\n', "", 'publish.local: "key_file" is missing'),
  replaced(
    "an unknown key",
    "key_file",
    'keyfile = "x"\nkey_file',
    'publish.local.keyfile: unknown key (did you mean "key_file"?)',
  ),
  replaced(
    "one name server as a string",
    "key_file",
    'check_ns = "ns1.example"\nkey_file',
    'publish.local.check_ns: must be "all" or an array of name servers',
  ),
  replaced(
    "no name server at all",
    "key_file",
    "check_ns = []\nkey_file",
    "publish.local.check_ns: must name at least one server",
  ),
  replaced(
    "a hidden primary by name",
    "key_file",
    'hidden_primary = "primary.example:5353"\nkey_file',
    'publish.local.hidden_primary: must be an address with or without a port, not the name "primary.example',
  ),
  replaced(
    "no look at all",
    "key_file",
    "anycast_polls = 0\nkey_file",
    "publish.local.anycast_polls: must be a whole number from 1 to 20, not 0",
  ),
  replaced("a server that is no name", 'server = "127.0.0.1"', 'server = "a..b"', "publish.local.server: "),
  replaced(
    "a publisher that is no table",
    "[publish.local]",
    "[publish]\nother = 1\n[publish.local]",
    "publish.other: must be a table, not a number",
  ),
];

const CERTIFICATE: readonly Case[] = [
  certificate(
    "a next key without a record of its own",
    "next",
    'next = "prepublish"\ntlsa = ["3 0 1", "2 1 1"]',
    'certificate.mx.next: "prepublish" cannot be: with tlsa = ["3 0 1", "2 1 1"] no record is known before',
  ),
  certificate(
    "a next key that nobody looks at",
    "next_key",
    'next_key = "privkey.roll.pem"',
    'certificate.mx.next_key: means nothing with next = "on-renewal"',
  ),
  certificate(
    "an empty path of the next key",
    "next",
    'next = "prepublish"\nnext_key = ""',
    "certificate.mx.next_key: must not be empty",
  ),
  certificate(
    "another next",
    "next",
    'next = "now"',
    'certificate.mx.next: must be "on-renewal" or "prepublish", not "now"',
  ),
  certificate(
    "an unknown publisher",
    "publish",
    'publish = "loacl"',
    'certificate.mx.publish: there is no [publish.loacl] (did you mean "local"?)',
  ),
  certificate("no services", "services", "services = []", "certificate.mx.services: must name at least one service"),
  certificate(
    "services as a string",
    "services",
    'services = "mx.example.org:25"',
    "certificate.mx.services: must be an array, not a string",
  ),
  certificate(
    "a service without port",
    "services",
    'services = ["mx.example.org"]',
    'certificate.mx.services[0]: "mx.example.org" is not host:port[/protocol]',
  ),
  certificate(
    "a domain that nobody asks for",
    "services",
    'services = ["mx.example.org:25/smtp/example.org"]',
    'certificate.mx.services[0]: "smtp" asks for no domain',
  ),
  certificate(
    "a service by address",
    "services",
    'services = ["192.0.2.1:25"]',
    'certificate.mx.services[0]: "192.0.2.1" is an address',
  ),
  certificate(
    "port 0",
    "services",
    'services = ["mx.example.org:0"]',
    "certificate.mx.services[0]: must be a whole number from 1 to 65535, not 0",
  ),
  certificate(
    "a misspelt protocol",
    "services",
    'services = ["mx.example.org:25/smpt"]',
    'certificate.mx.services[0]: unknown protocol "smpt" (did you mean "smtp"?)',
  ),
  certificate(
    "a service twice",
    "services",
    'services = ["mx.example.org:25", "MX.example.org.:25/smtp"]',
    "certificate.mx.services: names mx.example.org:25 twice",
  ),
  certificate(
    "a host too long for its owner name",
    "services",
    `services = ["${"a".repeat(62)}.${"b".repeat(62)}.${"c".repeat(62)}.${"d".repeat(60)}:25"]`,
    "certificate.mx.services[0]: the name ",
  ),
  certificate(
    "PKIX usages for mail",
    "tlsa",
    'tlsa = ["1 1 1"]',
    "certificate.mx.tlsa: usages 0 and 1 mean nothing to mail servers (mx.example.org:25)",
  ),
  certificate("no parameters", "tlsa", "tlsa = []", "certificate.mx.tlsa: must name at least one"),
  certificate(
    "parameters twice",
    "tlsa",
    'tlsa = ["3 1 1", "DANE-EE SPKI SHA2-256"]',
    'certificate.mx.tlsa: names "3 1 1" twice',
  ),
  certificate(
    "parameters out of range",
    "tlsa",
    'tlsa = ["4 1 1"]',
    "certificate.mx.tlsa[0]: certificate usage 4 is not 0 to 3",
  ),
  certificate(
    "an address that is none",
    "verify",
    'verify = ["192.0.2.300"]',
    'certificate.mx.verify[0]: "192.0.2.300" is not an IPv4 or IPv6 address',
  ),
  certificate(
    "a scoped address",
    "verify",
    'verify = ["fe80::1%eth0"]',
    'certificate.mx.verify[0]: "fe80::1%eth0" is not an IPv4 or IPv6 address',
  ),
  certificate("no address", "verify", "verify = []", "certificate.mx.verify: must name at least one address"),
  certificate(
    "a source with a misspelt key",
    "source",
    'source = { cert = "/a", key = "/b", chian = "/c" }',
    'certificate.mx.source.chian: unknown key (did you mean "chain"?)',
  ),
  certificate(
    "a source of a key alone",
    "source",
    'source = { key = "/a" }',
    'certificate.mx.source: "cert" is missing',
  ),
  certificate(
    "a deployment into the source",
    "deploy",
    'deploy = "/etc/letsencrypt/live/mx.example.org"',
    "certificate.mx.deploy: would deploy to /etc/letsencrypt/live/mx.example.org, where the source /etc/letsencrypt/live/mx.example.org is",
  ),
  certificate(
    "a group that is none",
    "key_group",
    'key_group = "ssl cert"',
    'certificate.mx.key_group: "ssl cert" is not a group',
  ),
  certificate(
    "a word for no deployment",
    "deploy",
    'deploy = "hold-file"',
    'certificate.mx.deploy: "hold-file" is no place to deploy to',
  ),
  certificate("a date", "deploy", "deploy = 2026-01-01", "certificate.mx.deploy: must be a string, not a date"),
  certificate("an empty text", "deploy", 'deploy = " "', "certificate.mx.deploy: must not be empty"),
];

const RELOAD: readonly Case[] = [
  ["systemctl reload postfix && doveadm reload", "&"],
  ["postfix reload; true", ";"],
  ["postfix reload | logger", "|"],
  ["echo $HOME", "$"],
  ["`id`", "`"],
  ["cp a > b", ">"],
].map(([line = "", letter = ""]) =>
  certificate(
    `"${letter}"`,
    "reload",
    `reload = [${JSON.stringify(line)}]`,
    `certificate.mx.reload[0]: "${letter}" means something to a shell only`,
  ),
);

describe("each fault is told by its key", () => {
  test.each([...TOP, ...PUBLISH, ...CERTIFICATE, ...RELOAD])("$name", async ({ text, want }) => {
    const faults = await problemsOf("fault", text);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^daneward\.toml:\d+:\d+: /);
    expect(faults[0]).toContain(`: ${want}`);
  });

  test("certificates may share a service, one for each kind of key, but no link", async () => {
    const other = (name: string, line: string): string =>
      `[certificate.${name}]\nsource = "/${name}"\nreload = []\n${line}\n`;
    const shared = 'services = ["mx.example.org:25"]';
    const three = `${SAMPLE}${other("two", shared)}${other("three", shared)}`;
    expect(await problemsOf("fault", three)).toEqual([]);
    expect(await problemsOf("fault", `${three}${other("four", shared)}`)).toEqual([
      expect.stringMatching(/certificate\.four: the service mx\.example\.org:25 has three certificates already$/),
    ]);
    const link = 'services = ["two.example.org:25"]\ndeploy = "/etc/ssl/daneward/mx"';
    expect(await problemsOf("fault", `${SAMPLE}${other("two", link)}`)).toEqual([
      expect.stringMatching(
        /^daneward\.toml:19:14: certificate\.two: deploys to \/etc\/ssl\/daneward\/mx, as does certificate "mx"/,
      ),
    ]);
  });

  test("certificates that share a service agree on its protocol and its publisher", async () => {
    const publisher = '[publish.other]\ntype = "rfc2136"\nserver = "::1"\nkey_file = "/k"\n';
    const two = '[certificate.two]\nsource = "/two"\nreload = []\n';
    const lines = 'publish = "other"\nservices = ["mx.example.org:25/tls"]\n';
    expect(await problemsOf("fault", `${SAMPLE}${publisher}${two}${lines}`)).toEqual([
      expect.stringMatching(/the service mx\.example\.org:25 has another protocol in certificate "mx" \(.*:12:14\)$/),
      expect.stringMatching(/the service mx\.example\.org:25 is published otherwise by certificate "mx" \(.*:12:14\)$/),
    ]);
  });

  test("a certificate without publish needs exactly one publisher", async () => {
    const text = SAMPLE.replace('publish = "local"\n', "");
    expect(await problemsOf("fault", text)).toEqual([]);
    const two = `${text}[publish.other]\ntype = "rfc2136"\nserver = "::1"\nkey_file = "/k"\n`;
    expect(await problemsOf("fault", two)).toEqual(['daneward.toml:12:14: certificate.mx: "publish" is missing']);
  });

  test.each(["../x", ".hidden", "a/b", "-a", "", "a".repeat(101), "é"])(
    "%j cannot be the name of a certificate",
    async (name) => {
      const text = SAMPLE.replace("certificate.mx", `certificate.${JSON.stringify(name)}`);
      expect(await problemsOf("fault", text)).toEqual([expect.stringContaining("cannot be the name of a certificate")]);
    },
  );
});

describe("what is allowed and hardly meant is a warning", () => {
  test.each([
    { name: "a short TTL", text: SAMPLE.replace('ttl = "1h"', 'ttl = "59s"'), want: "defaults.ttl: below 60s" },
    { name: "a long TTL", text: SAMPLE.replace('ttl = "1h"', 'ttl = "25h"'), want: "defaults.ttl: above 1d" },
    {
      name: "many records",
      text: SAMPLE.replace('ttl = "1h"', "max_records = 13"),
      want: "defaults.max_records: some large senders",
    },
    {
      name: "a mixture of usages",
      text: withCertificateLine("services", 'services = ["www.example.org:443"]\ntlsa = ["1 1 1", "3 1 1"]'),
      want: "certificate.mx.tlsa: mixes usages 0 or 1 with 2 or 3",
    },
    { name: "no reload", text: withCertificateLine("reload", ""), want: "certificate.mx: no reload" },
  ])("$name", async ({ text, want }) => {
    const { configuration } = await readFiles({ "daneward.toml": text });
    expect(configuration).not.toBeNull();
    expect(await problemsOf("warning", text)).toEqual([expect.stringContaining(`: ${want}`)]);
  });
});

describe("a key that is not known, of which more is known than that,", () => {
  const inTable = (table: string, line: string): string => SAMPLE.replace(`[${table}]\n`, `[${table}]\n${line}\n`);

  test.each([
    ["certificate.mx", 'foreign = "keep"', "leave it out: records that daneward did not publish are always kept"],
    ["certificate.mx", 'check_ns = "all"', "it belongs in [publish.NAME]"],
    ["certificate.mx", 'post-hook = "x"', "it is called reload here"],
    ["publish.local", 'credentials = "/etc/letsencrypt/rfc2136.ini"', "it is called key_file here"],
    ["publish.local", 'constructor = "x"', /^known keys here: /],
    ["defaults", "resolver = 1", "it belongs at the top of the file, before all [tables]"],
  ])("in [%s]: %s", async (table, line, hint) => {
    const { problems } = await readFiles({ "daneward.toml": inTable(table, line) });
    const [found] = problems.filter(({ severity }) => severity === "fault");
    expect(found?.code).toBe("CONFIG_UNKNOWN_KEY");
    expect(found?.hint).toMatch(hint);
  });

  test("of a static zone: after", async () => {
    const zone = `version = 1\n[publish.z]\ntype = "zonefile"\nfile = "/z"\nafter = ["/bin/true"]\n`;
    const { problems } = await readFiles({ "daneward.toml": zone });
    expect(problems.map(({ hint }) => hint)).toEqual(["it is called reload here"]);
  });
});

test("a publisher that is not there, with none at all, has a hint that says what to write", async () => {
  const text = SAMPLE.replace(/\[publish\.local\][^[]*/, "");
  const { problems } = await readFiles({ "daneward.toml": text });
  expect(problems.find(({ severity }) => severity === "fault")?.hint).toBe("add a table [publish.local]");
});

test.each([
  ["at the end of a line", 'version = 1\nresolver = "127.0.0.1\n[dnssec]\n', 2],
  ["of a list", 'version = 1\nresolver = ["127.0.0.1", "::1]\r\n[dnssec]\r\n', 2],
  ["at the end of the file", "version = 1\nresolver = '127.0.0.1", 2],
])("a quote that is missing %s is called that", async (_, text, line) => {
  const { problems } = await readFiles({ "daneward.toml": text });
  expect(problems).toMatchObject([{ code: "CONFIG_SYNTAX", message: "the closing quote is missing", place: { line } }]);
  expect((await problemsOf("fault", 'version = 1\nresolver = "a\u0001b"\n'))[0]).toContain("control characters");
});
