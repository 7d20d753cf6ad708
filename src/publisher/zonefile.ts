/**
 * Publishing by a file that a zone includes, where zones are built, signed and loaded by programs of the site.
 *
 * What was measured decides the order. NSD loses the whole zone over a syntax error in an included file, so the check
 * (`nsd-checkzone`, `named-checkzone`, on a scratch copy of the zone file that includes the candidate) comes before the
 * rename, and a failed one leaves the old file. NSD loads an included file only when the zone file itself is younger, so
 * the parent is touched. BIND with inline-signing rejects a zone whose serial did not rise, so a command may raise it.
 * Then the reload. All of them end with 0 on errors they find later: nothing here proves that a record is served, the
 * answer is always `pending`, and only what the name servers say makes it published. Neither checker minds a digest of
 * the wrong length: records are checked here.
 *
 * Nothing is written and nothing is run when nothing changes: no signer runs for nothing, no serial churns; changes that
 * come together, or while commands run, are one write. When the file is right for longer than `patienceMs` and the caller
 * still asks, it is said that the pipeline does not deliver, and the commands are run once more in each such time.
 *
 * Guards: one lock a file; a file that holds anything but TLSA records, or names that no certificate here has, is not
 * ours and is refused; records of others at our names stay. Removals compare the file with what the name servers were
 * seen to serve. Not done: `$INCLUDE` within fragments, relative names, other record types.
 */
import { dirname } from "node:path";
import { rmSync } from "node:fs";
import { fault, OperationalError } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { Fault } from "../base/errors.ts";
import { formatDuration, seconds } from "../base/time.ts";
import type { Clock } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { describeFailure, fillPlaceholders } from "./command.ts";
import type { RunCommand } from "./command.ts";
import { changeFragment, formatFragment, parseFragment, refuseOwners, sameFragment } from "./fragment.ts";
import type { Fragment } from "./fragment.ts";
import { checkChange, DNS_TTL_LIMITS } from "./plan-updates.ts";
import type { Capabilities, Publisher, ReadBack, TlsaChange } from "./publisher.ts";
import { putInPlace, readFragmentFile, scratchParent, touch, markBeside, writeCandidate } from "./replace-fragment.ts";
import type { FragmentFile } from "./replace-fragment.ts";

export interface ZonefileOptions {
  /** `{zone}` stands for the zone's name, here and in `parent`. */
  readonly file: string;
  /** The zone file that includes it; null: not known, then `{parent}` may not stand in a command. */
  readonly parent: string | null;
  /** Whether to set the parent's time to now after each change. */
  readonly touch: boolean;
  /** Owner names that may stand in the file. */
  readonly owners: ReadonlySet<DomainName>;
  /** `{file}` is the candidate and `{parent}` a scratch copy of the parent that includes it. */
  readonly check: readonly string[] | null;
  /** Here and in `reload`, `{file}` and `{parent}` are the files themselves. */
  readonly serial: readonly string[] | null;
  readonly reload: readonly (readonly string[])[];
  /** For each command. */
  readonly timeoutMs: number;
  /** How long the pipeline may take to serve what is in the file. */
  readonly patienceMs: number;
  readonly run: RunCommand;
  /** Takes the lock at that path or throws; the result gives it up. */
  readonly lock: (path: string) => () => void;
  readonly clock: Clock;
}

/** For the file; when and whether what is built from it is served is another question. */
const CAPABILITIES: Capabilities = {
  granularity: "record",
  atomic: true,
  compareAndSwap: true,
  ...DNS_TTL_LIMITS,
  readBack: "stored",
};

/** `{zone}` filled in, without the final dot. A slash in a name is written `\047`: it leads to no other folder. */
function forZone(template: string, zone: DomainName): string {
  return template.replaceAll("{zone}", () => displayName(zone));
}

/** One file of one zone. */
interface Job {
  readonly options: ZonefileOptions;
  readonly zone: DomainName;
  readonly file: string;
  readonly parent: string | null;
}

