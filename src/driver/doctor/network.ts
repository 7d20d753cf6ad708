/** Whether DNS can be believed here, whether the name servers answer, and whether the keys may do what they are for. */
import { OperationalError } from "../../base/errors.ts";
import type { Fault } from "../../base/errors.ts";
import { advised, doubtful, failing, fine } from "../../base/finding.ts";
import type { Finding } from "../../base/finding.ts";
import { formatHostPort } from "../../base/socket-address.ts";
import { formatInstant } from "../../base/time.ts";
import type { Clock, Instant } from "../../base/time.ts";
import { readTsigKeyFile } from "../../config/key-file.ts";
import type { Rfc2136Config } from "../../config/publisher-rfc2136.ts";
import type { Configuration } from "../../config/schema.ts";
import { TYPE } from "../../dns/iana.ts";
import { displayName, ROOT } from "../../dns/name.ts";
import type { DomainName } from "../../dns/name.ts";
import { formatResolver } from "../../dns/resolver-server.ts";
import { probeUpdate } from "../../publisher/probe-update.ts";
import { mapLimited } from "../../resolver/map-limited.ts";
import type { DnsAnswer } from "../../resolver/resolver.ts";
import type { OwnerView } from "../../resolver/server-view.ts";
import type { World } from "../world.ts";
import { ofError } from "./host.ts";

