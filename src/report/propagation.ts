/**
 * What every name server serves at one owner name: judged, as a table and as JSON. Pure. The set that the others are
 * measured against is the one of the newest zone: the highest SOA serial (RFC 1982) among the servers that answered.
 */
import { formatDuration } from "../base/time.ts";
import type { Instant, Seconds } from "../base/time.ts";
import { formatInstant } from "../base/time.ts";
import { typeName } from "../dns/iana.ts";
import { displayName } from "../dns/name.ts";
import { formatRdata } from "../dns/rdata.ts";
import type { NameServerAddress, OwnerView, ServerAnswer, ServerView } from "../resolver/server-view.ts";
import { formatMoment, painter } from "./words.ts";
import type { Paint } from "./words.ts";

/**
 * `lags`: another RRset or TTL than the newest zone's. `regresses`: it showed a newer zone at an earlier look, as
 * different nodes of one anycast address do, or a server that was restored. `contradicts`: another RRset under the same
 * serial. `invalid`: an RRSIG is there, but none that is within its period. `failed`: no answer.
 */
export type ServerCondition =
  "in-sync" | "lags" | "regresses" | "contradicts" | "unsigned" | "invalid" | "not-authoritative" | "failed";

export interface ServerRow {
  readonly view: ServerView;
  readonly condition: ServerCondition;
  /** The same RRset and TTL as the newest zone's. */
  readonly inSync: boolean;
  /** RDATA as text, sorted. */
  readonly records: readonly string[];
  /** At how many of the looks it was in sync, signed and valid. */
  readonly goodPolls: number;
}

type JudgedRow = Omit<ServerRow, "goodPolls">;

export interface PropagationReport {
  readonly view: OwnerView;
  readonly at: Instant;
  /** How often every address was asked. */
  readonly polls: number;
  readonly rows: readonly ServerRow[];
  /**
   * 0 all in sync and signed, 1 a server lags or is silent or there is no such RRset, 2 unsigned, invalid or contradictory,
   * 3 none answered.
   */
  readonly exit: 0 | 1 | 2 | 3;
  /** The verdict in a sentence. */
  readonly summary: string;
}

const CRITICAL: ReadonlySet<ServerCondition> = new Set<ServerCondition>([
  "contradicts",
  "unsigned",
  "invalid",
  "not-authoritative",
]);

function recordsOf(said: ServerAnswer, type: number): readonly string[] {
  return (said.rrset?.rdatas ?? []).map((rdata) => formatRdata(type, rdata)).sort();
}

/** RFC 1982 §3.2: serials wrap around. An unknown serial is older than any. */
function isNewer(left: number | null, right: number | null): boolean {
  if (left === null || right === null) return left !== null;
  return ((left - right) | 0) > 0;
}

function answersOf(view: OwnerView): readonly ServerAnswer[] {
  return view.servers.flatMap(({ said }) => (said.outcome === "answer" && said.authoritative ? [said] : []));
}

function newestOf(answers: readonly ServerAnswer[]): ServerAnswer | null {
  let newest: ServerAnswer | null = null;
  for (const said of answers) if (newest === null || isNewer(said.serial, newest.serial)) newest = said;
  return newest;
}

function judgeServer(server: ServerView, newest: ServerAnswer | null, type: number): JudgedRow {
  const { said } = server;
  if (said.outcome === "failed") return { view: server, condition: "failed", inSync: false, records: [] };
  const records = recordsOf(said, type);
  if (!said.authoritative || newest === null) {
    return { view: server, condition: "not-authoritative", inSync: false, records };
  }
  const sameSet = records.join("\n") === recordsOf(newest, type).join("\n");
  const inSync = sameSet && said.rrset?.ttl === newest.rrset?.ttl;
  const sameSerial = said.serial !== null && said.serial === newest.serial;
  const row = (condition: ServerCondition): JudgedRow => ({ view: server, condition, inSync, records });
  if (!sameSet && sameSerial) return row("contradicts");
  // A hidden primary may leave signing to a server behind it; clients never see it.
  if (server.server.hidden === true) return row(sameSet ? "in-sync" : "lags");
  if (said.signed === false) return row(said.signatureExpires === null ? "unsigned" : "invalid");
  return row(inSync ? "in-sync" : "lags");
}

function count(rows: readonly ServerRow[], condition: ServerCondition): number {
  return rows.filter((row) => row.condition === condition).length;
}

