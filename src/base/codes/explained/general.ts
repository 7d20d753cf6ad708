import type { ExplanationTable } from "./explanation.ts";

const NOTHING_DONE = "the command did nothing. Certificates that are live stay, and so do their records";
const NO_VERDICT =
  "nothing is concluded: the rollover waits with the old certificate live, verify and resolve say that they do not know";
const WORKS_ON = "it works all the same: nothing is refused, and nothing waits for it";

/** Where what is true of the area would mislead: this host, the command line, what was typed or set up by hand. */
export const GENERAL_EXPLANATIONS = {
  USAGE: {
    why: "a flag or an argument that is not understood could be the one that mattered, so nothing is guessed",
    lifts: "the command line as its help shows it",
    meanwhile: NOTHING_DONE,
    type: ["daneward --help"],
  },
  PERMISSION_DENIED: {
    why: "the system does not let this user read or write what the message names: another owner or mode, a folder above it, a read-only file system, a sandbox such as systemd's ProtectSystem= or AppArmor",
    lifts:
      "the user that owns it (state and keys belong to the user that the timer runs as), or another owner or mode; on a read-only file system another place, or ReadWritePaths= in the unit",
    meanwhile:
      "what needed it was not done, and trying again changes nothing. The live certificate and its records stay as they are",
    type: ["namei -l FILE", "daneward doctor"],
  },
  FILE_NOT_FOUND: {
    why: "the file that the message names is not there: a path with a slip, a certificate that was never issued, or a client that keeps its files elsewhere",
    lifts: "the path is corrected, or the file is made",
    meanwhile:
      "what needed it was not done; servers go on with the files that they have, and all records stay published",
    type: ["daneward check-config"],
  },
  FILE_UNREADABLE: {
    why: "something is there, but it could not be read: a folder, a pipe or a device where a file is meant, or a disk that fails",
    lifts: "a regular file at that place; if it is one, look at the disk (dmesg)",
    meanwhile:
      "what needed it was not done; servers go on with the files that they have, and all records stay published",
  },
  NOTIFY_FAILED: {
    why: "a mail program, a command, a webhook or a service of [notify] did not take a notice. Telling people is no part of the rollover: it neither stops nor delays it",
    lifts: "the way of telling works again: the program is there, the address answers, the token is valid",
    meanwhile:
      "the rollover goes on. Who should have been told may not know it: what was to be told stands in status and timeline",
    type: ["daneward status", "daneward timeline", "daneward doctor"],
  },
  INTERNAL_BUG: {
    why: "the program found itself in a state that it takes for impossible. That is its own fault, and none of yours",
    lifts: "a version in which it is mended; until then perhaps another way to the same end",
    meanwhile:
      "this run ended where it was. State is saved before anything is done about it, so the next tick goes on from what is true; if it ends the same way each time nothing moves: the live certificate and its records stay. freeze keeps the driver from trying",
    type: ["daneward --version", "daneward status", "daneward freeze"],
  },
  CONFIG_ADVICE: {
    why: "the configuration is used as it stands; something in it is seldom meant, or will be in the way one day",
    lifts: "the place named says what is meant",
    meanwhile: WORKS_ON,
    type: ["daneward check-config"],
  },
  DNS_NAME_INVALID: {
    why: "what was typed or configured is no domain name, so it cannot be asked for",
    lifts: "the name is corrected",
    meanwhile: NOTHING_DONE,
  },
  TLSA_TEXT_INVALID: {
    why: "what was typed is no TLSA record, and a record that is half understood must not be published or removed",
    lifts: "the record is written in full, in quotes: usage, selector, matching type, data",
    meanwhile: NOTHING_DONE,
    type: ["daneward tlsa fullchain.pem"],
  },
  TSIG_ALGORITHM_UNAVAILABLE: {
    why: "the OpenSSL of this system refuses the hash that the key is for, as in FIPS mode",
    lifts: "a key with hmac-sha256 or better, on both sides",
    meanwhile:
      "nothing can be sent with that key: the rollover waits with the old certificate live; no record is removed",
    type: ["tsig-keygen -a hmac-sha256 NAME"],
  },
  DNS_INTERRUPTED: {
    why: "the command was interrupted, or gave a question up because its answer no longer mattered",
    lifts: "run it again",
    meanwhile: NO_VERDICT,
  },
  PROBE_CANCELLED: {
    why: "the command was interrupted while it looked at a server",
    lifts: "run it again",
    meanwhile: NO_VERDICT,
  },
  RESOLVER_ADDRESS_INVALID: {
    why: "a resolver is named by its address: to look its name up another resolver would be needed",
    lifts: "the address is written as the hint shows",
    meanwhile: NOTHING_DONE,
  },
  DNSSEC_NO_ANCHOR: {
    why: "every proof begins at a trust anchor, and none of those configured stands above the name",
    lifts: "a trust anchor file with that of the root; or none, which means those that are built in",
    meanwhile: NO_VERDICT,
    type: ["daneward resolve OWNER TLSA"],
  },
  DNSSEC_ANCHOR_UNSUPPORTED: {
    why: "every proof begins at the trust anchor, and its algorithm or digest cannot be checked here",
    lifts: "a trust anchor that can be: algorithm 8 or 13, digest type 2",
    meanwhile: NO_VERDICT,
  },
  DNSSEC_CLOCK: {
    why: "signatures are good between two instants. A clock that is years off makes all of them look expired, or none",
    lifts: "this host's clock is set, and something keeps it right (chrony, systemd-timesyncd)",
    meanwhile: NO_VERDICT,
    type: ["date -u", "timedatectl"],
  },
  DNSSEC_RESOLVER_STRIPS: {
    why: "answers are validated here, for which signatures are needed. This resolver leaves them out, as routers and old forwarders do",
    lifts: "another resolver, best one on this host",
    meanwhile: NO_VERDICT,
    type: ["daneward resolve OWNER TLSA --resolver 127.0.0.1"],
  },
  DNSSEC_LIMIT: {
    why: "validation is bounded, so that nobody's zone can keep the program busy. These data would go beyond what any honest zone needs",
    lifts: "the zone has fewer keys, signatures or iterations",
    meanwhile: NO_VERDICT,
    type: ["daneward resolve OWNER TLSA"],
  },
  TRUST_ANCHOR_INVALID: {
    why: "a trust anchor that is half understood would be believed half: the file is used whole or not at all",
    lifts: "the file is corrected at the place named; without trust_anchors those that are built in count",
    meanwhile: NO_VERDICT,
    type: ["daneward check-config"],
  },
  KEY_ALGORITHM_WEAK: {
    why: "the hash of this TSIG key is outdated; servers begin to refuse it",
    lifts: "a new key with hmac-sha256, on both sides",
    meanwhile: WORKS_ON,
    type: ["tsig-keygen -a hmac-sha256 NAME"],
  },
  KEY_SECRET_SHORT: {
    why: "a short secret can be found by trying; whoever has it can change the zone as far as the key may",
    lifts: "a new key, on both sides",
    meanwhile: WORKS_ON,
    type: ["tsig-keygen -a hmac-sha256 NAME"],
  },
  PROVIDER_TTL_RAISED: {
    why: "the provider has a smallest TTL. Waits follow what is served, so they are as long as that makes them",
    lifts: "ttl in the configuration is set to the provider's smallest",
    meanwhile: WORKS_ON,
    type: ["daneward plan CERT"],
  },
  TLSA_MISMATCH: {
    why: "the server presents a chain that no published record stands for. To a DANE client that looks like an attack",
    lifts: "the record of the chain that is served is published, or the server presents the chain whose record is",
    meanwhile: "DANE clients refuse the server: mail to it waits and then bounces",
    type: ["daneward verify HOST:PORT", "daneward status"],
  },
  NAME_MISMATCH: {
    why: "under every usage but 3 the certificate must name the host as well as match the record",
    lifts: "a certificate with that name, or a 3 1 1 record, which binds key and name by itself",
    meanwhile: "DANE clients that find no other record that matches refuse the server",
    type: ["daneward verify HOST:PORT"],
  },
  TARGET_DEADLINE: {
    why: "one target may not hold up all others: what was not finished in time was given up",
    lifts: "a longer --deadline, or a resolver and servers that answer faster",
    meanwhile: "nothing is concluded about this target; the others are looked at",
  },
} as const satisfies ExplanationTable;
