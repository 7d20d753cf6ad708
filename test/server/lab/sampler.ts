/**
 * The independent witness: several times a second it does what a DANE client does (address and TLSA records through the
 * validating cache, handshake, any `3 1 1` record matches), with code of its own, and writes down each failure.
 */
import { connect as connectPlain } from "node:net";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import type { Place } from "./bind.ts";
import { spkiSha256 } from "./lineage.ts";
import { A, TLSA, ask, tlsaText } from "./wire.ts";

export interface SampledService {
  readonly host: string;
  readonly port: number;
  readonly starttls: boolean;
  /** Signature algorithms that the client offers (OpenSSL's names), so that it meets certificates of one kind; absent: all. */
  readonly sigalgs?: string;
  /** The rule by which a client takes a chain (DER, leaf first); absent: some `3 1 1` record of the leaf's key. */
  readonly accepts?: (records: readonly string[], chain: readonly Buffer[], host: string) => boolean;
}

export interface Sample {
  readonly at: number;
  readonly service: string;
  /** `absent`: the validated answer is that there is no TLSA RRset, so a client goes on without DANE. */
  readonly outcome: "match" | "absent" | "failure";
  readonly evidence: string;
}

export interface Sampler {
  readonly samples: () => readonly Sample[];
  readonly failures: () => readonly Sample[];
  /** Samples whose evidence names this public key. */
  readonly seen: (spki: string) => number;
  readonly stop: () => Promise<void>;
}

/** Reads SMTP replies until one is complete; gives its code. */
function smtpReply(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const settle = (act: () => void): void => {
      socket.off("data", onData).off("error", onError).off("close", onClose);
      act();
    };
    const onData = (data: Buffer): void => {
      text += data.toString("latin1");
      const last = /^(\d{3}) .*\r\n$/m.exec(text);
      if (last?.[1] !== undefined) {
        const code = last[1];
        settle(() => {
          resolve(code);
        });
      }
    };
    const onError = (error: Error): void => {
      settle(() => {
        reject(error);
      });
    };
    const onClose = (): void => {
      settle(() => {
        reject(new Error("the SMTP server closed the connection"));
      });
    };
    socket.on("data", onData).on("error", onError).on("close", onClose);
  });
}

async function dialogue(socket: Socket): Promise<void> {
  const expect = async (line: string | null, code: string): Promise<void> => {
    const reply = smtpReply(socket);
    if (line !== null) socket.write(`${line}\r\n`);
    const got = await reply;
    if (got !== code) throw new Error(`SMTP ${got} to ${line ?? "the connection"}`);
  };
  await expect(null, "220");
  await expect("EHLO sampler.example.test", "250");
  await expect("STARTTLS", "220");
}

/** The certificates that one connection was shown, leaf first, each followed by its issuer. */
function chainOf(secure: TLSSocket): readonly Buffer[] {
  const chain: Buffer[] = [];
  // Typed as if there always were one; it has no `raw` without a certificate, and no issuer where none was sent.
  let at: Partial<DetailedPeerCertificate> | undefined = secure.getPeerCertificate(true);
  for (; at?.raw !== undefined; at = at.issuerCertificate) {
    const { raw } = at;
    if (chain.some((known) => known.equals(raw))) break; // a root is its own issuer
    chain.push(raw);
  }
  return chain;
}

/** SHA-256 of the public key that one address presents now. */
export async function presentedSpki(place: Place, host: string, starttls: boolean, sigalgs?: string): Promise<string> {
  const [leaf] = await presentedChain(place, host, starttls, sigalgs);
  if (leaf === undefined) throw new Error("no certificate");
  return spkiSha256(leaf);
}

async function presentedChain(
  place: Place,
  host: string,
  starttls: boolean,
  sigalgs?: string,
): Promise<readonly Buffer[]> {
  const plain = connectPlain({ host: place.address, port: place.port });
  plain.setTimeout(8_000, () => plain.destroy(new Error("time-out")));
  try {
    if (starttls) await dialogue(plain);
    return await new Promise((resolve, reject) => {
      const offer = { servername: host, rejectUnauthorized: false, ...(sigalgs === undefined ? {} : { sigalgs }) };
      const secure = connectTls({ socket: plain, ...offer }, () => {
        resolve(chainOf(secure));
        secure.end();
      });
      secure.on("error", reject);
      plain.on("error", reject);
      plain.on("close", () => {
        reject(new Error("closed before the handshake ended"));
      });
    });
  } finally {
    plain.destroy();
  }
}

async function observe(resolver: Place, service: SampledService): Promise<Omit<Sample, "at" | "service">> {
  const owner = `_${String(service.port)}._tcp.${service.host}`;
  const [addresses, tlsa] = await Promise.all([ask(resolver, service.host, A), ask(resolver, owner, TLSA)]);
  const rcodes = `${String(addresses.rcode)}/${String(tlsa.rcode)}`;
  if (!addresses.authenticated || !tlsa.authenticated)
    return { outcome: "failure", evidence: `no AD bit, rcodes ${rcodes}` };
  if (addresses.answers.length === 0) return { outcome: "failure", evidence: `no address, rcodes ${rcodes}` };
  const records = tlsa.answers.map((answer) => tlsaText(answer.data));
  const served = await Promise.all(
    addresses.answers.map(async ({ data }) => {
      const address = [...data].join(".");
      const place = { address, port: service.port };
      const chain = await presentedChain(place, service.host, service.starttls, service.sigalgs);
      const [leaf] = chain;
      if (leaf === undefined) throw new Error(`no certificate from ${address}`);
      return { address, chain, spki: spkiSha256(leaf) };
    }),
  );
  const evidence = `[${records.join(", ")}] against ${served.map(({ address, spki }) => `${address} ${spki}`).join(", ")}`;
  if (records.length === 0) return { outcome: "absent", evidence };
  const accepts = service.accepts ?? ((set, [leaf]) => leaf !== undefined && set.includes(`3 1 1 ${spkiSha256(leaf)}`));
  const accepted = served.every(({ chain }) => accepts(records, chain, service.host));
  return { outcome: accepted ? "match" : "failure", evidence };
}

/** Starts one loop a service; each sample begins `everyMs` after the last began, or at once when that took longer. */
export function startSampler(resolver: Place, services: readonly SampledService[], everyMs = 200): Sampler {
  const samples: Sample[] = [];
  let running = true;
  const loops = services.map(async (service) => {
    while (running) {
      const at = Date.now();
      const name = `${service.host}:${String(service.port)}`;
      try {
        samples.push({ at, service: name, ...(await observe(resolver, service)) });
      } catch (error) {
        samples.push({
          at,
          service: name,
          outcome: "failure",
          evidence: error instanceof Error ? error.message : String(error),
        });
      }
      await delay(Math.max(0, at + everyMs - Date.now()));
    }
  });
  return {
    samples: () => samples,
    failures: () => samples.filter((sample) => sample.outcome === "failure"),
    seen: (spki) => samples.filter((sample) => sample.evidence.includes(spki)).length,
    stop: async () => {
      running = false;
      await Promise.all(loops);
    },
  };
}
