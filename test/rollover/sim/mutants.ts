/**
 * Cores that are wrong on purpose, each in one of the ways in which such programs have been wrong. None is built into
 * the product: rules are exchanged, or the core is shown a falsified world, or its memory is tampered with.
 */
import { seconds } from "../../../src/base/time.ts";
import type { Observation, OwnerObservation, ServerObservation } from "../../../src/rollover/observation.ts";
import { clientAccepts } from "../../../src/rollover/records.ts";
import { RULES } from "../../../src/rollover/rules.ts";
import type { OwnerState, RolloverState } from "../../../src/rollover/state.ts";
import type { Tampering } from "./drive.ts";
import type { History } from "./history.ts";

export interface Mutant {
  readonly name: string;
  /** Fresh for each history: some remember. */
  readonly make: (history: History) => Tampering;
  /** Turns a history into one in which the fault can show. */
  readonly stage?: (history: History) => History;
  /** Where it shows, when not in a client that is refused or a foreign record that is deleted. */
  readonly shows?: "steps";
}

function withServers(
  seen: Observation,
  change: (server: ServerObservation, index: number) => ServerObservation,
): Observation {
  const owners = seen.owners.map((owner): OwnerObservation =>
    owner.outcome === "seen" ? { ...owner, servers: owner.servers.map(change) } : owner,
  );
  return { ...seen, owners };
}

function withOwners(state: RolloverState, change: (owner: OwnerState) => OwnerState): RolloverState {
  return { ...state, owners: state.owners.map(change) };
}

/** Clocks run on, and RRsets that came back do not count, as if no server had regressed. */
function keepWaits(after: RolloverState, before: RolloverState | null): RolloverState {
  return withOwners(after, (owner) => {
    const known = before?.owners.find((one) => one.owner === owner.owner);
    if (known === undefined) return owner;
    const kept = known.clocks.map(({ record }) => record);
    return {
      ...owner,
      clocks: [...known.clocks, ...owner.clocks.filter(({ record }) => !kept.includes(record))],
      horizon: owner.horizon.filter(
        ({ records }) =>
          kept.every((record) => records.includes(record)) ||
          known.horizon.some((entry) => entry.records.join() === records.join()),
      ),
    };
  });
}

/** What the name servers said when the wait began is believed until the swap. */
function staleAtSwap(): Tampering {
  let frozen: Observation["owners"] | null = null;
  return {
    observation: (seen, state) => {
      if (state?.phase.phase !== "aging") frozen = null;
      else frozen ??= seen.owners;
      return { ...seen, owners: frozen ?? seen.owners };
    },
  };
}

const busy = (history: History): History => ({ ...history, servers: 3, lags: [...history.lags, 300], ttl: 300 });

export const MUTANTS: readonly Mutant[] = [
  {
    name: "half a TTL instead of two",
    make: () => ({
      rules: {
        ...RULES,
        agingTime: (ttl) => seconds(Math.floor(ttl * 0.5)),
        cacheLifetime: (ttl) => seconds(Math.floor(ttl * 0.5)),
      },
    }),
  },
  {
    name: "no wait at all",
    make: () => ({ rules: { ...RULES, agingTime: () => seconds(0), cacheLifetime: () => seconds(0) } }),
  },
  {
    name: "any match will do, instead of one in each combination",
    stage: (history) => ({
      ...history,
      parameters: "311+211",
      peers: 0,
      incidents: history.incidents.filter(({ what }) => what.startsWith("renew")),
    }),
    make: () => ({
      // Without the margin of the clock, behind which the fault would hide.
      rules: {
        ...RULES,
        agingTime: () => seconds(0),
        mayServe: (records, next) => clientAccepts(records, next.certificates),
      },
    }),
  },
  {
    name: "the clock starts at our own update, when the primary has it",
    stage: (history) => ({ ...busy(history), hiddenPrimary: false }),
    make: () => ({
      observation: (seen) => withServers(seen, (server, at) => (at === 0 ? server : { ...server, excluded: true })),
    }),
  },
  {
    name: "the TTL that we publish with is taken for that of the old RRset",
    stage: (history) => ({ ...history, ttl: 300, publishTtl: 20, before: ["live"] }),
    make: (history) => ({
      observation: (seen) =>
        withServers(seen, (server) =>
          server.said.outcome === "answer"
            ? { ...server, said: { ...server.said, ttl: seconds(history.publishTtl) } }
            : server,
        ),
    }),
  },
  {
    name: "one address is asked for all",
    stage: (history) => ({ ...history, hosts: 2, workers: [0, 290] }),
    make: () => ({
      observation: (seen) => {
        const first = seen.endpoints?.find(({ own, presents }) => own && presents.outcome === "chain");
        const endpoints = seen.endpoints?.map((one) => ({ ...one, presents: first?.presents ?? one.presents })) ?? null;
        return { ...seen, endpoints };
      },
    }),
  },
  {
    name: "peers behind the same name are not asked",
    stage: (history) => ({ ...history, peers: 1 }),
    make: () => ({
      observation: (seen) => ({ ...seen, endpoints: seen.endpoints?.filter(({ own }) => own) ?? null }),
    }),
  },
  {
    name: "the name servers are not asked again at the swap",
    stage: (history) => ({
      ...history,
      incidents: [...history.incidents, ...relapses(history)],
    }),
    make: staleAtSwap,
  },
  {
    name: "the wait is kept after a server regressed",
    stage: (history) => ({
      ...history,
      incidents: [...history.incidents, ...relapses(history)],
    }),
    make: () => ({ memory: keepWaits }),
  },
  {
    name: "the whole RRset is deleted instead of our records",
    stage: (history) => ({ ...history, before: ["garbage"] }),
    make: () => ({
      actions: (actions) => actions.map((one) => (one.kind === "withdraw" ? { ...one, remove: one.expected } : one)),
    }),
  },
  {
    // No client is let down by it, as the tests of belt and braces show: who holds a negative answer is bound to nothing.
    // But it would be said too early that every sender is held to the record.
    name: "the TTL of negative answers is forgotten",
    shows: "steps",
    stage: (history) => ({ ...history, before: [] }),
    make: () => ({ observation: withoutNegativeTtl }),
  },
  {
    name: "a first RRset that no server shows yet is forgotten",
    stage: (history) => ({
      ...history,
      hiddenPrimary: true,
      before: [],
      parameters: "311",
      ttl: 20,
      publishTtl: 20,
      tickEvery: 15,
      lags: [300],
      peers: 0,
      crashes: [],
      incidents: [{ at: 6, what: "renew", amount: 1 }, ...history.incidents],
    }),
    make: () => ({ memory: (after) => withOwners(after, (owner) => ({ ...owner, coming: [] })) }),
  },
];

/** A cache that asks before the first publication keeps "there is none" for as long as the zone says. */
export function withoutNegativeTtl(seen: Observation): Observation {
  return withServers(seen, (server) =>
    server.said.outcome === "answer" && server.said.records.length === 0
      ? { ...server, said: { ...server.said, ttl: seconds(0) } }
      : server,
  );
}

function relapses(history: History): History["incidents"] {
  return [1, 3, 5, 7, 9].flatMap((after) =>
    history.incidents
      .slice(0, 3)
      .map(({ at }) => ({ at: at + after, what: "server-relapses" as const, amount: 1 + after })),
  );
}
