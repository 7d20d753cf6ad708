/** `daneward adopt`: looks at what is there and proposes a configuration; with a certificate it takes records for ours. */
import { chmodSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { networkInterfaces } from "node:os";
import path from "node:path";
import { OperationalError, fault } from "../../base/errors.ts";
import { TYPE } from "../../dns/iana.ts";
import { displayName } from "../../dns/name.ts";
import type { DomainName } from "../../dns/name.ts";
import { decodeSoa, decodeTlsa, formatTlsa } from "../../dns/rdata.ts";
import { formatResolver } from "../../dns/resolver-server.ts";
import type { ResolverServer } from "../../dns/resolver-server.ts";
import { openTree, programIn } from "../../driver/setup/tree.ts";
import { surveyOf } from "../../driver/setup/survey.ts";
import { locateServer } from "../../publisher/locate-server.ts";
import { renderConfiguration, renderSetup } from "../../report/setup-text.ts";
import { mapLimited } from "../../resolver/map-limited.ts";
import type { Resolve } from "../../resolver/resolver.ts";
import { findNameServers, findZone } from "../../resolver/zone-of.ts";
import { systemCode, writeFailure, writeNewFile } from "../../store/atomic-file.ts";
import { adoptRecords } from "../adopt-records.ts";
import type { AdoptRecordsOptions } from "../adopt-records.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { candidatesOf, proposeSetup } from "../setup-proposal.ts";
import { ownProgram, rootFolder } from "../setup-tree.ts";
import type { OwnerToday } from "../setup-publishing.ts";
import { openValidation } from "../validation-flags.ts";
import type { ValidationFlags } from "../validation-flags.ts";

/** Flags of `daneward adopt` as they are typed. */
export interface AdoptOptions extends AdoptRecordsOptions, Pick<ValidationFlags, "resolver" | "trustAnchor"> {
  readonly output?: string;
  readonly root?: string;
  readonly offline?: boolean;
}

/** For one question: a person waits. */
const LOOK_TIMEOUT_MS = 3_000;
const LOOKS_AT_ONCE = 8;

/** Ends with 0. Throws USAGE, FILE_EXISTS as a refusal of --output, and as {@link adoptRecords}. */
export async function run(args: readonly string[], options: AdoptOptions, io: Io): Promise<ExitCode> {
  const [name] = args;
  const forRecords = options.record !== undefined || options.yes === true || options.because !== undefined;
  if (name !== undefined) {
    if (options.output === undefined && options.root === undefined) return adoptRecords(name, options, io);
    throw usage("--output and --root go with daneward adopt alone", `leave out ${name}, or the flags`);
  }
  if (forRecords) throw usage("no certificate is named", "daneward adopt CERT takes records for ours");
  return proposeHere(options, io);
}

function usage(message: string, hint: string): OperationalError {
  return OperationalError.of(fault("USAGE", message, hint));
}

async function proposeHere(options: AdoptOptions, io: Io): Promise<ExitCode> {
  const root = rootFolder(options.root, io);
  const tree = openTree(root, ownProgram(io));
  const survey = surveyOf(tree, programIn(tree));
  const owners = [...new Set(survey.lineages.flatMap(candidatesOf).map(({ owner }) => owner))];
  const { resolve, servers } = await openValidation(
    { ...(options.resolver === undefined ? {} : { resolver: options.resolver }), ...anchorOf(options), trust: "local" },
    LOOK_TIMEOUT_MS,
    io,
  );
  const looks =
    options.offline === true ? [] : await mapLimited(owners, (owner) => lookAt(owner, resolve), LOOKS_AT_ONCE);
  const today = new Map(looks.map((look) => [look.owner, look.today]));
  const output = options.output === undefined ? null : path.resolve(io.cwd, options.output);
  const dryRun = options.dryRun === true;
  const proposal = proposeSetup(survey, today, {
    resolver: resolverText(preferred(servers)),
    resolvers: servers.map(({ address, port }) => ({ host: address, port })),
    local: root === "/" ? localAddresses() : [],
    trustAnchors: options.trustAnchor === undefined ? null : path.resolve(io.cwd, options.trustAnchor),
    output,
    dryRun,
  });
  const configuration = renderConfiguration(proposal);
  const made = output === null ? null : writeNew(output, configuration, dryRun);
  if (options.json === true) {
    io.out(`${JSON.stringify({ schema: "daneward/adopt-setup/1", ...proposal, configuration })}\n`);
    return EXIT.done;
  }
  if (output === null || dryRun) io.out(configuration);
  if (options.quiet !== true) io.err(`${made === null ? "" : `made ${made} (0755)\n`}${renderSetup(proposal)}`);
  return EXIT.done;
}

function localAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ address }) => !address.startsWith("fe80:"))
    .map(({ address }) => address);
}

