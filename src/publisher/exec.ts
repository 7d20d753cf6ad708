/**
 * Publishing through a program of the operator's, for every way into DNS that we do not speak: `nsupdate -g`, a
 * provider's own tool, a ticket system. It is started once for each request, reads one JSON object from standard input
 * and writes one to standard output:
 *
 *     { "version": 1, "op": "read",  "zone": "example.org.", "name": "_25._tcp.mx.example.org." }
 *     { "records": ["3 1 1 ab…"], "ttl": 3600 }      no records: []; cannot be read: null
 *
 *     { "version": 1, "op": "apply", "zone": …, "name": …, "ttl": 3600, "add": ["3 1 1 cd…"], "remove": [],
 *       "want": ["3 1 1 ab…", "3 1 1 cd…"], "expected": ["3 1 1 ab…"] }
 *     {}, { "pending": true }, { "conflict": true }
 *
 * `add` and `remove` are for those who change single records, `want` is the same as a whole set for those who cannot
 * (null when nobody can read), `expected` is what must be there, or nothing may be removed (null: nothing is removed).
 * Exit code 0: done. 75 (EX_TEMPFAIL of sysexits.h): not now. Any other: not without a person. What is printed on
 * standard error is shown when it fails.
 *
 * Accepted is not published here either: after `apply` the set is read again, and a change that does not show is a
 * failure unless the answer was `pending`. The program gets no secret from us, neither by argument nor by environment.
 */
import { fault, OperationalError } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { seconds } from "../base/time.ts";
import type { Seconds } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import { formatTlsa, parseTlsa } from "../dns/rdata.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import { describeFailure } from "./command.ts";
import type { RunCommand } from "./command.ts";
import { checkChange, DNS_TTL_LIMITS } from "./plan-updates.ts";
import type { Capabilities, Publisher, ReadBack, TlsaChange } from "./publisher.ts";

export interface ExecOptions {
  /** Program and words. */
  readonly command: readonly string[];
  /** For each request. */
  readonly timeoutMs: number;
  readonly run: RunCommand;
}

/** As far as the contract goes; the program may do less, and then has to say so by its exit code. */
const CAPABILITIES: Capabilities = {
  granularity: "record",
  atomic: false,
  compareAndSwap: false,
  ...DNS_TTL_LIMITS,
  readBack: "stored",
};

/** EX_TEMPFAIL of sysexits.h. */
const NOT_NOW = 75;

type Answer = Readonly<Record<string, unknown>>;

