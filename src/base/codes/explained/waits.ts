import type { ExplanationTable } from "./explanation.ts";

/** Waits and checks of the way to a swap, and back to rest. */
export const WAIT_EXPLANATIONS = {
  NS_LAGGING: {
    why: "the wait for caches begins when the last address of the last name server serves the new records (RFC 7671 §8.1). A secondary that still hands out the old set refills caches with it, however long ago the update was",
    lifts:
      "the server serves the new set; daneward notices at its next look. A server that is known to be of no account can be named in the publisher's exclude_ns",
    meanwhile:
      "no certificate is swapped and no record is removed. The old certificate stays live and matches what everybody has, so that nobody is turned away",
    type: ["daneward propagation OWNER", "daneward status CERT"],
  },
  NS_UNREACHABLE: {
    why: "a server that cannot be asked may still answer others, with the old set. It may be a secondary that lost its way to the primary, which is when it lags most",
    lifts: "it answers again, to this host too, or it is taken out of the delegation, or named in exclude_ns",
    meanwhile:
      "the rollover waits, with the old certificate and all records in place. The wait for caches does not begin",
    type: ["daneward propagation OWNER"],
  },
  NS_UNSIGNED: {
    why: "an RRset without a valid signature is bogus to a validating client, which then must not deliver (RFC 7672 §2.1.2). A server that serves the new records unsigned would be the outage itself",
    lifts: "the signer signs the new records and the server has the signed copy of the zone",
    meanwhile:
      "the records do not count as published, and nothing is swapped. Clients that ask that server fail already now, whatever the certificate is: this wants mending soon",
    type: ["daneward propagation OWNER", "daneward resolve OWNER TLSA"],
  },
  NS_NOT_AUTHORITATIVE: {
    why: "a server that answers without authority hands on somebody's cache or has not loaded the zone: what it says tells nothing about what it will say",
    lifts: "the server loads the zone, or the delegation no longer names it",
    meanwhile: "the rollover waits; old certificate and records stay",
    type: ["daneward propagation OWNER"],
  },
  ZONE_UNKNOWN: {
    why: "every address of every name server of the zone that holds the owner name must be looked at. Without the zone there is nobody to ask, so that nothing is known of what caches may hold",
    lifts:
      "the resolver can find the zone's SOA and NS records again: check the resolver named in the configuration, then the delegation",
    meanwhile: "what was known of the caches stays known, nothing is published, swapped or removed",
    type: ["daneward resolve OWNER TLSA", "daneward propagation OWNER"],
  },
  ZONE_BOGUS: {
    why: "the zone that holds the owner name is signed, but its signatures or keys do not hold: expired, missing, or not those that the parent's DS names. Validating clients get SERVFAIL for everything in it (RFC 4035 §5.5), so DANE-aware senders defer mail whatever the TLSA records say",
    lifts: "the zone validates again: sign it anew, or mend the DS records at the parent",
    meanwhile: "nothing is published, swapped or removed; the deployed certificate stays",
    type: ["daneward resolve OWNER TLSA", "daneward propagation OWNER"],
  },
  CLOCK_RUNNING: {
    why: "a cache that asked a moment before the last name server changed keeps the old RRset for its whole TTL. RFC 7671 §8.1 asks for at least two TTLs; the wait is the larger of 2 x TTL and TTL + propagation_delay + publish_safety, counted from the moment at which every name server served the new set. The TTL is the one that was served before, not the one in the configuration",
    lifts: "time alone. The clock starts again when a server falls back to the old set or the system clock is set",
    meanwhile:
      "services go on with the old certificate, which matches in every cache. You may power this machine off: the end of the wait is stored, no process waits for it",
    type: ["daneward plan CERT"],
  },
  HORIZON_UNSAFE: {
    why: "some cache may still hold an RRset that the certificate to be shown does not match, for one of the combinations of usage, selector and matching type in it. RFC 7671 §8 wants every combination to match, because clients choose which of them they look at",
    lifts:
      "time, when a moment is given: then the RRset has left the last cache. Without one the missing record must be served first, or the record named must be out of every name server",
    meanwhile: "no swap; whoever holds that RRset still meets the certificate that it matches",
    type: ["daneward status CERT"],
  },
  NOT_SECURE: {
    why: "TLSA records count for nothing without DNSSEC (RFC 7672 §2.2), and an answer that fails validation stops delivery. Immediately before a swap one validated answer for each owner name must hold the new record",
    lifts:
      "the answer validates from the root down: DS at the parent, DNSKEY and signatures in the zone, a resolver that passes DNSSEC records on",
    meanwhile:
      "nothing is swapped. If the answer is bogus, senders defer mail now, whatever daneward does; if it is insecure, they do not use DANE at all",
    type: ["daneward resolve OWNER TLSA"],
  },
  NOT_YET_RESOLVED: {
    why: "the resolver asked here is a cache like any other: it still holds the former RRset. It is asked once more before the swap, as a witness that is not the authoritative servers",
    lifts: "its copy runs out after at most one TTL; flushing the name in that resolver is allowed and does no harm",
    meanwhile: "the swap waits for it; everything else is in place",
    type: ["daneward resolve OWNER TLSA"],
  },
  ROUNDS_MISSING: {
    why: "after a reload several workers may answer, some with the old certificate for a while. One good handshake proves one worker; confirm_rounds whole rounds over every address, port and kind of key must agree",
    lifts: "time: a round every confirm_interval, as long as all of them are good",
    meanwhile: "the records of both certificates are published, so that either may be presented",
  },
  RETIRE_RUNNING: {
    why: "as long as the old record is published, going back to the old certificate is free. Removing it is the point of no return, so that the new certificate must have proved itself for retire_safety first",
    lifts:
      "time, counted from the last of the good rounds; an address that falls back to the old certificate starts it again",
    meanwhile: "both certificates match. daneward rollback CERT or abort CERT can still put the old one back at once",
    type: ["daneward plan CERT"],
  },
  ENDPOINT_UNPROVEN: {
    why: "accepted is not deployed: a reload that ends with 0 may have changed nothing. Only a handshake on every address of the service shows which certificate is live",
    lifts:
      "every address presents the expected certificate: reload or restart the service that does not, and check that it reads the deployed files and not the ACME client's",
    meanwhile:
      "no record is removed. If it lasts longer than confirm_patience the old files are put back by themselves, which is free while the old records are in every cache",
    type: ["daneward verify HOST:PORT", "daneward status CERT"],
  },
  PEER_DEPENDS: {
    why: "several hosts answer behind the name, and one of them still presents a certificate that only the old record matches, or cannot be asked. Removing the record would turn its clients away",
    lifts: "that host presents a certificate that the remaining records match, or its address leaves the DNS",
    meanwhile: "the old record stays as long as it takes; a renewal here does not wait for it",
    type: ["daneward verify HOST:PORT"],
  },
  FIRST_SET_WITHOUT_LIVE: {
    why: "a first TLSA RRset binds every client at once: there is no old set in any cache that would still match. It is published only when every address already presents a certificate that it matches",
    lifts: "the services read the deployed files and every address of the name presents them",
    meanwhile: "no TLSA record is published, so that nobody is bound and nobody can be turned away",
    type: ["daneward status CERT", "daneward verify HOST:PORT"],
  },
  FIRST_SET_WITHOUT_PEER: {
    why: "several hosts stand behind the name, each with a key of its own, and a first TLSA RRset binds every client at once, whichever host it reaches. A set with this host's record alone would turn clients away from the others. Their keys are seen here in a handshake that nothing authenticates, so daneward does not publish records for them by itself",
    lifts:
      "the records of all hosts are published in one update by hand, after each was compared with what daneward tlsa prints on its own host, and daneward adopt CERT takes this host's record over; or the other addresses leave DNS until this host is done, and come back when their records are known everywhere",
    meanwhile: "no TLSA record is published, so that nobody is bound and nobody can be turned away",
    type: ["daneward tlsa FILE", "daneward publish OWNER RECORD RECORD", "daneward adopt CERT"],
  },
  KINDS_UNASKED: {
    why: "at a service that several certificates share, a record binds clients of every kind of key, and a handshake shows the certificate of one kind alone. Each kind is asked for before such a record is published",
    lifts: "the next look, which asks for all of them",
    meanwhile: "the new kind of record waits; what is published stays and matches",
    type: ["daneward status CERT"],
  },
  COMBINATION_UNMATCHED: {
    why: "a new usage, selector or matching type is a promise for every certificate behind the name: clients may go by it alone (RFC 7671 §8), and a stronger digest hides the weaker ones (RFC 7671 §9). One certificate that is live has no record of that kind",
    lifts:
      "publish that kind of record for every certificate behind the name in the same update, or go back to the former tlsa parameters",
    meanwhile: "the new kind of record is not published; the old ones stay and match",
    type: ["daneward status CERT"],
  },
  DEADLINE_NEAR: {
    why: "the wait for caches ends after the live certificate does. Swapping early would turn away every client with a cached RRset; an expired certificate turns away those that look at dates, which mail servers do not for 3 x x (RFC 7672 §3.1.1)",
    lifts:
      "in this order: renew with the key that is in use, so that nothing has to be waited for; on a service for mail servers alone let the certificate run out; only then daneward override CERT --because TEXT",
    meanwhile: "the rollover goes on at its pace; the live certificate may expire before the swap",
    type: ["daneward plan CERT", "daneward explain DEADLINE_MISSED"],
  },
  PHASE_OVERDUE: {
    why: "each phase has a time that it takes when nothing goes wrong: propagation_delay, the wait for caches, the rounds of the proof with retire_safety, and a run of daneward. This one took more than twice as long and more than an hour; most often a wait starts again and again, because a name server falls back, a record vanishes or the clock is set",
    lifts: "the next phase, once what makes it start again has stopped",
    meanwhile: "records and files stay as they are; whatever is live is matched",
    type: ["daneward status CERT", "daneward timeline CERT", "daneward propagation OWNER"],
  },
  DEADLINE_MISSED: {
    why: "from the renewal to the swap it takes propagation_delay, the wait for caches and some runs of daneward. What is left of the live certificate is shorter than that, and no renewal has been seen",
    lifts:
      'a renewal with the same key (certbot --reuse-key, acme.sh\'s default, dehydrated PRIVATE_KEY_RENEW=no): its records are in every cache already and it is deployed at once. For later a smaller ttl, or next = "prepublish"',
    meanwhile:
      "the live certificate stays and matches. After its end mail servers that check DANE go on to accept it under 3 x x (RFC 7671 §5.1); browsers and mail programs do not",
    type: ["daneward plan CERT", "daneward check-config"],
  },
  DEADLINE_UNREACHABLE: {
    why: "ACME clients renew with about a third of the life left. In that time the records must be announced, age for two TTLs and the servers be proven, with room for the wait to start again once, as it does when a name server falls back or a clock is set",
    lifts:
      'a smaller ttl, certificates that live longer, a client that keeps its key, or next = "prepublish", which takes the wait off the way',
    meanwhile: "check-config ends with 78. daneward tick still works: a wait is never cut short for a date",
    type: ["daneward check-config", "daneward plan CERT"],
  },
  SIGNATURE_ENDS_EARLY: {
    why: "a cache drops records when their signature ends, even before the TTL (RFC 4035 §5.3.3), and an answer whose signature is over is bogus. A signer in good health renews signatures long before",
    lifts: "the zone is signed again and every name server has the new signatures",
    meanwhile:
      "the rollover goes on. When the signature ends without another, mail stops at senders that check DANE, whatever the certificate is",
    type: ["daneward propagation OWNER", "daneward resolve OWNER TLSA"],
  },
} as const satisfies ExplanationTable;
