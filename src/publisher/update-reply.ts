/**
 * What a reply to an UPDATE means. Three things are looked at together: the rcode of the header, the error of the TSIG,
 * and whether the MAC proves that the holder of the key wrote it. Measured on BIND 9.18, Knot 3.2, PowerDNS 4.7 and NSD
 * 4.6, the same mistake looks different on each, so every message says what was seen and lists the likely causes.
 *
 * The one rule that cannot bend: only NOERROR under a verified MAC is a success (RFC 8945 §5.4). Everything else is a
 * failure, and one that nobody signed is told as such.
 */
import { assertNever } from "../base/assert.ts";
import { fault } from "../base/errors.ts";
import type { Fault, FaultCode, Retry } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { formatDuration, formatInstant, secondsBetween } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { RCODE, rcodeName, TSIG_ERROR, tsigErrorName } from "../dns/iana.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import type { TsigKey, TsigVerdict } from "../dns/tsig.ts";
import { readUint16 } from "../dns/wire.ts";
import { bindGrant, powerDnsMeta } from "./policy-lines.ts";

/** A reply and what it answers. */
export interface UpdateReply {
  readonly bytes: Uint8Array;
  readonly verdict: TsigVerdict;
  /** The server as people read it, `192.0.2.1:53`. */
  readonly server: string;
  readonly zone: DomainName;
  readonly owner: DomainName;
  readonly key: TsigKey;
  readonly now: Instant;
}

/** Why an update failed, and whether trying again can help without anybody's doing. */
export interface UpdateProblem {
  readonly fault: Fault;
  readonly retry: Retry;
}

const RCODE_MASK = 0x0f;

/** Where the lines for every server are. */
const README_SECTION = "What the primary must allow";

/** Which codes may heal by themselves; the rest need somebody to change something. */
const RETRY_LATER: ReadonlySet<FaultCode> = new Set<FaultCode>([
  "TSIG_REPLY_BAD",
  "TSIG_REPLY_UNSIGNED",
  "PUBLISH_CONFLICT",
  "UPDATE_RCODE",
  "UPDATE_SERVFAIL",
]);

function problem(code: FaultCode, message: string, hint?: string): Result<true, UpdateProblem> {
  return failure({ fault: fault(code, message, hint), retry: RETRY_LATER.has(code) ? "later" : "never" });
}

/** `10.0.0.1:53 answered NOTAUTH with TSIG error BADKEY, unsigned,`: how each message begins. */
function seen(reply: UpdateReply, tsigError: number, how: "signed" | "unsigned"): string {
  const rcode = rcodeName(readUint16(reply.bytes, 2) & RCODE_MASK);
  const tsig = tsigError === TSIG_ERROR.NOERROR ? "" : ` with TSIG error ${tsigErrorName(tsigError)}`;
  return `${reply.server} answered ${rcode}${tsig} (${how})`;
}

function keyText(key: TsigKey): string {
  return `key "${displayName(key.name)}" (${key.algorithm})`;
}

/** Clocks disagree; `serverTime` comes with a signed BADTIME (RFC 8945 §5.2.3). */
function badTime(reply: UpdateReply, said: string, serverTime: Instant | null): Result<true, UpdateProblem> {
  if (serverTime === null)
    return problem("TSIG_BADTIME", `${said}: the clocks of this host and the server differ too much`);
  const ahead = secondsBetween(serverTime, reply.now);
  const how =
    ahead >= 0
      ? `${formatDuration(ahead)} ahead of`
      : `${formatDuration(secondsBetween(reply.now, serverTime))} behind`;
  const times = `here it is ${formatInstant(reply.now)}, there ${formatInstant(serverTime)}`;
  return problem("TSIG_BADTIME", `${said}: the clock of this host is ${how} the server's; ${times}`);
}

/** A TSIG error, whoever reports it. */
function tsigProblem(
  reply: UpdateReply,
  error: number,
  said: string,
  serverTime: Instant | null,
): Result<true, UpdateProblem> | null {
  const { key, owner, zone } = reply;
  switch (error) {
    case TSIG_ERROR.BADKEY:
      return problem(
        "TSIG_BADKEY",
        `${said}: it does not know ${keyText(key)}, or knows it with another algorithm; Knot also says so when the key may not change ${displayName(owner)} TLSA in ${displayName(zone)}`,
        `did you reload the name server (rndc reconfig) since the key was made? if so, compare key name and algorithm on both sides; on Knot the zone must list an acl that allows this: README, "${README_SECTION}"`,
      );
    case TSIG_ERROR.BADSIG:
      return problem(
        "TSIG_BADSIG",
        `${said}: the secret of ${keyText(key)} is another one there`,
        "did you reload the name server (rndc reconfig) since the key was made? if so, copy the secret from its key clause again; the key name matches, so the right key was asked for",
      );
    case TSIG_ERROR.BADTIME:
      return badTime(reply, said, serverTime);
    case TSIG_ERROR.BADTRUNC:
      return problem(
        "TSIG_BADTRUNC",
        `${said}: it wants signatures of another length than ${key.algorithm} gives`,
        "write the algorithm on the server without a length, hmac-sha256 instead of hmac-sha256-128",
      );
    default:
      return error === TSIG_ERROR.NOERROR
        ? null
        : problem("TSIG_BADSIG", `${said}: it does not accept the signature of ${keyText(key)}`);
  }
}

