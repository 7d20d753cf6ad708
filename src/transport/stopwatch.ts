/**
 * Milliseconds on a clock that only goes forward, for deadlines and ages. Not `performance.now()`: the first use of
 * `performance` makes Node load a millisecond's worth of modules, which a single lookup would pay for.
 */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
