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

/** Owner name and TTL; without an owner the lines begin where a zone file goes on after it. */
export interface TlsaPlace {
  readonly owner: DomainName | null;
  readonly ttl: Seconds | null;
}

/** The whole output, ends with a line end. `nsupdate` needs owner and TTL: without them it has no lines. */
export function renderTlsa(lines: readonly TlsaLine[], output: TlsaOutput, place: TlsaPlace): string {
  switch (output) {
    case "rfc":
      return join(lines.map(({ record }) => `${prefix(place)}IN TLSA ${formatTlsa(record)}`));
    case "generic":
      return join(lines.map(({ record }) => `${prefix(place)}IN TYPE52 ${generic(record)}`));
    case "nsupdate":
      return join([...lines.map(({ record }) => `update add ${prefix(place)}IN TLSA ${formatTlsa(record)}`), "send"]);
    case "json":
      return join([JSON.stringify(tlsaDocument(lines, place), null, 2)]);
  }
}

function tlsaDocument(lines: readonly TlsaLine[], { owner, ttl }: TlsaPlace): Readonly<Record<string, unknown>> {
  return {
    schema: "daneward/tlsa/1",
    ...(owner === null ? {} : { owner }),
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

function prefix({ owner, ttl }: TlsaPlace): string {
  return `${owner === null ? "" : `${owner} `}${ttl === null ? "" : `${String(ttl)} `}`;
}

/** RFC 3597 §5: length in octets, then hex. */
function generic(record: TlsaRdata): string {
  const rdata = encodeTlsa(record);
  return `\\# ${String(rdata.length)} ${formatHex(rdata)}`;
}

function join(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