/** REFUSED under a good MAC: the key is right and the server will not do it. */
function refusedSigned(reply: UpdateReply, said: string): Result<true, UpdateProblem> {
  const { owner, zone } = reply;
  return problem(
    "UPDATE_REFUSED",
    `${said}: the key is right, but the server will not change ${displayName(owner)} TLSA in ${displayName(zone)} for it`,
    `on BIND the zone needs update-policy { ${bindGrant(reply)} }, and then rndc reconfig; where it has that, the zone is frozen (rndc thaw, on Knot knotc zone-thaw) or this server is not its primary; other servers: README, "${README_SECTION}"`,
  );
}

function rcodeProblem(reply: UpdateReply, rcode: number, said: string, signed: boolean): Result<true, UpdateProblem> {
  const { owner, zone, server, key } = reply;
  switch (rcode) {
    case RCODE.REFUSED:
      if (signed) return refusedSigned(reply, said);
      return problem(
        "UPDATE_REFUSED_UNSIGNED",
        `${said} without a reason: PowerDNS answers so to an unknown key, a wrong algorithm or secret and a wrong clock alike; any server does to an address that may not update`,
        `compare ${keyText(key)} and its secret on both sides and check the clocks; on PowerDNS: ${powerDnsMeta(reply)}, and allow-dnsupdate-from with the address of this host; the log of ${server} says which`,
      );
    case RCODE.NOTAUTH:
      return problem(
        "UPDATE_NOTAUTH",
        `${said}: it does not serve ${displayName(zone)} as a zone of its own${signed ? "" : ", or wants another signature"}`,
        `check that ${displayName(zone)} is the zone's apex and not a name inside it (give it with --zone), and that this server is the primary of it`,
      );
    case RCODE.NOTZONE:
      return problem("UPDATE_NOTZONE", `${said}: ${displayName(owner)} is not inside ${displayName(zone)}`);
    case RCODE.NXRRSET:
    case RCODE.YXRRSET:
    case RCODE.NXDOMAIN:
    case RCODE.YXDOMAIN:
      return problem(
        "PUBLISH_CONFLICT",
        `${said}: the TLSA RRset at ${displayName(owner)} is not the one that was read before; nothing was changed`,
      );
    case RCODE.FORMERR:
      return problem("UPDATE_FORMERR", `${said}: it takes the update or a record in it for malformed`);
    case RCODE.SERVFAIL:
      return problem("UPDATE_SERVFAIL", `${said}: it could not apply the update`);
    case RCODE.NOTIMP:
      return problem("UPDATE_NOTIMP", `${said}: it knows no dynamic updates (NSD does not)`);
    default:
      return problem("UPDATE_RCODE", `${said}, which is unusual for an update`);
  }
}

/** Success is `true` for NOERROR under a verified MAC and nothing else; see the head of this file. Pure. */
export function judgeUpdateReply(reply: UpdateReply): Result<true, UpdateProblem> {
  const { verdict, server } = reply;
  const rcode = readUint16(reply.bytes, 2) & RCODE_MASK;
  switch (verdict.status) {
    case "verified": {
      if (rcode === RCODE.NOERROR) return success(true);
      return rcodeProblem(reply, rcode, seen(reply, TSIG_ERROR.NOERROR, "signed"), true);
    }
    case "signed-error": {
      const said = seen(reply, verdict.error, "signed");
      return tsigProblem(reply, verdict.error, said, verdict.serverTime) ?? rcodeProblem(reply, rcode, said, true);
    }
    case "unauthenticated": {
      const said = seen(reply, verdict.error ?? TSIG_ERROR.NOERROR, "unsigned");
      const tsig = tsigProblem(reply, verdict.error ?? TSIG_ERROR.NOERROR, said, null);
      if (tsig !== null) return tsig;
      if (rcode !== RCODE.NOERROR) return rcodeProblem(reply, rcode, said, false);
      return problem(
        "TSIG_REPLY_UNSIGNED",
        `${said}: the reply to a signed update must be signed, so nobody can say who sent it`,
      );
    }
    case "rejected": {
      if (verdict.reason === "BADTIME") {
        return problem("TSIG_BADTIME", `the reply of ${server} verifies, but its time is off: ${verdict.detail}`);
      }
      return problem("TSIG_REPLY_BAD", `the reply of ${server} is not believed: ${verdict.detail}`);
    }
    default:
      return assertNever(verdict);
  }
}
