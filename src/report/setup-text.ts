/**
 * What `daneward adopt` found, as a commented configuration and as a list of what is left for a person to do. Every value
 * that could not be found is written as a text that begins with "FILL IN", which the configuration's reader refuses.
 */
import type { Finding, Grade } from "../base/finding.ts";
import { rawRow, row } from "./words.ts";

/** The beginning of a value that is still to be written. */
const OPEN = "FILL IN: ";

/** Everything there is to say. Texts are free of secrets. */
export interface SetupProposal {
  /** Where the configuration was written; null: standard output. */
  readonly writtenTo: string | null;
  /** File of the JSON Schema, for editors; null: none is installed. */
  readonly editorSchema: string | null;
  readonly resolver: string;
  readonly publisher: {
    /** Null: to be filled in. */
    readonly server: string | null;
    readonly serverWhy: string;
    readonly keyFile: string;
    readonly keyWhy: string;
    /** How to make the key; empty: it is there. */
    readonly makeKey: readonly string[];
  };
  readonly certificates: readonly ProposedCertificate[];
  /** What to write for Postfix where no certificate was found. */
  readonly mailReload: string;
  readonly policies: readonly { readonly title: string; readonly lines: readonly string[] }[];
  readonly substitutions: readonly Substitution[];
  readonly hooks: readonly { readonly title: string; readonly lines: readonly string[] }[];
  /** What DNS says at the names of the services today. */
  readonly records: readonly { readonly owner: string; readonly said: string }[];
  /** What was not found, and what that means. */
  readonly missing: readonly string[];
  readonly next: readonly string[];
}

export interface ProposedCertificate {
  readonly name: string;
  /** Sentences above the table. */
  readonly remarks: readonly string[];
  /** False: written as a comment, since nothing reads the certificate. */
  readonly active: boolean;
  readonly source: { readonly folder: string } | { readonly cert: string; readonly key: string };
  readonly deploy: string;
  /** None: to be filled in. */
  readonly services: readonly { readonly label: string; readonly active: boolean; readonly why: string }[];
  readonly reload: readonly string[];
}

