/**
 * Asks every address of every service which chain it presents. A server with certificates of several kinds presents one
 * to each kind of client. A unit that has a service to itself answers for all of them: its observation holds the chain
 * that is furthest from what is deployed, so nothing counts as proven before every client is served the deployed chain,
 * and what only some clients meet is seen. Units that share a service answer for the kind of their own key each.
 */
import { fault } from "../base/errors.ts";
import type { FaultCode } from "../base/errors.ts";
import { addSeconds } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import type { CertificateConfig, ServiceConfig } from "../config/schema.ts";
import { formatIpv4, formatIpv6, parseIpv6 } from "../dns/address.ts";
import { TYPE } from "../dns/iana.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { readCertificate } from "../pki/certificate.ts";
import { mapLimited } from "../resolver/map-limited.ts";
import type { UsableAnswer } from "../resolver/resolver.ts";
import type { ChainId, KeyKind } from "../rollover/chain.ts";
import { NO_ADDRESS } from "../rollover/observation.ts";
import type { EndpointObservation, KindsSeen, Presented } from "../rollover/observation.ts";
import type { Phase, RolloverState } from "../rollover/state.ts";
import type { ProbeOutcome } from "../verifier/endpoint.ts";
import { kindOfCertificate } from "../verifier/probe.ts";
import type { Sharing } from "./companions.ts";
import { chainIdOf, digestsOf, subjectOf } from "./facts.ts";
import type { Look, World } from "./world.ts";

/** Measured: more than 64 handshakes in flight only cost; several certificates may be at work at once. */
const PROBES_AT_ONCE = 16;

/** Where a host is, or why that is not known. */
type Addresses =
  | { readonly outcome: "known"; readonly addresses: readonly string[] }
  | { readonly outcome: "failed"; readonly code: FaultCode; readonly detail: string };

/** What is known before looking. */
export interface LookContext {
  readonly deployed: ChainId | null;
  /** Chains whose files we have. */
  readonly known: ReadonlySet<ChainId>;
  /** Null: no other unit serves any of these services. */
  readonly sharing: Pick<Sharing, "owners" | "kind"> | null;
  readonly before: Pick<RolloverState, "phase" | "endpoints"> | null;
  /** Every record of the deployed and of the offered chain is served: nothing is about to be published. */
  readonly isPublished: boolean;
  readonly now: Instant;
}

/** One observation per service and address; a host whose addresses cannot be found stands there as one that failed. */
export async function observeEndpoints(
  certificate: CertificateConfig,
  world: World,
  signal: AbortSignal,
  context: LookContext,
): Promise<readonly EndpointObservation[]> {
  const hosts = [...new Set(certificate.services.map((service) => service.host))];
  const found = new Map(await mapLimited(hosts, async (host) => [host, await addressesOf(host, world)] as const));
  const targets = certificate.services.flatMap((service) => {
    const addresses = found.get(service.host);
    return addresses === undefined ? [] : targetsOf(service, addresses);
  });
  const own = certificate.verify === null ? null : new Set(certificate.verify.map(canonicalAddress));
  return mapLimited(
    targets,
    async (target) => {
      const { service, address, problem } = target;
      // Where a host is cannot be told: in doubt here too, so that nothing is proven without it.
      const isOwn = own === null || problem !== null || own.has(address);
      const base = { endpoint: service.label, owner: service.owner, address, own: isOwn };
      if (problem !== null) return { ...base, presents: problem };
      return { ...base, ...(await lookAtAddress(certificate, { ...target, own: base.own }, world, signal, context)) };
    },
    PROBES_AT_ONCE,
  );
}

interface Target {
  readonly service: ServiceConfig;
  readonly address: string;
  readonly problem: Presented | null;
}

interface AddressToSee extends Pick<Target, "service" | "address"> {
  /** This host, not a peer behind the same name. */
  readonly own: boolean;
}

function targetsOf(service: ServiceConfig, found: Addresses): readonly Target[] {
  if (found.outcome === "known") return found.addresses.map((address) => ({ service, address, problem: null }));
  // No address to name: in doubt there is one that presents something else, so this counts against every step.
  return [{ service, address: NO_ADDRESS, problem: { outcome: "failed", code: found.code, detail: found.detail } }];
}

/** Every A and AAAA record: clients try any of them, mail clients one after the other (RFC 5321 §5.1). */
async function addressesOf(host: DomainName, world: World): Promise<Addresses> {
  const answers = await Promise.all([world.resolve(host, TYPE.A), world.resolve(host, TYPE.AAAA)]);
  const addresses: string[] = [];
  for (const answer of answers) {
    if ("reasons" in answer) {
      const [reason] = answer.reasons;
      return { outcome: "failed", code: reason?.code ?? "DNS_RCODE", detail: reason?.message ?? answer.status };
    }
    addresses.push(...addressesIn(answer));
  }
  if (addresses.length > 0) return { outcome: "known", addresses: [...new Set(addresses)] };
  const problem = fault("HOST_WITHOUT_ADDRESS", `${displayName(host)} has neither an A nor an AAAA record`);
  return { outcome: "failed", code: problem.code, detail: problem.message };
}

function addressesIn(answer: UsableAnswer): readonly string[] {
  return (answer.rrset?.rdatas ?? []).flatMap((rdata) => {
    if (rdata.length === 4) return [formatIpv4(rdata)];
    return rdata.length === 16 ? [formatIpv6(rdata)] : [];
  });
}

