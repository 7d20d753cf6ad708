/**
 * `daneward report --html DIR`: writes the page and the calendar into a folder that a web server may show. What it holds
 * is gathered here; what it looks like is in `report/html`.
 */
import { createHash } from "node:crypto";
import { closeSync, constants, openSync, readSync, statSync } from "node:fs";
import path from "node:path";
import { VERSION } from "../../base/build.ts";
import { fault, OperationalError } from "../../base/errors.ts";
import { formatInstant } from "../../base/time.ts";
import { isAllowed } from "../../config/look.ts";
import type { CertificateConfig, Configuration } from "../../config/schema.ts";
import { TYPE } from "../../dns/iana.ts";
import type { DomainName } from "../../dns/name.ts";
import { formatResolver } from "../../dns/resolver-server.ts";
import { createLiveWorld } from "../../driver/live-world.ts";
import { mapLimited } from "../../resolver/map-limited.ts";
import type { CertificateDetail } from "../../report/html/certificate.ts";
import { GENERATOR, renderPage } from "../../report/html/page.ts";
import { STYLE } from "../../report/html/style.ts";
import type { TrustReport } from "../../report/html/trust.ts";
import { renderCalendar } from "../../report/ics.ts";
import { worstFirst } from "../../report/status-table.ts";
import type { StatusReport } from "../../report/model.ts";
import { reasonsOf } from "../../report/resolve-model.ts";
import type { TimelineEvent } from "../../report/timeline-text.ts";
import { inOrder, stepsOfPlan, stepsOfStatus } from "../../report/upcoming.ts";
import type { UpcomingStep } from "../../report/upcoming.ts";
import { replacePublicHint, systemCode, writeFailure } from "../../store/atomic-file.ts";
import { readJournal } from "../../store/journal.ts";
import { loadState } from "../../store/store.ts";
import { configurationOf, statusReport } from "../driver-files.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { stateDirectoryOf } from "../file-options.ts";
import type { FileOptions } from "../file-options.ts";
import type { Io } from "../io.ts";
import { planningSetting, planOf } from "../planning.ts";
import type { PlanningSetting } from "../planning.ts";

export interface ReportOptions extends FileOptions {
  readonly html?: string;
  /** Out of saved state alone. */
  readonly offline?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const PAGE = "index.html";
const CALENDAR = "daneward.ics";

/** With more certificates than this only those that want attention or are rolling have a section. */
const SECTIONS = 500;
/** Certificates and owner names that are looked at side by side. */
const AT_ONCE = 8;

/** Ends with 0 when both files are written, whatever they say. Throws USAGE, and what reading and writing throw. */
export async function run(_args: readonly string[], options: ReportOptions, io: Io): Promise<ExitCode> {
  const directory = folderOf(options.html, io);
  const configuration = await configurationOf(options, io);
  const stateDirectory = stateDirectoryOf(options, io);
  const report = statusReport(stateDirectory, configuration.certificates, io.clock());
  const files = [PAGE, CALENDAR].map((name) => path.join(directory, name));
  if (options.dryRun === true) {
    if (!isAllowed(directory, constants.W_OK)) {
      throw OperationalError.of(fault("PERMISSION_DENIED", `this user may not write to ${directory}`));
    }
    tell(files, report, options, io);
    return EXIT.done;
  }
  const certificates = withSections(report, configuration);
  const details = await detailsOf(configuration, certificates, stateDirectory, options.offline === true, io);
  const upcoming = upcomingOf(report, details);
  const styleDigest = createHash("sha256").update(STYLE).digest("base64");
  replacePublicHint(
    path.join(directory, PAGE),
    renderPage({ report, version: VERSION, styleDigest, details, upcoming }),
  );
  replacePublicHint(path.join(directory, CALENDAR), renderCalendar(upcoming, { at: report.at, version: VERSION }));
  tell(files, report, options, io);
  return EXIT.done;
}

/** People are told of a dry run alone: what was asked for is in the folder. */
function tell(files: readonly string[], { at, certificates }: StatusReport, options: ReportOptions, io: Io): void {
  const dryRun = options.dryRun === true;
  const count = certificates.length;
  if (options.json === true) {
    const facts = { at: formatInstant(at), dryRun, files, certificates: count };
    io.out(`${JSON.stringify({ schema: "daneward/report/1", ...facts })}\n`);
  } else if (dryRun && options.quiet !== true) {
    const about = `${String(count)} certificate${count === 1 ? "" : "s"}`;
    io.err(`would write ${files.join(" and ")} (${about}); nothing was changed (--dry-run)\n`);
  }
}

/** The folder is the operator's: it is there already, and a page of somebody else's in it stays. */
function folderOf(text: string | undefined, io: Io): string {
  if (text === undefined || text === "") {
    throw OperationalError.of(fault("USAGE", "no folder was named", "daneward report --html /var/www/daneward"));
  }
  const directory = path.resolve(io.cwd, text);
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
    const hint = `make it, readable for the web server: install -d -m 755 '${directory}'`;
    throw OperationalError.of(fault("FILE_NOT_FOUND", `${directory} is no folder`, hint));
  }
  const page = path.join(directory, PAGE);
  const beginning = beginningOf(page);
  if (beginning !== null && beginning !== "" && !beginning.includes(GENERATOR)) {
    throw OperationalError.of(
      fault(
        "USAGE",
        `${page} is there already and was not written by daneward`,
        "name a folder of its own for the report",
      ),
    );
  }
  return directory;
}

