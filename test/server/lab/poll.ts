import { setTimeout as delay } from "node:timers/promises";

/** Asks again and again until the answer is neither null nor false, and fails with `what` and the last news at the deadline. */
export async function until<T>(
  what: string,
  probe: () => Promise<T | null | false> | T | null | false,
  options: { readonly deadlineMs?: number; readonly everyMs?: number; readonly news?: () => string } = {},
): Promise<T> {
  const deadline = Date.now() + (options.deadlineMs ?? 15_000);
  for (;;) {
    const answer = await probe();
    if (answer !== null && answer !== false) return answer;
    if (Date.now() > deadline) {
      throw new Error(`gave up waiting until ${what}${options.news === undefined ? "" : `\n${options.news()}`}`);
    }
    await delay(options.everyMs ?? 50);
  }
}
