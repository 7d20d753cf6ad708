import { describe, expect, test } from "vitest";
import { addSeconds, instant, seconds } from "../../src/base/time.ts";
import type { Seconds } from "../../src/base/time.ts";
import {
  deadlines,
  endingSignatures,
  phaseTime,
  rolloverNeed,
  standing,
  USUAL_TICK_INTERVAL,
  whomExpiryHurts,
} from "../../src/rollover/deadlines.ts";
import type { Waits } from "../../src/rollover/deadlines.ts";
import type { OwnerObservation } from "../../src/rollover/observation.ts";
import type { Policy } from "../../src/rollover/policy.ts";
import { nameOf } from "../fakes/driver-world.ts";

const ISSUED = instant(Date.UTC(2026, 10, 1));
const HOUR = 3600;
const DAY = 24 * HOUR;

/** The built-in waits, with another TTL. */
function waits(ttl: number, changes: Partial<Waits> = {}): Waits {
  const policy: Policy = {
    ttl: seconds(ttl),
    propagationDelay: seconds(300),
    publishSafety: seconds(3600),
    retireSafety: seconds(DAY),
    confirmRounds: 3,
    confirmInterval: seconds(10),
    confirmPatience: seconds(600),
    pollInterval: seconds(60),
    observeInterval: seconds(3600),
    cacheFloor: seconds(0),
    maxRecords: 12,
    owners: [],
  };
  return { policy, ttlSeen: null, tickInterval: USUAL_TICK_INTERVAL, isAhead: false, ...changes };
}

function living(hours: number): { readonly notBefore: typeof ISSUED; readonly notAfter: typeof ISSUED } {
  return { notBefore: ISSUED, notAfter: addSeconds(ISSUED, seconds(hours * HOUR)) };
}

describe("whether a rollover fits between renewal and expiry", () => {
  test.each([
    ["90 days with a TTL of an hour", 90 * 24, HOUR, "fits"],
    ["90 days with a TTL of a day", 90 * 24, DAY, "fits"],
    ["45 days with a TTL of three days", 45 * 24, 3 * DAY, "fits"],
    ["45 days with a TTL of a week", 45 * 24, 7 * DAY, "tight"],
    ["160 hours with a TTL of an hour", 160, HOUR, "fits"],
    ["160 hours with a TTL of a day", 160, DAY, "tight"],
    ["160 hours with a TTL of two days", 160, 2 * DAY, "too-short"],
    ["an hour's certificate", 1, 60, "too-short"],
  ] as const)("%s", (_, life, ttl, verdict) => {
    expect(deadlines(waits(ttl), living(life)).verdict).toBe(verdict);
  });

  test("adds up: three runs that come late, propagation, the wait, and the rounds", () => {
    expect(rolloverNeed(waits(HOUR), seconds(HOUR))).toEqual({
      ticks: 1800,
      propagation: 300,
      wait: 7500,
      confirmation: 30,
      total: 9630,
    });
  });

  test("is asked of the TTL that is served when that is the larger one", () => {
    const seen = deadlines(waits(HOUR, { ttlSeen: seconds(2 * DAY) }), living(160));
    expect([seen.need.wait, seen.verdict]).toEqual([4 * DAY, "too-short"]);
  });

  test("counts the shortest time for which caches keep anything", () => {
    const floor = waits(60);
    const clamped = { ...floor, policy: { ...floor.policy, cacheFloor: seconds(2 * DAY) } };
    expect(deadlines(clamped, living(160)).verdict).toBe("too-short");
  });

  test("the renewal is expected at two thirds of the life", () => {
    const { renewal, room, latestStart, need } = deadlines(waits(HOUR), living(90 * 24));
    expect([(renewal - ISSUED) / 1000, room]).toEqual([60 * DAY, 30 * DAY]);
    expect(latestStart).toBe(ISSUED + (90 * DAY - need.total) * 1000);
  });

  test("the largest TTL that fits does fit, and a little more does not", () => {
    for (const life of [160, 45 * 24, 90 * 24]) {
      const { largestTtl } = deadlines(waits(DAY), living(life));
      expect(largestTtl).not.toBeNull();
      const largest: Seconds = largestTtl ?? seconds(0);
      expect(deadlines(waits(largest), living(life)).verdict).toBe("fits");
      expect(deadlines(waits(largest + HOUR), living(life)).verdict).not.toBe("fits");
    }
    expect(deadlines(waits(DAY), living(160)).largestTtl).toBe(13 * HOUR);
  });

  test("each phase has its share, a run that comes late included, and rest lasts for ever", () => {
    const share = (phase: Parameters<typeof phaseTime>[0]): number | null => phaseTime(phase, waits(HOUR));
    expect(share("announcing")).toBe(600 + 300);
    expect(share("aging")).toBe(600 + 7500);
    expect(share("deploying")).toBe(600);
    expect(share("confirming")).toBe(600 + 30 + DAY);
    expect(share("withdrawing")).toBe(600 + 300);
    expect([share("stable"), share("held")]).toEqual([null, null]);
  });

  test("no TTL helps a certificate that lives an hour", () => {
    expect(deadlines(waits(60), living(1)).largestTtl).toBeNull();
  });

  test("when nothing has to be waited for any TTL fits", () => {
    const { verdict, need } = deadlines(waits(7 * DAY, { isAhead: true }), living(160));
    expect([verdict, need.total]).toEqual(["off-path", 630]);
  });
});

