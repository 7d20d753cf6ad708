/**
 * What the verbs for one certificate share: say what would be done and what it costs, ask, do it, say what to type next.
 * Nothing is locked while a person thinks: what went on meanwhile is noticed when it is done.
 */
import { userInfo } from "node:os";
import { OperationalError, fault } from "../base/errors.ts";
import { seconds } from "../base/time.ts";
import type { CertificateConfig } from "../config/schema.ts";
import { findCertificate } from "../driver/due.ts";
import { runCommand } from "../driver/command.ts";
import { considerSteering, steer } from "../driver/steer.ts";
import type { SteerInput, SteerVerb, Steering } from "../driver/steer.ts";
import { describeFailure } from "../publisher/command.ts";
import { renderEvent } from "../report/event-text.ts";
import { footingOf } from "../report/model.ts";
import type { Announcement, Renewal } from "../report/steer-model.ts";
import { announce, renderAnnouncement } from "../report/steer-text.ts";
import { safetyOf } from "../report/words.ts";
import type { RolloverState } from "../rollover/state.ts";
import { freezeFault, readFreeze } from "../store/freeze.ts";
import { canAsk, confirm } from "./confirm.ts";
import { configurationOf } from "./driver-files.ts";
import { EXIT } from "./exit.ts";
import type { ExitCode } from "./exit.ts";
import { stateDirectoryOf } from "./file-options.ts";
import type { FileOptions } from "./file-options.ts";
import type { Io } from "./io.ts";
import { renewalCommandOf } from "./renewal-command.ts";
import { outlookOf } from "./steer-outlook.ts";
import { tickCertificates } from "./ticking.ts";

