/**
 * The catalogue of permanent codes, and the two shapes in which bad news travels:
 * a {@link Fault} is a value (malformed input, an expected refusal), an {@link OperationalError} is thrown when
 * something could not be done. Codes never change their meaning and are never reused: they appear in JSON, logs,
 * metrics and `daneward explain CODE`. Each area of the program keeps its codes in a file of `codes/`.
 */
import type { Seconds } from "./time.ts";
import { CONFIG_CODES } from "./codes/config.ts";
import { DEADLINE_CODES } from "./codes/deadline.ts";
import { DEPLOY_CODES } from "./codes/deploy.ts";
import { DNS_CODES } from "./codes/dns.ts";
import { DNSSEC_CODES } from "./codes/dnssec.ts";
import { GENERAL_CODES } from "./codes/general.ts";
import { PIPELINE_CODES } from "./codes/pipeline.ts";
import { PKI_CODES } from "./codes/pki.ts";
import { PROVIDER_CODES } from "./codes/provider.ts";
import { PUBLISH_CODES } from "./codes/publish.ts";
import { ROLLOVER_CODES } from "./codes/rollover.ts";
import { STEER_CODES } from "./codes/steer.ts";
import { STORE_CODES } from "./codes/store.ts";
import { VAULT_CODES } from "./codes/vault.ts";
import { VERIFY_CODES } from "./codes/verify.ts";

export const CATALOGUE = {
  ...GENERAL_CODES,
  ...CONFIG_CODES,
  ...DEADLINE_CODES,
  ...DEPLOY_CODES,
  ...DNS_CODES,
  ...DNSSEC_CODES,
  ...PIPELINE_CODES,
  ...PKI_CODES,
  ...PROVIDER_CODES,
  ...PUBLISH_CODES,
  ...ROLLOVER_CODES,
  ...STEER_CODES,
  ...STORE_CODES,
  ...VAULT_CODES,
  ...VERIFY_CODES,
} as const;

/** A permanent code of the catalogue. */
export type FaultCode = keyof typeof CATALOGUE;

/** Bad news as a value. `message` says what and where, without a capital or a full stop; `hint` says what to do. */
export interface Fault {
  readonly code: FaultCode;
  readonly message: string;
  readonly hint: string;
}

/** A {@link Fault} with the catalogue's own hint unless a better one is known. */
export function fault(code: FaultCode, message: string, hint: string = CATALOGUE[code].hint): Fault {
  return { code, message, hint };
}

/** When to try again: `"never"` (input or permission must change), `"later"` (next tick), or after so many seconds. */
export type Retry = "never" | "later" | Seconds;

/** Something could not be done. Thrown by adapters, caught only in `driver` and `cli/main.ts`. */
export class OperationalError extends Error {
  override readonly name = "OperationalError";
  readonly code: FaultCode;
  readonly hint: string;
  readonly retry: Retry;

  constructor(
    code: FaultCode,
    message: string,
    options: { readonly hint?: string; readonly retry?: Retry; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? CATALOGUE[code].hint;
    this.retry = options.retry ?? "later";
  }

  static of(problem: Fault, retry: Retry = "never"): OperationalError {
    return new OperationalError(problem.code, problem.message, { hint: problem.hint, retry });
  }
}
