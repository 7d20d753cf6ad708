/** Extended DNS errors (RFC 8914): shown beside an rcode, never believed, because nothing authenticates them. */
import type { DnsMessage } from "../dns/message.ts";
import { readUint16 } from "../dns/wire.ts";

/** Option code of EDNS (RFC 8914 §2). */
const EXTENDED_ERROR = 15;
/** A server's text is cut to this many characters in our messages. */
const MAX_TEXT = 200;

const TITLES: Readonly<Record<number, string>> = {
  0: "other error",
  1: "unsupported DNSKEY algorithm",
  2: "unsupported DS digest type",
  3: "stale answer",
  4: "forged answer",
  5: "DNSSEC indeterminate",
  6: "DNSSEC bogus",
  7: "signature expired",
  8: "signature not yet valid",
  9: "DNSKEY missing",
  10: "RRSIGs missing",
  11: "no zone key bit set",
  12: "NSEC missing",
  13: "cached error",
  14: "not ready",
  15: "blocked",
  16: "censored",
  17: "filtered",
  18: "prohibited",
  19: "stale NXDOMAIN answer",
  20: "not authoritative",
  21: "not supported",
  22: "no reachable authority",
  23: "network error",
  24: "invalid data",
  27: "unsupported NSEC3 iterations value",
};

export interface ExtendedError {
  readonly code: number;
  /** The server's own words, control characters removed; often empty. */
  readonly text: string;
}

/** The extended errors of a message, in its order; options too short to hold a code are left out. */
export function extendedErrors(message: DnsMessage): readonly ExtendedError[] {
  const options = message.edns?.options ?? [];
  return options
    .filter((option) => option.code === EXTENDED_ERROR && option.data.length >= 2)
    .map(({ data }) => ({
      code: readUint16(data, 0),
      text: new TextDecoder()
        .decode(data.subarray(2))
        .replace(/[\p{Cc}\s]+/gu, " ")
        .trim()
        .slice(0, MAX_TEXT),
    }));
}

/** `; it adds: EDE 9 (DNSKEY missing: "…")`, or nothing: to be put behind a message. */
export function extendedErrorText(message: DnsMessage): string {
  const shown = extendedErrors(message).map(({ code, text }) => {
    const title = TITLES[code] ?? "unassigned";
    return `EDE ${String(code)} (${title}${text === "" ? "" : `: "${text}"`})`;
  });
  return shown.length === 0 ? "" : `; it adds: ${shown.join(", ")}`;
}
