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
  /** Where it would have been written; null: nothing was held back. */
  readonly wouldWrite: string | null;
  /** File of the JSON Schema, for editors; null: none is installed. */
  readonly editorSchema: string | null;
  readonly resolver: string;
  /** File of trust anchors; null: those that are built in. */
  readonly trustAnchors: string | null;
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
  readonly policies: readonly ProposedPolicy[];
  /** Whether the programs of the policies are there; else one of them is meant. */
  readonly isPrimaryKnown: boolean;
  /** Commands that look, and copy the certificate for the first time. */
  readonly look: readonly string[];
  readonly substitutions: readonly Substitution[];
  /** Commands that look again, and publish. */
  readonly again: readonly string[];
  /** What has ticks run by themselves. */
  readonly run: { readonly type: readonly string[]; readonly advice: readonly string[] };
  readonly hooks: readonly { readonly title: string; readonly lines: readonly string[] }[];
  /** What DNS says at the names of the services today. */
  readonly records: readonly { readonly owner: string; readonly said: string }[];
  /** What was not found, and what that means. */
  readonly missing: readonly string[];
  /** Every command but those of the hooks, in the order in which to type them. */
  readonly next: readonly string[];
}

/** What a name server must allow. */
export interface ProposedPolicy {
  readonly title: string;
  /** For its configuration. */
  readonly lines: readonly string[];
  readonly notes: readonly string[];
  /** What has the server read it. */
  readonly type: readonly string[];
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

/** One server's configuration that is to read the deployed files. */
export interface Substitution {
  /** What stands there, `/etc/postfix/main.cf:24` and the line. */
  readonly old: readonly { readonly place: string; readonly text: string }[];
  /** In place of all of these. */
  readonly now: readonly string[];
  /** Commands that do it; empty: by hand. */
  readonly commands: readonly string[];
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

/** The configuration, ready for `daneward check-config`; ends with a newline. */
export function renderConfiguration(proposal: SetupProposal): string {
  const { editorSchema, resolver, trustAnchors, publisher, certificates } = proposal;
  const server = publisher.server ?? `${OPEN}address of the primary of the zone`;
  const lines = [
    // Taplo takes it from the first comments alone.
    ...(editorSchema === null ? [] : [`#:schema file://${encodeURI(editorSchema)}`]),
    "# Written by daneward adopt out of what it found. Look through it; daneward check-config names what is left to do.",
    "version = 1",
    `resolver = ${quoted(resolver)}  # a recursive resolver; its answers are validated here`,
    ...(trustAnchors === null ? [] : ["", "[dnssec]", `trust_anchors = ${quoted(trustAnchors)}`]),
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
  const { missing, records, hooks } = proposal;
  const steps = stepsOf(proposal).filter(({ lines }) => lines.length > 0);
  const lines = [
    ...whereItIs(proposal),
    ...section(
      "not found",
      missing.map((text) => row("", text)),
    ),
    ...section(
      "in DNS today",
      records.map(({ owner, said }) => row("", `${owner}: ${said}`)),
    ),
    ...steps.flatMap((step, at) => section(`${String(at + 1)}. ${step.title}`, step.lines)),
    ...hooks.flatMap(({ title, lines: text }) => section(title, typed(text))),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function whereItIs({ writtenTo, wouldWrite }: SetupProposal): readonly string[] {
  if (wouldWrite !== null) return [`nothing was written; without -n this would go to ${wouldWrite}`];
  if (writtenTo !== null) return [`the configuration is ${writtenTo}`];
  return ["the configuration went to standard output; --output /etc/daneward/daneward.toml writes it there"];
}

interface Step {
  readonly title: string;
  readonly lines: readonly string[];
}

function stepsOf(proposal: SetupProposal): readonly Step[] {
  const { publisher, policies, isPrimaryKnown, look, substitutions, again, run } = proposal;
  const allowed = policies.map(policyStep);
  const oneOf = allowed.flatMap(({ title, lines }) => [`  * ${title}`, ...lines]);
  return [
    { title: "the key", lines: typed(publisher.makeKey) },
    ...(isPrimaryKnown ? allowed : [{ title: "the primary of the zone, which is one of these", lines: oneOf }]),
    { title: "look, and have the certificate copied to where services are to read it", lines: typed(look) },
    { title: "have the services read it there", lines: substitutions.flatMap(substitutionLines) },
    { title: "look again: the records are published", lines: typed(again) },
    {
      title: "let it run by itself",
      lines: [...typed(run.type), ...run.advice.map((advice) => row("", advice))],
    },
  ];
}

function policyStep({ title, lines, notes, type }: ProposedPolicy): Step {
  const own = lines.map((line) => rawRow("", line));
  return { title, lines: [...own, ...notes.map((note) => row("note", note)), ...typed(type)] };
}

function typed(commands: readonly string[]): readonly string[] {
  return commands.map((line) => rawRow("type", line));
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ["", title, ...lines];
}

function substitutionLines({ old, now, commands }: Substitution): readonly string[] {
  return [
    ...old.flatMap(({ place, text }) => [rawRow("in", place), rawRow("old", text)]),
    ...now.map((text) => rawRow("new", text)),
    ...typed(commands),
  ];
}

// ---- doctor -------------------------------------------------------------------------------------------------------

const MARK: Readonly<Record<Grade, string>> = { ok: "ok      ", warning: "warning ", failure: "FAILURE " };

/** A line for each, then every command that is to be typed; hints and commands once; ends with a newline. `quiet`: without what is well. */
export function renderFindings(findings: readonly Finding[], quiet: boolean): string {
  const shown = findings.filter(({ grade }) => !quiet || grade !== "ok");
  const commands = [...new Set(findings.filter(({ grade }) => grade !== "ok").flatMap(({ type }) => type))];
  const count = (grade: Grade): number => findings.filter((one) => one.grade === grade).length;
  const counted = (grade: Grade): string => `${String(count(grade))} ${grade}${count(grade) === 1 ? "" : "s"}`;
  const tally = `${String(count("ok"))} ok, ${counted("warning")}, ${counted("failure")}`;
  const hinted = new Set<string>();
  const lines = [
    ...shown.flatMap(({ subject, grade, said, code, advice = [] }) => {
      const fresh = grade === "ok" ? [] : advice.filter((one) => !hinted.has(one));
      for (const one of fresh) hinted.add(one);
      return [
        `${MARK[grade]}${subject}: ${said}${code === undefined || grade === "ok" ? "" : ` [${code}]`}`,
        ...fresh.map((one) => `${" ".repeat(MARK.ok.length)}hint: ${one}`),
      ];
    }),
    ...(quiet ? [] : [tally]),
    ...(commands.length === 0 ? [] : ["", "what to type", ...commands.map((line) => `  ${line}`)]),
  ];
  return lines.map((line) => `${line}\n`).join("");
}
