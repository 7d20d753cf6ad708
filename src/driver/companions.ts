/**
 * Finds the units that share a service with one, and what kind of key each has. A server presents one certificate for
 * each kind of key, so those that share must differ in it; which kind a unit has, only its files tell.
 */
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import type { CertificateConfig } from "../config/schema.ts";
import type { DomainName } from "../dns/name.ts";
import type { KeyKind } from "../rollover/chain.ts";
import { companionOf } from "../rollover/companions.ts";
import type { Companion } from "../rollover/companions.ts";
import { loadState } from "../store/store.ts";
import { kindOfCertificate } from "../verifier/probe.ts";
import { readChain, readLeaf } from "./chain-files.ts";

/** What stands around a unit that shares services with others. */
export interface Sharing {
  /** The owner names that others serve too. */
  readonly owners: ReadonlySet<DomainName>;
  /** The kind of its own key; null while there is no certificate to tell by. */
  readonly kind: KeyKind | null;
  readonly companions: readonly Companion[];
  /** Two of one kind: neither may act. */
  readonly clash: Fault | null;
  /** The renewal has another kind of key than what is deployed. */
  readonly change: Fault | null;
}

const KIND_NAMES: Readonly<Record<KeyKind, string>> = { rsa: "RSA", ecdsa: "ECDSA", eddsa: "EdDSA" };

/** Null: this unit shares nothing. Throws what reading the companions' state files throws. */
export function sharingOf(
  certificate: CertificateConfig,
  sharers: readonly CertificateConfig[],
  stateDirectory: string,
): Sharing | null {
  if (sharers.length === 0) return null;
  const theirs = new Set(sharers.flatMap(({ policy }) => policy.owners));
  const { deployed, source } = kindsOf(certificate);
  return {
    owners: new Set(certificate.policy.owners.filter((owner) => theirs.has(owner))),
    kind: deployed ?? source,
    companions: sharers.map(({ name, policy }) =>
      companionOf(name, policy.owners, loadState(stateDirectory, name)?.state ?? null),
    ),
    clash: clashOf(certificate, sharers),
    change: changeOf(deployed, source, sharers),
  };
}

/** Whether a unit that shares a service has the same kind of key: SAME_KIND_SHARED; null: none, as far as is known. */
export function clashOf(certificate: CertificateConfig, sharers: readonly CertificateConfig[]): Fault | null {
  const kind = sharers.length === 0 ? null : kindOf(certificate);
  const other = kind === null ? undefined : sharers.find((one) => kindOf(one) === kind);
  if (kind === null || other === undefined) return null;
  const service = certificate.services.find(({ owner }) => other.policy.owners.includes(owner));
  const both = `certificate "${certificate.name}" and certificate "${other.name}"`;
  return fault("SAME_KIND_SHARED", `${both} both have ${KIND_NAMES[kind]} keys and share ${service?.label ?? "?"}`);
}

function changeOf(
  deployed: KeyKind | null,
  source: KeyKind | null,
  sharers: readonly CertificateConfig[],
): Fault | null {
  if (deployed === null || source === null || deployed === source) return null;
  const names = sharers.map(({ name }) => `"${name}"`).join(", ");
  const change = `the new certificate has an ${KIND_NAMES[source]} key, the deployed one an ${KIND_NAMES[deployed]} key`;
  return fault("KIND_CHANGED_SHARED", `${change}, and the service is shared with certificate ${names}`);
}

function kindOf(certificate: CertificateConfig): KeyKind | null {
  const { deployed, source } = kindsOf(certificate);
  return deployed ?? source;
}

function kindsOf({ deploy, source }: CertificateConfig): Readonly<Record<"deployed" | "source", KeyKind | null>> {
  const [shown, offered] = [readChain({ kind: "directory", path: deploy }), readLeaf(source)];
  return {
    deployed: shown.ok ? kindOfCertificate(shown.value.leaf) : null,
    source: offered === null ? null : kindOfCertificate(offered),
  };
}

/** The certificates in groups that share services, directly or over others; the order within them is kept. */
export function groupSharing(certificates: readonly CertificateConfig[]): readonly (readonly CertificateConfig[])[] {
  const groupOf = new Map<DomainName, CertificateConfig[]>();
  const groups = new Set<CertificateConfig[]>();
  for (const certificate of certificates) {
    const { owners } = certificate.policy;
    const [first = [], ...more] = new Set(owners.map((owner) => groupOf.get(owner)).filter((one) => one !== undefined));
    for (const other of more) {
      first.push(...other);
      groups.delete(other);
    }
    first.push(certificate);
    groups.add(first);
    for (const member of first) for (const owner of member.policy.owners) groupOf.set(owner, first);
  }
  const places = new Map(certificates.map((certificate, place) => [certificate, place]));
  const place = (certificate: CertificateConfig): number => places.get(certificate) ?? 0;
  return [...groups].map((group) => group.sort((left, right) => place(left) - place(right)));
}