/** IPv6 addresses have many spellings (RFC 5952); configuration and DNS must meet in one. */
function canonicalAddress(text: string): string {
  const octets = parseIpv6(text);
  return octets === null ? text : formatIpv6(octets);
}

/** Kinds are asked for in full while something is published or swapped, and otherwise once in an observe interval. */
function lookAt(
  certificate: CertificateConfig,
  { service: { owner, label }, address, own }: AddressToSee,
  context: LookContext,
): { readonly look: Look; readonly earlier: KindsSeen | null } {
  const { sharing, before, isPublished, now } = context;
  if (sharing?.owners.has(owner) === true && sharing.kind !== null) {
    const { kind } = sharing;
    if (!isPublished) return { look: { look: "every-kind" }, earlier: null };
    // A peer need not have a certificate of this kind, and then depends on no record of this unit.
    return { look: own ? { look: "one-kind", kind } : { look: "known-kinds", kinds: [kind] }, earlier: null };
  }
  const known = before?.endpoints.find((one) => one.endpoint === label && one.address === address)?.everyKind;
  const isQuiet = isPublished && before !== null && QUIET.includes(before.phase.phase);
  const isFresh =
    known !== undefined && known.at <= now && now < addSeconds(known.at, certificate.policy.observeInterval);
  if (!isQuiet || !isFresh) return { look: { look: "every-kind" }, earlier: null };
  return { look: { look: "known-kinds", kinds: known.kinds }, earlier: known };
}

/** Phases in which the certificate on the wire is not about to change, nor has just changed. */
const QUIET: readonly Phase["phase"][] = ["stable", "aging", "held"];

async function lookAtAddress(
  certificate: CertificateConfig,
  seeing: AddressToSee,
  world: World,
  signal: AbortSignal,
  context: LookContext,
): Promise<Pick<EndpointObservation, "presents" | "beside" | "everyKind">> {
  const { service, address, own } = seeing;
  const { look, earlier } = lookAt(certificate, seeing, context);
  const seen = (await world.probe(service, address, signal, look)).map(presented);
  const { sharing, now } = context;
  if (sharing?.owners.has(service.owner) === true && sharing.kind !== null) {
    const { presents, beside } = apart(seen, sharing.kind, own);
    return look.look === "every-kind" ? { presents, beside } : { presents };
  }
  const kinds = seen.map(({ kind }) => kind).filter((kind) => kind !== null);
  // A look that failed for one kind is made again by the next tick.
  const isComplete = look.look === "every-kind" && seen.every(({ presents }) => presents.outcome === "chain");
  const everyKind = isComplete ? { at: now, kinds } : earlier;
  return { presents: worstOf(seen, context), ...(everyKind === null ? {} : { everyKind }) };
}

/** What was presented, and the kind of its key. */
interface Seen {
  readonly presents: Presented;
  readonly kind: KeyKind | null;
}

const NOTHING_SEEN: Presented = { outcome: "failed", code: "TLS_FAILED", detail: "the address was not looked at" };

/** The chain of one kind, and what is beside it; of a peer without one, whatever it presents. */
function apart(
  seen: readonly Seen[],
  kind: KeyKind,
  own: boolean,
): { readonly presents: Presented; readonly beside: readonly Presented[] } {
  const failed = seen.find(({ presents }) => presents.outcome === "failed");
  const shown = seen.find((each) => each.kind === kind) ?? failed ?? (own ? undefined : seen[0]);
  const detail = "presents no certificate of this kind of key";
  const presents: Presented = shown?.presents ?? { outcome: "failed", code: "TLS_NO_CERTIFICATE", detail };
  return { presents, beside: seen.filter((each) => each !== shown).map((each) => each.presents) };
}

/** Another chain than the deployed one, else a look that failed, else the deployed one. */
function worstOf(seen: readonly Seen[], { deployed, known }: LookContext): Presented {
  const other = seen.find(({ presents }) => presents.outcome === "chain" && presents.id !== deployed);
  const worst = other ?? seen.find(({ presents }) => presents.outcome === "failed") ?? seen[0];
  if (worst === undefined) return NOTHING_SEEN;
  const { presents, kind } = worst;
  if (presents.outcome === "failed" || kind === null || known.has(presents.id)) return presents;
  const isSecond = seen.some(
    (each) => each.presents.outcome === "chain" && known.has(each.presents.id) && each.kind !== kind,
  );
  return isSecond ? { ...presents, second: kind } : presents;
}

function presented(outcome: ProbeOutcome): Seen {
  const failed = (code: FaultCode, detail: string): Seen => ({
    presents: { outcome: "failed", code, detail },
    kind: null,
  });
  // Whoever shows it names the address, the port and the host.
  if (outcome.outcome === "failed") {
    return failed(outcome.fault.code, outcome.fault.message.replace(/^(?:[\d.]+|\[[\da-f:]+\]):\d+: /, ""));
  }
  const certificates = [];
  for (const der of outcome.certificates) {
    const read = readCertificate(der);
    if (!read.ok) return failed(read.fault.code, read.fault.message);
    certificates.push(read.value);
  }
  const [leaf] = certificates;
  if (leaf === undefined) return failed("TLS_FAILED", "the server sent no certificate");
  return {
    presents: {
      outcome: "chain",
      id: chainIdOf(leaf),
      certificates: certificates.map(digestsOf),
      subject: subjectOf(leaf),
      notBefore: leaf.notBefore,
      notAfter: leaf.notAfter,
    },
    kind: kindOfCertificate(leaf),
  };
}
