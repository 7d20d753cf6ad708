/**
 * The three gates of every transition: policy (is it wanted and sound), DANE safety (may caches hold an RRset that the
 * servers would then fail), time (has the wait run). Each says why not as {@link Refusal}s; none means open.
 */
import { addSeconds, formatSecond, instant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { CertificateDigests, ChainFacts, ChainId, KeyKind, RecordText } from "./chain.ts";
import { conditionOf, countingServers, entryExpires } from "./horizon.ts";
import { NO_ADDRESS } from "./observation.ts";
import type { EndpointObservation, Observation, OwnerObservation } from "./observation.ts";
import type { Policy } from "./policy.ts";
import { bindsClients, clientAccepts, matchedCombinations, matchesChain, union, without } from "./records.ts";
import type { Rules } from "./rules.ts";
import type { OwnerState, Override, Refusal, RolloverState } from "./state.ts";

/** Everything a transition may look at: state with the observation folded in, and the observation itself. */
export interface Scene {
  readonly state: RolloverState;
  readonly observation: Observation;
  readonly policy: Policy;
  readonly now: Instant;
  readonly rules: Rules;
}

export function chainOf(scene: Scene, id: ChainId | null): ChainFacts | null {
  return scene.state.chains.find((chain) => chain.id === id) ?? null;
}

export function seenOwner(scene: Scene, owner: OwnerState): Extract<OwnerObservation, { outcome: "seen" }> | null {
  const seen = scene.observation.owners.find((one) => one.owner === owner.owner);
  return seen?.outcome === "seen" ? seen : null;
}

/** Owner names may be aliases of one name, whose one RRset then binds the endpoints of all of them. */
export function ownersSharing(scene: Scene, owner: OwnerState): readonly OwnerState[] {
  return scene.state.owners.filter((one) => one.finalOwner === owner.finalOwner);
}

/** Every owner name's RRset is known from every counting server, be it from an earlier look. */
export function isEverythingKnown(scene: Scene): boolean {
  return (
    scene.state.owners.length === scene.policy.owners.length &&
    scene.state.owners.every((owner) => {
      const counting = countingServers(owner);
      return counting.length > 0 && counting.every(({ records }) => records !== null);
    })
  );
}

/**
 * No cache may hold a TLSA record that obliges a client to anything, at any owner name, and none of ours may turn up.
 * Records of usages 0 and 1 that match no chain we know of are somebody's litter: who heeds them is refused already.
 */
export function bindsNobody(scene: Scene): boolean {
  return (
    isEverythingKnown(scene) &&
    scene.state.owners.every(
      (owner) => owner.coming.length === 0 && owner.horizon.every(({ records }) => !isHeeded(scene, records)),
    )
  );
}

/** Somebody's litter binds no client, or only such as were refused before anybody came: no news, and nobody's to mend. */
export function isHeeded({ state }: Scene, records: readonly RecordText[]): boolean {
  return (
    bindsClients(records) || state.chains.some((chain) => matchedCombinations(records, chain.certificates).size > 0)
  );
}

/** The operator has lifted the gates before this act on this chain. */
export function isOverridden({ state }: Scene, act: Override["act"], chain: ChainId): boolean {
  return state.override?.act === act && state.override.chain === chain;
}

/** Its key counts as compromised. */
export function isCompromised({ compromised }: Pick<RolloverState, "compromised">, chain: ChainFacts): boolean {
  return compromised.some((key) => chain.certificates[0]?.spkiSha256 === key);
}

/** Sound, in date, and the operator wants it. */
export function policyGate(scene: Scene, next: ChainFacts): readonly Refusal[] {
  const refuse = (detail: string, until: Instant | null = null): Refusal => ({
    gate: "policy",
    code: "SOURCE_UNUSABLE",
    until,
    detail,
  });
  const refusals: Refusal[] = [];
  const { source, stored } = scene.observation;
  if (source.outcome === "chain" && source.chain.id === next.id) {
    refusals.push(...sourceFaults(scene, next));
  } else if (!stored.includes(next.id)) {
    refusals.push(refuse("the source offers it no more and no copy of it was kept"));
  }
  // Else said already, with the words of who looked at the file.
  if (refusals.length > 0) return refusals;
  if (next.notBefore > scene.now) {
    refusals.push(refuse(`not valid before ${formatSecond(next.notBefore)}`, next.notBefore));
  }
  if (next.notAfter <= scene.now) refusals.push(refuse(`expired on ${formatSecond(next.notAfter)}`));
  return refusals;
}

/** What is wrong with what the source offers; that it is not valid yet mends itself. */
export function sourceFaults({ observation, now }: Scene, next: ChainFacts): readonly Refusal[] {
  const { source } = observation;
  if (source.outcome === "failed" || source.chain.id !== next.id) return [];
  return source.faults.map(({ code, message }) => {
    const until = code === "CERT_NOT_YET_VALID" && next.notBefore > now ? next.notBefore : null;
    return { gate: "policy", code: "SOURCE_UNUSABLE", until, detail: message };
  });
}

const SERVER_CODES = {
  lagging: "NS_LAGGING",
  unreachable: "NS_UNREACHABLE",
  unsigned: "NS_UNSIGNED",
  "not-authoritative": "NS_NOT_AUTHORITATIVE",
} as const;

/** Every counting address of every name server must serve `wanted`, with authority and signed, in this observation. */
export function serverGate(scene: Scene, wanted: readonly RecordText[]): readonly Refusal[] {
  return scene.policy.owners.flatMap((name): readonly Refusal[] => {
    const seen = scene.observation.owners.find((one) => one.owner === name);
    if (seen?.outcome !== "seen") {
      const detail =
        seen?.outcome === "failed"
          ? `${displayName(name)}: ${seen.fault.message}`
          : `${displayName(name)} was not looked at`;
      const isBogus = seen?.outcome === "failed" && seen.fault.code === "ZONE_BOGUS";
      return [{ gate: "dane", code: isBogus ? "ZONE_BOGUS" : "ZONE_UNKNOWN", until: null, detail }];
    }
    const counting = seen.servers.filter((server) => !server.excluded);
    if (counting.length === 0) {
      return [
        {
          gate: "dane",
          code: "ZONE_UNKNOWN",
          until: null,
          detail: `${displayName(seen.zone)} has no name server to ask`,
        },
      ];
    }
    const owner = scene.state.owners.find((one) => one.owner === name);
    return counting.flatMap((server): readonly Refusal[] => {
      const { condition, detail } = conditionOf(server.said, wanted);
      if (condition === "in-sync") return [];
      const known = owner?.servers.find((one) => one.server === server.server && one.address === server.address);
      const since = known?.condition === condition ? known.conditionSince : scene.now;
      const text = `${server.server} (${server.address}) ${detail}, since ${formatSecond(since)}`;
      return [{ gate: "dane", code: SERVER_CODES[condition], until: null, detail: `${displayName(name)}: ${text}` }];
    });
  });
}

/** No cache may hold an RRset under which `next` fails, or a combination of it ceases to match (RFC 7671 §8). */
export function horizonGate(scene: Scene, next: ChainFacts, current: ChainFacts | null): readonly Refusal[] {
  return scene.state.owners.flatMap((owner): readonly Refusal[] => {
    const unsafe = owner.horizon.filter((entry) => !scene.rules.mayServe(entry.records, next, current));
    if (unsafe.length === 0) return [];
    const ends = unsafe.map((entry) => entryExpires(entry, owner, scene.policy, scene.rules));
    const known = ends.filter((end) => end !== null);
    const last = known.length === ends.length ? instant(Math.max(...known)) : null;
    // Past only while the zone cannot be looked at: then it does not lift by itself.
    const until = last !== null && last > scene.now ? last : null;
    const sets = unsafe.map((entry) => (entry.records.length === 0 ? "(none)" : entry.records.join(", ")));
    const detail = `${displayName(owner.owner)}: caches may hold ${[...new Set(sets)].join(" | ")}`;
    return [{ gate: "dane", code: "HORIZON_UNSAFE", until, detail }];
  });
}

/** One DNSSEC-validated answer per owner name, under which `next` is accepted, immediately before the swap. */
export function validatedGate(scene: Scene, next: ChainFacts): readonly Refusal[] {
  return scene.state.owners.flatMap((owner): readonly Refusal[] => {
    const validated = seenOwner(scene, owner)?.validated;
    if (validated === undefined || owner.horizon.every((entry) => entry.records.length === 0)) return [];
    if (validated.status !== "secure") {
      const why = "fault" in validated ? `: ${validated.fault.message}` : "";
      return [
        {
          gate: "dane",
          code: "NOT_SECURE",
          until: null,
          detail: `${displayName(owner.owner)} is ${validated.status}${why}`,
        },
      ];
    }
    if (validated.records.length > 0 && clientAccepts(validated.records, next.certificates)) return [];
    return [
      {
        gate: "dane",
        code: "NOT_YET_RESOLVED",
        until: null,
        detail: `${displayName(owner.owner)}: the validated answer holds ${validated.records.join(", ") || "no record"}`,
      },
    ];
  });
}

/** A record whose deletion was asked for may be gone at the primary although every server still shows it. */
export function leavingGate(scene: Scene, wanted: readonly RecordText[]): readonly Refusal[] {
  return scene.state.owners.flatMap((owner): readonly Refusal[] => {
    const leaving = owner.leaving.filter((record) => wanted.includes(record));
    if (leaving.length === 0) return [];
    const detail = `${displayName(owner.owner)}: ${leaving.join(", ")} is still being withdrawn, and comes back after that`;
    return [{ gate: "dane", code: "HORIZON_UNSAFE", until: null, detail }];
  });
}

/** When every record of `wanted` has aged long enough at this owner; null while a clock has not started. */
export function agedAt(scene: Scene, owner: OwnerState, wanted: readonly RecordText[]): Instant | null {
  let latest = 0;
  for (const record of wanted) {
    const clock = owner.clocks.find((one) => one.record === record);
    if (clock === undefined) return null;
    latest = Math.max(latest, addSeconds(clock.since, scene.rules.agingTime(clock.ttl, scene.policy)));
  }
  return instant(latest);
}

/** The wait of RFC 7671 §8.1, from the moment at which every name server was seen to serve the record. */
export function timeGate(scene: Scene, wanted: readonly RecordText[]): readonly Refusal[] {
  return scene.state.owners.flatMap((owner): readonly Refusal[] => {
    const until = agedAt(scene, owner, wanted);
    if (until === null || until <= scene.now) return [];
    const detail = `${displayName(owner.owner)}: some caches may not have the new RRset yet`;
    return [{ gate: "time", code: "CLOCK_RUNNING", until, detail }];
  });
}

/**
 * Whether `next` matches wherever `current` matches, in every RRset that a cache may hold or may come to hold: then nothing has to be
 * announced and the swap changes nothing for any DANE client (same key under 3 1 1, same issuer under 2 x 1).
 */
export function changesNothing(scene: Scene, next: ChainFacts, current: ChainFacts): boolean {
  // What is live should be `current`, and is something else when a hand moved the link or no service reads it.
  const live = (scene.observation.endpoints ?? []).flatMap(({ own, presents }) =>
    own && presents.outcome === "chain" ? [presents.certificates] : [],
  );
  const sameMatches = scene.state.owners.every((owner) =>
    union(owner.coming, ...owner.horizon.map((entry) => entry.records))
      .filter((record) => [current.certificates, ...live].some((certificates) => matchesChain(record, certificates)))
      .every((record) => matchesChain(record, next.certificates)),
  );
  const isSeen =
    scene.state.owners.length === scene.policy.owners.length &&
    scene.state.owners.every((owner) => owner.horizon.length > 0);
  return isSeen && sameMatches && without(next.records, current.records).length === 0;
}

/** What one address presents, against what it should: null when it is as it should be. */
export function endpointRefusal(scene: Scene, seen: EndpointObservation, expected: ChainId): Refusal | null {
  if (seen.presents.outcome === "chain" && seen.presents.id === expected) return null;
  if (seen.presents.outcome === "failed" && seen.address === NO_ADDRESS) {
    // The trouble is in DNS: whoever mends it must not be sent to the service.
    const detail = `${seen.endpoint}: its addresses cannot be looked up: ${seen.presents.detail}`;
    return { gate: "dane", code: seen.presents.code, until: null, detail };
  }
  const what =
    seen.presents.outcome === "failed"
      ? seen.presents.detail
      : seen.presents.second === undefined
        ? `presents ${describeChain(scene, seen.presents.id)} instead of ${describeChain(scene, expected)}`
        : `${alsoPresents(seen.presents.second, seen.presents.certificates)}, which is not this certificate's`;
  return {
    gate: "dane",
    code: "ENDPOINT_UNPROVEN",
    until: null,
    detail: `${seen.endpoint} at ${seen.address}${seen.presents.outcome === "failed" ? ":" : ""} ${what}`,
  };
}

/** Eight digits of the key's digest and the subject: enough for a person to tell chains apart. */
export function describeChain(scene: Scene, id: ChainId): string {
  const chain = chainOf(scene, id);
  return chain === null
    ? `an unknown certificate (${id.slice(0, 8)})`
    : `key ${chain.certificates[0]?.spkiSha256.slice(0, 8) ?? "?"}`;
}

const KIND_NAMES: Readonly<Record<KeyKind, string>> = {
  rsa: "an RSA certificate",
  ecdsa: "an ECDSA certificate",
  eddsa: "an EdDSA certificate",
};

/** For a certificate that clients of another kind are presented, and that nobody here manages. */
export function alsoPresents(kind: KeyKind, certificates: readonly CertificateDigests[]): string {
  return `also presents ${KIND_NAMES[kind]} (key ${certificates[0]?.spkiSha256.slice(0, 8) ?? "?"})`;
}

/** The one chain that every address of this host presents; null when they differ or cannot be asked. */
export function livePresented(scene: Scene): ChainId | null {
  const own = (scene.observation.endpoints ?? []).filter((endpoint) => endpoint.own);
  const ids = new Set(own.map(({ presents }) => (presents.outcome === "chain" ? presents.id : null)));
  const [id] = ids;
  return ids.size === 1 && id !== undefined ? id : null;
}
