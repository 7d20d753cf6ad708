import { describe, expect, test } from "vitest";
import { play } from "./sim/drive.ts";
import type { History } from "./sim/history.ts";
import { judge } from "./sim/verdict.ts";

/** A quiet small world, for stories told by hand. */
const plain: History = {
  owners: 1,
  shared: false,
  servers: 2,
  hiddenPrimary: false,
  hosts: 1,
  peers: 0,
  ttl: 300,
  publishTtl: 300,
  negativeTtl: 60,
  aliasTtl: 0,
  cacheFloor: 0,
  parameters: "311",
  ahead: false,
  before: [],
  tickEvery: 60,
  pollEvery: 1,
  slowness: 0,
  lags: [0],
  workers: [0],
  incidents: [],
  crashes: [],
};

function verdictOf(history: History): ReturnType<typeof judge> {
  return judge(history, play(history));
}

describe("told by hand", () => {
  test("a lagging secondary delays the swap by its lag", () => {
    const renew = { at: 25, what: "renew", amount: 1 } as const;
    const renewed: History = { ...plain, incidents: [renew, { at: 70, what: "mended", amount: 1 }] };
    const quick = play(renewed);
    const slow = play({ ...renewed, lags: [900] });
    expect(quick.phases).toEqual(slow.phases);
    expect(slow.phases.join(" ")).toBe(
      "deploying confirming stable announcing aging deploying confirming withdrawing stable",
    );
    const swappedAt = (run: typeof slow): number => run.world.swaps.at(-1)?.at ?? 0;
    // Without lag the look that follows at once sees the new RRset.
    expect(swappedAt(slow) - swappedAt(quick)).toBe(900 * 1000);
  });

  /** Each of these histories once ended badly. */
  const stories: readonly (readonly [story: string, history: History])[] = [
    [
      "name servers that are silent at first contact do not mean that there are no TLSA records",
      {
        ...plain,
        servers: 1,
        before: ["live"],
        incidents: [
          { at: 0, what: "renew", amount: 1 },
          { at: 0, what: "silence", amount: 300 },
        ],
      },
    ],
    [
      "a first RRset on its way behind a hidden primary counts although no server shows it",
      {
        ...plain,
        ttl: 20,
        publishTtl: 20,
        tickEvery: 10,
        hiddenPrimary: true,
        lags: [300],
        incidents: [{ at: 6, what: "renew", amount: 1 }],
      },
    ],
    [
      "so does one that other parameters would no longer ask for",
      {
        ...plain,
        ttl: 20,
        publishTtl: 20,
        tickEvery: 10,
        servers: 1,
        hiddenPrimary: true,
        lags: [31],
        incidents: [
          { at: 0, what: "hold", amount: 1 },
          { at: 4, what: "reconfigured", amount: 342 },
          { at: 4, what: "renew", amount: 1 },
        ],
      },
    ],
    [
      "a first RRset matches the live chain in each of its combinations",
      {
        ...plain,
        tickEvery: 10,
        parameters: "311+211",
        workers: [11],
        incidents: [
          { at: 0, what: "renew", amount: 1 },
          { at: 1, what: "renew", amount: 1 },
        ],
      },
    ],
    [
      "with new parameters the old combination goes before a new key comes",
      {
        ...plain,
        incidents: [
          { at: 20, what: "reconfigured", amount: 2 },
          { at: 20, what: "renew-issuer", amount: 1 },
          { at: 22, what: "renew", amount: 1 },
        ],
      },
    ],
    [
      "a peer that never follows does not keep renewals waiting",
      {
        ...plain,
        peers: 1,
        incidents: [
          { at: 10, what: "renew", amount: 1 },
          { at: 45, what: "renew", amount: 1 },
        ],
      },
    ],
    [
      "the live chain's record comes back however often somebody deletes it",
      {
        ...plain,
        before: ["garbage"],
        incidents: [10, 14, 18, 22, 26].map((at) => ({ at, what: "record-deleted", amount: 1 })),
      },
    ],
    [
      "a key that is being withdrawn and comes back is announced anew",
      {
        ...plain,
        tickEvery: 15,
        lags: [400],
        hiddenPrimary: true,
        incidents: [
          { at: 4, what: "renew", amount: 1 },
          { at: 30, what: "abort", amount: 1 },
          { at: 50, what: "renew-old-key", amount: 2 },
        ],
      },
    ],
    [
      "a link moved by hand and a lost state do not make a swap harmless",
      {
        ...plain,
        servers: 1,
        ttl: 20,
        publishTtl: 20,
        tickEvery: 10,
        incidents: [
          { at: 0, what: "renew", amount: 1 },
          { at: 12, what: "renew", amount: 1 },
          { at: 13, what: "link-moved", amount: 1 },
          { at: 13, what: "state-lost", amount: 1 },
          { at: 13, what: "renew-issuer", amount: 1 },
        ],
      },
    ],
    [
      "a clock set back while the rollover is held does not keep it waiting for the lost time",
      {
        ...plain,
        incidents: [
          { at: 10, what: "clock-jumps", amount: 499 },
          { at: 11, what: "renew", amount: 1 },
          { at: 30, what: "hold", amount: 1 },
          { at: 31, what: "clock-jumps", amount: 498 },
          { at: 32, what: "resume", amount: 1 },
        ],
      },
    ],
    [
      "an abort while the reload fails keeps the link on the way back, and ends",
      {
        ...plain,
        tickEvery: 15,
        incidents: [
          { at: 5, what: "reload-breaks", amount: 1 },
          { at: 11, what: "renew-same-key", amount: 1 },
          { at: 17, what: "abort", amount: 1 },
          { at: 39, what: "resume", amount: 1 },
        ],
      },
    ],
    [
      "an abort with no files to go back to ends at what is deployed",
      {
        ...plain,
        tickEvery: 30,
        peers: 1,
        ttl: 20,
        publishTtl: 20,
        incidents: [
          { at: 14, what: "renew", amount: 1 },
          { at: 32, what: "files-lost", amount: 1 },
          { at: 44, what: "abort", amount: 1 },
        ],
      },
    ],
    [
      "a link moved by hand in the middle of a rollover is noticed before any service follows it",
      {
        ...plain,
        servers: 1,
        ttl: 20,
        publishTtl: 20,
        parameters: "312",
        incidents: [
          { at: 4, what: "renew", amount: 10 },
          { at: 8, what: "renew", amount: 61 },
          { at: 9, what: "record-added", amount: 110 },
          { at: 15, what: "renew", amount: 106 },
          { at: 37, what: "link-moved", amount: 261 },
        ],
      },
    ],
    [
      "what is on its way behind a hidden primary when an override withdraws it is withdrawn when it comes",
      {
        ...plain,
        servers: 1,
        hiddenPrimary: true,
        peers: 1,
        ttl: 20,
        publishTtl: 20,
        tickEvery: 120,
        lags: [121],
        incidents: [
          { at: 1, what: "renew", amount: 1 },
          { at: 20, what: "record-deleted", amount: 22 },
          { at: 23, what: "override", amount: 1 },
        ],
      },
    ],
    [
      "a teardown beside records of others leaves no combination without a match",
      {
        ...plain,
        servers: 1,
        ttl: 20,
        publishTtl: 20,
        parameters: "311+211",
        before: ["live"],
        incidents: [
          { at: 3, what: "renew", amount: 1 },
          { at: 11, what: "tear-down", amount: 1 },
        ],
      },
    ],
    [
      "an RRset on its way is not forgotten when a second renewal takes the place of the first before it arrives",
      {
        ...plain,
        servers: 1,
        hiddenPrimary: true,
        ttl: 20,
        before: ["live"],
        slowness: 1,
        lags: [346],
        incidents: [
          { at: 4, what: "renew", amount: 1 },
          { at: 5, what: "renew", amount: 1 },
        ],
      },
    ],
    [
      "a slow secondary in the middle of a first publication raises no alarm about RRsets that never were",
      {
        ...plain,
        ttl: 20,
        publishTtl: 20,
        tickEvery: 15,
        lags: [309],
        incidents: [{ at: 8, what: "renew", amount: 1 }],
      },
    ],
    [
      "after a teardown a renewal that is not valid yet asks no name server for its record",
      {
        ...plain,
        servers: 1,
        ttl: 20,
        publishTtl: 20,
        tickEvery: 15,
        incidents: [
          { at: 9, what: "tear-down", amount: 1 },
          { at: 22, what: "renew-early", amount: 144 },
        ],
      },
    ],
    [
      "aliases that share one RRset share what is known of it",
      {
        ...plain,
        owners: 2,
        shared: true,
        peers: 1,
        incidents: [
          { at: 10, what: "renew", amount: 1 },
          { at: 30, what: "peers-follow", amount: 1 },
        ],
      },
    ],
  ];
  test.each(stories)("%s", (_, history) => {
    expect(verdictOf(history)).toEqual({ safety: [], steps: [], liveness: [] });
  });
});
