import { isIP } from "node:net";
import { fault, OperationalError } from "../base/errors.ts";
import type { DnsServer } from "../transport/dns-exchange.ts";

/** Reads `IP[:PORT]` or `[IPv6]:PORT` (--resolver); the default is 127.0.0.1:53. Throws USAGE. */
export function parseResolverFlag(text: string | undefined): DnsServer {
  if (text === undefined) return { address: "127.0.0.1", port: 53 };
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text);
  const plain = isIP(text) === 6 ? [text, text] : /^([^:]+)(?::(\d{1,5}))?$/.exec(text);
  const [, address = "", portText = "53"] = bracketed ?? plain ?? [];
  const port = Number(portText);
  if (isIP(address) === 0 || port < 1 || port > 65_535) {
    const hint = "write --resolver 127.0.0.1, 127.0.0.1:5353 or [::1]:5353";
    throw OperationalError.of(
      fault("USAGE", `--resolver: "${text}" is not an IP address with or without a port`, hint),
    );
  }
  return { address, port };
}
