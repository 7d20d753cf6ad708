import type { CodeTable } from "./entry.ts";

/** Refusals and alarms of the rollover core. */
export const ROLLOVER_CODES = {
  OPERATOR_HOLD: {
    title: "held by the operator",
    hint: "daneward resume CERT goes on, daneward abort CERT gives the rollover up",
  },
  KEY_COMPROMISED: {
    title: "the key counts as compromised: no certificate with it is deployed any more",
    hint: "have a certificate issued for a new key; daneward roll CERT says how",
  },
  TORN_DOWN: {
    title: "the TLSA records were withdrawn for good",
    hint: "daneward resume CERT publishes them again",
  },
  FROZEN: {
    title: "everything is frozen: daneward looks and warns, and changes nothing",
    hint: "daneward thaw goes on",
  },
  CONFIRM_FAILED: {
    title: "the servers did not present the new chain in time; the old files are back",
    hint: "find out why the service does not present the new certificate there, then daneward resume CERT",
  },
  DEPLOY_FAILED: {
    title: "the new files could not be deployed",
    hint: "mend the cause named above, then daneward resume CERT",
  },
  FOREIGN_CHAIN_SERVED: {
    title: "an address presents a chain that is neither the current nor the next one",
    hint: "check which certificate the service reads; all records are kept; then daneward resume CERT",
  },
  PUBLISHER_UNUSABLE: {
    title: "nothing could be published now: the key or token cannot be used",
    hint: "mend what it says; the next renewal would wait for it",
  },
  SOURCE_UNUSABLE: {
    title: "the renewed certificate cannot be deployed",
    hint: "mend what is said above, or have it issued again; nothing was changed",
  },
  NS_LAGGING: {
    title: "a name server does not serve the new RRset yet",
    hint: "check NOTIFY and zone transfer to that server",
  },
  NS_UNREACHABLE: {
    title: "a name server does not answer",
    hint: "mend it, or exclude it by name in the publisher's exclude_ns",
  },
  NS_UNSIGNED: {
    title: "a name server serves the RRset without a valid RRSIG",
    hint: "check the signer and the zone transfer",
  },
  NS_NOT_AUTHORITATIVE: {
    title: "a name server is not authoritative for the zone",
    hint: "fix the delegation or that server's configuration",
  },
  ZONE_UNKNOWN: {
    title: "the zone of an owner name or its name servers cannot be found",
    hint: "check the resolver and the delegation",
  },
  ZONE_BOGUS: {
    title: "the zone fails DNSSEC validation: validating clients get no answer from it",
    hint: "daneward resolve OWNER shows the broken link; check the signer, its signatures and the DS at the parent",
  },
  CLOCK_RUNNING: { title: "caches may still hold an RRset without the new record", hint: "wait; no action is needed" },
  HORIZON_UNSAFE: {
    title: "an RRset that caches may hold does not match the chain",
    hint: "wait until it has left the caches, or publish the missing record",
  },
  NOT_SECURE: {
    title: "the TLSA answer is not DNSSEC-validated",
    hint: "daneward propagation OWNER shows the servers; check DS and signatures of the zone",
  },
  NOT_YET_RESOLVED: {
    title: "the validating resolver does not show the new record yet",
    hint: "its cache will follow; no action is needed",
  },
  KINDS_UNASKED: {
    title: "certificates for other kinds of keys are looked at before a record binds their clients",
    hint: "wait; the next look asks for them, no action is needed",
  },
  FIRST_SET_WITHOUT_PEER: {
    title: "a first RRset would turn clients away from another host behind the same name",
    hint: "publish the first records of all hosts in one update: daneward publish OWNER RECORD RECORD…, each record as daneward tlsa prints it on its host, then daneward adopt CERT on each; or take the other address out of DNS until this host is done",
  },
  FIRST_SET_WITHOUT_LIVE: {
    title: "a first RRset without the live chain's record is refused",
    hint: "make every address present the deployed chain first",
  },
  COMBINATION_UNMATCHED: {
    title: "a new kind of record would shut out a certificate that is live",
    hint: "publish that kind of record for every certificate behind the name first, or keep the old tlsa parameters",
  },
  ENDPOINT_UNPROVEN: {
    title: "an address does not present the expected chain",
    hint: "check the service and its reload",
  },
  ROUNDS_MISSING: { title: "more rounds of probes are needed", hint: "wait; no action is needed" },
  RETIRE_RUNNING: {
    title: "the old record stays until the new chain has proved itself",
    hint: "wait; no action is needed",
  },
  PEER_DEPENDS: {
    title: "another address of the name still presents the old chain, or cannot be asked",
    hint: "deploy the new chain there too",
  },
  RECORD_VANISHED: {
    title: "a record that we published is gone",
    hint: "it is published again; look for another program that writes this name",
  },
  SECOND_WRITER: {
    title: "another program keeps reverting our records",
    hint: "let only one program write these TLSA records, then daneward resume CERT",
  },
  LIVE_MISMATCH: {
    title: "an address presents a certificate that cached TLSA records do not match: DANE clients refuse it now",
    hint: "let the service read the deployed files (daneward swaps them at the right time), or put the former certificate back until then",
  },
  SECOND_CERTIFICATE: {
    title: "an address also presents a certificate of another kind that no record matches: its clients refuse it now",
    hint: "configure it as a second [certificate] with the same services, or take it out of the server's configuration",
  },
  SAME_KIND_SHARED: {
    title: "two certificates that share a service have keys of the same kind",
    hint: "a service presents one certificate for each kind of key: renew one of them with the other kind, or remove its section",
  },
  KIND_CHANGED_SHARED: {
    title: "a renewal with another kind of key, at a service that is shared",
    hint: "renew with the former kind of key, or join the sections of this service to one",
  },
  DEPLOY_BYPASSED: {
    title: "a service reads the ACME client's own files, and so presents renewals before they are deployed",
    hint: "point the service at the deployed files (daneward doctor prints the commands), then daneward tick CERT --force; of a service other than Postfix and Dovecot daneward resume CERT ends it",
  },
  FOREIGN_RECORD: {
    title: "a record that daneward did not publish",
    hint: "it is left alone; remove it by hand if nothing uses it",
  },
  TOO_MANY_RECORDS: {
    title: "the RRset would grow too large",
    hint: "remove stale records by hand; some senders read no more than 12",
  },
  CLOCK_SET_BACK: { title: "the system clock went backwards", hint: "check NTP; the waits start again" },
  REJECTED_CHAIN: { title: "this certificate was aborted", hint: "have a new one issued, or daneward resume CERT" },
  DEADLINE_NEAR: {
    title: "the current certificate expires before the rollover can finish",
    hint: "see daneward plan CERT",
  },
  PHASE_OVERDUE: {
    title: "a phase lasts more than twice as long as it should",
    hint: "daneward status CERT says what it waits for, daneward timeline CERT what made it start again",
  },
  ZONE_CHANGED: { title: "the owner name now leads to another zone", hint: "the waits start again under the new name" },
  NOT_APPLICABLE: { title: "the command does not apply in this phase", hint: "daneward status CERT shows the phase" },
} as const satisfies CodeTable;