/** One place in a server's configuration that is to read the deployed files. */
export interface Substitution {
  /** `/etc/postfix/main.cf:24`. */
  readonly place: string;
  readonly from: string;
  readonly to: string;
  /** Commands that do it; empty: by hand. */
  readonly commands: readonly string[];
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

/** The configuration, ready for `daneward check-config`; ends with a newline. */
export function renderConfiguration(proposal: SetupProposal): string {
  const { editorSchema, resolver, publisher, certificates } = proposal;
  const server = publisher.server ?? `${OPEN}address of the primary of the zone`;
  const lines = [
    // Taplo takes it from the first comments alone.
    ...(editorSchema === null ? [] : [`#:schema file://${encodeURI(editorSchema)}`]),
    "# Written by daneward adopt out of what it found. Look through it; daneward check-config names what is left to do.",
    "version = 1",
    `resolver = ${quoted(resolver)}  # a recursive resolver; its answers are validated here`,
    "",
    "[defaults]",
    'tlsa = ["3 1 1"]',
    'ttl = "1h"',
    "",
    "[publish.local]",
    'type = "rfc2136"  # or zonefile, exec, powerdns, cloudflare, desec',
    `server = ${quoted(server)}  # ${publisher.serverWhy}`,
    `key_file = ${quoted(publisher.keyFile)}  # ${publisher.keyWhy}`,
    ...certificates.flatMap(certificateLines),
    ...(certificates.length === 0 ? emptyCertificate(proposal) : []),
  ];
  return `${lines.join("\n")}\n`;
}

function certificateLines(certificate: ProposedCertificate): readonly string[] {
  const { name, remarks, active, source, deploy, services, reload } = certificate;
  const from =
    "folder" in source ? quoted(source.folder) : `{ cert = ${quoted(source.cert)}, key = ${quoted(source.key)} }`;
  const own = services.filter((service) => service.active);
  const listed = services.map(
    (service) => `  ${service.active ? "" : "# "}${quoted(service.label)},  # ${service.why}`,
  );
  const open = own.length > 0 ? [] : [`  ${quoted(`${OPEN}host:port of a service that presents this certificate`)},`];
  const table = [
    `[certificate.${/^[A-Za-z0-9_-]+$/.test(name) ? name : quoted(name)}]`,
    `source = ${from}`,
    `deploy = ${quoted(deploy)}  # what servers are to read`,
    'publish = "local"',
    "services = [",
    ...listed,
    ...open,
    "]",
    `reload = [${reload.map(quoted).join(", ")}]`,
  ];
  const written = active ? table : table.map((line) => `# ${line}`);
  return ["", ...remarks.map((remark) => `# ${remark}`), ...written];
}

function emptyCertificate({ mailReload }: SetupProposal): readonly string[] {
  return [
    "",
    "# No certificate of certbot, dehydrated, acme.sh or lego was found.",
    "[certificate.mx]",
    `source = ${quoted(`${OPEN}folder with fullchain.pem and privkey.pem`)}`,
    'publish = "local"',
    `services = [${quoted(`${OPEN}host:port of a service that presents this certificate`)}]`,
    `reload = [${quoted(mailReload)}]`,
  ];
}

/** What is left to do, in the order in which to do it; ends with a newline. */
export function renderSetup(proposal: SetupProposal): string {
  const { writtenTo, publisher, policies, substitutions, hooks, records, missing, next } = proposal;
  const lines = [
    writtenTo === null ? "the configuration went to standard output" : `the configuration is ${writtenTo}`,
    ...section(
      "not found",
      missing.map((text) => row("", text)),
    ),
    ...section(
      "in DNS today",
      records.map(({ owner, said }) => row("", `${owner}: ${said}`)),
    ),
    ...section(
      "the key",
      publisher.makeKey.map((line) => rawRow("type", line)),
    ),
    ...policies.flatMap(({ title, lines: text }) =>
      section(
        title,
        text.map((line) => rawRow("", line)),
      ),
    ),
    ...section("after the first tick: services read the deployed files", substitutions.flatMap(substitutionLines)),
    ...hooks.flatMap(({ title, lines: text }) =>
      section(
        title,
        text.map((line) => rawRow("type", line)),
      ),
    ),
    ...section(
      "next",
      next.map((line) => rawRow("type", line)),
    ),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ["", title, ...lines];
}

function substitutionLines({ place, from, to, commands }: Substitution): readonly string[] {
  return [rawRow("in", place), rawRow("old", from), rawRow("new", to), ...commands.map((line) => rawRow("type", line))];
}

// ---- doctor -------------------------------------------------------------------------------------------------------

const MARK: Readonly<Record<Grade, string>> = { ok: "ok      ", warning: "warning ", failure: "FAILURE " };

/** A line for each, then everything that is to be typed, once; ends with a newline. `quiet`: without what is well. */
export function renderFindings(findings: readonly Finding[], quiet: boolean): string {
  const shown = findings.filter(({ grade }) => !quiet || grade !== "ok");
  const typed = [...new Set(findings.filter(({ grade }) => grade !== "ok").flatMap(({ type }) => type))];
  const tally = (["ok", "warning", "failure"] as const)
    .map((grade) => `${String(findings.filter((one) => one.grade === grade).length)} ${grade}`)
    .join(", ");
  const lines = [
    ...shown.map(({ subject, grade, said, code }) => {
      return `${MARK[grade]}${subject}: ${said}${code === undefined || grade === "ok" ? "" : ` [${code}]`}`;
    }),
    ...(quiet ? [] : [tally]),
    ...(typed.length === 0 ? [] : ["", "what to type", ...typed.map((line) => `  ${line}`)]),
  ];
  return lines.map((line) => `${line}\n`).join("");
}
