/**
 * Asks every address of every service which chain it presents. A server with certificates of several kinds presents one
 * to each kind of client; an observation has room for one, and holds the one that is furthest from what is deployed. So
 * nothing counts as proven before every client is served the deployed chain, and what only some clients meet is seen.
 */
import { fault } from "../base/errors.ts";
import type { FaultCode } from "../base/errors.ts";
import type { CertificateConfig, ServiceConfig } from "../config/schema.ts";
import { formatIpv4, formatIpv6, parseIpv6 } from "../dns/address.ts";
import { TYPE } from "../dns/iana.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { readCertificate } from "../pki/certificate.ts";
import { mapLimited } from "../resolver/map-limited.ts";
import type { UsableAnswer } from "../resolver/resolver.ts";
import type { ChainId } from "../rollover/chain.ts";
import type { EndpointObservation } from "../rollover/observation.ts";
import type { ProbeOutcome } from "../verifier/endpoint.ts";
import { chainIdOf, digestsOf, subjectOf } from "./facts.ts";
import type { World } from "./world.ts";

/** Measured: more than 64 handshakes in flight only cost; several certificates may be at work at once. */
const PROBES_AT_ONCE = 16;

/** Where a host is, or why that is not known. */
type Addresses =
  | { readonly outcome: "known"; readonly addresses: readonly string[] }
  | { readonly outcome: "failed"; readonly code: FaultCode; readonly detail: string };

/** One observation per service and address; a host whose addresses cannot be found stands there as one that failed. */
export async function observeEndpoints(
  certificate: CertificateConfig,
  world: World,
  signal: AbortSignal,
  deployed: ChainId | null,
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
    async ({ service, address, problem }) => ({
      endpoint: service.label,
      owner: service.owner,
      address,
      own: own === null || own.has(address),
      presents: problem ?? worstOf((await world.probe(service, address, signal)).map(presented), deployed),
    }),
    PROBES_AT_ONCE,
  );
}

type Presented = EndpointObservation["presents"];

interface Target {
  readonly service: ServiceConfig;
  readonly address: string;
  readonly problem: Presented | null;
}

function targetsOf(service: ServiceConfig, found: Addresses): readonly Target[] {
  if (found.outcome === "known") return found.addresses.map((address) => ({ service, address, problem: null }));
  // No address to name: in doubt there is one that presents something else, so this counts against every step.
  return [{ service, address: "unknown", problem: { outcome: "failed", code: found.code, detail: found.detail } }];
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

/** Another chain than the deployed one, else a look that failed, else the deployed one. */
function worstOf(seen: readonly Presented[], deployed: ChainId | null): Presented {
  const other = seen.find((each) => each.outcome === "chain" && each.id !== deployed);
  const worst = other ?? seen.find((each) => each.outcome === "failed") ?? seen[0];
  return worst ?? { outcome: "failed", code: "TLS_FAILED", detail: "the address was not looked at" };
}

function presented(outcome: ProbeOutcome): Presented {
  if (outcome.outcome === "failed")
    return { outcome: "failed", code: outcome.fault.code, detail: outcome.fault.message };
  const certificates = [];
  for (const der of outcome.certificates) {
    const read = readCertificate(der);
    if (!read.ok) return { outcome: "failed", code: read.fault.code, detail: read.fault.message };
    certificates.push(read.value);
  }
  const [leaf] = certificates;
  if (leaf === undefined) return { outcome: "failed", code: "TLS_FAILED", detail: "the server sent no certificate" };
  return {
    outcome: "chain",
    id: chainIdOf(leaf),
    certificates: certificates.map(digestsOf),
    subject: subjectOf(leaf),
    notBefore: leaf.notBefore,
    notAfter: leaf.notAfter,
  };
}
