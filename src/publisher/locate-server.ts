/** From a configured server, by address or by name, to the addresses to talk to, and the way from one to the next. */
import { isIP } from "node:net";
import { assert } from "../base/assert.ts";
import { OperationalError } from "../base/errors.ts";
import type { HostPort } from "../base/socket-address.ts";
import { TYPE } from "../dns/iana.ts";
import { parseName } from "../dns/name.ts";
import { decodeA, decodeAaaa } from "../dns/rdata.ts";
import type { Resolve } from "../resolver/resolver.ts";
import type { DnsServer } from "../transport/dns-exchange.ts";

/** The addresses of a server in the order to try; a literal stands for itself. Throws `PUBLISH_SERVER_UNKNOWN`. */
export async function locateServer(server: HostPort, resolve: Resolve | undefined): Promise<readonly DnsServer[]> {
  const { host, port } = server;
  if (isIP(host) !== 0) return [{ address: host, port }];
  const name = parseName(host);
  if (!name.ok) throw OperationalError.of(name.fault);
  // RFC 6761 §6.3: localhost is the loopback interface, whatever DNS says.
  if (name.value === "localhost.") return ["127.0.0.1", "::1"].map((address) => ({ address, port }));
  if (resolve === undefined) {
    const message = `the update server "${host}" is a name, and there is no resolver to find its address`;
    throw new OperationalError("PUBLISH_SERVER_UNKNOWN", message, { retry: "never" });
  }
  const answers = await Promise.all([resolve(name.value, TYPE.A), resolve(name.value, TYPE.AAAA)]);
  const addresses = answers.flatMap((answer) => {
    if ("reasons" in answer) return [];
    const decoded = (answer.rrset?.rdatas ?? []).map(answer.type === TYPE.A ? decodeA : decodeAaaa);
    return decoded.flatMap((address) => (address.ok ? [address.value] : []));
  });
  if (addresses.length > 0) return addresses.map((address) => ({ address, port }));
  const reasons = answers.flatMap((answer) => ("reasons" in answer ? answer.reasons : [])).map((one) => one.message);
  const why = reasons[0] ?? "it has neither an A nor an AAAA record";
  throw new OperationalError("PUBLISH_SERVER_UNKNOWN", `the update server "${host}" has no address to send to: ${why}`);
}

/**
 * The addresses of several servers, those of the first first. One whose name cannot be looked up is passed over while
 * another can; throws the first `PUBLISH_SERVER_UNKNOWN` when none can.
 */
export async function locateServers(
  servers: readonly HostPort[],
  resolve: Resolve | undefined,
): Promise<readonly DnsServer[]> {
  const located: DnsServer[] = [];
  let unknown: OperationalError | null = null;
  for (const server of servers) {
    try {
      located.push(...(await locateServer(server, resolve)));
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      unknown ??= error;
    }
  }
  if (located.length === 0 && unknown !== null) throw unknown;
  return located;
}

function isSilence(error: unknown): boolean {
  const silent = ["DNS_UNREACHABLE", "DNS_TIMEOUT", "DNS_CONNECTION_LOST"];
  return error instanceof OperationalError && silent.includes(error.code);
}

/**
 * Does `work` at the first address that can be talked to, and throws what the last one threw. Only for what changes
 * nothing: an update may have arrived although no reply came.
 */
export async function atFirstReachable<T>(
  servers: readonly DnsServer[],
  work: (server: DnsServer) => Promise<T>,
): Promise<T> {
  for (const [at, server] of servers.entries()) {
    try {
      return await work(server);
    } catch (error) {
      if (!isSilence(error) || at === servers.length - 1) throw error;
    }
  }
  assert(false, "a located server has an address");
}
