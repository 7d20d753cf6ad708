/** `[publish.NAME]` with `type = "desec"`. */
import { seconds } from "../base/time.ts";
import { COMMON_KEYS, decodeCommon } from "./publisher-common.ts";
import type { PublisherCommon, PublisherSource } from "./publisher-common.ts";
import { optional, refuseUnknownKeys, required } from "./table.ts";
import { apiUrl, path } from "./values.ts";

export interface DesecConfig extends PublisherCommon {
  readonly type: "desec";
  readonly tokenFile: string;
  /** Null: deSEC's own; otherwise that of another desec-stack. */
  readonly url: string | null;
}

const KEYS = [...COMMON_KEYS, "token_file", "url"];

/** For one request; a write waits until deSEC's own servers have it. */
const DEFAULT_TIMEOUT = seconds(30);

/** Null after a fault. */
export function decodeDesec(source: PublisherSource): DesecConfig | null {
  const { item, table, problems } = source;
  refuseUnknownKeys(table, KEYS, problems);
  const tokenFile = required(item, table, "token_file", path, problems);
  const url = optional(table, "url", apiUrl, null, problems);
  const common = decodeCommon(source, DEFAULT_TIMEOUT);
  return tokenFile === null ? null : { type: "desec", ...common, tokenFile, url };
}
