/** Runs one piece of work at a time, in the order in which they come. A failure is its caller's alone. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** A queue of its own. */
export function createInTurn(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    // The caller has `mine`, with its failure; the next one only waits for the end.
    last = mine.catch(() => null);
    return mine;
  };
}
