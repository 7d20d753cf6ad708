import { describe, expect, test } from "vitest";
import { fault } from "../../src/base/errors.ts";
import { startDeadline } from "../../src/verifier/deadline.ts";
import type { ProbeOutcome } from "../../src/verifier/endpoint.ts";

const never = new Promise<never>(() => undefined);
const served: ProbeOutcome = { outcome: "served", certificates: [], tlsVersion: "TLSv1.3" };
const timedOut: ProbeOutcome = { outcome: "failed", fault: fault("TLS_TIMEOUT", "no result") };
const refused: ProbeOutcome = { outcome: "failed", fault: fault("CONNECT_FAILED", "refused") };

/** Waits until the deadline has passed, by racing it. */
async function expire(milliseconds: number): Promise<ReturnType<typeof startDeadline>> {
  const deadline = startDeadline(milliseconds);
  await deadline.race(never).catch(() => undefined);
  return deadline;
}

describe("a target's time", () => {
  test("what is done in time is not touched", async () => {
    const deadline = startDeadline(60_000);
    expect(await deadline.race(Promise.resolve("answer"))).toBe("answer");
    await expect(deadline.race(Promise.reject(new Error("bug")))).rejects.toThrow("bug");
    const given: number[] = [];
    const open = (milliseconds: number): Promise<ProbeOutcome> => {
      given.push(milliseconds);
      return Promise.resolve(timedOut);
    };
    expect(await deadline.probe(1000, open)).toBe(timedOut);
    expect(given).toEqual([1000]);
    deadline.stop();
  });

  test("a question under way is given up with TARGET_DEADLINE, and so is one that comes later", async () => {
    const deadline = startDeadline(20);
    await expect(deadline.race(never)).rejects.toMatchObject({ code: "TARGET_DEADLINE" });
    await expect(deadline.race(Promise.resolve("late"))).rejects.toMatchObject({
      message: "not finished within 0.02 s",
    });
  });

  test("a probe that comes too late is not begun", async () => {
    const deadline = await expire(10);
    let begun = false;
    const outcome = await deadline.probe(1000, () => {
      begun = true;
      return Promise.resolve(served);
    });
    expect(begun).toBe(false);
    expect(outcome).toMatchObject({ outcome: "failed", fault: { code: "PROBE_CANCELLED" } });
  });

  test("a probe that was given less than its time and timed out is cancelled, never the server's fault", async () => {
    const deadline = startDeadline(5000);
    expect(await deadline.probe(60_000, () => Promise.resolve(timedOut))).toMatchObject({
      fault: { code: "PROBE_CANCELLED", message: "not finished within 5 s" },
    });
    expect(await deadline.probe(60_000, () => Promise.resolve(refused))).toBe(refused);
    expect(await deadline.probe(60_000, () => Promise.resolve(served))).toBe(served);
    deadline.stop();
  });

  test("without a deadline there is none", async () => {
    const deadline = startDeadline(null);
    expect(await deadline.race(Promise.resolve(1))).toBe(1);
    expect(await deadline.probe(7, (milliseconds) => Promise.resolve({ ...timedOut, milliseconds }))).toMatchObject({
      milliseconds: 7,
    });
    deadline.stop();
  });
});
