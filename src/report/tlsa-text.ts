/** Renders computed TLSA records: zone-file text, RFC 3597, nsupdate input, JSON. Pure. */
import { formatHex } from "../base/bytes.ts";
import type { Seconds } from "../base/time.ts";
import { formatTlsa, encodeTlsa } from "../dns/rdata.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import type { DomainName } from "../dns/name.ts";

/** One record and where it comes from. */
export interface TlsaLine {
  readonly record: TlsaRdata;
  /** Depth of the certificate in its chain: 0 the leaf, 1 its issuer. */
  readonly depth: number;
  /** RFC 4514 subject of the certificate; null for a bare key or a request. */
  readonly subject: string | null;
  readonly source: "certificate" | "private key" | "public key" | "certification request";
}

/** Forms of output. */
export type TlsaOutput = "rfc" | "generic" | "nsupdate" | "json";

/** Owner names and TTL; without an owner the lines begin where a zone file goes on after it. */
export interface TlsaPlace {
  /** Each has all the records. */
  readonly owners: readonly DomainName[];
  readonly ttl: Seconds | null;
}

/** The whole output, ends with a line end. `nsupdate` needs owners and TTL: without them it has no lines. */
export function renderTlsa(lines: readonly TlsaLine[], output: TlsaOutput, place: TlsaPlace): string {
  if (output === "json") return join([JSON.stringify(tlsaDocument(lines, place), null, 2)]);
  const ttl = place.ttl === null ? "" : `${String(place.ttl)} `;
  const prefixes = place.owners.length === 0 ? [ttl] : place.owners.map((owner) => `${owner} ${ttl}`);
  return prefixes.map((prefix) => join(linesAt(prefix, lines, output))).join("");
}

/** The owners may be of different zones, and an update message is about one zone (RFC 2136 §2.3): one for each. */
function linesAt(prefix: string, lines: readonly TlsaLine[], output: Exclude<TlsaOutput, "json">): readonly string[] {
  switch (output) {
    case "rfc":
      return lines.map(({ record }) => `${prefix}IN TLSA ${formatTlsa(record)}`);
    case "generic":
      return lines.map(({ record }) => `${prefix}IN TYPE52 ${generic(record)}`);
    case "nsupdate":
      return [...lines.map(({ record }) => `update add ${prefix}IN TLSA ${formatTlsa(record)}`), "send"];
  }
}

function tlsaDocument(lines: readonly TlsaLine[], { owners, ttl }: TlsaPlace): Readonly<Record<string, unknown>> {
  const [owner, ...more] = owners;
  return {
    schema: "daneward/tlsa/1",
    ...(owner === undefined || more.length > 0 ? {} : { owner }),
    ...(more.length === 0 ? {} : { owners }),
    ...(ttl === null ? {} : { ttl }),
    records: lines.map(({ record, subject, depth, source }) => ({
      usage: record.usage,
      selector: record.selector,
      matchingType: record.matchingType,
      data: formatHex(record.data),
      text: formatTlsa(record),
      subject,
      depth,
      source,
    })),
  };
}

/** RFC 3597 §5: length in octets, then hex. */
function generic(record: TlsaRdata): string {
  const rdata = encodeTlsa(record);
  return `\\# ${String(rdata.length)} ${formatHex(rdata)}`;
}

function join(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