/** What the program says is there; null: it cannot tell. */
interface Present {
  readonly records: readonly TlsaRdata[];
  readonly ttl: Seconds | null;
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function answerOf(stdout: string): Result<Answer, string> {
  // "done" has nothing to add.
  if (stdout.trim() === "") return success({});
  let value: unknown;
  try {
    value = JSON.parse(stdout);
  } catch (error) {
    return failure(error instanceof Error ? error.message : String(error));
  }
  return isAnswer(value) ? success(value) : failure("it is no object");
}

function malformed(options: ExecOptions, op: string, why: string): OperationalError {
  const what = `"${options.command.join(" ")}" answered "${op}" with something else than was agreed: ${why}`;
  return new OperationalError("EXEC_ANSWER", what, { retry: "never" });
}

/** One request. Throws `EXEC_FAILED`, `EXEC_LATER`, `EXEC_ANSWER`. */
async function ask(options: ExecOptions, request: Readonly<Record<string, unknown>>): Promise<Answer> {
  const { command, timeoutMs } = options;
  const op = String(request["op"]);
  const input = `${JSON.stringify({ version: 1, ...request })}\n`;
  const result = await options.run(command, { timeoutMs, input });
  const problem = describeFailure(command, result, timeoutMs);
  if (problem !== null) {
    const { ending } = result;
    // A program that hangs waits for somebody, and that may pass.
    const passes = ending.kind === "timeout" || (ending.kind === "exit" && ending.code === NOT_NOW);
    const what = `${op}: ${problem}`;
    if (passes) throw new OperationalError("EXEC_LATER", what, { retry: "later" });
    throw new OperationalError("EXEC_FAILED", what, { retry: "never" });
  }
  const answer = answerOf(result.stdout);
  if (!answer.ok) throw malformed(options, op, answer.fault);
  return answer.value;
}

async function readPresent(options: ExecOptions, change: TlsaChange): Promise<Present | null> {
  const { records, ttl } = await ask(options, { op: "read", zone: change.zone, name: change.owner });
  if (records === null) return null;
  if (!Array.isArray(records)) throw malformed(options, "read", `"records" is neither an array nor null`);
  const written: readonly unknown[] = records;
  const read = written.map((text) => {
    const parsed = typeof text === "string" ? parseTlsa(text) : failure(fault("TLSA_TEXT_INVALID", "no text"));
    if (!parsed.ok) throw malformed(options, "read", parsed.fault.message);
    return parsed.value;
  });
  if (ttl === undefined || ttl === null) return { records: read, ttl: null };
  if (typeof ttl === "number" && Number.isInteger(ttl) && ttl >= 0) return { records: read, ttl: seconds(ttl) };
  throw malformed(options, "read", `"ttl" is neither a number of seconds nor null`);
}

function textsOf(records: readonly TlsaRdata[]): readonly string[] {
  return [...new Set(records.map(formatTlsa))].sort();
}

function isApplied(present: Present, change: TlsaChange): boolean {
  const there = new Set(textsOf(present.records));
  return (
    textsOf(change.add).every((text) => there.has(text)) && !textsOf(change.remove).some((text) => there.has(text))
  );
}

function sameTtl(present: Present, change: TlsaChange): boolean {
  return change.add.length === 0 || present.ttl === null || present.ttl === change.ttl;
}

function conflict(options: ExecOptions, change: TlsaChange): OperationalError {
  const what = `"${options.command.join(" ")}" has another set of records at ${displayName(change.owner)} than the one that was to be changed`;
  return new OperationalError("PUBLISH_CONFLICT", what);
}

function requestFor(change: TlsaChange, present: Present | null): Readonly<Record<string, unknown>> {
  const { zone, owner, ttl, add, remove } = change;
  const removed = new Set(textsOf(remove));
  const kept = (present?.records ?? []).filter((record) => !removed.has(formatTlsa(record)));
  // What was just read is younger than what the caller saw, and equal to it where that matters.
  const expected = change.expected === null ? null : textsOf(present?.records ?? change.expected);
  return {
    op: "apply",
    zone,
    name: owner,
    ttl,
    add: textsOf(add),
    remove: textsOf(remove),
    want: present === null ? null : textsOf([...kept, ...add]),
    expected,
  };
}

/** What a program says of its own store is no proof that anything is served. */
function toReadBack(present: Present | null, change: TlsaChange): ReadBack {
  const ttl = present?.ttl ?? (change.add.length > 0 ? change.ttl : null);
  return { status: "pending", records: present?.records ?? change.add, ttl, signed: false };
}

async function applyNow(options: ExecOptions, change: TlsaChange): Promise<ReadBack> {
  const before = await readPresent(options, change);
  if (before !== null) {
    if (isApplied(before, change) && sameTtl(before, change)) return toReadBack(before, change);
    const differs = change.expected !== null && textsOf(before.records).join() !== textsOf(change.expected).join();
    if (differs) throw conflict(options, change);
  }
  const answer = await ask(options, requestFor(change, before));
  if (answer["conflict"] === true) throw conflict(options, change);
  const after = before === null ? null : await readPresent(options, change);
  if (after === null || answer["pending"] === true || isApplied(after, change)) return toReadBack(after, change);
  const what = `"${options.command.join(" ")}" said that it is done, but does not show the change of ${displayName(change.owner)}`;
  throw new OperationalError("PUBLISH_NOT_APPLIED", what, {
    retry: "never",
    hint: 'let it print {"pending": true} if the change takes time; otherwise run it by hand and look',
  });
}

/** A publisher that asks a program. See the head of this file for the contract. */
export function createExecPublisher(options: ExecOptions): Publisher {
  const apply = async (change: TlsaChange): Promise<ReadBack> => {
    const invalid = checkChange(change, CAPABILITIES);
    if (invalid !== null) throw OperationalError.of(invalid);
    return await applyNow(options, change);
  };
  return { capabilities: CAPABILITIES, apply };
}
