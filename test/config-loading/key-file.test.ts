import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseTsigKey, readTsigKeyFile } from "../../src/config/key-file.ts";
import { name } from "../fakes/scripted-dns.ts";

const SECRET = "UnNcN4QSE0SPTx05/H3o1FFDABDkdArq5cj/PRWS+74=";
const OCTETS = new Uint8Array(Buffer.from(SECRET, "base64"));
const SHA512 = "3X7Lbj7JKOxA6wEtc1/JwCQCCWD5OdYOjrJDHnrYLh1tHS9e7uOuptvo9CY9cleafCMk5GfEz+1RS4f2vetz+w==";

const TSIG_KEYGEN = `key "dane-key." {\n\talgorithm hmac-sha256;\n\tsecret "${SECRET}";\n};\n`;
const DDNS_CONFGEN = `# To activate this key, place the following in named.conf, and
# in a separate keyfile on the system or systems from which nsupdate
# will be run:
key "dane-key" {
	algorithm hmac-sha256;
	secret "${SECRET}";
};

# Then, in the "zone" definition statement for "bind.test",
# place an "update-policy" statement like this one, adjusted as
# needed for your preferred permissions:
update-policy {
	  grant dane-key zonesub ANY;
};

# After the keyfile has been placed, the following command will
# execute nsupdate using this key:
nsupdate -k <keyfile>
`;

function parse(text: string, keyName: string | null = null): ReturnType<typeof parseTsigKey> {
  return parseTsigKey(text, { source: "tsig.key", name: keyName === null ? null : name(keyName) });
}

