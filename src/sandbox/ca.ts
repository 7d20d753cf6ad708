/** A certification authority of two levels, as public ones are: a root that stays offline and an issuing certificate. */
import { addSeconds, seconds } from "../base/time.ts";
import type { Clock } from "../base/time.ts";
import type { IssuedCertificate } from "../pki/peculiar.ts";

export interface CertificateAuthority {
  readonly rootPem: string;
  /** Issues a server certificate with a new P-256 key, valid from an hour ago for 90 days. */
  readonly issue: (dnsNames: readonly string[]) => Promise<IssuedCertificate>;
}

/** Clocks differ, and certificates begin a little early. */
const BACKDATED = seconds(-3600);
const DAY = seconds(86_400);

/** Makes both certificates of the authority. */
export async function createAuthority(clock: Clock): Promise<CertificateAuthority> {
  const { issueCertificate } = await import("../pki/peculiar.ts");
  const notBefore = addSeconds(clock(), BACKDATED);
  const root = await issueCertificate({
    subject: "CN=Sandbox Root",
    notBefore,
    notAfter: addSeconds(clock(), seconds(3650 * DAY)),
    authority: { pathLength: 1 },
  });
  const issuer = await issueCertificate({
    subject: "CN=Sandbox Issuing CA 1",
    notBefore,
    notAfter: addSeconds(clock(), seconds(1825 * DAY)),
    issuer: root,
    authority: { pathLength: 0 },
  });
  return {
    rootPem: root.pem,
    issue: async (dnsNames) =>
      issueCertificate({
        subject: `CN=${dnsNames[0] ?? "localhost"}`,
        dnsNames,
        notBefore: addSeconds(clock(), BACKDATED),
        notAfter: addSeconds(clock(), seconds(90 * DAY)),
        issuer,
      }),
  };
}