const COMPLAINTS: readonly (readonly [ServerCondition, string])[] = [
  ["contradicts", "contradicts another server under the same serial"],
  ["unsigned", "serves the RRset without RRSIG"],
  ["invalid", "serves an RRSIG outside its validity period"],
  ["not-authoritative", "is not authoritative"],
  ["regresses", "went back to an older zone"],
  ["lags", "serves another RRset than the newest zone"],
  ["failed", "did not answer"],
];

function summarise(rows: readonly ServerRow[], missing: boolean): string {
  const all = `${String(rows.length)} address${rows.length === 1 ? "" : "es"}`;
  const complaints = COMPLAINTS.filter(([condition]) => count(rows, condition) > 0);
  if (complaints.length > 0) {
    return complaints.map(([condition, words]) => `${String(count(rows, condition))} of ${all} ${words}`).join("; ");
  }
  return missing ? `no such RRset on any of ${all}: nothing is published` : `${all} in sync and signed`;
}

/** The answers of one address, in the order of the looks. */
function historyOf({ name, address, port }: NameServerAddress, views: readonly OwnerView[]): readonly ServerAnswer[] {
  return views.flatMap(({ servers }) => {
    const found = servers.find(
      ({ server }) => server.name === name && server.address === address && server.port === port,
    );
    return found?.said.outcome === "answer" ? [found.said] : [];
  });
}

function goesBack(history: readonly ServerAnswer[]): boolean {
  return history.some((said, at) => {
    const before = history[at - 1]?.serial ?? null;
    return said.serial !== null && before !== null && isNewer(before, said.serial);
  });
}

/** Rows over several looks: an address is well when it was at each; else it shows the latest look that was not. */
function judgeLooks(views: readonly OwnerView[]): readonly ServerRow[] {
  const looks = views.map((view) => {
    const newest = newestOf(answersOf(view));
    return view.servers.map((server) => judgeServer(server, newest, view.type));
  });
  return (looks.at(-1) ?? []).map((last) => {
    const { server } = last.view;
    const same = looks.flatMap((rows) =>
      rows.filter(({ view }) => view.server.name === server.name && formatPlace(view.server) === formatPlace(server)),
    );
    const goodPolls = same.filter(({ condition }) => condition === "in-sync").length;
    const shown = last.condition === "in-sync" ? (same.findLast((row) => row.condition !== "in-sync") ?? last) : last;
    const isBack = goesBack(historyOf(server, views)) && !CRITICAL.has(shown.condition);
    return isBack ? { ...shown, condition: "regresses", inSync: false, goodPolls } : { ...shown, goodPolls };
  });
}

function formatPlace({ address, port }: NameServerAddress): string {
  return `${address} ${String(port)}`;
}

/**
 * Compares what the servers said, at the last look and at those before it. A name without the RRset on any server is a
 * warning: nothing is published.
 */
export function judgePropagation(view: OwnerView, at: Instant, earlier: readonly OwnerView[] = []): PropagationReport {
  const rows = judgeLooks([...earlier, view]);
  const missing = newestOf(answersOf(view))?.rrset === null;
  const head = { view, at, polls: earlier.length + 1, rows, summary: summarise(rows, missing) };
  const named = rows.filter((row) => row.view.server.hidden !== true);
  if (named.every((row) => row.condition === "failed")) return { ...head, exit: 3 };
  if (rows.some((row) => CRITICAL.has(row.condition))) return { ...head, exit: 2 };
  const well = !missing && rows.every((row) => row.condition === "in-sync");
  return { ...head, exit: well ? 0 : 1 };
}

const STATUS = ["OK", "WARNING", "CRITICAL", "UNKNOWN"] as const;
const STATUS_STYLE = ["green", "yellow", "red", "yellow"] as const;

/** `A`, `B`, …: one letter for each different RRset, in the order of the rows. */
function letterSets(rows: readonly ServerRow[]): ReadonlyMap<string, string> {
  const letters = new Map<string, string>();
  for (const row of rows) {
    const key = row.records.join("\n");
    if (row.records.length > 0 && !letters.has(key)) letters.set(key, String.fromCharCode(65 + (letters.size % 26)));
  }
  return letters;
}

function signatureText(said: ServerAnswer, at: Instant): string {
  if (said.rrset === null) return "-";
  if (said.signatureExpires === null) return "none";
  return `${said.signed === true ? "until" : "NOT VALID,"} ${formatMoment(said.signatureExpires, at)}`;
}

function ttlText(ttl: Seconds | null | undefined): string {
  return ttl === null || ttl === undefined ? "-" : formatDuration(ttl);
}

