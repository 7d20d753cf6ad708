/**
 * Validation as a conversation: a generator asks for a message or for the keys of a zone, whoever drives it finds them
 * (in a cache, from a resolver, in a file of test data) and gives them in. So the walk knows no sockets and no promises,
 * and two questions that need the same zone can share one walk.
 */
import { assert } from "../base/assert.ts";
import type { Fault } from "../base/errors.ts";
import type { Result } from "../base/result.ts";
import type { DnsMessage } from "../dns/message.ts";
import type { DomainName } from "../dns/name.ts";
import type { ZoneTrust } from "./zone-trust.ts";

export type Need =
  | { readonly kind: "message"; readonly name: DomainName; readonly type: number }
  | { readonly kind: "trust"; readonly name: DomainName; readonly signs: boolean };

export type Evidence =
  | { readonly kind: "message"; readonly reply: Result<DnsMessage, Fault> }
  | { readonly kind: "trust"; readonly trust: ZoneTrust };

/** A walk that ends with a T. */
export type Walk<T> = Generator<Need, T, Evidence>;

/** The resolver's reply to a question (DO=1, CD=1); a fault when there is none that could be judged. */
export function* messageFor(name: DomainName, type: number): Walk<Result<DnsMessage, Fault>> {
  const evidence = yield { kind: "message", name, type };
  assert(evidence.kind === "message", "a walk that asked for a message was given something else");
  return evidence.reply;
}

/**
 * What is known of the zone that holds this name: {@link establishTrust} of it, fresh or remembered. `signs`: a signature
 * names it, so it is a zone with keys in all likelihood.
 */
export function* trustAt(name: DomainName, { signs = false }: { signs?: boolean } = {}): Walk<ZoneTrust> {
  const evidence = yield { kind: "trust", name, signs };
  assert(evidence.kind === "trust", "a walk that asked for trust was given something else");
  return evidence.trust;
}

/** Where a driver finds what walks ask for. */
export interface Sources {
  /** Asks with DO=1 and CD=1. */
  readonly message: (name: DomainName, type: number) => Promise<Result<DnsMessage, Fault>>;
  /** Drives {@link establishTrust} itself, unless it remembers or shares one. */
  readonly trust: (name: DomainName, signs: boolean) => Promise<ZoneTrust>;
}

/** Drives a walk to its end. Rejects only when a source does. */
export async function drive<T>(walk: Walk<T>, sources: Sources): Promise<T> {
  for (let step = walk.next(); ;) {
    if (step.done === true) return step.value;
    const need = step.value;
    step =
      need.kind === "message"
        ? walk.next({ kind: "message", reply: await sources.message(need.name, need.type) })
        : walk.next({ kind: "trust", trust: await sources.trust(need.name, need.signs) });
  }
}
