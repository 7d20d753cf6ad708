/**
 * The alarm that must never be missed: an address presents, now, a chain that an RRset in some cache does not match. A
 * DANE client that holds that RRset refuses the server at this moment, whatever phase the rollover is in and whoever
 * put the certificate there.
 */
import { displayName } from "../dns/name.ts";
import { formatSecond, instant } from "../base/time.ts";
import { alsoPresents, chainOf, describeChain, isHeeded, livePresented } from "./gates.ts";
import type { Scene } from "./gates.ts";
import { entryExpires } from "./horizon.ts";
import { clientAccepts, without } from "./records.ts";
import type { Refusal, RolloverState } from "./state.ts";

/** One refusal per address that some client must refuse; `until` when time alone will end it. */
export function mismatchRefusals(scene: Scene): readonly Refusal[] {
  return (scene.observation.endpoints ?? []).flatMap((endpoint): readonly Refusal[] => {
    const { presents } = endpoint;
    const owner = scene.state.owners.find((one) => one.owner === endpoint.owner);
    if (presents.outcome === "failed" || owner === undefined) return [];
    const refused = owner.horizon.filter(
      (entry) => entry.seen && isHeeded(scene, entry.records) && !clientAccepts(entry.records, presents.certificates),
    );
    if (refused.length === 0) return [];
    const ends = refused.map((entry) => entryExpires(entry, owner, scene.policy, scene.rules));
    const known = ends.filter((end) => end !== null);
    const last = known.length === ends.length ? instant(Math.max(...known)) : null;
    // Past only while the zone cannot be looked at: then nobody knows.
    const until = last !== null && last > scene.now ? last : null;
    const held = [...new Set(refused.flatMap((entry) => entry.records))].map((record) => `${record.slice(0, 18)}…`);
    const where = `${endpoint.endpoint} at ${endpoint.address}`;
    if (presents.second !== undefined) {
      const also = alsoPresents(presents.second, presents.certificates);
      const detail = `${where} ${also} that no record of ${displayName(owner.owner)} matches`;
      return [{ gate: "dane", code: "SECOND_CERTIFICATE", until: null, detail }];
    }
    // Of another host behind the name: its first record must be known everywhere before its address is in DNS.
    const whose = endpoint.own ? "" : " (another host)";
    const what = `${where}${whose} presents ${describeChain(scene, presents.id)}`;
    const detail = `${what}, but caches may hold ${displayName(owner.owner)} with ${held.join(", ")} alone`;
    return [{ gate: "dane", code: "LIVE_MISMATCH", until, detail }];
  });
}

/**
 * Since when it is known that the services do not wait for the deployment: they presented the renewed certificate while
 * the deployed files still held the current one. It stands until a later rollover shows the contrary, or their
 * configuration says that it was mended, or the operator does; for as long as it does, every renewal stops mail.
 */
export function bypassedSince(before: RolloverState, scene: Scene): RolloverState["bypassedAt"] {
  const { source, deployed } = scene.observation;
  const { phase } = before.phase;
  const known = isMended(scene) ? null : before.bypassedAt;
  if (source.outcome === "failed" || deployed === null || source.chain.id === deployed.id) return known;
  const current = chainOf(scene, deployed.id);
  const ahead = livePresented(scene) === source.chain.id && scene.state.rejected !== source.chain.id;
  const changes = current !== null && without(source.chain.records, current.records).length > 0;
  const waiting = phase === "stable" || phase === "announcing" || phase === "aging";
  if (ahead && changes && waiting) return before.bypassedAt ?? scene.now;
  // At the end of a wait that was kept, the services still present what is deployed: they read our files.
  return phase === "aging" && livePresented(scene) === deployed.id ? null : known;
}

function isMended({ observation: { readers } }: Scene): boolean {
  return readers !== undefined && readers.deployed.length > 0 && readers.source.length === 0;
}

/** The services were seen not to wait for the deployment, or are configured not to. Without records nobody minds. */
export function bypassRefusals({ observation, state }: Scene): readonly Refusal[] {
  const { readers } = observation;
  const isBinding = state.owners.some(({ ours }) => ours.length > 0);
  if (isBinding && readers !== undefined && readers.source.length > 0) {
    const who = readers.source.join(", ");
    const detail = `${who} reads the ACME client's own files: the next renewal would be on the wire before its record is known`;
    return [{ gate: "policy", code: "DEPLOY_BYPASSED", until: null, detail }];
  }
  if (state.bypassedAt === null) return [];
  const detail = `a renewed certificate was on the wire before it was deployed, at ${formatSecond(state.bypassedAt)}`;
  return [{ gate: "policy", code: "DEPLOY_BYPASSED", until: null, detail }];
}

/** The publisher could not be used if it were needed: better said at rest than at the next renewal. */
export function publisherRefusals({ observation: { publisher }, state }: Scene): readonly Refusal[] {
  const isTold = state.troubles.some(({ code }) => code === publisher?.code);
  if (publisher === undefined || isTold) return [];
  return [
    { gate: "policy", code: "PUBLISHER_UNUSABLE", until: null, detail: `${publisher.message} [${publisher.code}]` },
  ];
}

/** Alarms stand beside whatever goes on: they neither hold a rollover up nor keep it from being at rest. */
export function isAlarm(refusal: Refusal): boolean {
  return ALARMS.has(refusal.code);
}

const ALARMS: ReadonlySet<string> = new Set<Refusal["code"]>([
  "LIVE_MISMATCH",
  "SECOND_CERTIFICATE",
  "DEPLOY_BYPASSED",
  "PUBLISHER_UNUSABLE",
  "TORN_DOWN",
]);