describe("the forms of key files", () => {
  test.each<readonly [string, string]>([
    ["tsig-keygen", TSIG_KEYGEN],
    ["ddns-confgen with its comments and policy", DDNS_CONFGEN],
    ["unquoted, on one line, other order, other case", `KEY dane-key { SECRET ${SECRET}; Algorithm HMAC-SHA256; };`],
    [
      "comments of all three kinds",
      `// a\n/* key "x" { */ # b\nkey /* c */ "dane-key" { // d\n algorithm hmac-sha256; # e\n secret "${SECRET}"; };`,
    ],
    [
      "other statements around it",
      `options { directory "."; listen-on { any; }; };\n${TSIG_KEYGEN}\nserver 127.0.0.1 { keys "dane-key"; };`,
    ],
    ["one line algorithm:name:secret", `hmac-sha256:dane-key:${SECRET}\n`],
    ["one line behind a comment, with case and dots", `# made by hand\n HMAC-SHA256.:DANE-KEY.:${SECRET} `],
    ["pdnsutil list-tsig-keys", `dane-key. hmac-sha256. ${SECRET}\n`],
    [
      "keymgr -t",
      `# hmac-sha256:dane-key:${SECRET}\nkey:\n  - id: dane-key\n    algorithm: hmac-sha256\n    secret: ${SECRET}\n`,
    ],
    [
      "certbot's rfc2136.ini",
      `# Target DNS server\ndns_rfc2136_server = 192.0.2.1\ndns_rfc2136_port = 5353\ndns_rfc2136_name = dane-key.\ndns_rfc2136_secret = ${SECRET}\ndns_rfc2136_algorithm = HMAC-SHA256\ndns_rfc2136_sign_query = false\n`,
    ],
    [
      "lego's environment, where TSIG_KEY is the name",
      `RFC2136_NAMESERVER=192.0.2.1\nexport RFC2136_TSIG_KEY="dane-key."\nRFC2136_TSIG_SECRET='${SECRET}'\nRFC2136_TSIG_ALGORITHM=hmac-sha256.\n`,
    ],
    ["with Windows line ends", TSIG_KEYGEN.replaceAll("\n", "\r\n")],
  ])("%s", (_, text) => {
    const parsed = parse(text);
    expect(parsed).toMatchObject({
      ok: true,
      value: { name: name("dane-key"), algorithm: "hmac-sha256", warnings: [] },
    });
    expect(parsed.ok && parsed.value.secret.reveal()).toEqual(OCTETS);
  });

  test("certbot's file names the server as well", () => {
    const ini = `dns_rfc2136_server = 192.0.2.1\ndns_rfc2136_name = k\ndns_rfc2136_secret = ${SECRET}`;
    expect(parse(ini)).toMatchObject({
      ok: true,
      value: {
        server: { host: "192.0.2.1", port: 53 },
        algorithm: "hmac-md5",
        warnings: [{ code: "KEY_ALGORITHM_WEAK" }],
      },
    });
  });

  test("LetsDNS's JSON and name:secret take the algorithm from elsewhere", () => {
    for (const text of [JSON.stringify({ "dane-key": SECRET }), `dane-key:${SECRET}`]) {
      expect(parse(text)).toMatchObject({
        ok: false,
        fault: { code: "KEY_FILE_ALGORITHM", message: expect.stringContaining("no algorithm") as string },
      });
      const given = parseTsigKey(text, { source: "tsig.key", algorithm: "hmac-sha512" });
      expect(given).toMatchObject({ ok: true, value: { name: name("dane-key"), algorithm: "hmac-sha512" } });
    }
  });

  test("lego's default is SHA-1, certbot's file may ask for signed questions", () => {
    const lego = `RFC2136_NAMESERVER=[2001:db8::1]:5353\nRFC2136_TSIG_KEY=k\nRFC2136_TSIG_SECRET=${SECRET}\n`;
    const server = { host: "2001:db8::1", port: 5353 };
    expect(parse(lego)).toMatchObject({ ok: true, value: { algorithm: "hmac-sha1", server } });
    const certbot = `dns_rfc2136_name = k\ndns_rfc2136_secret = ${SECRET}\ndns_rfc2136_sign_query = true\n`;
    expect(parse(certbot)).toMatchObject({ ok: true, value: { signQueries: true } });
  });

  test.each<readonly [string, string, number | undefined]>([
    ["hmac-sha256-128", "hmac-sha256", 16],
    ["hmac-sha512-256", "hmac-sha512", 32],
    ["hmac-sha1-80", "hmac-sha1", 10],
    ["hmac-sha256-256", "hmac-sha256", undefined],
  ])("BIND's %s is %s with signatures of %s octets", (written, algorithm, macLength) => {
    const parsed = parse(`key "k" { algorithm ${written}; secret "${SECRET}"; };`);
    expect(parsed.ok && [parsed.value.algorithm, parsed.value.macLength]).toEqual([algorithm, macLength]);
  });

  test("outside a key clause hmac-sha256-128 is the algorithm of that name", () => {
    expect(parse(`hmac-sha256-128:k:${SECRET}`)).toMatchObject({ ok: true, value: { algorithm: "hmac-sha256-128" } });
  });

  test.each(["hmac-md5", "HMAC-MD5.SIG-ALG.REG.INT", "hmac-sha1"])("%s works, with a warning", (algorithm) => {
    expect(parse(`${algorithm}:k:${SECRET}`)).toMatchObject({
      ok: true,
      value: { warnings: [{ code: "KEY_ALGORITHM_WEAK" }] },
    });
  });

  test.each(["hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"])("%s works without one", (algorithm) => {
    expect(parse(`${algorithm}:k:${SECRET}`)).toMatchObject({ ok: true, value: { algorithm, warnings: [] } });
  });

  test("a short secret is warned of", () => {
    expect(parse("hmac-sha256:k:c2VjcmV0")).toMatchObject({
      ok: true,
      value: { warnings: [{ code: "KEY_SECRET_SHORT" }] },
    });
  });

  test("of several keys one must be named; case and dot do not matter", () => {
    const two = `${TSIG_KEYGEN}key "other" { algorithm hmac-sha512; secret "${SHA512}"; };`;
    expect(parse(two)).toMatchObject({
      ok: false,
      fault: { code: "KEY_FILE_SEVERAL", message: expect.stringContaining('"dane-key.", "other"') as string },
    });
    expect(parse(two, "OTHER.")).toMatchObject({ ok: true, value: { algorithm: "hmac-sha512" } });
    expect(parse(two, "third")).toMatchObject({ ok: false, fault: { code: "KEY_FILE_NO_SUCH_KEY" } });
    expect(parse(TSIG_KEYGEN + TSIG_KEYGEN, "dane-key")).toMatchObject({
      ok: false,
      fault: { code: "KEY_FILE_SEVERAL" },
    });
    expect(parse(`a. hmac-sha256. ${SECRET}\nb. hmac-sha256. ${SECRET}\n`, "b")).toMatchObject({ ok: true });
  });
});

