/** `[publish.NAME]` with `type = "zonefile"`: a file that a zone built elsewhere includes. */
import { seconds } from "../base/time.ts";
import type { Seconds } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import { command, commands } from "./commands.ts";
import { COMMON_KEYS, decodeCommon } from "./publisher-common.ts";
import type { PublisherCommon, PublisherSource } from "./publisher-common.ts";
import { listOf, optional, refuse, refuseUnknownKeys, required } from "./table.ts";
import type { Decode } from "./table.ts";
import { domainName, duration, flag, path } from "./values.ts";

export interface ZonefileConfig extends PublisherCommon {
  readonly type: "zonefile";
  /** The fragment; `{zone}` in it stands for the name of the zone, so that each zone has its own. */
  readonly file: string;
  /** The zone file that includes the fragment, `{zone}` as above; null: not known. */
  readonly parent: string | null;
  /** Whether the parent's time is set to now after each change: NSD looks at nothing else. */
  readonly touch: boolean;
  /** Owner names that may stand in the fragment besides those of the certificates that publish here. */
  readonly owners: readonly DomainName[];
  /** Must end with 0 before the fragment is put in place; null: none. */
  readonly check: readonly string[] | null;
  /** Raises the serial, after the fragment is in place. */
  readonly serial: readonly string[] | null;
  /** Run in order after the serial. */
  readonly reload: readonly (readonly string[])[];
  /** How long building, signing and loading may take before it is said that records do not arrive. */
  readonly patience: Seconds;
}

const KEYS = [...COMMON_KEYS, "file", "parent", "touch", "owners", "check", "serial", "reload", "patience"];

/** No official reference; signing a large zone takes a minute or so, and it is the last of the commands that may. */
const DEFAULT_TIMEOUT = seconds(120);
/** No official reference; zones that cron builds are built every hour, if not more often. */
const DEFAULT_PATIENCE = seconds(7200);

/** Null after a fault. */
export function decodeZonefile(source: PublisherSource): ZonefileConfig | null {
  const { item, table, problems } = source;
  refuseUnknownKeys(table, KEYS, problems);
  const file = required(item, table, "file", zonePath, problems);
  const parent = optional(table, "parent", zonePath, null, problems);
  const placeholders = ["file", "zone", ...(parent === null ? [] : ["parent"])];
  const rest = {
    touch: optional(table, "touch", flag, parent !== null, problems),
    owners: optional(table, "owners", listOf(domainName), [], problems),
    check: optional(table, "check", command(placeholders), null, problems),
    serial: optional(table, "serial", command(placeholders), null, problems),
    reload: optional(table, "reload", commands(placeholders), [], problems),
    patience: optional(table, "patience", duration(1), DEFAULT_PATIENCE, problems),
  };
  const touchItem = table.get("touch");
  if (touchItem !== undefined && rest.touch && !table.has("parent")) {
    refuse(problems, touchItem, "there is no parent to touch", "add parent = the zone file that includes the fragment");
  }
  const common = decodeCommon(source, DEFAULT_TIMEOUT);
  return file === null ? null : { type: "zonefile", ...common, file, parent, ...rest };
}

/** A path in which `{zone}` may stand, and no other name in braces. */
const zonePath: Decode<string> = (item, problems) => {
  const written = path(item, problems);
  const unknown = written?.replaceAll("{zone}", "").match(/[{}]/);
  if (unknown === undefined || unknown === null) return written;
  return refuse(problems, item, "only {zone} may stand in braces here");
};
