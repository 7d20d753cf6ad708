/**
 * An independent witness of a rollover: a DANE SMTP client that tries, several times a second, through a caching
 * resolver, and counts how often it would have refused the server (RFC 7672 §2.2, RFC 7671 §5).
 *
 * It shares nothing with the rollover's own gate but the comparison of octets (tlsa/match): its own questions, its own
 * SMTP and TLS, its own rule. It is started when DANE is in place, so an answer without TLSA records is a failure too:
 * a client would deliver without authentication.
 */
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as startTls } from "node:tls";
import type { DetailedPeerCertificate, PeerCertificate } from "node:tls";
import { textOfOctets } from "../base/bytes.ts";
import { TYPE } from "../dns/iana.ts";
import type { DomainName } from "../dns/name.ts";
import { displayName } from "../dns/name.ts";
import { decodeA, decodeTlsa } from "../dns/rdata.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import type { Clock, Instant } from "../base/time.ts";
import { matchesCertificate } from "../tlsa/match.ts";
import { query } from "../transport/dns-exchange.ts";

export interface SamplerTarget {
  readonly host: DomainName;
  readonly port: number;
  readonly protocol: "smtp" | "tls";
  /** `_port._tcp.host`. */
  readonly owner: DomainName;
}

export interface Sample {
  readonly at: Instant;
  readonly target: SamplerTarget;
  /** Null: a DANE client would have been content; else why not. */
  readonly failure: string | null;
}

export interface SamplerOptions {
  readonly resolver: { readonly address: string; readonly port: number };
  readonly targets: readonly SamplerTarget[];
  /** Milliseconds between the starts of two samples of the same target. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly onSample?: (sample: Sample) => void;
}

export interface Sampler {
  readonly samples: () => readonly Sample[];
  /** Ends after the samples that are under way. */
  readonly stop: () => Promise<readonly Sample[]>;
}

const TIMEOUT_MS = 3000;

/** Starts sampling at once. */
export function startSampler(options: SamplerOptions): Sampler {
  const samples: Sample[] = [];
  const underWay = new Set<Promise<void>>();
  const take = async (target: SamplerTarget): Promise<void> => {
    const at = options.clock();
    const failure = await sampleOnce(options.resolver, target).catch((error: unknown) =>
      error instanceof Error ? error.message : String(error),
    );
    const sample = { at, target, failure };
    samples.push(sample);
    options.onSample?.(sample);
  };
  const begin = (): void => {
    for (const target of options.targets) {
      const running = take(target).finally(() => underWay.delete(running));
      underWay.add(running);
    }
  };
  begin();
  const timer = setInterval(begin, options.intervalMs);
  return {
    samples: () => samples,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(underWay);
      return samples;
    },
  };
}

/** One attempt as a DANE client would make it: null when it would go on, else what is wrong. */
export async function sampleOnce(resolver: SamplerOptions["resolver"], target: SamplerTarget): Promise<string | null> {
  const addresses = await lookUp(resolver, target.host, TYPE.A);
  if (typeof addresses === "string") return addresses;
  const [first] = addresses;
  const address = first === undefined ? null : decodeA(first);
  if (address?.ok !== true) return "the host has no address";
  const answers = await lookUp(resolver, target.owner, TYPE.TLSA);
  if (typeof answers === "string") return answers;
  const records = answers.map((rdata) => decodeTlsa(rdata)).flatMap((decoded) => (decoded.ok ? [decoded.value] : []));
  if (records.length === 0) return "no TLSA records: DANE is off";
  const chain = await presentedChain(address.value, target);
  return isAuthenticated(records, chain, displayName(target.host)) ? null : "no TLSA record matches the certificate";
}

