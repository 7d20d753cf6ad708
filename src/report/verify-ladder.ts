/**
 * The steps that a client climbs on the way to an address, and the one where it falls off. Every step is judged
 * elsewhere; here they are only put in order.
 */
import { displayName } from "../dns/name.ts";
import type { DnsAnswer } from "../resolver/resolver.ts";
import type { TlsaEvidence } from "../verifier/evidence.ts";
import type { AddressReport, HostReport, Judgement } from "../verifier/verdict.ts";
import { formatParameters } from "../tlsa/params.ts";

export interface Rung {
  readonly step: "mx" | "srv" | "dnssec" | "alias" | "tlsa" | "address" | "starttls" | "tls" | "chain" | "match";
  /** `open`: lawful, but DANE does not protect from here on; `skipped`: not reached, or not needed. */
  readonly status: "ok" | "open" | "broken" | "skipped";
  readonly text: string;
}

/** The ladder of one address; without one, of the host as far as DNS goes. */
export function ladderOf(host: HostReport, address: AddressReport | null): readonly Rung[] {
  const rungs = [...dnsRungs(host), ...(address === null ? [] : connectionRungs(host, address))];
  const broken = rungs.findIndex(({ status }) => status === "broken");
  if (broken === -1) return rungs;
  return rungs.map((rung, at) => (at > broken ? { ...rung, status: "skipped", text: "not reached" } : rung));
}

/** The step where it broke; null when none did. */
export function brokenRung(ladder: readonly Rung[]): Rung | null {
  return ladder.find(({ status }) => status === "broken") ?? null;
}

function dnsRungs({ dns, endpoint }: HostReport): readonly Rung[] {
  if (endpoint === null) return [];
  const { mx, srv, a, aaaa, tlsa } = dns;
  const rungs: Rung[] = mx === null ? [] : [answerRung("mx", [["MX", mx]])];
  if (srv !== undefined) rungs.push(answerRung("srv", [["SRV", srv]]));
  if (a !== null && aaaa !== null) {
    rungs.push(
      answerRung("dnssec", [
        ["A", a],
        ["AAAA", aaaa],
      ]),
    );
    const alias = [a, aaaa].find((answer) => !("reasons" in answer) && answer.aliases.length > 0);
    if (alias !== undefined && !("reasons" in alias)) {
      const text = `${displayName(alias.name)} is an alias of ${displayName(alias.finalName)}, ${alias.status}`;
      rungs.push({ step: "alias", status: alias.status === "secure" ? "ok" : "open", text });
    }
  }
  if (tlsa !== null) rungs.push(tlsaRung(tlsa));
  return rungs;
}

/** One answer that works is enough: a family that fails does not spoil the other. */
function answerRung(
  step: "mx" | "srv" | "dnssec",
  answers: readonly (readonly [type: string, answer: DnsAnswer])[],
): Rung {
  const text = answers.map(([type, { status }]) => `${type} ${status}`).join(", ");
  const works = answers.filter(([, answer]) => !("reasons" in answer));
  const secure = works.length > 0 && works.every(([, { status }]) => status === "secure");
  return { step, status: works.length === 0 ? "broken" : secure ? "ok" : "open", text };
}

function tlsaRung(tlsa: TlsaEvidence): Rung {
  switch (tlsa.kind) {
    case "records": {
      const count = tlsa.records.length;
      return { step: "tlsa", status: "ok", text: `${String(count)} ${count === 1 ? "record" : "records"}, secure` };
    }
    case "error":
      return { step: "tlsa", status: "broken", text: `lookup failed, ${tlsa.status}` };
    case "none":
      return { step: "tlsa", status: "open", text: tlsa.owner === null ? "not asked" : `none, ${tlsa.why}` };
  }
}

/** How far a connection got before it failed, by the code of the failure. */
const FAILED_AT: Partial<Record<NonNullable<Judgement["code"]>, Rung["step"]>> = {
  CONNECT_FAILED: "address",
  CONNECT_TIMEOUT: "address",
  PROBE_CANCELLED: "address",
  SERVICE_REFUSED: "starttls",
  STARTTLS_NOT_OFFERED: "starttls",
  STARTTLS_REFUSED: "starttls",
  STARTTLS_MALFORMED: "starttls",
  STARTTLS_INJECTION: "starttls",
  PROTOCOL_UNKNOWN: "tls",
};

const STEPS = ["address", "starttls", "tls"] as const;

function connectionRungs(host: HostReport, address: AddressReport): readonly Rung[] {
  const direct = host.endpoint === null || host.endpoint.protocol === "tls";
  const failed = stepOfFailure(address, direct);
  const rungs: Rung[] = [];
  for (const step of host.endpoint === null ? [] : STEPS) {
    if (step === "starttls" && direct) continue;
    rungs.push({ step, status: step === failed ? "broken" : "ok", text: describeStep(step, host, address, failed) });
  }
  return [...rungs, chainRung(address), matchRung(address)];
}

function stepOfFailure({ verdict, code }: AddressReport, direct: boolean): Rung["step"] | null {
  if (verdict !== "unreachable" && verdict !== "fail-tls" && verdict !== "unusable-broken") return null;
  const step = (code === null ? undefined : FAILED_AT[code]) ?? (verdict === "unreachable" ? "address" : "tls");
  return step === "starttls" && direct ? "tls" : step;
}

function describeStep(
  step: (typeof STEPS)[number],
  { endpoint }: HostReport,
  { address, reason, tlsVersion }: AddressReport,
  failed: Rung["step"] | null,
): string {
  if (step === failed) return reason;
  if (step === "address") return address ?? "";
  return step === "starttls" ? (endpoint?.protocol ?? "") : (tlsVersion ?? "handshake");
}

const CHAIN_FAILURES: readonly Judgement["verdict"][] = ["fail-chain", "fail-expired", "fail-name"];

function chainRung({ verdict, reason, chainLength, path }: AddressReport): Rung {
  if (CHAIN_FAILURES.includes(verdict)) return { step: "chain", status: "broken", text: reason };
  if (chainLength === 0) return { step: "chain", status: "skipped", text: "not seen" };
  const sent = `${String(chainLength)} ${chainLength === 1 ? "certificate" : "certificates"} sent`;
  const text = path.length > 1 ? `${sent}, path of ${String(path.length)}` : sent;
  return { step: "chain", status: "ok", text };
}

function matchRung({ verdict, reason, records }: AddressReport): Rung {
  if (verdict === "fail-mismatch") return { step: "match", status: "broken", text: reason };
  if (verdict === "no-dane" || verdict === "unusable-unauthenticated") {
    return { step: "match", status: "open", text: "nothing to authenticate with" };
  }
  const matched = records.find(({ status, reason: why }) => status === "matched" && why === null);
  if (matched === undefined) return { step: "match", status: "skipped", text: "not compared" };
  const where = matched.depth === null ? "" : ` at depth ${String(matched.depth)}`;
  return { step: "match", status: "ok", text: `${formatParameters(matched.record)}${where}` };
}