describe("where a unit stands", () => {
  const chain = living(160);
  const before = (hours: number): typeof ISSUED => instant(chain.notAfter - hours * HOUR * 1000);

  test("in time while a renewal may still come", () => {
    expect(standing(waits(HOUR), chain, null, before(3))).toMatchObject({ kind: "in-time" });
  });

  test("infeasible when the rest is shorter than the wait and nothing is staged", () => {
    const found = standing(waits(HOUR), chain, null, before(2));
    expect(found.kind).toBe("infeasible");
    expect(found).toMatchObject({ readyAt: addSeconds(before(2), seconds(9630)) });
  });

  test("with a renewal staged it is late when that is ready too late, known or not", () => {
    expect(standing(waits(HOUR), chain, { readyAt: before(1) }, before(2))).toMatchObject({ late: false });
    expect(standing(waits(HOUR), chain, { readyAt: chain.notAfter }, before(2))).toMatchObject({ late: true });
    expect(standing(waits(HOUR), chain, { readyAt: null }, before(2))).toMatchObject({ late: true });
    expect(standing(waits(HOUR), chain, { readyAt: null }, before(5))).toMatchObject({ late: false });
  });

  test("never infeasible when renewals have nothing to wait for", () => {
    expect(standing(waits(HOUR, { isAhead: true }), chain, null, before(0.01)).kind).toBe("off-path");
  });

  test("over is over", () => {
    expect(standing(waits(HOUR), chain, null, chain.notAfter)).toEqual({ kind: "expired", since: chain.notAfter });
  });
});

describe("whom an expired certificate hurts", () => {
  test.each([
    ["mail between servers under 3 1 1", [3], [25], "hardly-anybody"],
    ["a web server under 3 1 1", [3], [443], "date-checkers"],
    ["mail between servers and submission", [3, 3], [25, 587], "date-checkers"],
    ["mail between servers with an issuer's record beside", [3, 2], [25], "everybody"],
  ] as const)("%s", (_, usages, ports, whom) => {
    expect(whomExpiryHurts(usages, ports)).toBe(whom);
  });
});

describe("signatures that end before the wait does", () => {
  const owner = nameOf("_25._tcp.mx.example.org");
  const now = ISSUED;
  const at = (hours: number): typeof ISSUED => addSeconds(now, seconds(hours * HOUR));

  function seen(ends: readonly (typeof ISSUED | null | undefined)[], excluded = false): OwnerObservation {
    return {
      outcome: "seen",
      owner,
      finalOwner: owner,
      zone: nameOf("example.org"),
      aliasTtl: seconds(0),
      servers: ends.map((signedUntil, index) => ({
        server: `ns${String(index + 1)}.example.org.`,
        address: `192.0.2.${String(index + 1)}`,
        excluded,
        said: {
          outcome: "answer",
          records: [],
          ttl: seconds(2 * HOUR),
          authoritative: true,
          signed: true,
          serial: 1,
          ...(signedUntil === undefined ? {} : { signedUntil }),
        },
      })),
      validated: { status: "secure", records: [] },
    };
  }

  test("are an alarm that names the server and both times", () => {
    const [refusal, ...others] = endingSignatures([seen([at(48), at(1), at(1.5)])], at(2), now);
    expect(others).toEqual([]);
    expect(refusal).toMatchObject({ gate: "dane", code: "SIGNATURE_ENDS_EARLY", until: null });
    expect(refusal?.detail).toBe(
      "_25._tcp.mx.example.org: the signature on ns2.example.org (192.0.2.2) and 1 more ends 2026-11-01T01:00:00Z, before the wait does at 2026-11-01T02:00:00Z",
    );
  });

  test("are none when they end later, are not known, are over already, or do not count", () => {
    expect(endingSignatures([seen([at(30)])], at(48), now)).toEqual([]);
    expect(endingSignatures([seen([at(3), null, undefined, at(-1)])], at(2), now)).toEqual([]);
    expect(endingSignatures([seen([at(1)], true)], at(2), now)).toEqual([]);
  });
});
