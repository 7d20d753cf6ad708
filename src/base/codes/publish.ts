import type { CodeTable } from "./entry.ts";

/** Publishing faults: key files, TSIG, UPDATE, read-back. */
export const PUBLISH_CODES = {
  KEY_FILE_UNREADABLE: {
    title: "a file with a key or token cannot be read",
    hint: "check the path, and that this user may read it; nothing was sent",
  },
  KEY_FILE_EXPOSED: {
    title: "a file with a key or token can be read by others",
    hint: "chmod 600 the file, or give it to a group that daneward runs in and chmod 640; then make a new key",
  },
  KEY_FILE_FORMAT: {
    title: "a TSIG key file is in no known form",
    hint: 'give the output of tsig-keygen, a K*.private file, one line "algorithm:name:secret", or certbot\'s rfc2136.ini',
  },
  KEY_FILE_ALGORITHM: {
    title: "a TSIG key file names an unknown algorithm",
    hint: "known are hmac-sha256, hmac-sha384, hmac-sha512, hmac-sha224, hmac-sha1 and hmac-md5",
  },
  KEY_FILE_NAME: {
    title: "a TSIG key file holds no valid key name",
    hint: "the key name is a domain name, the same on both sides",
  },
  KEY_FILE_SECRET: {
    title: "a TSIG secret is not base64",
    hint: "copy the secret again, whole and without line breaks; base64 uses A-Z a-z 0-9 + / and = at the end",
  },
  KEY_FILE_SWAPPED: { title: "key name and secret seem to be swapped", hint: "the order is algorithm:name:secret" },
  KEY_FILE_SEVERAL: {
    title: "a TSIG key file holds several keys",
    hint: "name one of them: --key-name NAME, or key_name in the configuration",
  },
  KEY_FILE_NO_SUCH_KEY: { title: "a TSIG key file does not hold the key asked for", hint: "check the key name" },
  KEY_ALGORITHM_WEAK: {
    title: "a TSIG key uses an outdated algorithm",
    hint: "make a new key with tsig-keygen -a hmac-sha256 NAME",
  },
  KEY_SECRET_SHORT: { title: "a TSIG secret is short", hint: "make a new key with tsig-keygen -a hmac-sha256 NAME" },
  TSIG_BADTIME: { title: "the clocks of client and server differ too much", hint: "check NTP on both machines" },
  TSIG_BADSIG: {
    title: "the TSIG signature does not verify",
    hint: "did you reload the name server (rndc reconfig) since the key was made? if so, compare the secret on both sides",
  },
  TSIG_BADKEY: {
    title: "the server does not know the TSIG key",
    hint: "did you reload the name server (rndc reconfig) since the key was made? if so, compare key name and algorithm on both sides",
  },
  TSIG_BADTRUNC: {
    title: "the server wants a longer or shorter TSIG signature",
    hint: "compare the algorithm on both sides",
  },
  TSIG_REPLY_UNSIGNED: {
    title: "the reply to an update is not signed, so it cannot be believed",
    hint: "check that the address is the primary's own and that nothing between rewrites DNS",
  },
  TSIG_REPLY_BAD: {
    title: "the signature of the reply to an update does not verify, so it cannot be believed",
    hint: "did you reload the name server (rndc reconfig) since the key was made? if so, check that the address is the primary's own (not the resolver's) and that the secrets are equal on both sides",
  },
  UPDATE_REFUSED: {
    title: "the server refused the update",
    hint: "check what the key is allowed to change, and the log of the server",
  },
  UPDATE_REFUSED_UNSIGNED: {
    title: "the server refused the update without saying why",
    hint: "check key, secret, clock and the addresses allowed to update; the log of the server says which",
  },
  UPDATE_NOTAUTH: {
    title: "the server is not the primary of the zone",
    hint: "check the zone name and the address of the update server",
  },
  UPDATE_NOTZONE: { title: "a name of the update is outside the zone", hint: "check the zone name" },
  UPDATE_FORMERR: {
    title: "the server calls the update malformed",
    hint: "check the record; the log of the server says more",
  },
  UPDATE_SERVFAIL: {
    title: "the server failed to apply the update",
    hint: "look at the log of the server: journal, disk, record data",
  },
  UPDATE_NOTIMP: {
    title: "the server knows no dynamic updates",
    hint: "send updates to a primary that takes them; NSD never does",
  },
  UPDATE_RCODE: { title: "the server answered an update with an unusual error", hint: "look at the log of the server" },
  PUBLISH_SERVER_UNKNOWN: {
    title: "the update server's name has no address",
    hint: "check the name, or give the server as an IP address",
  },
  PUBLISH_INVALID: {
    title: "a change that must not be published",
    hint: "check the record, its TTL and its owner name; nothing was sent",
  },
  PUBLISH_CONFLICT: {
    title: "the RRset is not what it was expected to be; nothing was changed",
    hint: "another host or program changed it meanwhile: look again, then decide again",
  },
  PUBLISH_OUTCOME_UNKNOWN: {
    title: "the reply to an update was lost and the change is not visible",
    hint: "try again: adding twice and removing twice do no harm",
  },
  PUBLISH_UNCONFIRMED: {
    title: "the update was accepted but cannot be read back",
    hint: "let the update server answer queries from this host, then look again",
  },
  PUBLISH_NOT_APPLIED: {
    title: "the server accepted the update but does not serve it",
    hint: "look at the update policy and the log of the server",
  },
  PUBLISH_CNAME_AT_OWNER: {
    title: "the owner name is an alias, so no TLSA record can stand there",
    hint: "publish at the alias's target, in the zone of the target",
  },
  PUBLISH_OCCLUDED: {
    title: "the owner name lies below a delegation, so records there are never served",
    hint: "update the child zone on its own primary, and name it with --zone or zone in the configuration",
  },
  PUBLISH_TTL_CHANGED: {
    title: "the server serves another TTL than asked for",
    hint: "nothing to do: all waits use the TTL that is served; see max-zone-ttl of the server's policy",
  },
} as const satisfies CodeTable;
