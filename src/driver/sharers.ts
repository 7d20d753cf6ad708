/** Which certificates share services: apart from what looks at their files, for commands that need no more. */
import type { CertificateConfig, Configuration } from "../config/schema.ts";
import type { DomainName } from "../dns/name.ts";

/** Finds the other units that serve some service of a certificate. */
export type SharerIndex = (certificate: CertificateConfig) => readonly CertificateConfig[];

/** Made once for a configuration: there may be very many certificates. */
export function indexSharers({ certificates }: Pick<Configuration, "certificates">): SharerIndex {
  const serving = new Map<DomainName, CertificateConfig[]>();
  for (const certificate of certificates) {
    for (const owner of certificate.policy.owners) serving.set(owner, [...(serving.get(owner) ?? []), certificate]);
  }
  return (certificate) => {
    const found = new Set(certificate.policy.owners.flatMap((owner) => serving.get(owner) ?? []));
    return [...found].filter((other) => other.name !== certificate.name);
  };
}
