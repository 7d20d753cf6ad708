// daneward.toml(5), from the schema of the configuration, which is the one description of its keys.
import { readFileSync } from "node:fs";
import path from "node:path";
import { head, inline, literal, sentences, tagged, word } from "./mdoc.mjs";

const TYPES = ["rfc2136", "zonefile", "exec", "powerdns", "cloudflare", "desec"];

/** As it would be written in the file. */
function toml(value) {
  return Array.isArray(value) ? `[${value.map(toml).join(", ")}]` : JSON.stringify(value);
}

/** daneward.toml(5). */
export function configurationPage(root, { date }) {
  const schema = JSON.parse(readFileSync(path.join(root, "src/share/schema/daneward.schema.json"), "utf8"));
  const example = readFileSync(path.join(root, "src/share/examples/daneward.toml"), "utf8").trimEnd().split("\n");
  const follow = (node) => ("$ref" in node ? { ...follow(schema.$defs[node.$ref.slice(8)]), ...node } : node);
  const entry =
    (owner) =>
    ([key, node]) => {
      const { description, default: value } = follow(node);
      const duty = owner.required?.includes(key) ? "\nRequired." : "";
      const fallback = value === undefined ? "" : `\nDefault:\n.Li ${word(toml(value))} .`;
      return [`Cm ${key}`, `${sentences(description)}${duty}${fallback}`];
    };
  const table = (owner, without = []) =>
    tagged(
      Object.entries(owner.properties)
        .filter(([key]) => !without.includes(key))
        .map(entry(owner)),
    );
  const { dnssec, notify, defaults, publish, certificate, import: imported, ...plain } = schema.properties;
  const defs = schema.$defs;
  const common = Object.keys(defs.publish_exec.properties).filter((key) => !["type", "command"].includes(key));
  const sharedKeys = Object.keys(defaults.properties);
  return [
    head({ date, name: "daneward.toml", section: 5, summary: "configuration of daneward" }),
    ".Sh DESCRIPTION",
    ".Xr daneward 8",
    "reads",
    ".Pa /etc/daneward/daneward.toml ,",
    "then",
    ".Pa conf.d/*.toml",
    "beside it in the order of their names, all in TOML 1.0.",
    "Only the first must say",
    ".Cm version ;",
    "tables may stand in any of them, each key once.",
    "Unknown keys are refused.",
    "Relative paths count from the folder of the file that holds them.",
    "Durations are written as",
    `.Li ${word('"90s"')} ,`,
    `.Li ${word('"1h30m"')}`,
    "or as a number of seconds.",
    "Secrets stand in files of their own, which others must not be able to read.",
    ".Pp",
    ".Ql daneward check-config",
    "names everything that is wrong, with what to do.",
    ".Ss Top level",
    table({ properties: plain, required: ["version"] }),
    ".Ss [dnssec]",
    sentences(dnssec.description),
    table(dnssec),
    ".Ss [notify]",
    sentences(defs.notify.description),
    table(defs.notify),
    ".Ss [defaults]",
    sentences(defaults.description),
    table(defaults),
    ".Ss [publish.NAME]",
    sentences(publish.description),
    "Every type has",
    table({ properties: Object.fromEntries(common.map((key) => [key, defs[key]])) }),
    ...TYPES.flatMap((type) => [
      `.Ss [publish.NAME] with type = ${inline(JSON.stringify(type))}`,
      sentences(defs[`publish_${type}`].description),
      table(defs[`publish_${type}`], ["type", ...common]),
    ]),
    ".Ss [certificate.NAME]",
    sentences(certificate.description),
    "What",
    ".Cm [defaults]",
    "may say, it may say for itself.",
    table(defs.certificate, sharedKeys),
    ".Ss [import.NAME]",
    sentences(imported.description),
    "It takes what",
    ".Cm [certificate.NAME]",
    "does, but",
    ".Cm services ,",
    "and",
    tagged([entry(defs.import)(["map", defs.import.properties.map])]),
    ".Sh FILES",
    tagged([
      ["Pa /etc/daneward/daneward.toml", "The main file."],
      ["Pa /usr/share/daneward/daneward.schema.json", "JSON Schema of it, for editors that complete from one."],
    ]),
    ".Sh EXAMPLES",
    literal(example),
    ".Sh SEE ALSO",
    ".Xr daneward 8",
    "",
  ].join("\n");
}
