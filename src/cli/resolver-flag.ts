import { fault, OperationalError } from "../base/errors.ts";
import { parseResolver } from "../dns/resolver-server.ts";
import type { ResolverServer } from "../dns/resolver-server.ts";

/** Reads `IP[:PORT]`, `[IPv6]:PORT` or `tls://IP[:PORT][#NAME]` (--resolver); the default is 127.0.0.1:53. Throws USAGE. */
export function parseResolverFlag(text: string | undefined): ResolverServer {
  if (text === undefined) return { kind: "plain", address: "127.0.0.1", port: 53 };
  const server = parseResolver(text);
  if (server.ok) return server.value;
  throw OperationalError.of(fault("USAGE", `--resolver: ${server.fault.message}`, server.fault.hint));
}
