/** `[publish.NAME]` with `type = "cloudflare"`. */
import { seconds } from "../base/time.ts";
import { COMMON_KEYS, decodeCommon } from "./publisher-common.ts";
import type { PublisherCommon, PublisherSource } from "./publisher-common.ts";
import { optional, refuse, refuseUnknownKeys, required } from "./table.ts";
import type { Decode } from "./table.ts";
import { apiUrl, path, text } from "./values.ts";

export interface CloudflareConfig extends PublisherCommon {
  readonly type: "cloudflare";
  readonly tokenFile: string;
  /** Null: found by the zone's name. */
  readonly zoneId: string | null;
  /** Null: Cloudflare's own. */
  readonly url: string | null;
}

const KEYS = [...COMMON_KEYS, "token_file", "zone_id", "url"];

/** For one request; a change takes about six. */
const DEFAULT_TIMEOUT = seconds(20);

const zoneId: Decode<string> = (item, problems) => {
  const written = text(item, problems)?.toLowerCase() ?? null;
  if (written === null || /^[0-9a-f]{32}$/.test(written)) return written;
  const hint =
    "copy the Zone ID from the overview page of the zone, or leave it out: the zone is then found by its name";
  return refuse(problems, item, `"${written}" is not a zone id, which has 32 hexadecimal digits`, hint);
};

/** Null after a fault. */
export function decodeCloudflare(source: PublisherSource): CloudflareConfig | null {
  const { item, table, problems } = source;
  refuseUnknownKeys(table, KEYS, problems);
  const tokenFile = required(item, table, "token_file", path, problems);
  const rest = {
    zoneId: optional(table, "zone_id", zoneId, null, problems),
    url: optional(table, "url", apiUrl, null, problems),
  };
  const common = decodeCommon(source, DEFAULT_TIMEOUT);
  return tokenFile === null ? null : { type: "cloudflare", ...common, tokenFile, ...rest };
}
