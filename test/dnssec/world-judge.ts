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
import type { Work } from "../../src/dnssec/work.ts";
import { converse } from "./conversation.ts";
import { nameOf } from "./corpus.ts";
import { NOW } from "./zone-builder.ts";
import type { World } from "./zone-builder.ts";

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
  const { tamper = (honest) => honest, now = NOW, policy = DEFAULT_POLICY } = judging;
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
