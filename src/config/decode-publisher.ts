/** `[publish.NAME]`: each type has a decoder of its own, with the keys that it knows. */
import { suggestion } from "./nearest.ts";
import { decodeCloudflare } from "./publisher-cloudflare.ts";
import type { PublisherSource } from "./publisher-common.ts";
import { decodeDesec } from "./publisher-desec.ts";
import { decodeExec } from "./publisher-exec.ts";
import { decodePowerDns } from "./publisher-powerdns.ts";
import { decodeRfc2136 } from "./publisher-rfc2136.ts";
import { decodeZonefile } from "./publisher-zonefile.ts";
import type { PublisherConfig } from "./schema.ts";
import { readTable, refuse, required } from "./table.ts";
import type { Item, Problems } from "./table.ts";
import { text } from "./values.ts";

const DECODERS: ReadonlyMap<string, (source: PublisherSource) => PublisherConfig | null> = new Map<
  string,
  (source: PublisherSource) => PublisherConfig | null
>([
  ["rfc2136", decodeRfc2136],
  ["zonefile", decodeZonefile],
  ["exec", decodeExec],
  ["powerdns", decodePowerDns],
  ["cloudflare", decodeCloudflare],
  ["desec", decodeDesec],
]);

/** Null after a fault. */
export function decodePublisher(name: string, item: Item, problems: Problems): PublisherConfig | null {
  const table = readTable(item, problems);
  if (table === null) return null;
  const type = required(item, table, "type", text, problems);
  if (type === null) return null;
  const decode = DECODERS.get(type);
  if (decode !== undefined) return decode({ name, item, table, problems });
  const typeItem = table.get("type") ?? item;
  const known = [...DECODERS.keys()];
  return refuse(problems, typeItem, `unknown type "${type}"${suggestion(type, known)}`, `known: ${known.join(", ")}`);
}
