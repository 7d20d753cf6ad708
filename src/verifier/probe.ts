/**
 * Looks at one address of a service: opens TLS the way its protocol does, and brings home every chain as sent.
 *
 * A server may have a certificate for each kind of key, and a client gets the one that fits the signature algorithms it
 * offers. So the first look offers everything, as most clients do, and further ones offer one kind each. A handshake
 * that is refused then means that there is no certificate of that kind; anything else that goes wrong is an outcome of
 * its own, because nobody knows what is behind it. Chains with the same leaf are one.
 */
import { equalBytes } from "../base/bytes.ts";
import { fault, OperationalError } from "../base/errors.ts";
import type { FaultCode } from "../base/errors.ts";
import type { ServiceProtocol } from "../base/service-protocol.ts";
import type { DomainName } from "../dns/name.ts";
import { readCertificate } from "../pki/certificate.ts";
import type { Certificate } from "../pki/certificate.ts";
import type { Dialogue } from "../transport/starttls/dialogue.ts";
import { FTP } from "../transport/starttls/ftp.ts";
import { IMAP } from "../transport/starttls/imap.ts";
import { LDAP } from "../transport/starttls/ldap.ts";
import { MYSQL } from "../transport/starttls/mysql.ts";
import { NNTP } from "../transport/starttls/nntp.ts";
import { POP3 } from "../transport/starttls/pop3.ts";
import { POSTGRES } from "../transport/starttls/postgres.ts";
import { SIEVE } from "../transport/starttls/sieve.ts";
import { LMTP, SMTP } from "../transport/starttls/smtp.ts";
import { xmppClient, xmppServer } from "../transport/starttls/xmpp.ts";
import { openTls } from "../transport/tls.ts";
import type { CertificateKind } from "../transport/tls.ts";
import type { Endpoint, ProbeOutcome } from "./endpoint.ts";

export interface ProbeOptions {
  /** Sent as SNI: the TLSA base domain (RFC 7671 §10.2). */
  readonly serverName: DomainName;
  /** The domain to ask for, where it is not the endpoint's own. */
  readonly serviceDomain?: DomainName | undefined;
  /** Milliseconds for one handshake and all before it. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What came of asking for one kind of certificate; `kind` is null when none was asked for and none was recognised. */
export interface KindOutcome {
  readonly kind: CertificateKind | null;
  readonly outcome: ProbeOutcome;
}

const KINDS: readonly CertificateKind[] = ["rsa", "ecdsa", "eddsa"];

/** How a server says that it has no certificate of a kind. */
const NO_SUCH_CERTIFICATE: readonly FaultCode[] = ["TLS_FAILED", "TLS_NO_CERTIFICATE"];

const DIALOGUES: Readonly<Record<ServiceProtocol, (serviceDomain: string) => Dialogue | null>> = {
  tls: () => null,
  smtp: () => SMTP,
  lmtp: () => LMTP,
  imap: () => IMAP,
  pop3: () => POP3,
  sieve: () => SIEVE,
  "xmpp-client": xmppClient,
  "xmpp-server": xmppServer,
  ldap: () => LDAP,
  ftp: () => FTP,
  nntp: () => NNTP,
  postgres: () => POSTGRES,
  mysql: () => MYSQL,
};

/** One handshake with `address` (an IP address). Whatever goes wrong on the way is an outcome, not an exception. */
export async function probeAddress(
  endpoint: Endpoint,
  address: string,
  options: ProbeOptions,
  certificateKind?: CertificateKind,
): Promise<ProbeOutcome> {
  const { serverName, timeoutMs, signal } = options;
  const serviceDomain = options.serviceDomain ?? endpoint.serviceDomain ?? endpoint.host;
  try {
    const session = await openTls({
      address,
      port: endpoint.port,
      dialogue: DIALOGUES[endpoint.protocol](withoutDot(serviceDomain)),
      serverName: withoutDot(serverName),
      timeoutMs,
      signal,
      certificateKind,
    });
    session.close();
    return { outcome: "served", certificates: session.certificates, tlsVersion: session.version };
  } catch (problem) {
    if (!(problem instanceof OperationalError)) throw problem;
    return { outcome: "failed", fault: fault(problem.code, problem.message, problem.hint) };
  }
}

/**
 * Every chain that an address presents: what a client gets that offers everything comes first, then what differs from
 * it. `probe` is one handshake, with a certificate of one kind or of any; `kinds` are those that are asked for.
 */
export async function probeEveryKind(
  probe: (kind?: CertificateKind) => Promise<ProbeOutcome>,
  kinds: readonly CertificateKind[] = KINDS,
): Promise<readonly KindOutcome[]> {
  const first = await probe();
  if (first.outcome === "failed") return [{ kind: null, outcome: first }];
  const own = kindOf(first.certificates[0]);
  const others = kinds.filter((kind) => kind !== own);
  const further = await Promise.all(others.map(async (kind) => ({ kind, outcome: await probe(kind) })));
  const found: KindOutcome[] = [{ kind: own, outcome: first }];
  for (const each of further) if (isNews(each, found)) found.push(toldApart(each));
  return found;
}

/** Whether it tells of a chain that has not been seen yet, or of a failure. */
function isNews({ outcome }: KindOutcome, found: readonly KindOutcome[]): boolean {
  if (outcome.outcome === "failed") return !NO_SUCH_CERTIFICATE.includes(outcome.fault.code);
  const [leaf] = outcome.certificates;
  return !found.some((known) => {
    const other = known.outcome.outcome === "served" ? known.outcome.certificates[0] : undefined;
    return leaf !== undefined && other !== undefined && equalBytes(leaf, other);
  });
}

/** The message of a failure says which look it was. */
function toldApart({ kind, outcome }: KindOutcome): KindOutcome {
  if (outcome.outcome === "served" || kind === null) return { kind, outcome };
  const { code, message, hint } = outcome.fault;
  const asked = `asked for ${certificateOf(kind)}, after another one was seen: ${message}`;
  return { kind, outcome: { outcome: "failed", fault: fault(code, asked, hint) } };
}

function certificateOf(kind: CertificateKind): string {
  return kind === "rsa" ? "an RSA certificate" : kind === "ecdsa" ? "an ECDSA certificate" : "an EdDSA certificate";
}

function kindOf(leaf: Uint8Array | undefined): CertificateKind | null {
  const read = leaf === undefined ? null : readCertificate(leaf);
  return read?.ok === true ? kindOfCertificate(read.value) : null;
}

/** By its key; null for a kind that nothing here asks for. */
export function kindOfCertificate({ keyAlgorithm }: Pick<Certificate, "keyAlgorithm">): CertificateKind | null {
  if (keyAlgorithm.startsWith("RSA")) return "rsa";
  if (keyAlgorithm.startsWith("EC ")) return "ecdsa";
  return keyAlgorithm.startsWith("Ed") ? "eddsa" : null;
}

function withoutDot(name: DomainName): string {
  return name.replace(/\.$/, "");
}