async function runStep(
  job: Job,
  argv: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<string | null> {
  const { options, zone, file, parent } = job;
  const filled = fillPlaceholders(argv, { zone: displayName(zone), ...files });
  const { timeoutMs } = options;
  const result = await options.run(filled, { timeoutMs, cwd: dirname(parent ?? file) });
  return describeFailure(filled, result, timeoutMs);
}

/** Throws `FRAGMENT_CHECK_FAILED`, `FRAGMENT_PARENT`. */
async function check(job: Job, candidate: string): Promise<void> {
  const { options, file, parent } = job;
  if (options.check === null) return;
  const scratch = parent === null ? null : scratchParent(parent, file, candidate);
  try {
    const files = { file: candidate, ...(scratch === null ? {} : { parent: scratch }) };
    const problem = await runStep(job, options.check, files);
    if (problem === null) return;
    throw new OperationalError("FRAGMENT_CHECK_FAILED", `${file} was not changed: ${problem}`);
  } finally {
    if (scratch !== null) rmSync(scratch, { force: true });
  }
}

/** What makes the zone's builder and servers look. Throws `FRAGMENT_COMMAND_FAILED`, `FRAGMENT_PARENT`. */
async function announce(job: Job): Promise<void> {
  const { options, file, parent } = job;
  if (options.touch && parent !== null) touch(parent, options.clock());
  const files = { file, ...(parent === null ? {} : { parent }) };
  const steps = [...(options.serial === null ? [] : [options.serial]), ...options.reload];
  for (const argv of steps) {
    const problem = await runStep(job, argv, files);
    if (problem === null) continue;
    throw new OperationalError("FRAGMENT_COMMAND_FAILED", `${file} is in place, but ${problem}`);
  }
}

function toReadBack(fragment: Fragment, change: TlsaChange): ReadBack {
  const set = fragment.get(change.owner);
  return { status: "pending", records: set?.records ?? [], ttl: set?.ttl ?? null, signed: false };
}

/** The file has been right for too long for somebody to ask for the same again. */
function stuckFault({ options, file }: Job, found: FragmentFile, change: TlsaChange): Fault | null {
  const age = options.clock() - found.modifiedMs;
  if (found.text === null || change.add.length === 0 || age <= options.patienceMs) return null;
  const since = formatDuration(seconds(Math.floor(age / 1000)));
  const name = displayName(change.owner);
  return fault(
    "FRAGMENT_NOT_SEEN",
    `${file} has held the records of ${name} for ${since}, and no name server serves them all`,
  );
}

/** Replaces the file and tells everybody, or finishes what was not finished. False: there was nothing to do. */
async function bringAbout(job: Job, found: FragmentFile, present: Fragment, wanted: Fragment): Promise<boolean> {
  const unfinished = markBeside(found.path, "unfinished");
  if (!sameFragment(present, wanted)) {
    const candidate = writeCandidate(found.path, formatFragment(wanted));
    try {
      await check(job, candidate);
      unfinished.set(job.options.clock());
    } catch (error) {
      rmSync(candidate, { force: true });
      throw error;
    }
    putInPlace(candidate, found.path);
  } else if (unfinished.since() === null) {
    return false;
  }
  await announce(job);
  unfinished.clear();
  markBeside(found.path, "repeated").clear();
  return true;
}

/** Once in each time of patience: a server that was down, or a zone that was put back, may only have to look again. */
async function repeatCommands(job: Job, found: FragmentFile): Promise<void> {
  const { clock, patienceMs } = job.options;
  const repeated = markBeside(found.path, "repeated");
  const since = repeated.since();
  if (since !== null && clock() - since <= patienceMs) return;
  repeated.set(clock());
  await announce(job);
}

type Outcome = Result<ReadBack, OperationalError>;

/** Several changes by one write. What is thrown holds for all of them. */
async function applyTo(job: Job, changes: readonly TlsaChange[]): Promise<readonly Outcome[]> {
  const { options, zone, file } = job;
  const found = readFragmentFile(file);
  const parsed = parseFragment(found.text ?? "", file);
  if (!parsed.ok) throw OperationalError.of(parsed.fault);
  const present = parsed.value;
  let wanted = present;
  const conflicts = changes.map((change): Fault | null => {
    const changed = changeFragment(wanted, change, file);
    if (changed.ok) wanted = changed.value;
    return changed.ok ? null : changed.fault;
  });
  const foreign = refuseOwners(new Map([...present, ...wanted]), options.owners, { zone, file });
  if (foreign !== null) throw OperationalError.of(foreign);
  const isNew = await bringAbout(job, found, present, wanted);
  const stuck = changes.map((change) => (isNew ? null : stuckFault(job, found, change)));
  if (stuck.some((problem) => problem !== null)) await repeatCommands(job, found);
  return changes.map((change, at) => {
    const problem = conflicts[at] ?? stuck[at] ?? null;
    return problem === null ? success(toReadBack(wanted, change)) : failure(OperationalError.of(problem, "later"));
  });
}

/** Why the change is not for this publisher, or null. */
function refusal(change: TlsaChange, options: ZonefileOptions): Fault | null {
  const invalid = checkChange(change, CAPABILITIES);
  if (invalid !== null || options.owners.has(change.owner)) return invalid;
  const name = displayName(change.owner);
  const what = `${name} is not among the owner names of the certificates that publish to ${options.file}`;
  const hint = `an alias led there, if it is meant write owners = ["${name}"] for this publisher`;
  return fault("FRAGMENT_OWNER", what, hint);
}

/** A change, and whoever waits for it. */
interface Waiting {
  readonly change: TlsaChange;
  readonly resolve: (outcome: Outcome) => void;
  /** For defects of our own. */
  readonly reject: (error: unknown) => void;
}

/** All that wait for files of one zone, under the lock of the file. */
async function applyWaiting(waiting: readonly Waiting[], zone: DomainName, options: ZonefileOptions): Promise<void> {
  const file = forZone(options.file, zone);
  const parent = options.parent === null ? null : forZone(options.parent, zone);
  try {
    const unlock = options.lock(file);
    try {
      const changes = waiting.map(({ change }) => change);
      const outcomes = await applyTo({ options, zone, file, parent }, changes);
      outcomes.forEach((outcome, at) => waiting[at]?.resolve(outcome));
    } finally {
      unlock();
    }
  } catch (error) {
    for (const { resolve, reject } of waiting) {
      if (error instanceof OperationalError) resolve(failure(error));
      else reject(error);
    }
  }
}

/** A publisher that writes a file. See the head of this file for what it promises. */
export function createZonefilePublisher(options: ZonefileOptions): Publisher & Required<Pick<Publisher, "applyAll">> {
  let queue: Waiting[] = [];
  let isDraining = false;
  // What comes while the zone is being built and loaded goes together into the next turn.
  const drain = async (): Promise<void> => {
    isDraining = true;
    await Promise.resolve();
    while (queue.length > 0) {
      const turn = queue;
      queue = [];
      for (const zone of new Set(turn.map(({ change }) => change.zone))) {
        const ofZone = turn.filter(({ change }) => change.zone === zone);
        await applyWaiting(ofZone, zone, options);
      }
    }
    isDraining = false;
  };
  const outcomeOf = (change: TlsaChange): Promise<Outcome> => {
    const refused = refusal(change, options);
    if (refused !== null) return Promise.resolve(failure(OperationalError.of(refused)));
    return new Promise((resolve, reject) => {
      queue.push({ change, resolve, reject });
      if (!isDraining) void drain();
    });
  };
  return {
    capabilities: CAPABILITIES,
    apply: async (change) => {
      const outcome = await outcomeOf(change);
      if (!outcome.ok) throw outcome.fault;
      return outcome.value;
    },
    applyAll: (changes) => Promise.all(changes.map(outcomeOf)),
  };
}