function cells(row: ServerRow, letters: ReadonlyMap<string, string>, at: Instant): readonly string[] {
  const { server, said } = row.view;
  const name = server.hidden === true ? "(hidden primary)" : displayName(server.name);
  const who = [row.condition, name, server.address === "" ? "(unknown)" : server.address];
  if (said.outcome === "failed") return [...who, "?", "?", "?", "?"];
  const set = letters.get(row.records.join("\n")) ?? "none";
  const serial = said.serial === null ? "?" : String(said.serial);
  return [...who, set, ttlText(said.rrset?.ttl ?? said.negativeTtl), serial, signatureText(said, at)];
}

function table(rows: readonly (readonly string[])[], paintState: (state: string, padded: string) => string): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => {
    const padded = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    return [paintState(row[0] ?? "", padded[0] ?? ""), ...padded.slice(1)].join("  ").trimEnd();
  });
  return lines.map((line) => `${line}\n`).join("");
}

function styleOf(condition: string, paint: Paint, text: string): string {
  if (condition === "in-sync") return paint("green", text);
  if (condition === "STATE") return paint("dim", text);
  return paint(["lags", "regresses", "failed"].includes(condition) ? "yellow" : "red", text);
}

function failureLines(row: ServerRow): string {
  const { server, said } = row.view;
  if (said.outcome !== "failed") return "";
  return `${displayName(server.name)} ${server.address}: ${said.fault.message}\n  hint: ${said.fault.hint}\n`;
}

/** For people: the verdict first, one line a server, then the RRsets in full and what failed. */
export function renderPropagationText(report: PropagationReport, options: { readonly color: boolean }): string {
  const { view, rows, at, exit, summary } = report;
  const paint = painter(options.color);
  const letters = letterSets(rows);
  const head = `${paint(STATUS_STYLE[exit], STATUS[exit])}: ${displayName(view.owner)} ${typeName(view.type)}: ${summary}\n`;
  const aliases = view.aliases.map(
    ({ alias, target, ttl }) => `alias  ${displayName(alias)} -> ${displayName(target)} (TTL ${formatDuration(ttl)})\n`,
  );
  const header = ["STATE", "NAME SERVER", "ADDRESS", "RRSET", "TTL", "SERIAL", "RRSIG"];
  const body = [header, ...rows.map((row) => cells(row, letters, at))];
  const sets = [...letters].map(([key, letter]) => {
    return key
      .split("\n")
      .map((line, first) => `${first === 0 ? letter : " "}  ${line}\n`)
      .join("");
  });
  const unsteady = rows.filter((row) => report.polls > 1 && row.goodPolls < report.polls);
  const polls = unsteady.map(
    ({ view: { server }, goodPolls }) =>
      `${displayName(server.name)} ${server.address}: good at ${String(goodPolls)} of ${String(report.polls)} looks\n`,
  );
  const failures = [...polls, ...rows.map(failureLines)].join("");
  return [
    head,
    ...aliases,
    `zone   ${displayName(view.zone)}\n\n`,
    table(body, (state, padded) => styleOf(state, paint, padded)),
    sets.length === 0 ? "" : `\n${sets.join("")}`,
    failures === "" ? "" : `\n${failures}`,
  ].join("");
}

function serverDocument(row: ServerRow): object {
  const { server, said } = row.view;
  const who = { name: server.name, address: server.address === "" ? null : server.address, port: server.port };
  const { condition, inSync, goodPolls } = row;
  const head = { ...who, hidden: server.hidden === true, condition, inSync, goodPolls, at: formatInstant(said.at) };
  if (said.outcome === "failed") {
    const { code, message, hint } = said.fault;
    return { ...head, error: { code, message, hint } };
  }
  return {
    ...head,
    authoritative: said.authoritative,
    records: row.records,
    ttl: said.rrset?.ttl ?? null,
    negativeTtl: said.negativeTtl,
    signed: said.signed,
    signatureExpires: said.signatureExpires === null ? null : formatInstant(said.signatureExpires),
    serial: said.serial,
  };
}

/** The document `daneward/propagation/1`, one line. */
export function renderPropagationJson(report: PropagationReport): string {
  const { view, rows, exit, summary, at } = report;
  return `${JSON.stringify({
    schema: "daneward/propagation/1",
    at: formatInstant(at),
    exit,
    summary,
    polls: report.polls,
    owner: view.owner,
    type: typeName(view.type),
    aliases: view.aliases,
    finalOwner: view.finalOwner,
    zone: view.zone,
    servers: rows.map(serverDocument),
  })}\n`;
}
