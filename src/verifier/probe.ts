/** Looks at one address of a service: opens TLS the way its protocol does, and brings home the chain as sent. */
import { fault, OperationalError } from "../base/errors.ts";
import type { DomainName } from "../dns/name.ts";
import { IMAP } from "../transport/starttls/imap.ts";
import { POP3 } from "../transport/starttls/pop3.ts";
import { LMTP, SMTP } from "../transport/starttls/smtp.ts";
import type { Dialogue } from "../transport/starttls/dialogue.ts";
import { openTls } from "../transport/tls.ts";
import type { Endpoint, ProbeOutcome, Protocol } from "./endpoint.ts";

export interface ProbeOptions {
  /** Sent as SNI: the TLSA base domain (RFC 7671 §10.2). */
  readonly serverName: DomainName;
  /** Milliseconds for the whole probe. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

const DIALOGUES: Readonly<Record<Protocol, Dialogue | null>> = {
  tls: null,
  smtp: SMTP,
  lmtp: LMTP,
  imap: IMAP,
  pop3: POP3,
};

/** One handshake with `address` (an IP address). Whatever goes wrong on the way is an outcome, not an exception. */
export async function probeAddress(endpoint: Endpoint, address: string, options: ProbeOptions): Promise<ProbeOutcome> {
  try {
    const session = await openTls({
      address,
      port: endpoint.port,
      dialogue: DIALOGUES[endpoint.protocol],
      serverName: options.serverName.replace(/\.$/, ""),
      timeoutMs: options.timeoutMs,
      signal: options.signal,
    });
    session.close();
    return { outcome: "served", certificates: session.certificates, tlsVersion: session.version };
  } catch (problem) {
    if (!(problem instanceof OperationalError)) throw problem;
    return { outcome: "failed", fault: fault(problem.code, problem.message, problem.hint) };
  }
}
