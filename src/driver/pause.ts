/** Resolves after so many milliseconds, or at once when `signal` is aborted: callers look at the signal themselves. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal?.aborted === true) {
      done();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      done();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener("abort", end, { once: true });
  });
}

/** Whether a signal is aborted by now. Asked through a function, the compiler does not take the answer for settled. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
