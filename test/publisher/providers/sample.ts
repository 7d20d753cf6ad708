/** What the tests of all providers share: records, changes, and failures as values. */
import { OperationalError } from "../../../src/base/errors.ts";
import { Secret } from "../../../src/base/secret.ts";
import { seconds } from "../../../src/base/time.ts";
import { formatTlsa, parseTlsa } from "../../../src/dns/rdata.ts";
import type { TlsaRdata } from "../../../src/dns/rdata.ts";
import type { TlsaChange } from "../../../src/publisher/publisher.ts";
import { name } from "../../fakes/scripted-dns.ts";

function record(digit: string): TlsaRdata {
  const parsed = parseTlsa(`3 1 1 ${digit.repeat(64)}`);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

export const [OLD, NEW, FOREIGN] = [record("1"), record("2"), record("f")] as const;
export const [OLD_TEXT, NEW_TEXT, FOREIGN_TEXT] = [formatTlsa(OLD), formatTlsa(NEW), formatTlsa(FOREIGN)] as const;

export function change(parts: Partial<TlsaChange>): TlsaChange {
  return {
    owner: name("_25._tcp.mx.example.org"),
    zone: name("example.org"),
    ttl: seconds(3600),
    add: [],
    remove: [],
    expected: null,
    ...parts,
  };
}

export function secret(text: string): Secret {
  return new Secret(new TextEncoder().encode(text));
}

/** The OperationalError that the work must end with. */
export async function failure(work: Promise<unknown>): Promise<OperationalError> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof OperationalError) return error;
  throw new Error(`no OperationalError but ${String(error)}`);
}

/** Everything an error could be printed with. */
export function everythingOf(error: OperationalError): string {
  const cause =
    error.cause instanceof Error ? `${error.cause.message} ${String(error.cause.stack)}` : String(error.cause);
  return `${error.message} ${error.hint} ${String(error.stack)} ${cause} ${JSON.stringify(error)}`;
}
