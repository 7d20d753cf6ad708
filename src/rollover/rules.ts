/** The numbers and the judgement on which everything rests, as functions, so that a test can prove that weaker ones fail. */
import { seconds } from "../base/time.ts";
import type { Seconds } from "../base/time.ts";
import type { Policy } from "./policy.ts";
import { mayServe } from "./records.ts";

export interface Rules {
  /** How long after the last server changed the new RRset must age before a server may rely on it. */
  readonly agingTime: (ttlOld: Seconds, policy: Policy) => Seconds;
  /** How long a cache may keep an RRset after the last server stopped serving it. */
  readonly cacheLifetime: (ttl: Seconds, policy: Policy) => Seconds;
  /** Whether a server may change from one chain to another under an RRset that caches may hold. */
  readonly mayServe: typeof mayServe;
}

export const RULES: Rules = {
  // RFC 7671 §8.1 asks for at least two TTLs. One is the theoretical minimum once every server has been
  // seen to serve the new set; the second is margin for caches that clamp, chain or prefetch. The other arm is BIND's
  // "to omnipresent": TTL + zone-propagation-delay + publish-safety.
  agingTime: (ttlOld, policy) => seconds(Math.max(2 * ttlOld, ttlOld + policy.propagationDelay + policy.publishSafety)),
  cacheLifetime: (ttl, policy) => seconds(Math.max(ttl, policy.cacheFloor)),
  mayServe,
};