describe("mistakes with names of their own", () => {
  test.each<readonly [string, string, string, string]>([
    ["an underscore in the algorithm", `HMAC_SHA512:k:${SECRET}`, "KEY_FILE_ALGORITHM", "underscore"],
    ["an unknown algorithm", `hmac-sha3:k:${SECRET}`, "KEY_FILE_ALGORITHM", '"hmac-sha3"'],
    ["an algorithm that may be the secret", `${SECRET}:k:hmac-sha256`, "KEY_FILE_ALGORITHM", "no known algorithm"],
    ["name and secret swapped", `hmac-sha256:${SECRET}:dane-key`, "KEY_FILE_SWAPPED", "looks like the secret"],
    ["swapped, with a name that is base64 too", `hmac-sha256:${SECRET}:danekey1`, "KEY_FILE_SWAPPED", "secret"],
    ["swapped, with a secret too long for a label", `hmac-sha512:${SHA512}:dane-key`, "KEY_FILE_SWAPPED", "secret"],
    [
      "swapped in a key clause",
      `key "${SECRET}" { algorithm hmac-sha256; secret "k"; };`,
      "KEY_FILE_SWAPPED",
      "secret",
    ],
    ["a secret that is not base64", "hmac-sha256:k:not base64!", "KEY_FILE_SECRET", 'key "k"'],
    ["base64 without its padding", `hmac-sha256:k:${SECRET.slice(0, -1)}`, "KEY_FILE_SECRET", "not base64"],
    ["base64 with stray bits", "hmac-sha256:k:c2VjcmV0MQ0=".replace("Q0=", "R=="), "KEY_FILE_SECRET", "not base64"],
    ["an empty secret", 'key "k" { algorithm hmac-sha256; secret ""; };', "KEY_FILE_SECRET", "empty"],
    ["no algorithm in one line", `k:${SECRET}`, "KEY_FILE_ALGORITHM", "no algorithm"],
    [
      "signatures cut too short",
      `key "k" { algorithm hmac-sha256-80; secret "${SECRET}"; };`,
      "KEY_FILE_ALGORITHM",
      "80 bits",
    ],
    ["lego's variables without the secret", "RFC2136_TSIG_KEY=k\n", "KEY_FILE_FORMAT", "RFC2136_TSIG_SECRET"],
    ["lego's variables that name a file", "RFC2136_TSIG_FILE=/etc/k.key\n", "KEY_FILE_FORMAT", "another file"],
    ["acme.sh's, which always name a file", "NSUPDATE_KEY='/etc/k.key'\n", "KEY_FILE_FORMAT", "another file"],
    ["JSON without a secret", '{"k": 1}', "KEY_FILE_FORMAT", "no secret"],
    ["JSON that is none", '{"k": ', "KEY_FILE_FORMAT", "JSON"],
    ["no algorithm in a key clause", `key "k" { secret "${SECRET}"; };`, "KEY_FILE_FORMAT", "no algorithm"],
    ["no secret in a key clause", 'key "k" { algorithm hmac-sha256; };', "KEY_FILE_FORMAT", "no secret"],
    [
      "a brace that is never closed",
      `key "k" { algorithm hmac-sha256; secret "${SECRET}";`,
      "KEY_FILE_FORMAT",
      "never closed",
    ],
    [
      "a key name with a label too long",
      `hmac-sha256:${"k".repeat(64)}:${SECRET}`,
      "KEY_FILE_NAME",
      "not a domain name",
    ],
    ["an empty file", " \n", "KEY_FILE_FORMAT", "empty"],
    ["comments only", "# nothing\n", "KEY_FILE_FORMAT", "no TSIG key"],
    ["a PEM file", "-----BEGIN PRIVATE KEY-----\nMIGH\n", "KEY_FILE_FORMAT", "PEM"],
    ["certbot's file without a secret", "dns_rfc2136_name = k\n", "KEY_FILE_FORMAT", "dns_rfc2136_secret"],
    [
      "certbot's file with a bad port",
      `dns_rfc2136_name = k\ndns_rfc2136_secret = ${SECRET}\ndns_rfc2136_port = x`,
      "KEY_FILE_FORMAT",
      "port",
    ],
    [
      "a renamed legacy key",
      `Private-key-format: v1.3\nAlgorithm: 165 (HMAC_SHA512)\nKey: ${SHA512}\n`,
      "KEY_FILE_FORMAT",
      "file name",
    ],
    ["something else", "hello world\n", "KEY_FILE_FORMAT", "no known form"],
  ])("%s", (_, text, code, words) => {
    const parsed = parse(text);
    expect(parsed).toMatchObject({ ok: false, fault: { code } });
    if (parsed.ok) return;
    expect(parsed.fault.message).toMatch(/^tsig\.key: /);
    expect(parsed.fault.message).toContain(words);
    for (const secret of [SECRET, SHA512]) expect(parsed.fault.message + parsed.fault.hint).not.toContain(secret);
  });

  test("any text at all gives a result and never throws", () => {
    const word = fc.constantFrom(
      "key",
      '"',
      "{",
      "}",
      ";",
      "algorithm",
      "secret",
      SECRET,
      ":",
      "#",
      "/*",
      "hmac-sha256",
      "\n",
      "id:",
      "- ",
      "dns_rfc2136_name =",
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(word).map((words) => words.join(" ")),
      fc.array(word).map((words) => words.join("")),
    );
    fc.assert(
      fc.property(text, (input) => {
        const parsed = parse(input);
        if (!parsed.ok) expect(parsed.fault.message).not.toContain(SECRET);
      }),
      // A secret that ran together with the word behind it was once shown as the name of a key.
      { examples: [[`:\n${SECRET}key:`]] },
    );
  });

  test("every beginning of a good file gives a result", () => {
    for (const whole of [TSIG_KEYGEN, `hmac-sha256:dane-key:${SECRET}`]) {
      for (let length = 0; length < whole.length; length++) expect(() => parse(whole.slice(0, length))).not.toThrow();
    }
  });

  test("the key never prints its secret", () => {
    const parsed = parse(TSIG_KEYGEN);
    expect(JSON.stringify(parsed)).not.toContain(SECRET);
    expect(JSON.stringify(parsed)).toContain("[secret]");
  });
});