/** RDATA of a secure answer (empty: it does not exist), or why the answer cannot be used. */
async function lookUp(
  resolver: SamplerOptions["resolver"],
  name: DomainName,
  type: number,
): Promise<readonly Uint8Array[] | string> {
  const reply = await query({
    server: resolver,
    name,
    type,
    rd: true,
    ad: true,
    cd: false,
    dnssecOk: true,
    timeoutMs: TIMEOUT_MS,
  });
  if (reply.rcode !== 0 && reply.rcode !== 3) return `the resolver answered with rcode ${String(reply.rcode)}`;
  if (!reply.ad) return "the answer is not DNSSEC-validated";
  return reply.answer.filter((record) => record.type === type).map((record) => record.rdata);
}

/** Usage 3: the leaf alone (RFC 7671 §5.1). Usage 2: a path to the anchor, dates and the name (RFC 7671 §5.2). */
function isAuthenticated(records: readonly TlsaRdata[], chain: readonly X509Certificate[], host: string): boolean {
  const [leaf] = chain;
  if (leaf === undefined) return false;
  const matches = (record: TlsaRdata, certificate: X509Certificate): boolean =>
    matchesCertificate(record, {
      der: Uint8Array.from(certificate.raw),
      spki: Uint8Array.from(certificate.publicKey.export({ type: "spki", format: "der" })),
    });
  return records.some((record) => {
    if (record.usage === 3) return matches(record, leaf);
    if (record.usage !== 2 || leaf.checkHost(host) === undefined) return false;
    return chain.some((anchor, depth) => depth > 0 && matches(record, anchor) && isPath(chain.slice(0, depth + 1)));
  });
}

function isPath(chain: readonly X509Certificate[]): boolean {
  return chain.every((certificate, depth) => {
    const issuer = chain[depth + 1];
    return (
      issuer === undefined || (certificate.checkIssued(issuer) && issuer.ca && certificate.verify(issuer.publicKey))
    );
  });
}

async function presentedChain(address: string, target: SamplerTarget): Promise<readonly X509Certificate[]> {
  const socket = connect({ host: address, port: target.port });
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error("the server did not answer in time")));
  socket.on("error", () => socket.destroy());
  try {
    await once(socket, "connect");
    if (target.protocol === "smtp") await askForTls(socket);
    const secured = startTls({ socket, servername: displayName(target.host), rejectUnauthorized: false, ca: [] });
    await once(secured, "secureConnect");
    secured.on("error", () => secured.destroy());
    const chain = certificatesOf(secured.getPeerCertificate(true));
    secured.destroy();
    return chain;
  } finally {
    socket.destroy();
  }
}

/** RFC 3207 §4: greeting, EHLO, STARTTLS. */
async function askForTls(socket: Socket): Promise<void> {
  await expectReply(socket, "220");
  socket.write("EHLO sampler.invalid\r\n");
  await expectReply(socket, "250");
  socket.write("STARTTLS\r\n");
  await expectReply(socket, "220");
}

async function expectReply(socket: Socket, code: string): Promise<void> {
  let text = "";
  while (!/^\d{3} .*\r?\n/m.test(text)) {
    const chunk: unknown = await nextChunk(socket);
    text += chunk instanceof Uint8Array ? textOfOctets(chunk) : "";
  }
  if (!text.startsWith(code)) throw new Error(`the server answered ${text.trim()}`);
}

async function nextChunk(socket: Socket): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      socket.off("data", onData).off("error", onError).off("close", onClose);
    };
    const onData = (chunk: unknown): void => {
      end();
      resolve(chunk);
    };
    const onError = (error: Error): void => {
      end();
      reject(error);
    };
    const onClose = (): void => {
      end();
      reject(new Error("the server closed the connection"));
    };
    socket.on("data", onData).on("error", onError).on("close", onClose);
  });
}

/** The chain as Node shows it: linked by issuer, the self-signed end naming itself, nothing after the last one known. */
function certificatesOf(peer: PeerCertificate | DetailedPeerCertificate): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let at: PeerCertificate | DetailedPeerCertificate | undefined = peer;
  while (at !== undefined) {
    const certificate = new X509Certificate(at.raw);
    if (chain.some((known) => known.fingerprint256 === certificate.fingerprint256)) break;
    chain.push(certificate);
    at = "issuerCertificate" in at ? at.issuerCertificate : undefined;
  }
  return chain;
}
