/** Extended DNS errors (RFC 8914): shown beside an rcode, never believed, because nothing authenticates them. */
import { extendedErrorName } from "../dns/iana.ts";
import type { DnsMessage } from "../dns/message.ts";
import { readUint16 } from "../dns/wire.ts";

/** Option code of EDNS (RFC 8914 §2). */
const EXTENDED_ERROR = 15;
/** A server's text is cut to this many characters in our messages. */
const MAX_TEXT = 200;

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
    return `EDE ${String(code)} (${extendedErrorName(code)}${text === "" ? "" : `: "${text}"`})`;
  });
  return shown.length === 0 ? "" : `; it adds: ${shown.join(", ")}`;
}