describe("files", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "daneward-key-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function write(file: string, text: string, mode = 0o600): string {
    const full = path.join(folder, file);
    writeFileSync(full, text);
    chmodSync(full, mode);
    return full;
  }

  const group = process.getgid?.() ?? 0;
  const problem = (code: string, words: string): object =>
    expect.objectContaining({ code, retry: "never", message: expect.stringContaining(words) as string }) as object;

  test.each<readonly [number, readonly number[], string | null]>([
    [0o600, [], null],
    [0o400, [], null],
    [0o640, [group], null],
    [0o660, [group], null],
    [0o640, [group + 1], "group"],
    [0o620, [], "group"],
    [0o644, [group], "every user"],
    [0o602, [group], "every user"],
    [0o604, [group], "every user"],
  ])("mode %o with the groups %j: %s", (mode, groups, who) => {
    const file = write("tsig.key", TSIG_KEYGEN, mode);
    if (who === null) expect(readTsigKeyFile(file, null, { groups }).algorithm).toBe("hmac-sha256");
    else expect(() => readTsigKeyFile(file, null, { groups })).toThrow(problem("KEY_FILE_EXPOSED", who));
  });

  test("the groups of this process are taken when none are given", () => {
    expect(readTsigKeyFile(write("tsig.key", TSIG_KEYGEN, 0o640)).name).toBe(name("dane-key"));
  });

  test("a missing file and a directory are unreadable, by name", () => {
    const missing = path.join(folder, "none.key");
    expect(() => readTsigKeyFile(missing)).toThrow(
      problem("KEY_FILE_UNREADABLE", `${missing} cannot be read: there is no`),
    );
    chmodSync(folder, 0o755);
    // Its mode is no secret given away.
    expect(() => readTsigKeyFile(folder)).toThrow(problem("KEY_FILE_UNREADABLE", "directory"));
  });

  test("a pipe that nobody writes to is refused, not waited for", () => {
    const pipe = path.join(folder, "pipe.key");
    execFileSync("mkfifo", ["-m", "600", pipe]);
    expect(() => readTsigKeyFile(pipe)).toThrow(problem("KEY_FILE_UNREADABLE", "it is a pipe, not a file"));
  });

  describe("a legacy pair", () => {
    const PRIVATE = `Private-key-format: v1.3\nAlgorithm: 165 (HMAC_SHA512)\nKey: ${SHA512}\nBits: AAA=\nCreated: 20261122\n`;
    const STEM = "Kdane-key.+165+12345";

    test.each([".private", ".key", ""])("is read by its name with the ending %j", (ending) => {
      write(`${STEM}.private`, PRIVATE);
      write(`${STEM}.key`, `dane-key. IN KEY 512 3 165 ${SHA512}\n`);
      const key = readTsigKeyFile(path.join(folder, STEM + ending));
      expect(key).toMatchObject({ name: name("dane-key"), algorithm: "hmac-sha512" });
      expect(key.secret.reveal()).toEqual(new Uint8Array(Buffer.from(SHA512, "base64")));
    });

    test("needs the .private file alone, under the name asked for", () => {
      const file = write(`${STEM}.private`, PRIVATE);
      expect(readTsigKeyFile(file, name("dane-key")).algorithm).toBe("hmac-sha512");
      expect(() => readTsigKeyFile(file, name("other"))).toThrow(problem("KEY_FILE_NO_SUCH_KEY", "dane-key"));
    });

    test.each([
      ["157", "hmac-md5"],
      ["161", "hmac-sha1"],
      ["162", "hmac-sha224"],
      ["163", "hmac-sha256"],
      ["164", "hmac-sha384"],
    ])("of algorithm %s is %s", (number, algorithm) => {
      const file = write(`Kk.+${number}+00001.private`, PRIVATE.replace("165", number));
      expect(readTsigKeyFile(file).algorithm).toBe(algorithm);
    });

    test.each<readonly [string, string, string, string]>([
      ["whose file name says another algorithm", "Kk.+163+00001.private", PRIVATE, "KEY_FILE_ALGORITHM"],
      ["of a zone signing key", "Kk.+013+00001.private", PRIVATE.replace("165", "13"), "KEY_FILE_ALGORITHM"],
      ["without a Key line", `${STEM}.private`, PRIVATE.replace("Key: ", "Kex: "), "KEY_FILE_FORMAT"],
    ])("%s is refused", (_, file, text, code) => {
      const full = write(file, text);
      expect(() => readTsigKeyFile(full)).toThrow(problem(code, file.replace(/\.private$/, "")));
    });

    test("is exposed when its .key file is: the secret stands in both", () => {
      write(`${STEM}.key`, `dane-key. IN KEY 512 3 165 ${SHA512}\n`, 0o644);
      const file = write(`${STEM}.private`, PRIVATE);
      expect(() => readTsigKeyFile(file)).toThrow(problem("KEY_FILE_EXPOSED", `${STEM}.key`));
    });

    test("without its .private file is unreadable", () => {
      const file = write(`${STEM}.key`, `dane-key. IN KEY 512 3 165 ${SHA512}\n`);
      expect(() => readTsigKeyFile(file)).toThrow(problem("KEY_FILE_UNREADABLE", `${STEM}.private`));
    });
  });
});
