/** The JSON Schema of the configuration against the decoder: the same keys, and the same samples right and wrong. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { readToml } from "../../src/config/toml.ts";
import { readFiles, SAMPLE } from "../config-loading/sample.ts";
import { check, definition } from "./json-schema.ts";

type Node = Readonly<Record<string, unknown>>;

const ROOT = path.resolve(import.meta.dirname, "../..");
const SCHEMA = JSON.parse(readFileSync(path.join(ROOT, "src/share/schema/daneward.schema.json"), "utf8")) as Node;
const EXAMPLE = readFileSync(path.join(ROOT, "src/share/examples/daneward.toml"), "utf8");
const README = readFileSync(path.join(ROOT, "README.md"), "utf8");

async function tableOf(toml: string): Promise<Node> {
  const document = await readToml(new TextEncoder().encode(toml), "sample.toml");
  if (!document.ok) throw new Error(`${document.fault.message}\n${toml}`);
  return document.value.root;
}

const keysOf = (node: Node): readonly string[] => Object.keys(node["properties"] as Node).sort();
const defined = (name: string): Node => definition(SCHEMA, `#/$defs/${name}`);
const inTop = (name: string): Node => (SCHEMA["properties"] as Readonly<Record<string, Node>>)[name] ?? {};

/** The keys that the decoder names when it meets one that it does not know. */
async function decoderKeys(toml: string, table: string): Promise<readonly string[]> {
  const { problems } = await readFiles({ "daneward.toml": toml });
  const found = problems.find(({ code, message }) => code === "CONFIG_UNKNOWN_KEY" && message.startsWith(table));
  const list = /^known keys here: (.*)$/.exec(found?.hint ?? "")?.[1];
  if (list === undefined) throw new Error(`no unknown key was named in ${table}: ${JSON.stringify(problems)}`);
  return list.split(", ").sort();
}

type TableCase = readonly [title: string, toml: string, table: string, node: Node];

const publisher = (type: string): TableCase => [
  `[publish.a] of type ${type}`,
  `version = 1\n[publish.a]\ntype = "${type}"\nxxxxxxxxqqqq = 1\n`,
  "publish.a",
  defined(`publish_${type}`),
];

const TABLES: readonly TableCase[] = [
  ["the top level", "version = 1\nxxxxxxxxqqqq = 1\n", "xxxxxxxxqqqq", SCHEMA],
  ["[dnssec]", "version = 1\n[dnssec]\nxxxxxxxxqqqq = 1\n", "dnssec", inTop("dnssec")],
  ["[notify]", "version = 1\n[notify]\nxxxxxxxxqqqq = 1\n", "notify", defined("notify")],
  ["[defaults]", "version = 1\n[defaults]\nxxxxxxxxqqqq = 1\n", "defaults", inTop("defaults")],
  ["[certificate.a]", "version = 1\n[certificate.a]\nxxxxxxxxqqqq = 1\n", "certificate.a", defined("certificate")],
  ["[import.a]", "version = 1\n[import.a]\nxxxxxxxxqqqq = 1\n", "import.a", defined("import")],
  publisher("rfc2136"),
  publisher("zonefile"),
  publisher("exec"),
  publisher("powerdns"),
  publisher("cloudflare"),
  publisher("desec"),
];

describe("the schema of the configuration", () => {
  test.each(TABLES)("knows the keys of %s, all of them and no others", async (_, toml, table, node) => {
    expect(keysOf(node)).toEqual(await decoderKeys(toml, table));
    const refused = check(SCHEMA, await tableOf(toml));
    expect(refused.length).toBeGreaterThan(0);
  });

  test("names every type of publisher", async () => {
    const { problems } = await readFiles({ "daneward.toml": 'version = 1\n[publish.a]\ntype = "xxxxqqqq"\n' });
    const known = problems.map(({ hint }) => /^known: (rfc2136.*)$/.exec(hint)?.[1] ?? "").join("");
    const types = (defined("publisher")["oneOf"] as readonly { readonly $ref: string }[]).map(({ $ref }) => $ref);
    expect(types.map((ref) => ref.replace("#/$defs/publish_", ""))).toEqual(known.split(", "));
  });

  test("says something about every key, and uses no word that the checker leaves out", () => {
    const seen: string[] = [];
    const walk = (node: Node, at: string): void => {
      for (const [key, one] of Object.entries((node["properties"] ?? {}) as Readonly<Record<string, Node>>)) {
        const target = typeof one["$ref"] === "string" ? definition(SCHEMA, one["$ref"]) : one;
        const said = one["description"] ?? target["description"];
        if (typeof said !== "string" || !said.endsWith(".")) seen.push(`${at}.${key}`);
        walk(target, `${at}.${key}`);
      }
    };
    walk(SCHEMA, "");
    for (const [name, node] of Object.entries(SCHEMA["$defs"] as Readonly<Record<string, Node>>)) walk(node, name);
    expect(seen).toEqual([]);
  });
});

