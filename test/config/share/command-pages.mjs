// daneward(8) and daneward-verify(1), from the command tree.
import { head, helpText, inline, literal, sentences, tagged, word } from "./mdoc.mjs";

const GROUPS = [
  ["set up", "Setting up"],
  ["run", "Running"],
  ["look", "Looking"],
  ["steer", "Steering"],
  ["records", "Records by hand"],
  ["try", "Trying"],
];

/** Argument words of a usage such as `<owner> [type]`, as macros. */
function argumentsOf(words) {
  return words.map((one) => {
    const name = word(one.replace(/[<>[\].]/g, ""));
    const several = one.includes("...") ? " ..." : "";
    return one.startsWith("[") ? `Op Ar ${name}${several}` : `Ar ${name}${several}`;
  });
}

/** Operands for the head of a page or a list: `Op` must close before the next. */
function operands(words) {
  return argumentsOf(words)
    .map((one) => (one.startsWith("Op") ? `Oo${one.slice(2)} Oc` : one))
    .join(" ");
}

function optionTag({ short, long, value, optional }) {
  const flag = `Fl ${word(`-${long}`)}`;
  return `${short === null ? "" : `Fl ${short} , `}${flag}${value === null ? "" : ` Ar ${word(value)}`}${typeof optional === "string" ? ` Op Ar ${word(optional)}` : ""}`;
}

function optionList(options) {
  return tagged(options.map((option) => [optionTag(option), sentences(`${option.description}.`)]));
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

function commandEntry({ name, words, summary, options, after }) {
  const lines = [`.It Cm ${name}${words.length === 0 ? "" : ` ${operands(words)}`}`, sentences(`${capital(summary)}.`)];
  if (name === "verify") return [...lines, "See", ".Xr daneward-verify 1 ."].join("\n");
  if (options.length > 0) lines.push(optionList(options));
  if (after !== null) lines.push(helpText(after));
  return lines.join("\n");
}

const FILES = [
  ["/etc/daneward/daneward.toml", "the configuration, followed by", "/etc/daneward/conf.d/*.toml"],
  ["/etc/ssl/daneward", "what servers read: a directory for each certificate, flipped as one"],
  ["/var/lib/daneward", "state: readable by its owner alone, for it may hold the keys that come next"],
  ["/var/lib/daneward/events.jsonl", "the journal, a line for each step"],
];

function files() {
  return tagged(
    FILES.map(([file, text, other]) => [
      `Pa ${file}`,
      other === undefined ? sentences(`${capital(text)}.`) : `${capital(text)}\n.Pa ${other} .`,
    ]),
  );
}

const EXIT = [
  ["0", "Done, or nothing to do."],
  ["1", "Failed, or a failure stands."],
  ["2", "Bad usage."],
  ["70", "A bug."],
  ["75", "Temporary: another daneward is at work, or this one was interrupted."],
  ["77", "No permission."],
  ["78", "The configuration cannot be used."],
];

/** daneward(8). */
export function programPage({ commands, shared }, { date, summary }) {
  const groups = GROUPS.flatMap(([group, title]) => {
    const members = commands.filter((command) => command.group === group);
    return members.length === 0 ? [] : [`.Ss ${title}`, ".Bl -tag -width Ds", ...members.map(commandEntry), ".El"];
  });
  const plugins = commands.filter(({ after }) => after?.includes("Exit codes (monitoring plugins)"));
  return [
    head({ date, name: "daneward", section: 8, summary }),
    ".Sh SYNOPSIS",
    ".Nm",
    ".Ar command",
    ".Op Ar options",
    ".Op Ar arguments",
    ".Sh DESCRIPTION",
    ".Nm",
    "keeps DANE true for mail, web and other TLS servers under DNSSEC.",
    "It publishes the TLSA record of a renewed certificate beside the old one, waits until no cache can hold a set without it,",
    "swaps the certificate, proves every address of the live servers, and withdraws the old record.",
    "A pass of",
    ".Cm tick ,",
    "started by a timer or cron, does whatever is due; it may be killed anywhere and goes on where it was.",
    ".Sh COMMANDS",
    ...groups,
    ".Sh OPTIONS",
    "These every command takes:",
    optionList(shared),
    ".Sh ENVIRONMENT",
    tagged([
      ["Ev DANEWARD_CONFIG", "Stands in for\n.Fl \\-config ."],
      ["Ev NO_COLOR", "No colour."],
    ]),
    ".Sh FILES",
    files(),
    ".Sh EXIT STATUS",
    `The commands ${plugins.map(({ name }) => name).join(", ")} follow the convention of monitoring plugins:`,
    "0 is well, 1 a warning, 2 critical, 3 unknown or bad usage.",
    "All others end with",
    tagged(EXIT.map(([code, text]) => [code, text])),
    ".Sh EXAMPLES",
    literal(commands.flatMap(({ examples }) => examples.slice(0, 1))),
    ".Sh SEE ALSO",
    ".Xr daneward-verify 1 ,",
    ".Xr daneward.toml 5",
    ".Sh STANDARDS",
    ".Rs",
    ".%T The DNS-Based Authentication of Named Entities (DANE) Protocol: Updates and Operational Guidance",
    ".%R RFC 7671",
    ".Re",
    ".Pp",
    ".Rs",
    ".%T SMTP Security via Opportunistic DANE TLS",
    ".%R RFC 7672",
    ".Re",
    "",
  ].join("\n");
}

/** The page of one command, such as daneward-verify(1). */
export function commandPage({ commands, shared }, name, { date }) {
  const command = commands.find((one) => one.name === name);
  const { words, summary, options, after, examples } = command;
  const own = new Set(options.map(({ long }) => long));
  return [
    head({ date, name: `daneward-${name}`, section: 1, summary: inline(summary) }),
    ".Sh SYNOPSIS",
    ".Nm daneward",
    `.Cm ${name}`,
    ".Op Ar options",
    ...argumentsOf(words).map((one) => `.${one}`),
    ".Sh DESCRIPTION",
    "Looks at every address of each target, and at each kind of certificate there (RSA, ECDSA, EdDSA), as DANE clients meet them,",
    "and compares with TLSA records that are validated here, from the trust anchor down.",
    "It needs neither a configuration nor root.",
    ".Pp",
    "A target is",
    ".Ar host:port Ns Op Ar /protocol ,",
    "where the port may tell the protocol;",
    ".Ar mx:domain",
    "for every mail exchanger of a domain;",
    ".Ar srv:_service._tcp.domain",
    "for every host behind SRV records; or an address such as",
    ".Ar https://www.example.org .",
    ".Sh OPTIONS",
    optionList([...options, ...shared.filter(({ long }) => !own.has(long))]),
    ".Sh EXIT STATUS",
    helpText(after).replace(/^\.Pp\n/, ""),
    ".Sh EXAMPLES",
    literal(examples),
    ".Sh SEE ALSO",
    ".Xr daneward.toml 5 ,",
    ".Xr daneward 8",
    "",
  ].join("\n");
}