export interface NetworkView {
  readonly configuration: Configuration;
  readonly world: World;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Names that are looked at; one that stands for many is enough to find what is wrong. */
const MOST_OWNERS = 20;
const AT_ONCE = 4;
/** Signatures that end sooner are not renewed by anybody. */
const SHORT_MS = 86_400_000;

/** Everything, resolver first: without it the rest cannot be found. */
export async function checkNetwork(view: NetworkView): Promise<readonly Finding[]> {
  const { configuration, world } = view;
  const root = await world.resolve(ROOT, TYPE.SOA);
  const who = configuration.resolvers.map(formatResolver).join(", ");
  const findings = [judgeAnswer("resolver", root, "the root", `${who} validates to the root`, view.clock())];
  const owners = configuration.certificates.flatMap(({ policy, publisher }) =>
    policy.owners.map((owner) => ({ owner, publisher })),
  );
  const looked = [...new Map(owners.map((one) => [one.owner, one])).values()].slice(0, MOST_OWNERS);
  // Whatever else would be looked up would fail for the same reason.
  if (root.status !== "secure") return findings;
  const more = await mapLimited(looked, (one) => checkOwner(one, view), AT_ONCE);
  return [...findings, ...more.flat()];
}

const SILENT: ReadonlySet<string> = new Set(["DNS_TIMEOUT", "DNS_UNREACHABLE", "DNS_CONNECTION_LOST"]);

function judgeAnswer(subject: string, answer: DnsAnswer, what: string, well: string, now: Instant): Finding {
  const [reason] = "reasons" in answer ? answer.reasons : (answer.validation?.reasons ?? []);
  if (answer.status !== "secure") {
    const isClock = reason !== undefined && CLOCK.has(reason.code);
    const said = `${what} is ${answer.status}${reason === undefined ? "" : `: ${reason.message}`}`;
    const hint = answer.status === "insecure" ? UNSIGNED : (reason?.hint ?? UNSIGNED);
    const problem = isClock ? failing("clock", said, "timedatectl") : advised(failing(subject, said), hint);
    return reason === undefined ? problem : { ...problem, code: reason.code };
  }
  const until = answer.validation?.signaturesExpire ?? null;
  if (until === null) return fine(subject, well);
  const end = `signatures until ${formatInstant(until).replace(/\.\d+Z$/, "Z")} agree with this clock`;
  if (until - now > SHORT_MS) return fine(subject, `${well}; ${end}`);
  const finding = doubtful(subject, `${well}; the first signature ends ${formatInstant(until)}`);
  return advised(finding, "look whether the signer of the zone runs");
}

const UNSIGNED = "sign the zone and have its DS record put into the parent zone";
const CLOCK: ReadonlySet<string> = new Set([
  "DNSSEC_CLOCK",
  "DNSSEC_SIGNATURE_EXPIRED",
  "DNSSEC_SIGNATURE_NOT_YET_VALID",
]);

async function checkOwner(
  { owner, publisher: name }: { readonly owner: DomainName; readonly publisher: string },
  view: NetworkView,
): Promise<readonly Finding[]> {
  const shown = displayName(owner);
  const answer = await view.world.resolve(owner, TYPE.TLSA);
  const records = "reasons" in answer ? 0 : (answer.rrset?.rdatas.length ?? 0);
  const well = `${String(records)} TLSA ${records === 1 ? "record" : "records"}, validated`;
  const judged = judgeAnswer(`dns ${shown}`, answer, shown, well, view.clock());
  try {
    const seen = await view.world.viewOwner(owner);
    const publisher = view.configuration.publishers.get(name);
    const update = publisher?.type === "rfc2136" ? await checkUpdate(publisher, seen, view) : [];
    return [judged, ...serverFindings(shown, seen), ...update];
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    return [judged, ofError(`name servers of ${shown}`, error)];
  }
}

function serverFindings(shown: string, { servers }: OwnerView): readonly Finding[] {
  const subject = `name servers of ${shown}`;
  const problems = servers.flatMap(({ server, said }): readonly Finding[] => {
    const who = `${displayName(server.name)} (${server.address})`;
    if (said.outcome === "failed") return [withFault(doubtful(subject, said.fault.message), said.fault)];
    if (said.authoritative) return [];
    const finding = doubtful(subject, `${who} does not answer for the zone with authority`);
    return [advised(finding, "look at the zone on that server")];
  });
  return problems.length > 0
    ? problems
    : [fine(subject, servers.length === 1 ? "the only one answers" : `all ${String(servers.length)} answer`)];
}

function withFault(finding: Finding, { code, hint }: Fault): Finding {
  return { ...advised(finding, hint), code };
}

/** A signed update that changes nothing. */
async function checkUpdate(
  config: Rfc2136Config,
  { finalOwner, zone }: OwnerView,
  { configuration, world, clock, signal }: NetworkView,
): Promise<readonly Finding[]> {
  const subject = `update ${displayName(finalOwner)}`;
  try {
    const key = readTsigKeyFile(config.keyFile, config.keyName, { algorithm: config.keyAlgorithm });
    const timeoutMs = config.timeout * 1000;
    const { transport } = config;
    const options = { key, clock, signal, timeoutMs, transport, resolve: world.resolve };
    const probes = await Promise.all(
      config.servers.map((server) => probeUpdate(server, { zone, owner: finalOwner }, options)),
    );
    return probes.flat().map(({ server, fault }) => {
      if (fault === null) return fine(subject, `${server} takes updates under the key ${key.name}`);
      const isClock = fault.code === "TSIG_BADTIME";
      const asked = configuration.resolvers.find((one) => formatHostPort(one.address, one.port) === server);
      const own = withFault(
        isClock
          ? failing("clock", fault.message, "timedatectl")
          : failing(subject, asked === undefined ? fault.message : `${fault.message}; ${server} is also the resolver`),
        fault,
      );
      const aside = `let server in [publish.${config.name}] be an address at which the name server of ${displayName(zone)} listens`;
      const finding = asked === undefined ? own : { ...own, advice: [aside, ...(own.advice ?? [])] };
      // With a second server in the list the first may be away.
      return SILENT.has(fault.code) && probes.flat().some((one) => one.fault === null)
        ? { ...finding, grade: "warning" }
        : finding;
    });
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    const { code, message } = error;
    // What mends a key file stands with the configuration.
    return [code.startsWith("KEY_FILE_") ? { ...failing(subject, message), code } : ofError(subject, error)];
  }
}
