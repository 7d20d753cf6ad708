import { chmodSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { parseApiUrl } from "../../src/base/api-url.ts";
import type { PublisherConfig } from "../../src/config/schema.ts";
import { readTokenFile } from "../../src/config/token-file.ts";
import { openProvider } from "../../src/driver/open-provider.ts";
import { temporaryFolder } from "../store/temporary-folder.ts";
import { SAMPLE, configurationOf, problemsOf } from "./sample.ts";

const LOCAL = `type = "rfc2136"\nserver = "127.0.0.1"\nkey_file = "/etc/daneward/tsig.key"\n`;

function withPublisher(lines: string): string {
  return SAMPLE.replace(LOCAL, `${lines}\n`);
}

async function publisherOf(lines: string): Promise<PublisherConfig | undefined> {
  return (await configurationOf(withPublisher(lines))).publishers.get("local");
}

const POWERDNS = 'type = "powerdns"\nurl = "http://127.0.0.1:8081"\napi_key_file = "/k"';
const CLOUDFLARE = 'type = "cloudflare"\ntoken_file = "/t"';
const DESEC = 'type = "desec"\ntoken_file = "/t"';

describe("publishers over the APIs of providers", () => {
  test("PowerDNS needs an address and a key file; the path of the API may be left on", async () => {
    expect(await publisherOf(POWERDNS)).toMatchObject({
      type: "powerdns",
      url: "http://127.0.0.1:8081",
      serverId: "localhost",
      apiKeyFile: "/k",
      zone: null,
      checkNs: "all",
      timeout: 10,
    });
    const more = POWERDNS.replace("http://127.0.0.1:8081", "https://dns.example.org/pdns/api/v1/");
    expect(await publisherOf(`${more}\nserver_id = "ns1"\nzone = "example.org"\ntimeout = "3s"`)).toMatchObject({
      url: "https://dns.example.org/pdns",
      serverId: "ns1",
      zone: "example.org.",
      timeout: 3,
    });
  });

  test("Cloudflare and deSEC need a token file; their own addresses are known", async () => {
    expect(await publisherOf(CLOUDFLARE)).toMatchObject({
      type: "cloudflare",
      tokenFile: "/t",
      zoneId: null,
      url: null,
    });
    const id = "0123456789ABCDEF0123456789abcdef";
    expect(await publisherOf(`${CLOUDFLARE}\nzone_id = "${id}"`)).toMatchObject({ zoneId: id.toLowerCase() });
    expect(await publisherOf(DESEC)).toMatchObject({ type: "desec", tokenFile: "/t", url: null });
    expect(await publisherOf(`${DESEC}\nurl = "https://dns.example.net/"`)).toMatchObject({
      url: "https://dns.example.net",
    });
  });

  test.each([
    ["no address", POWERDNS.replace(/url = .*\n/, ""), 'publish.local: "url" is missing'],
    ["no key file", POWERDNS.replace(/\napi_key_file = .*/, ""), 'publish.local: "api_key_file" is missing'],
    ["a key in the configuration itself", `${POWERDNS}\napi_key = "x"`, "publish.local.api_key: unknown key"],
    [
      "plain HTTP over the network",
      POWERDNS.replace("127.0.0.1", "192.0.2.1"),
      "publish.local.url: http:// would send",
    ],
    [
      "a password in the address",
      POWERDNS.replace("127", "u:p@127"),
      "publish.local.url: a URL must hold no user name",
    ],
    ["a server id with a slash", `${POWERDNS}\nserver_id = "a/b"`, 'publish.local.server_id: "a/b" is not a server id'],
    ["no token file", 'type = "cloudflare"', 'publish.local: "token_file" is missing'],
    ["a zone's name for its id", `${CLOUDFLARE}\nzone_id = "example.org"`, "publish.local.zone_id: "],
    ["a misspelt key", `${CLOUDFLARE}\nzoneid = "x"`, 'publish.local.zoneid: unknown key (did you mean "zone_id"?)'],
    ["a key of another type", `${DESEC}\nserver_id = "x"`, "publish.local.server_id: unknown key"],
    ["a misspelt type", 'type = "powerdn"', 'publish.local.type: unknown type "powerdn" (did you mean "powerdns"?)'],
  ])("%s is a fault at its key", async (_what, lines, want) => {
    const faults = await problemsOf("fault", withPublisher(lines));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`: ${want}`);
  });
});