function anchorOf({ trustAnchor }: AdoptOptions): Pick<ValidationFlags, "trustAnchor"> {
  return trustAnchor === undefined ? {} : { trustAnchor };
}

/** As people write it: without the port that everybody takes for granted. */
function resolverText(server: ResolverServer): string {
  return server.kind === "plain" && server.port === 53 ? server.address : formatResolver(server);
}

/** One on this host before others. */
function preferred(servers: readonly ResolverServer[]): ResolverServer {
  const local = servers.find(({ address }) => /^(?:127\.|::1$)/.test(address));
  return local ?? servers[0] ?? { kind: "plain", address: "127.0.0.1", port: 53 };
}

async function lookAt(
  owner: DomainName,
  resolve: Resolve,
): Promise<{ readonly owner: DomainName; readonly today: OwnerToday }> {
  const answer = await resolve(owner, TYPE.TLSA);
  if ("reasons" in answer) {
    const status = answer.status === "bogus" ? "bogus" : "unknown";
    const detail = answer.reasons[0]?.message ?? answer.status;
    return { owner, today: { status, records: [], zone: null, primary: null, addresses: [], detail } };
  }
  const records = (answer.rrset?.rdatas ?? []).flatMap((rdata) => {
    const record = decodeTlsa(rdata);
    return record.ok ? [formatTlsa(record.value)] : [];
  });
  const detail = answer.validation?.reasons[0]?.message ?? "there is no DS record on the way";
  const around = await zoneAndPrimary(answer.finalName, resolve);
  return { owner, today: { status: answer.status, records, ...around, detail } };
}

type Around = Pick<OwnerToday, "zone" | "primary" | "addresses">;

async function zoneAndPrimary(owner: DomainName, resolve: Resolve): Promise<Around> {
  try {
    const zone = await findZone(owner, resolve);
    const answer = await resolve(zone, TYPE.SOA);
    const [rdata] = "reasons" in answer ? [] : (answer.rrset?.rdatas ?? []);
    const soa = rdata === undefined ? null : decodeSoa(rdata);
    const primary = soa?.ok === true ? soa.value.mname : null;
    const { known } = await findNameServers(zone, 53, resolve);
    const hidden =
      primary === null || known.some(({ name }) => name === primary) ? [] : await addressesOf(primary, resolve);
    const listed = [...known.filter(({ name }) => name === primary), ...known].map(({ address }) => address);
    return { zone, primary, addresses: [...new Set([...hidden, ...listed])] };
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    // Nothing rests on it: the operator fills it in.
    return { zone: null, primary: null, addresses: [] };
  }
}

/** Those of a primary that the zone does not list among its name servers; none where it has none in DNS. */
async function addressesOf(name: DomainName, resolve: Resolve): Promise<readonly string[]> {
  try {
    return (await locateServer({ host: displayName(name), port: 53 }, resolve)).map(({ address }) => address);
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    return [];
  }
}

/**
 * Never replaces anything. It holds no secret, and every user may look at it. Makes its folder where that is called
 * daneward, as people expect of /etc/daneward, and tells it. Throws USAGE, DISK_FULL and PERMISSION_DENIED.
 */
function writeNew(file: string, text: string, dryRun: boolean): string | null {
  const folder = path.dirname(file);
  const isMissing = !existsSync(folder);
  if (existsSync(file)) throw isThere(file);
  if (isMissing && (path.basename(folder) !== "daneward" || !existsSync(path.dirname(folder)))) {
    throw usage(`--output: there is no folder ${folder}`, `install -d ${folder}`);
  }
  if (dryRun) return null;
  try {
    if (isMissing) mkdirSync(folder);
    // Whatever the umask.
    if (isMissing) chmodSync(folder, 0o755);
    writeNewFile(file, text, true, 0o644);
  } catch (cause) {
    if (systemCode(cause) === "EEXIST") throw isThere(file);
    rmSync(file, { force: true });
    if (isMissing) rmSync(folder, { recursive: true, force: true });
    throw writeFailure(file, cause);
  }
  return isMissing ? folder : null;
}

function isThere(file: string): OperationalError {
  return usage(`--output: ${file} is there already`, "name another file, or move that one away");
}
