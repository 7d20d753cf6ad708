/** Questions to a world of zone-builder.ts, its answers honest or tampered with on the way. */
import { success } from "../../src/base/result.ts";
import type { Instant } from "../../src/base/time.ts";
import { typeFromName } from "../../src/dns/iana.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { DEFAULT_POLICY } from "../../src/dnssec/policy.ts";
import type { ValidationPolicy } from "../../src/dnssec/policy.ts";
import type { Verdict } from "../../src/dnssec/validate.ts";
import { createWork } from "../../src/dnssec/work.ts";
import type { Work, WorkKind } from "../../src/dnssec/work.ts";
import { converse } from "./conversation.ts";
import { nameOf } from "./corpus.ts";
import { NOW, response } from "./zone-builder.ts";
import type { Sections, World } from "./zone-builder.ts";

/** What stands between the validator and the honest answer. */
export type Tamper = (honest: DnsMessage, name: DomainName, type: number) => DnsMessage;

export interface Judging {
  readonly tamper?: Tamper;
  readonly now?: Instant;
  readonly policy?: ValidationPolicy;
  readonly work?: Work;
}

/** `www.test. A` put to the validator. */
export function judge(world: World, question: string, judging: Judging = {}): Verdict {
  const { tamper = (honest: DnsMessage): DnsMessage => honest, now = NOW, policy = DEFAULT_POLICY } = judging;
  const [name = "", type = ""] = question.split(" ");
  const ground = { now, policy, work: judging.work ?? createWork(policy.limits), anchors: world.anchors };
  return converse(nameOf(name), typeFromName(type) ?? 0, ground, (at, asked) =>
    success(tamper(world.answer(at, asked), at, asked)),
  );
}

/** `secure 2 TYPE...`: what a verdict says, without its reasons, to be compared. */
export function shown({ status, rrsets, rcode, finalName }: Verdict): string {
  const data = rrsets.flatMap(({ type, rdatas }) =>
    rdatas.map((rdata) => `${String(type)}:${Buffer.from(rdata).toString("hex")}`),
  );
  const usable = status === "secure" || status === "insecure";
  return usable ? [status, rcode, finalName, ...data.sort()].join(" ") : status;
}

/** Answers one question, `www.test. A`, otherwise than honestly. */
export function instead(question: string, change: (honest: DnsMessage) => DnsMessage): Tamper {
  const [name = "", type = ""] = question.split(" ");
  const asked = { name: nameOf(name), type: typeFromName(type) };
  return (honest, at, of) => (at === asked.name && of === asked.type ? change(honest) : honest);
}

/** The same with these RRsets for an answer. */
export function forged(question: string, sections: Sections): Tamper {
  return instead(question, ({ question: [asked] }) => response(asked?.name ?? nameOf("."), asked?.type ?? 0, sections));
}

/** One tampering after the other. */
export function all(...tampers: readonly Tamper[]): Tamper {
  return (honest, name, type) => tampers.reduce((message, tamper) => tamper(message, name, type), honest);
}

/** `bogus DNSSEC_LIMIT`: the outcome and its first reason. */
export function outcome({ status, reasons }: Verdict): string {
  return [status, reasons[0]?.code ?? ""].join(" ").trim();
}

export interface MeteredWork extends Work {
  readonly spent: (kind: WorkKind) => number;
}

/** An account that can be read. */
export function meteredWork(policy: ValidationPolicy = DEFAULT_POLICY): MeteredWork {
  const work = createWork(policy.limits);
  const spent = new Map<WorkKind, number>();
  return {
    ...work,
    spend: (kind) => {
      const granted = work.spend(kind);
      if (granted) spent.set(kind, (spent.get(kind) ?? 0) + 1);
      return granted;
    },
    spent: (kind) => spent.get(kind) ?? 0,
  };
}
