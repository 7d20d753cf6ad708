/** Runs work as soon as fewer than the limit of others are running, in the order of asking. */
export type Limiter = <T>(work: () => Promise<T>) => Promise<T>;

/** At most `limit` at a time. */
export function createLimiter(limit: number): Limiter {
  let running = 0;
  const queue: (() => void)[] = [];
  return async (work) => {
    // A finished worker hands its place on, so `running` does not change between the two.
    if (running < limit) running += 1;
    else await new Promise<void>((resolve) => queue.push(resolve));
    try {
      return await work();
    } finally {
      const next = queue.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