/** The mark of our pages stands within so many octets. */
const BEGINNING = 2048;

/** Null: there is no such file. */
function beginningOf(file: string): string | null {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return null;
    throw writeFailure(file, cause);
  }
  try {
    const octets = new Uint8Array(BEGINNING);
    return new TextDecoder().decode(octets.subarray(0, readSync(descriptor, octets, 0, BEGINNING, 0)));
  } catch (cause) {
    throw writeFailure(file, cause);
  } finally {
    closeSync(descriptor);
  }
}

function withSections(report: StatusReport, { certificates }: Configuration): readonly CertificateConfig[] {
  if (certificates.length <= SECTIONS) return certificates;
  const chosen = new Set(
    worstFirst(report.certificates, report.at)
      .filter((row) => row.concern !== "well")
      .map((row) => row.report.name),
  );
  return certificates.filter(({ name }) => chosen.has(name));
}

async function detailsOf(
  configuration: Configuration,
  certificates: readonly CertificateConfig[],
  stateDirectory: string,
  isOffline: boolean,
  io: Io,
): Promise<ReadonlyMap<string, CertificateDetail>> {
  const events = eventsByCertificate(stateDirectory);
  const found = new Map<string, CertificateDetail>();
  if (isOffline) {
    const why = "the page was made from saved state alone (--offline)";
    for (const { name, policy } of certificates) {
      const trust = policy.owners.map((owner) => ({ outcome: "not-asked", owner, why }) as const);
      found.set(name, { events: events.get(name) ?? [], plan: { missing: why }, trust });
    }
    return found;
  }
  const world = createLiveWorld(configuration, io.clock, io.signal);
  const setting = planningSetting(configuration, stateDirectory, world, io);
  // One look-up for each owner name, however many certificates serve it.
  const asked = new Map<DomainName, Promise<TrustReport>>();
  const ask = (owner: DomainName): Promise<TrustReport> => {
    const known = asked.get(owner) ?? trustOf(owner, setting, io);
    asked.set(owner, known);
    return known;
  };
  await mapLimited(
    certificates,
    async (certificate) => {
      const plan = await planOrReason(setting, certificate);
      const trust = await mapLimited(certificate.policy.owners, ask, AT_ONCE);
      found.set(certificate.name, { events: events.get(certificate.name) ?? [], plan, trust });
    },
    AT_ONCE,
  );
  return found;
}

function eventsByCertificate(stateDirectory: string): ReadonlyMap<string, readonly TimelineEvent[]> {
  const found = new Map<string, TimelineEvent[]>();
  for (const entry of readJournal(stateDirectory).entries) {
    if (entry.certificate === null) continue;
    const known = found.get(entry.certificate);
    if (known === undefined) found.set(entry.certificate, [entry]);
    else known.push(entry);
  }
  return found;
}

/** One damaged state must not hide the others. */
async function planOrReason(
  setting: PlanningSetting,
  certificate: CertificateConfig,
): Promise<CertificateDetail["plan"]> {
  try {
    return await planOf(setting, certificate, loadState(setting.stateDirectory, certificate.name));
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    return { missing: error.message };
  }
}

async function trustOf(owner: DomainName, { configuration, world }: PlanningSetting, io: Io): Promise<TrustReport> {
  const answer = await world.resolve(owner, TYPE.TLSA);
  const resolvers = configuration.resolvers.map(formatResolver);
  // With nothing but the anchor in hand there is no chain to draw.
  const links =
    answer.validation?.chain.filter(({ kind, status }) => kind !== "anchor" && status !== "indeterminate") ?? [];
  if (answer.status === "indeterminate" && links.length === 0) {
    const why = reasonsOf({ answer, atGiven: false })[0]?.message ?? "no answer";
    return { outcome: "not-asked", owner, why: `nobody could be asked (${resolvers.join(", ")}): ${why}` };
  }
  return {
    outcome: "asked",
    owner,
    report: { answer, at: io.clock(), atGiven: false, trust: configuration.trust, resolvers },
  };
}

function upcomingOf(
  { at, certificates }: StatusReport,
  details: ReadonlyMap<string, CertificateDetail>,
): readonly UpcomingStep[] {
  return inOrder(
    certificates.flatMap((certificate) => {
      const plan = details.get(certificate.name)?.plan;
      if (plan !== undefined && !("missing" in plan)) return stepsOfPlan(plan);
      return certificate.outcome === "known" ? stepsOfStatus(certificate.name, certificate.status, at) : [];
    }),
  );
}
