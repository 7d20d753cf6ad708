/**
 * Whether a key may change the TLSA records of a name, found out without changing any: a signed update that deletes a
 * record which is not there. RFC 2136 §3.4.2.4 passes over such a deletion (BIND, Knot and PowerDNS leave even the serial as it
 * is); the signature and the policy are judged before.
 * A prerequisite that fails would be more careful and tell nothing, since it is looked at before the policy (RFC 2136 §3.2,
 * RFC 2136 §3.3).
 */
import { randomBytes } from "node:crypto";
import { OperationalError } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import type { HostPort } from "../base/socket-address.ts";
import { TYPE } from "../dns/iana.ts";
import { encodeTlsa } from "../dns/rdata.ts";
import { deleteRecord } from "../dns/update.ts";
import type { Resolve } from "../resolver/resolver.ts";
import { formatServer } from "../transport/dns-exchange.ts";
import type { DnsTransport } from "../transport/dns-exchange.ts";
import { locateServer } from "./locate-server.ts";
import { openUpdateChannel } from "./update-channel.ts";
import type { ChannelOptions, UpdateSubject } from "./update-channel.ts";

/** One server, by address, and what it said to the update. */
export interface ProbedServer {
  readonly server: string;
  /** Null: it would take updates of this name. PowerDNS says so also where its policy script would skip them. */
  readonly fault: Fault | null;
}

/** Asks every address of a server that takes updates. Throws PUBLISH_SERVER_UNKNOWN. */
export async function probeUpdate(
  server: HostPort,
  subject: UpdateSubject,
  options: ChannelOptions & { readonly resolve: Resolve; readonly transport: DnsTransport },
): Promise<readonly ProbedServer[]> {
  const addresses = await locateServer(server, options.resolve);
  // Nobody has published the digest of random octets.
  const rdata = encodeTlsa({ usage: 3, selector: 1, matchingType: 1, data: Uint8Array.from(randomBytes(32)) });
  const planned = { prerequisites: [], updates: [deleteRecord(subject.owner, TYPE.TLSA, rdata)] };
  return Promise.all(
    addresses.map(async (address): Promise<ProbedServer> => {
      try {
        await openUpdateChannel(address, options).send(planned, subject, options.transport);
        return { server: formatServer(address), fault: null };
      } catch (error) {
        if (!(error instanceof OperationalError)) throw error;
        const { code, message, hint } = error;
        return { server: formatServer(address), fault: { code, message, hint } };
      }
    }),
  );
}
