/** The way to the servers that hold the tree, for the resolver: one that answers is found, the others are passed over. */
import { randomInt } from "node:crypto";
import { fault, OperationalError } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { Clock, Instant } from "../base/time.ts";
import { addSeconds, seconds } from "../base/time.ts";
import type { DnsMessage } from "../dns/message.ts";
import type { DomainName } from "../dns/name.ts";
import { query, requireAnswer } from "../transport/dns-exchange.ts";
import type { DnsServer } from "../transport/dns-exchange.ts";

/** Asks for one RRset at one of the servers. */
export interface Authorities {
  /** A success is NOERROR or NXDOMAIN. */
  readonly ask: (name: DomainName, type: number) => Promise<Result<DnsMessage, Fault>>;
  /** Forgets which servers were silent. */
  readonly flush: () => void;
}

/** How long a server that did not answer is asked last. */
const SILENCE = seconds(2);

/** Begins with a random server and goes on to the next; one that was silent a moment ago is asked last. */
export function createAuthorities(servers: readonly DnsServer[], clock: Clock): Authorities {
  const silentUntil = new Map<DnsServer, Instant>();
  const isSilent = (server: DnsServer): boolean => (silentUntil.get(server) ?? 0) > clock();
  return {
    ask: async (name, type) => {
      const start = randomInt(Math.max(1, servers.length));
      const rotated = [...servers.slice(start), ...servers.slice(0, start)];
      const order = [...rotated.filter((each) => !isSilent(each)), ...rotated.filter(isSilent)];
      let problem = fault("DNS_UNREACHABLE", "there is no name server to ask");
      // The second round is patient: in one process with its servers, a busy moment delays both ends.
      for (const timeoutMs of [400, 800]) {
        for (const server of order) {
          try {
            const reply = await query({ server, name, type, dnssecOk: true, timeoutMs });
            return success(requireAnswer(reply, { server, name, type }));
          } catch (error) {
            if (!(error instanceof OperationalError)) throw error;
            problem = fault(error.code, error.message, error.hint);
            if (error.code !== "DNS_RCODE") silentUntil.set(server, addSeconds(clock(), SILENCE));
          }
        }
      }
      return failure(problem);
    },
    flush: () => {
      silentUntil.clear();
    },
  };
}