export interface SteerOptions extends FileOptions {
  readonly because?: string;
  readonly yes?: boolean;
  readonly now?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** The end of a dry run whose announcement does not say it. */
export const NOTHING_CHANGED = "nothing was changed (--dry-run)";

/** An order by DNS waits for propagation; no official reference. */
const RENEW_LIMIT = seconds(900);

/** What may cost something: off a terminal it is done with --yes alone. */
const GRAVE: ReadonlySet<SteerVerb> = new Set<SteerVerb>(["override", "emergency", "deinit"]);

/**
 * Runs one verb. Ends with 0, also when there is nothing to hold or to resume, with 1 when the answer was no, and like a tick with --now or a renewal of ours. Throws
 * CERTIFICATE_UNKNOWN, NEVER_SEEN, NOT_APPLICABLE, STEER_OVERTAKEN, LOCK_HELD, RENEW_FAILED and USAGE.
 */
export async function runSteering(
  verb: SteerVerb,
  args: readonly string[],
  options: SteerOptions,
  io: Io,
): Promise<ExitCode> {
  const configuration = await configurationOf(options, io);
  const certificate = findCertificate(configuration, args[0] ?? "");
  const input: SteerInput = { verb, certificate, ...sayingOf(options, io) };
  const dryRun = options.dryRun === true;
  const told = considerOrNothing(input);
  if (told instanceof OperationalError) {
    tellNothingToDo(input, told, options, io);
    return options.now === true && !dryRun ? tickNow([certificate.name], options, io) : EXIT.done;
  }
  const said = announcementOf(input, told);
  const asks = !dryRun && willAsk(options, io);
  if (asks || (options.json !== true && options.quiet !== true)) {
    io.err(renderAnnouncement(`${certificate.name}: ${wordOf(verb)}`, said));
  }
  if (!dryRun && !(await isConfirmed(`${wordOf(verb)} ${certificate.name}?`, GRAVE.has(verb), options, io))) {
    return EXIT.failed;
  }
  const done = dryRun ? told : await steer(input, told);
  if (options.json === true) io.out(`${JSON.stringify(asJson(input, done, said, dryRun))}\n`);
  else if (options.quiet !== true) io.err(ending(input, done.after, options));
  if (dryRun) return EXIT.done;
  const isFrozen = readFreeze(input.stateDirectory) !== null;
  const isRenewing = certificate.renew !== null && !isFrozen && wantsRenewal(verb, done.after);
  if (isRenewing) await renew(certificate.renew, options, io);
  return isRenewing || options.now === true ? tickNow([certificate.name], options, io) : EXIT.done;
}

/** What is so already: to say it again is no failure. Of the others NOT_APPLICABLE means that they cannot be. */
const STATES: ReadonlySet<SteerVerb> = new Set<SteerVerb>(["hold", "resume"]);

/** What would come of it, or why there is nothing to do. Throws as `considerSteering`. */
function considerOrNothing(input: SteerInput): Steering | OperationalError {
  try {
    return considerSteering(input);
  } catch (error) {
    if (error instanceof OperationalError && error.code === "NOT_APPLICABLE" && STATES.has(input.verb)) return error;
    throw error;
  }
}

function tellNothingToDo(
  { verb, certificate }: SteerInput,
  { message, hint }: OperationalError,
  options: SteerOptions,
  io: Io,
): void {
  const head = { schema: "daneward/steer/1", certificate: certificate.name, verb: wordOf(verb) };
  if (options.json === true) io.out(`${JSON.stringify({ ...head, changed: false, message, hint })}\n`);
  else if (options.quiet !== true) io.err(`${message}: nothing to do (${hint})\n`);
}

/** In an emergency a certificate with another key may be on its way: yet another one would begin its wait anew. */
function wantsRenewal(verb: SteerVerb, { phase }: RolloverState): boolean {
  if (verb !== "emergency") return verb === "roll";
  return !("next" in (phase.phase === "held" ? phase.resume : phase));
}

/** Who is at work, and where. */
export function sayingOf(options: SteerOptions, io: Io): Omit<SteerInput, "verb" | "certificate"> {
  const { clock } = io;
  return {
    who: loginName(io),
    because: options.because ?? "",
    stateDirectory: stateDirectoryOf(options, io),
    clock,
  };
}

/** One pass at once, with every event told as it happens. */
export function tickNow(names: readonly string[], options: SteerOptions, io: Io): Promise<ExitCode> {
  const watched = options.quiet !== true;
  return tickCertificates(names, { ...options, force: names.length === 0 }, io, {
    always: true,
    onEvent: (entry) => {
      if (watched) io.err(renderEvent(entry));
    },
    watched,
  });
}

function willAsk(options: SteerOptions, io: Io): boolean {
  return options.yes !== true && canAsk(io);
}

/** Asks a person who is there. Throws USAGE where nobody is, and it may cost something. */
export async function isConfirmed(question: string, isGrave: boolean, options: SteerOptions, io: Io): Promise<boolean> {
  if (willAsk(options, io)) {
    const isYes = await confirm(question, io);
    if (!isYes) io.err("nothing was changed\n");
    return isYes;
  }
  if (options.yes === true || !isGrave) return true;
  throw OperationalError.of(fault("USAGE", "there is nobody to ask", "add --yes to do it without a question"));
}

/** The verb as it is typed. */
function wordOf(verb: SteerVerb): string {
  return verb === "emergency" ? "roll --emergency" : verb;
}

function announcementOf({ verb, certificate, stateDirectory, clock }: SteerInput, told: Steering): Announcement {
  const { name, policy, deploy, reload } = certificate;
  const now = clock();
  const freeze = readFreeze(stateDirectory);
  const frozen = freeze === null ? null : freezeFault(freeze).message;
  const outlook = outlookOf(told.after, policy, now);
  const renewal = renewalOf(certificate);
  return announce({ verb, certificate: name, ...told, policy, deploy, reload, now, outlook, renewal, frozen });
}

function renewalOf(certificate: CertificateConfig): Renewal {
  if (certificate.renew === null) return { kind: "typed", ...renewalCommandOf(certificate) };
  return { kind: "runs", argv: certificate.renew, limit: RENEW_LIMIT };
}

/** Has the client issue a certificate, as reloads are run: words, no shell, an environment of our own. */
async function renew(argv: readonly string[], options: SteerOptions, io: Io): Promise<void> {
  const timeoutMs = RENEW_LIMIT * 1000;
  const result = await runCommand(argv, { timeoutMs }, io.env["PATH"]);
  if (options.quiet !== true) io.err(printable(result.said));
  const problem = describeFailure(argv, result, timeoutMs);
  if (problem !== null) throw new OperationalError("RENEW_FAILED", problem, { retry: "never" });
}

/** Line by line, without control characters, which could play with a terminal. */
function printable(output: string): string {
  const lines = output.split(/\r?\n/).map((line) => line.replace(/\p{Cc}/gu, " ").trimEnd());
  return lines.flatMap((line) => (line === "" ? [] : [`  | ${line}\n`])).join("");
}

/** Who is at work, for the journal. Service managers set none of the variables: then it is the user of this process. */
function loginName(io: Io): string {
  const { SUDO_USER, USER, LOGNAME } = io.env;
  const named = [SUDO_USER, LOGNAME, USER].find((name) => name !== undefined && name !== "");
  if (named !== undefined) return named;
  try {
    return userInfo().username;
  } catch {
    // A user id without an entry in the system's list, as in a container.
    return `user ${String(process.getuid?.() ?? "unknown")}`;
  }
}

function ending({ certificate: { name } }: SteerInput, after: RolloverState, options: SteerOptions): string {
  const { phase } = after;
  const dryRun = options.dryRun === true;
  const isQuiet = phase.phase === "held" || dryRun || options.now === true;
  const tail = isQuiet ? "" : `; daneward tick ${name} goes on at once`;
  return `${name}: ${dryRun ? "would be" : "now"} ${phase.phase}: ${safetyOf(phase, footingOf(after))}${tail}\n`;
}

function asJson(
  { verb, certificate }: SteerInput,
  { before, after }: Steering,
  said: Announcement,
  dryRun: boolean,
): object {
  const phases = { from: before.phase.phase, phase: after.phase.phase };
  return {
    schema: "daneward/steer/1",
    certificate: certificate.name,
    verb: wordOf(verb),
    ...phases,
    changed: !dryRun,
    dryRun,
    ...said,
  };
}