describe("the address of an API", () => {
  test.each([
    ["https://api.example.org", "https://api.example.org"],
    [" https://api.example.org:8443/v4/ ", "https://api.example.org:8443/v4"],
    ["http://127.0.0.1:8081", "http://127.0.0.1:8081"],
    ["http://127.8.9.1", "http://127.8.9.1"],
    ["http://[::1]:8081/", "http://[::1]:8081"],
    ["http://localhost:8081", "http://localhost:8081"],
  ])("%s will do", (text, want) => {
    expect(parseApiUrl(text)).toEqual({ ok: true, value: want });
  });

  test.each([
    ["ns1.example.org", /not a URL/],
    ["http://example.org", /http:\/\/ would send the key/],
    ["http://127.0.0.1.example.org", /http:\/\/ would send the key/],
    ["http://localhost.example.org", /http:\/\/ would send the key/],
    ["http://10.0.0.1", /http:\/\/ would send the key/],
    ["file:///etc/passwd", /scheme/],
    ["ftp://127.0.0.1", /scheme/],
    ["https://user@example.org", /no user name/],
    ["https://example.org/?key=1", /with \?/],
    ["https://example.org/#x", /with \?/],
  ])("%s is refused", (text, words) => {
    const url = parseApiUrl(text);
    expect(url.ok ? "" : url.fault).toMatch(words);
  });
});

const TOKEN = "Zm9vYmFy-token_0123456789";

function tokenFile(content: string, mode = 0o600): string {
  const file = path.join(temporaryFolder(), "token");
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

function failureOf(work: () => unknown): OperationalError {
  try {
    work();
  } catch (error) {
    if (error instanceof OperationalError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("token files", () => {
  test.each([TOKEN, `${TOKEN}\n`, `  ${TOKEN}\r\n\n`])("%j holds a token, which prints as a secret", (content) => {
    const secret = readTokenFile(tokenFile(content));
    expect(new TextDecoder().decode(secret.reveal())).toBe(TOKEN);
    expect(`${String(secret)}${JSON.stringify({ secret })}`).not.toContain(TOKEN);
  });

  test.each([
    ["nothing", "\n", /nothing stands in it/],
    ["two lines", `${TOKEN}\nsecond`, /more than one line/],
    ["quotation marks", `"${TOKEN}"`, /quotation marks/],
    ["an assignment", `CF_API_TOKEN=${TOKEN}`, /assignment/],
    ["an assignment with spaces", `dns_cloudflare_api_token = ${TOKEN}`, /assignment/],
    ["a space", `Bearer ${TOKEN}`, /spaces/],
    ["umlauts", `${TOKEN}ü`, /ASCII/],
    ["far too much", "x".repeat(5000), /too long/],
  ])("%s is refused without repeating it", (_what, content, words) => {
    const error = failureOf(() => readTokenFile(tokenFile(content)));
    expect(error.code).toBe("PROVIDER_TOKEN_INVALID");
    expect(error.message).toMatch(words);
    expect(`${error.message}${error.hint}${String(error.stack)}`).not.toContain(TOKEN);
  });

  test.each([0o604, 0o606, 0o602])("mode %o is refused", (mode) => {
    expect(failureOf(() => readTokenFile(tokenFile(TOKEN, mode))).code).toBe("KEY_FILE_EXPOSED");
  });

  test("a group may read it only when it is ours", () => {
    const file = tokenFile(TOKEN, 0o640);
    expect(failureOf(() => readTokenFile(file, { groups: [] })).code).toBe("KEY_FILE_EXPOSED");
    expect(() => readTokenFile(file, { groups: [process.getegid?.() ?? 0] })).not.toThrow();
  });

  test("a missing file is named", () => {
    expect(failureOf(() => readTokenFile("/nonexistent/token")).code).toBe("KEY_FILE_UNREADABLE");
  });
});

describe("opening", () => {
  test.each([
    POWERDNS.replace('"/k"', '"FILE"'),
    CLOUDFLARE.replace('"/t"', '"FILE"'),
    DESEC.replace('"/t"', '"FILE"'),
  ])("%s", async (lines) => {
    const config = await publisherOf(lines.replace("FILE", tokenFile(TOKEN)));
    if (config?.type !== "powerdns" && config?.type !== "cloudflare" && config?.type !== "desec") {
      throw new Error("not a provider");
    }
    const publisher = await openProvider(config, new AbortController().signal);
    expect(publisher.capabilities.compareAndSwap).toBe(false);
    const missing =
      config.type === "powerdns" ? { ...config, apiKeyFile: "/nonexistent" } : { ...config, tokenFile: "/nonexistent" };
    await expect(openProvider(missing, new AbortController().signal)).rejects.toMatchObject({
      code: "KEY_FILE_UNREADABLE",
    });
  });
});
