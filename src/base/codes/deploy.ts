import type { CodeTable } from "./entry.ts";

/** Source, deployment, reload and hook faults. */
export const DEPLOY_CODES = {
  RELOAD_FAILED: { title: "a reload command failed", hint: "run the command by hand as the same user" },
  SOURCE_INCONSISTENT: {
    title: "the files of the ACME client do not fit together",
    hint: "a renewal may be in progress; the next tick looks again",
  },
  SOURCE_INCOMPLETE: {
    title: "the source lacks a certificate or its private key",
    hint: "a source holds fullchain.pem (or cert.pem and chain.pem) and privkey.pem",
  },
  CERT_EXPIRED: { title: "the certificate has expired", hint: "have it issued again" },
  CERT_NOT_YET_VALID: {
    title: "the certificate is not valid yet",
    hint: "wait until it is, or check the clock of this machine",
  },
  CERT_NAME_MISSING: {
    title: "the certificate does not name a host that it is to serve",
    hint: "have it issued with that name, or remove the service",
  },
  CHAIN_DISORDERED: {
    title: "a certificate of the chain is not issued by the next one",
    hint: "put the leaf first, then each issuer after what it issued",
  },
  ANCHOR_NOT_IN_CHAIN: {
    title: "the chain holds no issuer for the trust anchor record",
    hint: "records of usage 2 (RFC 7671 §5.2.2) and 0 need their issuer certificate in the chain that servers send",
  },
  DEPLOY_BLOCKED: {
    title: "something that is not ours is in the way of the deployed link",
    hint: "move it away, or choose another `deploy` path",
  },
  DEPLOY_UNSAFE: {
    title: "the deploy directory could lead elsewhere",
    hint: "the deploy root and all above it must belong to root or daneward's user, and nobody else may write there",
  },
  DEPLOY_WRITE_FAILED: {
    title: "the new files could not be written",
    hint: "check space and permissions of the deploy root",
  },
  DEPLOY_DAMAGED: {
    title: "files in the deployment store are not what was written there",
    hint: "nothing was flipped; look at the deploy root, then daneward tick CERT",
  },
  VERSION_MISSING: {
    title: "the files of a chain are no longer in the deployment store",
    hint: "have the certificate issued again, or put its files back into the source",
  },
  KEY_GROUP_UNKNOWN: { title: "the key group does not exist", hint: "create it, or correct `key_group`" },
  HOST_WITHOUT_ADDRESS: {
    title: "a service's host has no address",
    hint: "add its A or AAAA record, or remove the service from the configuration",
  },
  CERTIFICATE_UNKNOWN: { title: "no such certificate is configured", hint: "daneward status lists them all" },
  NEVER_SEEN: { title: "daneward has not looked at this certificate yet", hint: "daneward tick CERT" },
} as const satisfies CodeTable;
