import type { ExplanationTable } from "./explanation.ts";

const NOTHING_SENT =
  "nothing was sent. The rollover waits with the old certificate live, and tries again at the next tick";
const TRIED_AGAIN =
  "an update that was accepted counts for nothing until name servers serve it, so that nothing depends on this one. It is tried again at the next tick";

/** Publishing by dynamic update. */
export const PUBLISH_EXPLANATIONS = {
  KEY_FILE_UNREADABLE: {
    why: "updates are signed with the key in this file, and it is read at each of them, so that it can be replaced at any time",
    lifts: "the user that daneward runs as may read the file",
    meanwhile: NOTHING_SENT,
    type: ["daneward check-config"],
  },
  KEY_FILE_EXPOSED: {
    why: "whoever reads the key can change the zone as far as the key may. A key that others could read has to be taken for known (RFC 8945 §8)",
    lifts: "chmod 600, or 640 with a group of daneward's; then a new key on both sides, since the old one may be known",
    meanwhile: NOTHING_SENT,
    type: ["daneward check-config"],
  },
  KEY_FILE_FORMAT: {
    why: "the forms that are read are the output of tsig-keygen, K*.private, one line algorithm:name:secret, Knot's and certbot's rfc2136.ini",
    lifts: "write it in one of these forms",
    meanwhile: NOTHING_SENT,
    type: ["daneward check-config"],
  },
  KEY_FILE_SEVERAL: {
    why: "the server must know which key is meant, and guessing would look like a wrong signature",
    lifts: "name the key with key_name",
    meanwhile: NOTHING_SENT,
    type: ["daneward check-config"],
  },
  TSIG_BADTIME: {
    why: "a signed update holds the time, and a server takes none whose time is more than 300 seconds off (RFC 8945 §5.2.3): an old update could be played again otherwise",
    lifts: "both clocks are right; trying again does not help before that",
    meanwhile: TRIED_AGAIN,
    type: ["timedatectl"],
  },
  TSIG_BADSIG: {
    why: "the server knows the key's name and finds another signature: the secrets differ, or the algorithms do",
    lifts: "the same secret and algorithm on both sides; a line break inside base64 is the usual cause",
    meanwhile: TRIED_AGAIN,
    type: ["daneward check-config"],
  },
  TSIG_BADKEY: {
    why: "the server has no key of that name, or not for this algorithm. The name is part of the signature (RFC 8945 §4.3), so that it must be spelt alike",
    lifts: "add the key to the server and reload it, or correct key_name",
    meanwhile: TRIED_AGAIN,
    type: ["daneward check-config"],
  },
  TSIG_REPLY_UNSIGNED: {
    why: "a reply to a signed update must be signed (RFC 8945 §5.3); one that is not may come from anybody on the way, so that neither its yes nor its no is believed",
    lifts: "the address is the primary's own, with nothing between that answers in its place",
    meanwhile: TRIED_AGAIN,
  },
  TSIG_REPLY_BAD: {
    why: "the reply is signed and the signature is wrong: another secret, or somebody changed it on the way (RFC 8945 §5.4)",
    lifts: "equal secrets on both sides, and the primary's own address",
    meanwhile: TRIED_AGAIN,
  },
  UPDATE_REFUSED: {
    why: "the server took the signature and its policy does not let this key change these names (RFC 2136 §3.3). daneward needs TLSA at the owner names alone",
    lifts: "a policy such as BIND's: grant KEY name OWNER TLSA; the log of the server names the rule that refused",
    meanwhile: TRIED_AGAIN,
    type: ["daneward publish OWNER RECORD --dry-run"],
  },
  UPDATE_REFUSED_UNSIGNED: {
    why: "the server refused and did not sign its answer, as it does when it does not know the key, or does not take updates from this address at all",
    lifts: "the log of the server says which: key, clock, address",
    meanwhile: TRIED_AGAIN,
  },
  UPDATE_NOTAUTH: {
    why: "updates go to the primary of a zone (RFC 2136 §3.1). This server is a secondary of it, or has no such zone",
    lifts: "server names the primary, zone the zone",
    meanwhile: TRIED_AGAIN,
    type: ["daneward check-config"],
  },
  UPDATE_NOTZONE: {
    why: "every name of an update must lie in the zone that it names (RFC 2136 §3.4.1)",
    lifts: "the right zone; behind an alias it is the zone of the target",
    meanwhile: TRIED_AGAIN,
  },
  UPDATE_SERVFAIL: {
    why: "the server could not apply the change: a journal that cannot be written, a full disk, a zone that is frozen",
    lifts: "look at the log of the server; rndc thaw where the zone was frozen",
    meanwhile: TRIED_AGAIN,
  },
  UPDATE_NOTIMP: {
    why: "the server knows no dynamic update. NSD never does; others have it switched off",
    lifts: "a publisher of type zonefile or exec, or a hidden primary that takes updates",
    meanwhile: TRIED_AGAIN,
  },
  PUBLISH_INVALID: {
    why: "some changes are refused before anything is sent: the digest of nothing, data of the wrong length for the matching type (RFC 6698 §2.1.4), a TTL of 0, names that are no owner names",
    lifts: "correct what the message names",
    meanwhile: "nothing was sent and nothing was changed",
  },
  PUBLISH_CONFLICT: {
    why: "records are removed under the condition that the RRset is what every name server was seen to serve (RFC 2136 §2.4.2). It was not: somebody else changed it in between",
    lifts: "the next tick looks again and decides again",
    meanwhile: "nothing was changed; all records stay",
    type: ["daneward propagation OWNER"],
  },
  PUBLISH_OUTCOME_UNKNOWN: {
    why: "the connection broke after the update was sent: it may have been applied or not",
    lifts: "the next tick looks; adding and removing exactly the same records twice does no harm (RFC 2136 §3.4.2.2)",
    meanwhile: "the record counts as one that may turn up at any moment, and nothing relies on it",
    type: ["daneward propagation OWNER"],
  },
  PUBLISH_UNCONFIRMED: {
    why: "the server said yes and cannot be asked what it serves now. Accepted is not published",
    lifts: "let the update server answer queries from here, or name another with query_server",
    meanwhile: "the name servers are looked at as always, so that the rollover goes on when they serve it",
  },
  PUBLISH_NOT_APPLIED: {
    why: "the server said yes and serves the old set. Some policies drop parts of an update without a word",
    lifts: "compare the policy with the names; the log of the server says what was applied",
    meanwhile: TRIED_AGAIN,
    type: ["daneward propagation OWNER"],
  },
  PUBLISH_CNAME_AT_OWNER: {
    why: "no other data may stand beside an alias (RFC 2181 §10.1), so that the records belong where it leads (RFC 7671 §7)",
    lifts:
      "publish at the target, in its zone, with a key that may; daneward follows aliases by itself where a publisher holds that zone",
    meanwhile: "nothing was changed",
    type: ["daneward propagation OWNER"],
  },
  PUBLISH_OCCLUDED: {
    why: "the name lies below a delegation: the parent holds the record, and no resolver ever asks it there",
    lifts: "update the child zone on its own primary",
    meanwhile: "nobody sees the record; the rollover waits",
  },
  PUBLISH_TTL_CHANGED: {
    why: "the server has a limit of its own. All records of an RRset have one TTL (RFC 2181 §5.2), so that records of others can raise it too",
    lifts: "nothing has to: all waits go by the TTL that is served",
    meanwhile: "plan and status show the real TTL, and the waits follow it",
    type: ["daneward plan CERT"],
  },
  FRAGMENT_NOT_SEEN: {
    why: "the file with the records is written and the commands ended well, yet no name server serves them: the zone may not include the file, its serial may not have been raised, or the reload is made elsewhere",
    lifts:
      "the zone is built again from the file and served with a later serial. Where zones are built elsewhere this takes as long as that does, and is no fault",
    meanwhile: "the wait has not begun; the old certificate stays live",
    type: ["daneward propagation OWNER"],
  },
  FRAGMENT_CHECK_FAILED: {
    why: "the check command is run on the new file before it takes the place of the old one, so that a fault anywhere in the zone does not take the zone down",
    lifts: "run the check by hand: what it found may be elsewhere in the zone",
    meanwhile: "the old file is untouched and the zone as it was",
  },
  FRAGMENT_COMMAND_FAILED: {
    why: "the new file is in place and a command that should make the name server read it failed",
    lifts: "run the command by hand as daneward's user",
    meanwhile: "the name server may go on with the old zone; the command is run again at the next tick",
  },
  EXEC_LATER: {
    why: "the program of the publisher ended with 75, by which it says that it could not do it now",
    lifts: "time, as a rule: it is called again at the next tick",
    meanwhile: "the rollover waits with the old certificate live",
  },
} as const satisfies ExplanationTable;
