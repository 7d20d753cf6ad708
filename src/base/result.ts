/**
 * Expected failure as a value. Parsers and pure judges return a Result and never throw; exceptions are kept for I/O
 * that failed ({@link OperationalError}) and for bugs.
 */
export type Result<T, F> = Success<T> | Failure<F>;

export interface Success<T> {
  readonly ok: true;
  readonly value: T;
}

export interface Failure<F> {
  readonly ok: false;
  readonly fault: F;
}

export function success<T>(value: T): Success<T> {
  return { ok: true, value };
}

export function failure<F>(fault: F): Failure<F> {
  return { ok: false, fault };
}
