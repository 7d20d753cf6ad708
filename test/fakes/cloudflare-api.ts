/**
 * Cloudflare's API v4 as far as TLSA records need it, on loopback. Never compared with the real service; what it does,
 * and where that is written:
 *
 * - envelope `{ success, errors: [{ code, message, error_chain? }], messages, result, result_info }`, paging with `page`
 *   and `per_page`; zones by `name`, records by `name.exact` (developers.cloudflare.com/api: zones, dns_records);
 * - a record is `{ id, type, name, content, data, ttl, proxied }`, a TLSA record's `data` is
 *   `{ usage, selector, matching_type, certificate }` (the same, and the TLSARecord type of Cloudflare's Go library);
 * - ttl is 1 (automatic) or 60 to 86400: 400, code 1004 "DNS Validation Error" with 9021 in its chain
 *   (timothymiller/cloudflare-ddns issue 179; "Time to Live" in Cloudflare's documentation);
 * - the same record again: 400, 81058 "An identical record already exists." (jeessy2/ddns-go issue 1378); beside a CNAME:
 *   400, 81054 (favonia/cloudflare-ddns issue 990); deleting what is gone: 404, 81044 (zanjie1999/cloudflare-api-v4-ddns
 *   issue 5);
 * - an authorization header of a wrong form: 400, 6003 with 6111 in its chain (jeessy2/ddns-go issue 916); a token that is
 *   not known: 403, 9109 "Invalid access token"; one without the right: 403, 10000 "Authentication error" (both from
 *   memory: no source was found for their status);
 * - a zone id that is none: 404, 7003 "Could not route to …" (fire1ce/DDNS-Cloudflare-Bash issue 5, for the words);
 * - a name outside the zone has the zone's name appended (NewFuture/DDNS issue 21);
 * - too many requests: 429 with `retry-after` in seconds ("Rate limits" in Cloudflare's documentation).
 */
import { startHttpApi } from "./http-api.ts";
import type { ApiAnswer, ApiCall, FakeApi } from "./http-api.ts";

export const CLOUDFLARE_TOKEN = "cfut_aB3-dE5_fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5bC";

export interface FakeZone {
  readonly id: string;
  readonly name: string;
  readonly status?: string;
  readonly type?: string;
  readonly signed?: boolean;
}

export interface FakeRecord {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly content: string;
  readonly ttl: number;
  readonly proxied: boolean;
}

export interface CloudflareOptions {
  readonly zones: readonly FakeZone[];
  /** Records of the first zone. */
  readonly records?: readonly Partial<FakeRecord>[];
  /** The token may edit records, but not see zones. */
  readonly recordsOnly?: boolean;
  /** Records on one page, however many are asked for. */
  readonly pageSize?: number;
  /** Answers instead of the usual when it gives one. */
  readonly instead?: (call: ApiCall, usual: () => ApiAnswer) => ApiAnswer | null | undefined;
}

export interface FakeCloudflare extends FakeApi {
  readonly records: () => readonly FakeRecord[];
  readonly put: (record: Partial<FakeRecord>) => void;
}

function fail(status: number, code: number, message: string, chain: readonly object[] = []): ApiAnswer {
  const error = { code, message, ...(chain.length === 0 ? {} : { error_chain: chain }) };
  return { status, body: { success: false, errors: [error], messages: [], result: null } };
}

function succeed(result: unknown, info: object = {}): ApiAnswer {
  return { status: 200, body: { success: true, errors: [], messages: [], result, ...info } };
}

function fieldsOf(body: unknown): Readonly<Record<string, unknown>> {
  return typeof body === "object" && body !== null ? Object.fromEntries(Object.entries(body)) : {};
}

function contentOf(body: Readonly<Record<string, unknown>>): string {
  const { usage, selector, matching_type: matching, certificate } = fieldsOf(body["data"]);
  return [usage, selector, matching, String(certificate).toLowerCase()].map(String).join(" ");
}

function badTtl(ttl: unknown): ApiAnswer | null {
  if (ttl === 1 || (typeof ttl === "number" && ttl >= 60 && ttl <= 86_400)) return null;
  const message = "TTL must be between 60 and 86400 seconds, or 1 for Automatic.";
  return fail(400, 1004, "DNS Validation Error", [{ code: 9021, message }]);
}

