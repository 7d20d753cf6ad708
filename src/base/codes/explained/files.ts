import type { ExplanationTable } from "./explanation.ts";

const LIVE_STAYS = "servers go on with the files that they have, and all records stay published";
const NOT_ANNOUNCED = "the renewal is not announced; the live certificate and its records stay as they are";

/** Source, deployment, state directory and vault. */
export const FILE_EXPLANATIONS = {
  SOURCE_INCONSISTENT: {
    why: "ACME clients write several files one after the other: whoever reads in between holds the new key and the old certificate. The files are read again for half a second before this is said",
    lifts: "the client finishes. If it lasts, compare key and certificate in the source",
    meanwhile: NOT_ANNOUNCED,
    type: ["daneward tick CERT"],
  },
  SOURCE_INCOMPLETE: {
    why: "a source is a folder with fullchain.pem (or cert.pem and chain.pem) and privkey.pem, or the files one by one; one leaf certificate in it",
    lifts: "have the certificate issued, or correct source",
    meanwhile: NOT_ANNOUNCED,
    type: ["daneward check-config"],
  },
  CERT_EXPIRED: {
    why: "a certificate whose time is over is not deployed, although DANE clients ignore the date under 3 x x (RFC 7671 §5.1): everybody else would refuse it",
    lifts: "have it issued again; check this machine's clock",
    meanwhile: LIVE_STAYS,
  },
  CERT_NOT_YET_VALID: {
    why: "clients that look at dates would refuse it",
    lifts: "time, or a clock that is right",
    meanwhile: NOT_ANNOUNCED,
  },
  CERT_NAME_MISSING: {
    why: "under every usage but 3 the certificate must name the host (RFC 7671 §10.2); with usage 3 the record binds key and name by itself (RFC 7671 §5.1)",
    lifts: 'a certificate with that name, the service taken out, or tlsa = ["3 1 1"]',
    meanwhile: NOT_ANNOUNCED,
    type: ["daneward check-config"],
  },
  CHAIN_DISORDERED: {
    why: "servers send the chain as it stands in the file: the leaf first, then each issuer after what it issued. Many clients follow no other order",
    lifts: "put the certificates into that order; fullchain.pem of ACME clients is",
    meanwhile: NOT_ANNOUNCED,
  },
  ANCHOR_NOT_IN_CHAIN: {
    why: "a 2 x x record names an issuer, which clients must find in the chain that the server sends (RFC 7671 §5.2.2)",
    lifts: "the full chain in the source, with that issuer in it",
    meanwhile: NOT_ANNOUNCED,
  },
  DEPLOY_BLOCKED: {
    why: "the deployed link is made and moved by daneward alone, by one rename. Something else stands in its place, which may be in use",
    lifts: "move it away, or choose another deploy path, and point the services there",
    meanwhile: "nothing is announced that could not be deployed; what is live stays",
    type: ["ls -la /etc/ssl/daneward", "daneward tick CERT"],
  },
  DEPLOY_UNSAFE: {
    why: "whoever can write in the deploy root could make daneward write keys elsewhere. Links that lead out of it are not followed, and folders that others may write are refused",
    lifts: "real folders that only their owner may write",
    meanwhile: LIVE_STAYS,
    type: ["ls -la /etc/ssl/daneward", "daneward tick CERT"],
  },
  DEPLOY_WRITE_FAILED: {
    why: "the new files are written and flushed beside the old ones before anything is moved; that did not work",
    lifts: "space and permissions of the deploy root",
    meanwhile: LIVE_STAYS,
    type: ["df /etc/ssl/daneward"],
  },
  DEPLOY_DAMAGED: {
    why: "copies are read back and compared before they are shown to servers: the leaf must be the one that was announced, the key must fit it",
    lifts: "the next tick copies afresh from the source; if it comes back, look at the disk",
    meanwhile: LIVE_STAYS,
    type: ["daneward tick CERT"],
  },
  VERSION_MISSING: {
    why: "the files of a certificate that is to be deployed are no longer in .versions, and the source does not offer them",
    lifts: "have the certificate issued again, or put its files back into the source",
    meanwhile: LIVE_STAYS,
    type: ["daneward status CERT"],
  },
  KEY_GROUP_UNKNOWN: {
    why: "private keys are readable for their owner and for key_group alone; without that group a service would lose its key at the next swap",
    lifts: "create the group (groupadd), or correct key_group",
    meanwhile: LIVE_STAYS,
    type: ["daneward check-config"],
  },
  HOST_WITHOUT_ADDRESS: {
    why: "every address of a service is looked at before a record is trusted or removed. A host without any cannot be proven",
    lifts: "add A or AAAA records, or take the service out",
    meanwhile: "nothing is published or removed for it",
    type: ["daneward check-config"],
  },
  CERTIFICATE_UNKNOWN: {
    why: "commands take the names of the [certificate.NAME] sections, not host names",
    lifts: "one of the names that daneward status lists",
    meanwhile: "nothing was changed",
    type: ["daneward status"],
  },
  NEVER_SEEN: {
    why: "what status says comes from the last look, and there has been none",
    lifts: "the first tick",
    meanwhile: "nothing is published for it yet, and nothing was changed",
    type: ["daneward tick CERT"],
  },
  LOCK_HELD: {
    why: "one process at a time decides about the state. The lock names the one that holds it; that of a process that is gone is taken over",
    lifts: "the other one ends, within a minute as a rule",
    meanwhile: "nothing was changed by this command. A tick from cron may simply be left out",
  },
  STATE_DAMAGED: {
    why: "the state says which records are ours and what caches may hold. A file that does not say it whole is never taken for an empty one, because that would forget both",
    lifts:
      "a backup of the file; else daneward adopt CERT moves it aside and reads DNS, the servers and the deployed files afresh. Records that match a certificate or a key of ours count as ours again; every wait begins anew",
    meanwhile: "this certificate is left alone: nothing is published, swapped or removed. Others go on",
    type: ["daneward adopt CERT", "daneward tick CERT"],
  },
  STATE_NEWER: {
    why: "a newer daneward wrote the file, in a format that this one does not know. Reading half of it would forget the rest",
    lifts: "upgrade, or put the state directory back as it was before the newer one ran",
    meanwhile: "this certificate is left alone",
    type: ["daneward --version"],
  },
  STATE_UNWRITABLE: {
    why: "the intent is saved before anything is done about it, so that a crash cannot lose track of a record. Without a place to save nothing is done",
    lifts: "the directory exists, is mounted read-write, and belongs to daneward's user",
    meanwhile: "nothing is done; the old files are in place",
    type: ["ls -ld /var/lib/daneward", "df /var/lib/daneward"],
  },
  DISK_FULL: {
    why: "files are replaced as a whole, by a new one beside the old: that needs room for both",
    lifts: "room; daneward goes on by itself at the next tick",
    meanwhile: "the old files are in place, nothing was lost, and nothing new is begun",
    type: ["df"],
  },
  VAULT_UNSAFE: {
    why: "the vault holds private keys that the next certificates will have. A key that others could read is no secret, one that they could change is not ours",
    lifts: "its folders with mode 0700, its files with 0600, all of daneward's user",
    meanwhile: "no key is taken from it and none is made; what is published stays",
    type: ["daneward status CERT"],
  },
  VAULT_DAMAGED: {
    why: "a key's file bears its digest as its name, and this one holds another key",
    lifts:
      "the file from a backup; else move it away, and a new key is made. The record of a key that is lost for good can never be used",
    meanwhile: "nothing is deployed with it; its record stays published",
    type: ["daneward status CERT"],
  },
  NEXT_KEY_UNUSABLE: {
    why: 'with next = "prepublish" the record of the next key is published before there is a certificate, and the key is in the vault before that. The file that next_key names is gone or damaged, or the vault cannot be used',
    lifts: "mend what is named; the next tick looks by itself",
    meanwhile:
      "the live certificate and all records stay as they are. A renewal with a key that was published is deployed at once, one with another key waits like any other",
    type: ["daneward check-config", "daneward status CERT"],
  },
  KEY_NOT_HELD: {
    why: "a certificate is of no use to a server without its private key, and neither the source nor the vault has it",
    lifts: "name the client's key in source, or have the request of daneward csr CERT signed",
    meanwhile: NOT_ANNOUNCED,
    type: ["daneward csr CERT"],
  },
} as const satisfies ExplanationTable;
