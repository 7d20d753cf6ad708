import type { OperationalError } from "../base/errors.ts";

/** What to do about a resolver that gave no answer: the hints of the catalogue are about name servers in general. */
export function resolverHint({ code, hint }: OperationalError): string {
  if (code === "DNS_UNREACHABLE") return "check the resolver: its address, its port, and the firewall";
  if (code === "DNS_TIMEOUT") return "check that the resolver runs and that the network lets DNS through to it";
  return hint;
}
