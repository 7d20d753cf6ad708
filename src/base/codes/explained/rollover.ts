import type { ExplanationTable } from "./explanation.ts";

/** Holds, alarms and the words of operators. */
export const ROLLOVER_EXPLANATIONS = {
  OPERATOR_HOLD: {
    why: "somebody typed daneward hold; who, when and why is in the journal",
    lifts: "daneward resume CERT goes on where it was, with every gate asked again",
    meanwhile: "this certificate is looked at, alarms work, and nothing is changed. Its expiry date runs on",
    type: ["daneward timeline CERT", "daneward resume CERT"],
  },
  FROZEN: {
    why: "somebody typed daneward freeze: the file frozen.json in the state directory says who, when and why",
    lifts: "daneward thaw",
    meanwhile:
      "every certificate is looked at and warned about, nothing is published, swapped or removed. Renewals pile up in front of it",
    type: ["daneward status", "daneward thaw"],
  },
  FREEZE_DAMAGED: {
    why: "frozen.json is there and cannot be read. Whoever wrote it wanted everything to stop, so that it counts as a stop",
    lifts: "daneward thaw removes it",
    meanwhile: "as with FROZEN: daneward looks and warns, and changes nothing",
    type: ["daneward timeline", "daneward thaw"],
  },
  KEY_COMPROMISED: {
    why: "daneward roll --emergency declared the key that is live compromised. From that word on no certificate with it is deployed, and its record goes as early as it can; caches keep it for a TTL more, which is why RFC 7671 §13 wants TTLs to be short",
    lifts: "a certificate for a new key; with a standby key that is known everywhere it is deployed at once",
    meanwhile:
      "the old certificate stays live until another can take its place, since removing its record first would turn everybody away",
    type: ["daneward status CERT", "daneward plan CERT"],
  },
  TORN_DOWN: {
    why: "daneward deinit said that DANE is to end for this certificate",
    lifts: "daneward resume CERT publishes the records again, by the rules of a first publication",
    meanwhile:
      "records of ours are removed; the certificate must go on matching until they have left the caches, then any certificate will do",
    type: ["daneward status CERT"],
  },
  CONFIRM_FAILED: {
    why: "after the swap some address did not present the new certificate for as long as confirm_patience allows. Half a service with the new and half with the old certificate is no state to stay in",
    lifts:
      "find out why the service kept the old certificate (another path in its configuration, a reload that does nothing, a worker that hangs), then daneward resume CERT",
    meanwhile:
      "the old files are back and the services were reloaded: free, because the old records were in every cache all the time. The new records stay published",
    type: ["daneward status CERT", "daneward timeline CERT", "daneward resume CERT"],
  },
  DEPLOY_FAILED: {
    why: "the new files could not be put in place: something about the deploy directory is not as it must be",
    lifts: "mend what the message names, then daneward resume CERT",
    meanwhile: "servers read the old files; all records stay published",
    type: ["daneward status CERT", "daneward resume CERT"],
  },
  RELOAD_FAILED: {
    why: "a command of `reload` ended with another code than 0 or ran out of time. The new files are in place then, and a service that is restarted by somebody else would read them, while others have not",
    lifts: "run the command by hand as the same user, mend it, then daneward resume CERT",
    meanwhile:
      "where there are old files they are put back and the commands are run again. The records of both certificates stay published, so that either may be presented",
    type: ["daneward status CERT", "daneward resume CERT"],
  },
  FOREIGN_CHAIN_SERVED: {
    why: "an address presents a certificate that is neither the one before nor the one after: somebody, or another program, changed what the service reads. What it will present next nobody can tell",
    lifts: "let the service read the deployed files again, then daneward resume CERT",
    meanwhile:
      "all records stay, nothing is swapped back and forth. If the certificate on the wire matches no record, DANE clients refuse it now",
    type: ["daneward verify HOST:PORT", "daneward status CERT"],
  },
  PUBLISHER_UNUSABLE: {
    why: "each look opens the publisher, which reads its key or token, though nothing has to be published. A key that others can read, or that is gone, would be found out at the next renewal, when it is needed",
    lifts: "the file is there and private again; daneward explain with the code in brackets says more",
    meanwhile: "what is published stays; nothing can be published or withdrawn",
    type: ["daneward doctor"],
  },
  SOURCE_UNUSABLE: {
    why: "a certificate is announced only if it could be deployed: key and certificate fit, dates are good, the chain is in order, the names cover the services where the usage looks at names, and the issuer of a 2 x x record is in the chain (RFC 7671 §5.2.2)",
    lifts: "mend what is named, or have the certificate issued again; the next tick looks by itself",
    meanwhile: "nothing was changed: the live certificate and its records stay as they are",
    type: ["daneward status CERT"],
  },
  RECORD_VANISHED: {
    why: "a record of ours was served and is served no more, and we did not withdraw it. Its certificate may be live",
    lifts:
      "it is published again at once; find the program that writes this name (a DNS panel, a zone file under version control, octodns, dnscontrol)",
    meanwhile:
      "caches still hold it for up to a TTL. The wait of a rollover starts again, because caches filled meanwhile lack it",
    type: ["daneward timeline CERT", "daneward propagation OWNER"],
  },
  SECOND_WRITER: {
    why: "records of ours were removed twice. Publishing against another program would make the RRset flap, which is worse for clients than either of its states",
    lifts: "let one program alone write these records, then daneward resume CERT",
    meanwhile: "nothing is published but what clients need at this moment for a certificate that is live",
    type: ["daneward timeline CERT", "daneward resume CERT"],
  },
  LIVE_MISMATCH: {
    why: "a handshake showed a certificate that an RRset in some cache does not match. Clients that hold this RRset refuse the server at this moment",
    lifts:
      "put the former certificate back, or let the service read the deployed files; daneward publishes what is missing, and time empties the caches",
    meanwhile: "DANE clients are turned away: mail is deferred, not lost, as long as senders go on trying",
    type: ["daneward verify HOST:PORT", "daneward status CERT"],
  },
  SECOND_CERTIFICATE: {
    why: "the address presents one certificate to clients that want RSA and another to those that want ECDSA, and no record matches one of them. Which one a client gets is its own choice",
    lifts:
      "give that certificate a section of its own with the same services, or take it out of the server's configuration",
    meanwhile: "clients of that kind are refused now, all others are not",
    type: ["daneward verify HOST:PORT"],
  },
  SAME_KIND_SHARED: {
    why: "a service presents one certificate for each kind of key. Two sections with keys of one kind would take turns in undoing each other's work",
    lifts: "renew one of the two with the other kind of key, or remove its section",
    meanwhile: "both are looked at, neither acts",
    type: ["daneward check-config"],
  },
  KIND_CHANGED_SHARED: {
    why: "at a shared service certificates are told apart by their kind of key. A renewal of another kind would be taken for the other one",
    lifts: "renew with the former kind of key, or join the sections of the service",
    meanwhile: "the renewal is not announced; what is live stays",
    type: ["daneward check-config"],
  },
  DEPLOY_BYPASSED: {
    why: "a renewed certificate was on the wire before its records had aged, or the configuration of Postfix or Dovecot says that it will be: the service reads the ACME client's files, so that each restart, or a new Postfix process, shows the new certificate too early. This breaks mail at every renewal with a new key",
    lifts:
      "point the service at the deployed files, once. Of Postfix and Dovecot daneward sees it at its next look; for others say daneward resume CERT, or a later rollover shows it",
    meanwhile:
      "daneward goes on as well as it can; do not renew, and do not reload or restart that service by hand, before it is mended",
    type: ["daneward doctor", "daneward tick CERT --force"],
  },
  FOREIGN_RECORD: {
    why: "only what daneward published, octet for octet, is ever removed by it. This record is somebody else's, or from before its time",
    lifts:
      "remove it by hand when nothing uses it: daneward status CERT shows the command for those that match nothing",
    meanwhile:
      "it stays and does no harm: a record that matches nothing is one more that clients try. It counts towards max_records",
    type: ["daneward status CERT"],
  },
  TOO_MANY_RECORDS: {
    why: "large senders read no more than 12 records of a name, and answers that do not fit into a datagram take the longer way over TCP (RFC 7671 §10.1.1)",
    lifts: "remove records that match nothing any more; daneward status CERT shows them with the command",
    meanwhile: "the rollover waits in front of the publication, with the old certificate live",
    type: ["daneward status CERT"],
  },
  CLOCK_SET_BACK: {
    why: "every wait is a moment in the future. When the clock is set, nobody knows how much of a wait has really passed",
    lifts: "check NTP; the waits start again by themselves, from now",
    meanwhile: "later is safe: the old certificate stays live a little longer",
    type: ["daneward timeline"],
  },
  REJECTED_CHAIN: {
    why: "daneward abort gave this certificate up; it would be picked up again at the next tick otherwise, since the source still offers it",
    lifts: "a newer certificate in the source, or daneward resume CERT for this one",
    meanwhile: "the certificate before it stays live, its expiry date runs on",
    type: ["daneward status CERT"],
  },
  ZONE_CHANGED: {
    why: "the alias at the owner name leads elsewhere now: other servers, other caches, another RRset",
    lifts: "time: the waits start again under the new name",
    meanwhile: "records of ours under the former name are left there and named in the journal",
    type: ["daneward timeline CERT"],
  },
  NOT_APPLICABLE: {
    why: "a command of the operator makes sense in some phases only: there is nothing to resume when nothing is held, and no way back once the old record goes",
    lifts: "another phase, or another command",
    meanwhile: "nothing was changed",
    type: ["daneward status CERT"],
  },
  STEER_OVERTAKEN: {
    why: "what a command would do was shown for one state, and a tick brought about another before it was confirmed",
    lifts: "type the command again and read what it would do now",
    meanwhile: "nothing was changed",
    type: ["daneward status CERT"],
  },
  RENEW_FAILED: {
    why: "daneward roll calls the command that `renew` names to have a certificate issued, and it ended with an error",
    lifts: "run the command by hand as the same user; the ACME client's log has the reason (rate limits, challenges)",
    meanwhile: "the live certificate and its records stay",
    type: ["daneward status CERT"],
  },
} as const satisfies ExplanationTable;
