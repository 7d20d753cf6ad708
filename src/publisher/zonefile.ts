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
 * Nothing is written and nothing is run when nothing changes: no signer runs for nothing, no serial churns. When the
 * file is right for longer than `patienceMs` and the caller still asks, it is said that the pipeline does not deliver.
 *
 * Guards: one lock a file; a file that holds anything but TLSA records, or names that no certificate here has, is not
 * ours and is refused; records of others at our names stay. Removals compare the file with what the name servers were
 * seen to serve. Not done: `$INCLUDE` within fragments, relative names, other record types.
 */
import { dirname } from "node:path";
import { rmSync } from "node:fs";
import { fault, OperationalError } from "../base/errors.ts";
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
import {
  putInPlace,
  readFragmentFile,
  scratchParent,
  touch,
  unfinishedMark,
  writeCandidate,
} from "./replace-fragment.ts";
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

function unwrap<T>(result: Result<T, Fault>, retry: "never" | "later" = "never"): T {
  if (!result.ok) throw OperationalError.of(result.fault, retry);
  return result.value;
}

/** `{zone}` filled in, without the final dot. A slash in a name is written `\047`: it leads to no other folder. */
function forZone(template: string, zone: DomainName): string {
  return template.replaceAll("{zone}", () => displayName(zone));
}

/** Everything about one change at one file. */
interface Job {
  readonly options: ZonefileOptions;
  readonly change: TlsaChange;
  readonly file: string;
  readonly parent: string | null;
}

async function runStep(
  job: Job,
  argv: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<string | null> {
  const { options, change, file, parent } = job;
  const filled = fillPlaceholders(argv, { zone: displayName(change.zone), ...files });
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
function refuseWhenStuck({ options, change, file }: Job, found: FragmentFile): void {
  const age = options.clock() - found.modifiedMs;
  if (found.text === null || change.add.length === 0 || age <= options.patienceMs) return;
  const since = formatDuration(seconds(Math.floor(age / 1000)));
  const what = `${file} has held the records of ${displayName(change.owner)} for ${since}, and no name server serves them all`;
  throw new OperationalError("FRAGMENT_NOT_SEEN", what);
}

async function applyTo(job: Job): Promise<ReadBack> {
  const { options, change, file } = job;
  const found = readFragmentFile(file);
  const present = unwrap(parseFragment(found.text ?? "", file));
  const wanted = unwrap(changeFragment(present, change, file), "later");
  const foreign = refuseOwners(new Map([...present, ...wanted]), options.owners, { zone: change.zone, file });
  if (foreign !== null) throw OperationalError.of(foreign);
  const unfinished = unfinishedMark(found.path);
  if (sameFragment(present, wanted)) {
    if (!unfinished.isSet()) {
      refuseWhenStuck(job, found);
      return toReadBack(present, change);
    }
  } else {
    const candidate = writeCandidate(found.path, formatFragment(wanted));
    try {
      await check(job, candidate);
      unfinished.set();
    } catch (error) {
      rmSync(candidate, { force: true });
      throw error;
    }
    putInPlace(candidate, found.path);
  }
  await announce(job);
  unfinished.clear();
  return toReadBack(wanted, change);
}

/** A publisher that writes a file. See the head of this file for what it promises. */
export function createZonefilePublisher(options: ZonefileOptions): Publisher {
  let last: Promise<unknown> = Promise.resolve();
  const applyNow = async (change: TlsaChange): Promise<ReadBack> => {
    const invalid = checkChange(change, CAPABILITIES);
    if (invalid !== null) throw OperationalError.of(invalid);
    if (!options.owners.has(change.owner)) {
      const name = displayName(change.owner);
      const what = `${name} is not among the owner names of the certificates that publish to ${options.file}`;
      const hint = `an alias led there, if it is meant write owners = ["${name}"] for this publisher`;
      throw OperationalError.of(fault("FRAGMENT_OWNER", what, hint));
    }
    const file = forZone(options.file, change.zone);
    const parent = options.parent === null ? null : forZone(options.parent, change.zone);
    const unlock = options.lock(file);
    try {
      return await applyTo({ options, change, file, parent });
    } finally {
      unlock();
    }
  };
  const apply = (change: TlsaChange): Promise<ReadBack> => {
    // One after the other: the lock keeps other processes out, and would keep out our own.
    const done = last.then(() => applyNow(change));
    last = done.catch(() => undefined);
    return done;
  };
  return { capabilities: CAPABILITIES, apply };
}
