/** `daneward adopt CERT`: takes records for ours that name servers serve, and makes a damaged state anew. */
import { fault, OperationalError } from "../base/errors.ts";
import type { Configuration } from "../config/schema.ts";
import { formatTlsa, parseTlsa } from "../dns/rdata.ts";
import { carryOutAdoption, considerAdoption } from "../driver/adoption.ts";
import type { Adoption, AdoptionInput } from "../driver/adoption.ts";
import { REREAD } from "../driver/chain-files.ts";
import { findCertificate } from "../driver/due.ts";
import { createLiveWorld } from "../driver/live-world.ts";
import { subjectOf } from "../driver/rollover-unit.ts";
import { indexSharers } from "../driver/sharers.ts";
import type { WorldMaker } from "../driver/world.ts";
import { announceAdoption } from "../report/adopt-text.ts";
import type { Announcement } from "../report/steer-model.ts";
import { renderAnnouncement } from "../report/steer-text.ts";
import { recordText } from "../rollover/chain.ts";
import type { RecordText } from "../rollover/chain.ts";
import { freezeFault, readFreeze } from "../store/freeze.ts";
import { configurationOf } from "./driver-files.ts";
import { EXIT } from "./exit.ts";
import type { ExitCode } from "./exit.ts";
import { stateDirectoryOf } from "./file-options.ts";
import type { Io } from "./io.ts";
import { isConfirmed, sayingOf, tickNow } from "./steering.ts";
import type { SteerOptions } from "./steering.ts";

export interface AdoptRecordsOptions extends SteerOptions {
  readonly record?: readonly string[];
}

/**
 * Ends with 0, with 1 when the answer was no, and like a tick with --now. Throws CERTIFICATE_UNKNOWN, NOT_APPLICABLE,
 * STEER_OVERTAKEN, LOCK_HELD, USAGE, and what keeps the name servers from being asked.
 */
export async function adoptRecords(
  name: string,
  options: AdoptRecordsOptions,
  io: Io,
  makeWorld: WorldMaker = createLiveWorld,
): Promise<ExitCode> {
  const records = options.record?.map(parseRecordFlag) ?? null;
  const configuration = await configurationOf(options, io);
  const input = inputOf(name, records, { configuration, options, io, makeWorld });
  const told = await considerAdoption(input);
  const freeze = readFreeze(input.stateDirectory);
  const frozen = freeze === null ? null : freezeFault(freeze).message;
  const said = announceAdoption({ certificate: name, ...told, frozen });
  const dryRun = options.dryRun === true;
  const isIdle = told.damaged === null && told.places.every(({ take }) => take.length === 0);
  if (options.json !== true && options.quiet !== true) io.err(renderAnnouncement(`${name}: adopt`, said));
  const isQuestion = !dryRun && !isIdle;
  if (isQuestion && !(await isConfirmed(`adopt for ${name}?`, told.strangers.length > 0, options, io))) {
    return EXIT.failed;
  }
  const aside = isQuestion ? await carryOutAdoption(input, told) : null;
  if (options.json === true) io.out(`${JSON.stringify(asJson(name, told, said, { dryRun, aside }))}\n`);
  else if (options.quiet !== true && isQuestion) io.err(ending(name, told, aside));
  return isQuestion && options.now === true ? tickNow([name], options, io) : EXIT.done;
}

interface Around {
  readonly configuration: Configuration;
  readonly options: AdoptRecordsOptions;
  readonly io: Io;
  readonly makeWorld: WorldMaker;
}

function inputOf(name: string, records: readonly RecordText[] | null, around: Around): AdoptionInput {
  const { configuration, options, io, makeWorld } = around;
  const { clock, signal } = io;
  const stateDirectory = stateDirectoryOf(options, io);
  const setting = {
    ...{ configuration, stateDirectory, clock, signal, reread: REREAD },
    world: makeWorld(configuration, clock, signal, io.env["PATH"]),
    sharers: indexSharers(configuration),
  };
  const subject = subjectOf(setting, findCertificate(configuration, name));
  return { ...sayingOf(options, io), subject, records };
}

function parseRecordFlag(text: string): RecordText {
  const record = parseTlsa(text);
  if (record.ok) return recordText(formatTlsa(record.value));
  const hint = "the record as daneward status shows it: --record '3 1 1 9a59…', all its digits";
  throw OperationalError.of(fault("USAGE", `--record: ${record.fault.message}`, hint));
}

function ending(name: string, { places }: Adoption, aside: string | null): string {
  const count = places.reduce((sum, { take }) => sum + take.length, 0);
  const moved = aside === null ? "" : `; what was damaged is ${aside} now`;
  return `${name}: ${String(count)} ${count === 1 ? "record" : "records"} taken for ours${moved}\n`;
}

function asJson(
  certificate: string,
  { damaged, places, strangers }: Adoption,
  said: Announcement,
  { dryRun, aside }: { readonly dryRun: boolean; readonly aside: string | null },
): object {
  return {
    schema: "daneward/adopt/1",
    certificate,
    dryRun,
    ...(damaged === null ? {} : { damagedFile: damaged.file, ...(aside === null ? {} : { movedTo: aside }) }),
    owners: places,
    strangers,
    ...said,
  };
}