const FRAGMENTS = [...README.matchAll(/^```toml\n(.*?)^```$/gms)].map(([, text = ""]) => text);
const CERTIFICATE_KEY = /^(source|next|next_key|renew|reload|deploy|services|tlsa|verify) = /;

describe("what is written down as an example", () => {
  test.each([
    ["the example that is shipped", EXAMPLE],
    ["the sample of the tests", SAMPLE],
  ])("%s is right by the schema and by the decoder", async (_, toml) => {
    expect(check(SCHEMA, await tableOf(toml))).toEqual([]);
    const { problems } = await readFiles({ "daneward.toml": toml });
    expect(problems.filter(({ severity }) => severity === "fault")).toEqual([]);
  });

  test("every TOML block of the README is right by the schema", async () => {
    expect(FRAGMENTS.length).toBeGreaterThan(10);
    for (const fragment of FRAGMENTS) {
      const table = await tableOf(CERTIFICATE_KEY.test(fragment) ? `[certificate.a]\n${fragment}` : fragment);
      // A part of a file need not say what stands elsewhere in it.
      const refused = check(SCHEMA, table).filter((line) => !line.endsWith(": required"));
      expect({ fragment, refused }).toEqual({ fragment, refused: [] });
    }
  });

  test("the example that is shipped names the schema where the package puts it", () => {
    expect(EXAMPLE.split("\n")[0]).toBe("#:schema file:///usr/share/daneward/daneward.schema.json");
  });
});

const BASE =
  'version = 1\n[publish.local]\ntype = "rfc2136"\nserver = "192.0.2.53"\nkey_file = "/k"\n' +
  '[certificate.mx]\nsource = "/s"\nservices = ["mx.example.org:25"]\nreload = "postfix"\n';

describe("both refuse", () => {
  test.each([
    ["a certificate without a source", BASE.replace('source = "/s"\n', "")],
    ["a publisher without a type", BASE.replace('type = "rfc2136"\n', "")],
    ["a publisher of no known type", BASE.replace("rfc2136", "rfc2137")],
    ["a key of another type of publisher", BASE.replace('type = "rfc2136"', 'type = "rfc2136"\ntoken_file = "/t"')],
    ["another version", BASE.replace("version = 1", "version = 2")],
    ["a duration in other words", `${BASE}ttl = "one hour"\n`],
    ["an address among the names of services that has no port", BASE.replace("org:25", "org")],
    ["a number of rounds that is none", `${BASE}confirm_rounds = 0\n`],
    ["no services at all", BASE.replace('["mx.example.org:25"]', "[]")],
    ["a word that the key does not know", `${BASE}next = "sometimes"\n`],
    ["a name that would leave its folder", BASE.replace("certificate.mx", 'certificate."../mx"')],
    ["an event that there is not", `${BASE}[notify]\non = ["everything"]\n`],
    ["metrics where nobody reads them", BASE.replace("version = 1", 'version = 1\nprometheus_textfile = "/m.txt"')],
    ["a text where true or false belongs", `${BASE}[dnssec]\nsha1 = "no"\n`],
  ])("%s", async (_, toml) => {
    expect(check(SCHEMA, await tableOf(BASE))).toEqual([]);
    expect(check(SCHEMA, await tableOf(toml))).not.toEqual([]);
    const { configuration } = await readFiles({ "daneward.toml": toml });
    expect(configuration).toBeNull();
  });
});
