/**
 * deSEC's API as far as TLSA RRsets need it, on loopback. Never compared with the real service; what it does, and where
 * that is written (desec.readthedocs.io, in the source repository desec-io/desec-stack under docs/):
 *
 * - `Authorization: Token …`; a wrong one: 401 with a `detail` (Django REST framework); one whose policy does not cover the
 *   RRset: 403 (docs/auth/tokens.rst);
 * - a domain is `{ name, minimum_ttl, keys, … }`; one that is not ours: 404 (docs/dns/domains.rst);
 * - `GET …/rrsets/?subname=` lists the RRsets at a name, an empty array when there are none; the apex is the empty
 *   subname; `PUT …/rrsets/` with an array creates or replaces each of them, or deletes it when `records` is empty: 200
 *   and the array of what is there now (docs/dns/rrsets.rst);
 * - records come back in canonical form, hex in lower case;
 * - errors of a bulk request: 400 with an array, one object for each RRset (the same, "Input validation");
 *   `{ "ttl": ["Ensure this value is greater than or equal to 3600."] }` (Valodim/terraform-provider-desec pull request 9);
 *   the largest TTL is 604800; an RRset beside a CNAME is refused (the words are not deSEC's own);
 * - writes to one domain: 2 a second, 15 a minute, 100 an hour, 300 a day, in sliding windows; beyond: 429 with
 *   `Retry-After` in seconds and words in the body (docs/rate-limits.rst).
 */
import { startHttpApi } from "./http-api.ts";
import type { ApiAnswer, ApiCall, FakeApi } from "./http-api.ts";

export const DESEC_TOKEN = "4pnk7u-NHvrEkFzrhFDRTjGFyX_S";

export interface FakeRrset {
  readonly subname: string;
  readonly type: string;
  readonly ttl: number;
  readonly records: readonly string[];
}

export interface DesecOptions {
  readonly domain: string;
  readonly minimumTtl?: number;
  readonly rrsets?: readonly FakeRrset[];
  /** Writes that the token's policy refuses. */
  readonly readOnly?: boolean;
  /** Writes and the seconds in which they are counted. */
  readonly limits?: readonly (readonly [writes: number, seconds: number])[];
  /** Answers instead of the usual when it gives one. */
  readonly instead?: (call: ApiCall, usual: () => ApiAnswer) => ApiAnswer | null | undefined;
}

export interface FakeDesec extends FakeApi {
  readonly rrsets: () => readonly FakeRrset[];
  readonly put: (rrset: FakeRrset) => void;
}

const LIMITS = [
  [2, 1],
  [15, 60],
  [100, 3600],
  [300, 86_400],
] as const;

const LARGEST_TTL = 604_800;

function toRrset(value: unknown): FakeRrset {
  const fields = Object.fromEntries(Object.entries(Object(value) as object)) as Partial<FakeRrset>;
  const records = (fields.records ?? []).map((record) => record.toLowerCase());
  return { subname: fields.subname ?? "", type: fields.type ?? "", ttl: fields.ttl ?? 0, records };
}

/** Starts the fake; it ends with the test. */
export async function startDesec(options: DesecOptions): Promise<FakeDesec> {
  const { domain, minimumTtl = 3600 } = options;
  let rrsets = options.rrsets ?? [];
  const writes: number[] = [];
  const put = (rrset: FakeRrset): void => {
    const others = rrsets.filter((one) => one.subname !== rrset.subname || one.type !== rrset.type);
    rrsets = rrset.records.length === 0 ? others : [...others, rrset];
  };
  const show = (rrset: FakeRrset): object => ({
    domain,
    name: `${rrset.subname === "" ? "" : `${rrset.subname}.`}${domain}.`,
    created: "2026-01-01T00:00:00.000000Z",
    touched: "2026-01-01T00:00:00.000000Z",
    ...rrset,
  });
  const flawOf = (rrset: FakeRrset): object => {
    const at = rrsets.filter((one) => one.subname === rrset.subname);
    if (rrset.ttl < minimumTtl) {
      return { ttl: [`Ensure this value is greater than or equal to ${String(minimumTtl)}.`] };
    }
    if (rrset.ttl > LARGEST_TTL) return { ttl: [`Ensure this value is less than or equal to ${String(LARGEST_TTL)}.`] };
    const isBad = rrset.records.some((record) => !/^\d+ \d+ \d+ (?:[0-9a-f]{2})+$/.test(record));
    if (rrset.type === "TLSA" && isBad) return { records: ["Record content of type TLSA malformed."] };
    return at.some(({ type }) => type === "CNAME") ? { non_field_errors: ["CNAME beside other records."] } : {};
  };
  /** Seconds until the next write may come; 0 counts this one. */
  const throttle = (): number => {
    const now = performance.now() / 1000;
    let wait = 0;
    for (const [most, window] of options.limits ?? LIMITS) {
      const counted = writes.filter((at) => at > now - window);
      const oldest = counted[counted.length - most];
      if (oldest !== undefined) wait = Math.max(wait, oldest + window - now);
    }
    if (wait === 0) writes.push(now);
    return Math.ceil(wait);
  };
  const write = (call: ApiCall): ApiAnswer => {
    const wait = throttle();
    if (wait > 0) {
      const detail = `Request was throttled. Expected available in ${String(wait)} seconds.`;
      return { status: 429, headers: { "retry-after": String(wait) }, body: { detail } };
    }
    if (options.readOnly === true) return { status: 403, body: { detail: "Insufficient token permissions." } };
    const wanted = (Array.isArray(call.body) ? call.body : []).map(toRrset);
    const flaws = wanted.map(flawOf);
    if (flaws.some((flaw) => Object.keys(flaw).length > 0)) return { status: 400, body: flaws };
    for (const rrset of wanted) put(rrset);
    return { status: 200, body: wanted.filter(({ records }) => records.length > 0).map(show) };
  };
  const usual = (call: ApiCall): ApiAnswer => {
    if (call.headers["authorization"] !== `Token ${DESEC_TOKEN}`) {
      return { status: 401, body: { detail: "Invalid token." } };
    }
    const base = `/api/v1/domains/${domain}/`;
    if (call.path === base) return { status: 200, body: { name: domain, minimum_ttl: minimumTtl, keys: [] } };
    if (call.path !== `${base}rrsets/`) return { status: 404, body: { detail: "Not found." } };
    if (call.method === "PUT") return write(call);
    const subname = call.query.get("subname");
    return { status: 200, body: rrsets.filter((one) => subname === null || one.subname === subname).map(show) };
  };
  const api = await startHttpApi((call) => {
    const other = options.instead?.(call, () => usual(call));
    return other === undefined ? usual(call) : other;
  });
  return { ...api, rrsets: () => rrsets, put };
}
