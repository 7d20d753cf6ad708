/** `[publish.NAME]` with `type = "exec"`: a program of the operator's does it. */
import { seconds } from "../base/time.ts";
import { command } from "./commands.ts";
import { COMMON_KEYS, decodeCommon } from "./publisher-common.ts";
import type { PublisherCommon, PublisherSource } from "./publisher-common.ts";
import { refuseUnknownKeys, required } from "./table.ts";

export interface ExecConfig extends PublisherCommon {
  readonly type: "exec";
  /** Program and words; what is to be done comes on its standard input. */
  readonly command: readonly string[];
}

const KEYS = [...COMMON_KEYS, "command"];

/** No official reference; a provider's API answers within seconds, or has to be asked again. */
const DEFAULT_TIMEOUT = seconds(60);

/** Null after a fault. */
export function decodeExec(source: PublisherSource): ExecConfig | null {
  const { item, table, problems } = source;
  refuseUnknownKeys(table, KEYS, problems);
  const argv = required(item, table, "command", command([]), problems);
  const common = decodeCommon(source, DEFAULT_TIMEOUT);
  return argv === null ? null : { type: "exec", ...common, command: argv };
}