/** Starts the fake; it ends with the test. The base URL of the API is its `url`. */
export async function startCloudflare(options: CloudflareOptions): Promise<FakeCloudflare> {
  let records: readonly FakeRecord[] = [];
  let count = 0;
  const put = (record: Partial<FakeRecord>): FakeRecord => {
    count += 1;
    const id = String(count).padStart(32, "0");
    const made = { id, type: "TLSA", name: "", content: "", ttl: 3600, proxied: false, ...record };
    records = [...records, made];
    return made;
  };
  for (const record of options.records ?? []) put(record);
  const show = (record: FakeRecord): object => ({ ...record, proxiable: false, settings: {}, meta: {}, tags: [] });

  const authorize = (call: ApiCall): ApiAnswer | null => {
    const token = /^Bearer ([\w-]{20,100})$/.exec(String(call.headers["authorization"]))?.[1];
    if (token === undefined) {
      const chain = [{ code: 6111, message: "Invalid format for Authorization header" }];
      return fail(400, 6003, "Invalid request headers", chain);
    }
    return token === CLOUDFLARE_TOKEN ? null : fail(403, 9109, "Invalid access token");
  };
  const list = (call: ApiCall): ApiAnswer => {
    const wanted = call.query.get("name.exact");
    const found = records.filter((record) => wanted === null || record.name === wanted);
    const size = Math.min(Number(call.query.get("per_page") ?? "100"), options.pageSize ?? 5000);
    const page = Number(call.query.get("page") ?? "1");
    const shown = found.slice((page - 1) * size, page * size);
    const pages = Math.max(1, Math.ceil(found.length / size));
    const info = { page, per_page: size, count: shown.length, total_count: found.length, total_pages: pages };
    return succeed(shown.map(show), { result_info: info });
  };
  const create = (call: ApiCall, zone: FakeZone): ApiAnswer => {
    const body = fieldsOf(call.body);
    const wrong = badTtl(body["ttl"]);
    if (wrong !== null) return wrong;
    const written = String(body["name"]);
    const isInside = written === zone.name || written.endsWith(`.${zone.name}`);
    const name = isInside ? written : `${written}.${zone.name}`;
    const content = contentOf(body);
    const there = records.filter((record) => record.name === name);
    if (there.some(({ type }) => type === "CNAME"))
      return fail(400, 81_054, "A CNAME record with that host already exists.");
    if (there.some((record) => record.content === content)) {
      return fail(400, 81_058, "An identical record already exists.");
    }
    return succeed(show(put({ name, content, ttl: Number(body["ttl"]) })));
  };
  const single = (call: ApiCall, id: string): ApiAnswer => {
    const record = records.find((one) => one.id === id);
    if (record === undefined) return fail(404, 81_044, "Record does not exist.");
    records = records.filter((one) => one.id !== id);
    if (call.method === "DELETE") return succeed({ id });
    const { ttl } = fieldsOf(call.body);
    const changed = badTtl(ttl) === null ? { ...record, ttl: Number(ttl) } : record;
    records = [...records, changed];
    return badTtl(ttl) ?? succeed(show(changed));
  };
  const zones = (call: ApiCall): ApiAnswer => {
    const asked = options.recordsOnly === true ? [] : options.zones;
    const found = asked.filter((zone) => zone.name === call.query.get("name"));
    return succeed(found.map((zone) => ({ status: "active", type: "full", ...zone })));
  };
  const usual = (call: ApiCall): ApiAnswer => {
    const refused = authorize(call);
    if (refused !== null) return refused;
    const [top, zoneId, section, id] = call.path.split("/").slice(1);
    if (top === "zones" && zoneId === undefined) return zones(call);
    const zone = options.zones.find((one) => one.id === zoneId);
    if (top !== "zones" || zone === undefined) {
      return fail(404, 7003, `Could not route to ${call.path}, perhaps your object identifier is invalid?`);
    }
    const isHidden = options.recordsOnly === true && section !== "dns_records";
    if (isHidden) return fail(403, 10_000, "Authentication error");
    if (section === undefined) return succeed({ status: "active", type: "full", ...zone });
    if (section === "dnssec") return succeed({ status: zone.signed === false ? "disabled" : "active" });
    if (id !== undefined) return single(call, id);
    return call.method === "POST" ? create(call, zone) : list(call);
  };
  const api = await startHttpApi((call) => {
    const other = options.instead?.(call, () => usual(call));
    return other === undefined ? usual(call) : other;
  });
  return { ...api, records: () => records, put };
}
