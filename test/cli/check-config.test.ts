import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { run } from "../../src/cli/commands/check-config.ts";
import type { CheckConfigOptions } from "../../src/cli/commands/check-config.ts";
import { temporaryFolder } from "../store/temporary-folder.ts";
import { recordingIo } from "./recording-io.ts";

const KEY =
  'key "update-key" {\n  algorithm hmac-sha256;\n  secret "c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2gtZm9yLXNoYTI1Ng==";\n};\n';

const GOOD = `version = 1
deploy_root = "deployed"
[publish.local]
type = "rfc2136"
server = "127.0.0.1"
key_file = "tsig.key"
[certificate.mx]
source = "live"
services = ["mx.example.org:25"]
reload = ["reloader now"]
`;

interface Outcome {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** A host on which everything that {@link GOOD} names is there; checks the configuration given. */
async function check(text: string, options: CheckConfigOptions = {}, keyMode = 0o600): Promise<Outcome> {
  const folder = temporaryFolder();
  mkdirSync(path.join(folder, "live"));
  mkdirSync(path.join(folder, "bin"));
  writeFileSync(path.join(folder, "bin", "reloader"), "#!/bin/sh\n", { mode: 0o755 });
  writeFileSync(path.join(folder, "tsig.key"), KEY);
  chmodSync(path.join(folder, "tsig.key"), keyMode);
  writeFileSync(path.join(folder, "daneward.toml"), text);
  const io = recordingIo({ cwd: folder, env: { PATH: path.join(folder, "bin") } });
  const exit = await run([], { config: "daneward.toml", ...options }, io);
  const { out, err } = io.said();
  return { exit, out: out.replaceAll(`${folder}/`, ""), err };
}

describe("daneward check-config", () => {
  test("a good configuration: what was read, what it holds, and 0", async () => {
    expect(await check(GOOD)).toEqual({
      exit: 0,
      out: "read daneward.toml\n1 certificate, 1 service, 1 publisher; 0 faults, 0 warnings\n",
      err: "",
    });
    expect(await check(GOOD, { quiet: true })).toEqual({ exit: 0, out: "", err: "" });
  });

  test("trust anchors that cannot be read are a fault, those of other zones a warning", async () => {
    const anchors = (file: string): string => GOOD.replace("[publish", `[dnssec]\ntrust_anchors = "${file}"\n[publish`);
    const missing = await check(anchors("root.key"));
    expect(missing.exit).toBe(78);
    expect(missing.out).toContain("dnssec.trust_anchors: the trust anchor file root.key is missing");
    const digest = "0".repeat(64);
    const file = path.join(temporaryFolder(), "other.key");
    writeFileSync(file, `other.test. IN DS 1 13 2 ${digest}\n`);
    const other = await check(anchors(file));
    expect(other.exit).toBe(0);
    expect(other.out).toContain(`stands above mx.example.org; it has anchors for other.test`);
  });

  test("ways to tell somebody that will not work are warnings, and so is a folder for metrics that is not there", async () => {
    const notify = `[notify]\nmail = "root"\nsendmail = "none/sendmail"\nexec = "nobody"\nwebhook = "https://example.org/x?y=1"
webhook_secret_file = "tsig.key"\nntfy = "https://example.org/t"\nntfy_token_file = "gone"\n[publish`;
    const text = GOOD.replace("[publish", `prometheus_textfile = "metrics/daneward.prom"\n${notify}`);
    const { exit, out } = await check(text, {}, 0o600);
    expect(exit).toBe(0);
    for (const line of [
      "daneward.toml:3:1: warning: prometheus_textfile: the folder metrics is not there\n  hint: make it, or install",
      "daneward.toml:6:1: warning: notify.sendmail: none/sendmail is no program that can be run\n  hint: install a mail",
      'warning: notify.exec: "nobody" is no program that can be run',
      "warning: notify.webhook_secret_file: tsig.key: more than one line",
      "warning: notify.ntfy_token_file: the key file gone cannot be read",
    ]) {
      expect(out).toContain(line);
    }
    const well = text
      .replace("none/sendmail", "bin/reloader")
      .replace('"nobody"', '"reloader"')
      .replace("metrics/", "live/")
      .replace('ntfy_token_file = "gone"\n', "")
      .replace('webhook_secret_file = "tsig.key"\n', "");
    expect((await check(well)).out).toContain("; 0 faults, 0 warnings");
  });

  test("nobody is sent to the command that is running", async () => {
    const { out } = await check(GOOD.replace('services = ["mx.example.org:25"]', "services = []"));
    expect(out).toContain("must name at least one service\n  hint: correct it at the place named\n");
  });

  test("every fault with its place and a hint, and 78", async () => {
    const { exit, out } = await check(GOOD.replace("server", "sever").replace(":25", ":8025"));
    expect(exit).toBe(78);
    expect(out).toBe(`daneward.toml:3:10: error: publish.local: "server" is missing
  hint: add server = …
daneward.toml:5:1: error: publish.local.sever: unknown key (did you mean "server"?)
  hint: remove it, or correct it to the nearest known key
daneward.toml:9:13: error: certificate.mx.services[0]: the protocol of port 8025 is not known
  hint: add it: mx.example.org:8025/tls (or /smtp, /lmtp, /imap, /pop3, /sieve, /xmpp-client, /xmpp-server, /ldap, /ftp, /nntp, /postgres, /mysql)
read daneward.toml
3 faults, 0 warnings
`);
  });

  test("the file with the token of a provider is looked at, and never repeated", async () => {
    const rfc2136 = 'type = "rfc2136"\nserver = "127.0.0.1"\nkey_file = "tsig.key"\n';
    const desec = GOOD.replace(rfc2136, 'type = "desec"\ntoken_file = "tsig.key"\n');
    const wrong = await check(desec);
    expect(wrong.exit).toBe(78);
    expect(wrong.out).toContain("daneward.toml:5:1: error: publish.local.token_file: tsig.key: more than one line");
    expect(wrong.out).not.toContain("c2VjcmV0");
    const exposed = await check(desec, {}, 0o644);
    expect(exposed.exit).toBe(78);
    expect(exposed.out).toContain("publish.local.token_file: the key file tsig.key has mode 0644");
    const powerdns = 'type = "powerdns"\nurl = "http://127.0.0.1:8081"\napi_key_file = "gone.key"\n';
    expect((await check(GOOD.replace(rfc2136, powerdns))).out).toContain(
      "publish.local.api_key_file: the key file gone",
    );
  });

  test("as JSON", async () => {
    const { exit, out } = await check(GOOD.replace('"live"', '"gone"').replace("127.0.0.1", "a..b"), { json: true });
    expect(exit).toBe(78);
    expect(JSON.parse(out)).toMatchObject({
      schema: "daneward/check-config/1",
      ok: false,
      files: ["daneward.toml"],
      problems: [{ severity: "fault", code: "CONFIG_INVALID", file: "daneward.toml", line: 5, column: 1 }],
    });
    const good = await check(GOOD, { json: true });
    expect(good.exit).toBe(0);
    expect(JSON.parse(good.out)).toEqual({
      schema: "daneward/check-config/1",
      ok: true,
      files: ["daneward.toml"],
      problems: [],
    });
  });

  test("what is not there yet is a warning at its place, and 0", async () => {
    const text = GOOD.replace('"live"', '{ cert = "live/c.pem", key = "live/k.pem" }').replace(
      "reloader now",
      "relaoder now",
    );
    const { exit, out } = await check(text);
    expect(exit).toBe(0);
    expect(out).toContain("daneward.toml:8:1: warning: certificate.mx.source: live/c.pem is not there yet\n");
    expect(out).toContain("daneward.toml:8:1: warning: certificate.mx.source: live/k.pem is not there yet\n");
    expect(out).toContain('daneward.toml:10:1: warning: certificate.mx.reload: the program "relaoder" is not there\n');
    expect(out).toContain("0 faults, 3 warnings\n");
  });

  test("a restart is said, and a misspelt preset is a fault", async () => {
    const restart = await check(GOOD.replace("reloader now", "service reloader restart"));
    expect(restart.out).toContain('"service reloader restart" is a restart, not a reload');
    expect(restart.exit).toBe(0);
    const slip = await check(GOOD.replace("reloader now", "postfx"));
    expect(slip.exit).toBe(78);
    expect(slip.out).toContain(
      'error: certificate.mx.reload[0]: there is no preset "postfx" (did you mean "postfix"?)',
    );
  });

  test.each([
    { name: "a key file that is missing", text: GOOD.replace("tsig.key", "no.key"), mode: 0o600 },
    { name: "a key file that strangers can read", text: GOOD, mode: 0o644 },
    { name: "a file that holds no key", text: GOOD.replace("tsig.key", "bin/reloader"), mode: 0o600 },
    { name: "a key of another name", text: GOOD.replace("[cert", 'key_name = "other"\n[cert'), mode: 0o600 },
  ])("$name is a fault", async ({ text, mode }) => {
    const { exit, out } = await check(text, {}, mode);
    expect(exit).toBe(78);
    expect(out).toMatch(/^daneward\.toml:6:1: error: publish\.local\.key_file: /);
    expect(out).not.toContain("c2VjcmV0");
  });

  test("a group that is not there is a fault", async () => {
    const { exit, out } = await check(`${GOOD}key_group = "no-such-group-here"\n`);
    expect(exit).toBe(78);
    expect(out).toMatch(/^daneward\.toml:11:1: error: certificate\.mx\.key_group: /);
  });

  test("no configuration at all is thrown as CONFIG_MISSING", async () => {
    const io = recordingIo({ cwd: temporaryFolder() });
    await expect(run([], { config: "daneward.toml" }, io)).rejects.toMatchObject({ code: "CONFIG_MISSING" });
  });
});
