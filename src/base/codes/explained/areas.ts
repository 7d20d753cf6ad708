import { CONFIG_CODES } from "../config.ts";
import { DEADLINE_CODES } from "../deadline.ts";
import { DEPLOY_CODES } from "../deploy.ts";
import { DNS_CODES } from "../dns.ts";
import { DNSSEC_CODES } from "../dnssec.ts";
import type { CodeTable } from "../entry.ts";
import { GENERAL_CODES } from "../general.ts";
import { PIPELINE_CODES } from "../pipeline.ts";
import { PKI_CODES } from "../pki.ts";
import { PROVIDER_CODES } from "../provider.ts";
import { PUBLISH_CODES } from "../publish.ts";
import { ROLLOVER_CODES } from "../rollover.ts";
import { STEER_CODES } from "../steer.ts";
import { STORE_CODES } from "../store.ts";
import { VAULT_CODES } from "../vault.ts";
import { VERIFY_CODES } from "../verify.ts";
import { DNS_EXPLANATIONS } from "./dns.ts";
import type { Explanation, ExplanationTable } from "./explanation.ts";
import { FILE_EXPLANATIONS } from "./files.ts";
import { GENERAL_EXPLANATIONS } from "./general.ts";
import { PUBLISH_EXPLANATIONS } from "./publish.ts";
import { ROLLOVER_EXPLANATIONS } from "./rollover.ts";
import { WAIT_EXPLANATIONS } from "./waits.ts";

/** Codes that belong together, and what is true of all of them. */
export interface CodeArea {
  readonly title: string;
  readonly codes: CodeTable;
  readonly common: Explanation;
}

const PUBLISHING: Explanation = {
  why: "what daneward asks for counts for nothing until every name server serves it, so that a failed change costs time and nothing else",
  lifts: "what the title names is mended; daneward tries again by itself at the next tick",
  meanwhile: "the rollover waits with the old certificate live; no record is removed",
  type: ["daneward status CERT"],
};

const READING: Explanation = {
  why: "what cannot be understood whole is not used in part",
  lifts: "the file or the argument is corrected",
  meanwhile: "nothing was changed: certificates that are live stay, and so do their records",
};

/** All codes by area, in the order in which people meet them. */
export const CODE_AREAS: readonly CodeArea[] = [
  {
    title: "rollover: why not now",
    codes: { ...ROLLOVER_CODES, ...DEADLINE_CODES },
    common: {
      why: "a certificate is swapped only when every cache holds records that it matches, and a record goes only when no address needs it",
      lifts: "what the title names is mended; daneward looks again by itself",
      meanwhile: "the old certificate stays live and its records published",
      type: ["daneward status CERT"],
    },
  },
  { title: "what operators say", codes: STEER_CODES, common: READING },
  {
    title: "source, deployment and keys",
    codes: { ...DEPLOY_CODES, ...VAULT_CODES },
    common: {
      why: "only files that were checked as a whole are shown to servers",
      lifts: "what the title names is mended; the next tick looks again",
      meanwhile: "servers go on with the files that they have, and all records stay published",
      type: ["daneward status CERT"],
    },
  },
  { title: "publishing by dynamic update", codes: PUBLISH_CODES, common: PUBLISHING },
  { title: "publishing by files and programs", codes: PIPELINE_CODES, common: PUBLISHING },
  { title: "publishing through an API", codes: PROVIDER_CODES, common: PUBLISHING },
  {
    title: "name servers and resolvers",
    codes: DNS_CODES,
    common: {
      why: "what name servers say is evidence, and silence or nonsense is none",
      lifts: "the server or the resolver answers as it should",
      meanwhile: "nothing is concluded from it: the rollover waits, verify says unknown",
      type: ["daneward propagation OWNER"],
    },
  },
  {
    title: "DNSSEC",
    codes: DNSSEC_CODES,
    common: {
      why: "DANE rests on answers that validate from the trust anchor down (RFC 4035 §5, RFC 7672 §2.2)",
      lifts:
        "the zone that the message names is mended; its name servers may need the new copy, and caches forget bogus answers within minutes",
      meanwhile:
        "insecure: clients do not use DANE. Bogus: they must not deliver (RFC 7672 §2.1.2). daneward swaps nothing without a secure answer",
      type: ["daneward resolve OWNER TLSA"],
    },
  },
  {
    title: "live servers",
    codes: VERIFY_CODES,
    common: {
      why: "only a handshake shows what a server presents; what could not be looked at proves nothing either way",
      lifts: "the service answers this host as it answers others",
      meanwhile: "verify reports it; a rollover does not count the address as proven and keeps all records",
      type: ["daneward verify HOST:PORT"],
    },
  },
  { title: "certificates, keys and records", codes: PKI_CODES, common: READING },
  {
    title: "state directory",
    codes: STORE_CODES,
    common: {
      why: "the state says which records are ours and what caches may hold: it is written before anything is done",
      lifts: "what the title names is mended",
      meanwhile: "the certificate is left alone: nothing is published, swapped or removed",
      type: ["daneward status"],
    },
  },
  {
    title: "configuration",
    codes: CONFIG_CODES,
    common: {
      why: "a configuration is used whole or not at all: a value that is passed over could be the one that mattered",
      lifts: "the file is corrected at the place named; check-config names all faults at once",
      meanwhile: "nothing is done with it: live certificates and records stay as they are",
      type: ["daneward check-config"],
    },
  },
  { title: "everything else", codes: GENERAL_CODES, common: READING },
];

const EXPLANATIONS: ExplanationTable = {
  ...WAIT_EXPLANATIONS,
  ...ROLLOVER_EXPLANATIONS,
  ...PUBLISH_EXPLANATIONS,
  ...FILE_EXPLANATIONS,
  ...DNS_EXPLANATIONS,
  ...GENERAL_EXPLANATIONS,
};

/** What there is to say of a code: its own explanation, or that of its area; null: the code belongs to no area. */
export function explanationOf(code: string): (Explanation & { readonly area: string }) | null {
  const area = CODE_AREAS.find(({ codes }) => Object.hasOwn(codes, code));
  if (area === undefined) return null;
  const own = Object.hasOwn(EXPLANATIONS, code) ? EXPLANATIONS[code] : undefined;
  return { ...(own ?? area.common), area: area.title };
}
