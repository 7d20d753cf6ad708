/** Everything one tick saw of the world. Gathered by the driver, judged by `step` alone. */
import type { Fault, FaultCode } from "../base/errors.ts";
import type { Instant, Seconds } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import type { CertificateDigests, ChainFacts, ChainId, KeyKind, RecordText } from "./chain.ts";
import type { Companion } from "./companions.ts";
import type { StandbyKey } from "./state.ts";

export interface Observation {
  /** Seconds since the machine booted: tells a set clock from time that passed. Null where it cannot be known. */
  readonly uptime: Seconds | null;
  /** What the ACME client has now, and what is wrong with it as something to deploy (empty: nothing). */
  readonly source: SourceObservation;
  /** What the deployed directory holds; null when there is none yet. */
  readonly deployed: ChainFacts | null;
  /** Chains of which complete, consistent files are kept in the deployment store, the deployed one included. */
  readonly stored: readonly ChainId[];
  /** One per TLSA owner name of the policy. */
  readonly owners: readonly OwnerObservation[];
  /** One per endpoint and address; null when this tick did not probe. */
  readonly endpoints: readonly EndpointObservation[] | null;
  /** Units with certificates of other kinds at some of the same services; absent: none. */
  readonly companions?: readonly Companion[];
  /** Keys that the next certificate may have; absent: nothing is to be published ahead. */
  readonly standby?: StandbyObservation;
  /** What the servers on this host are told to read; absent: it was not looked at, or nothing is known of any. */
  readonly readers?: ConfiguredReaders;
  /** Why nothing could be published now: its key or token cannot be used; absent: nothing is known against it. */
  readonly publisher?: Fault;
  /** Why this unit may only look: everything is frozen, or it and a companion may not both act; absent: it may act. */
  readonly halted?: Fault;
}

/** Who is configured to read which files, each in words: `postfix (/etc/postfix/main.cf:10)`. */
export interface ConfiguredReaders {
  /** Our deployed files. */
  readonly deployed: readonly string[];
  /** The ACME client's own, which change before any record is known. */
  readonly source: readonly string[];
}

export type StandbyObservation =
  | { readonly outcome: "keys"; readonly keys: readonly StandbyKey[] }
  /** The place of the keys cannot be read: what is known of them stays. */
  | { readonly outcome: "failed"; readonly fault: Fault };

export type SourceObservation =
  | { readonly outcome: "chain"; readonly chain: ChainFacts; readonly faults: readonly Fault[] }
  | { readonly outcome: "failed"; readonly fault: Fault };

export type OwnerObservation =
  | {
      readonly outcome: "seen";
      readonly owner: DomainName;
      readonly finalOwner: DomainName;
      readonly zone: DomainName;
      /** Largest TTL among the CNAME links that lead to the final owner; 0 without aliases. */
      readonly aliasTtl: Seconds;
      readonly servers: readonly ServerObservation[];
      readonly validated: ValidatedObservation;
    }
  /** The zone or its name servers could not be found at all. */
  | { readonly outcome: "failed"; readonly owner: DomainName; readonly fault: Fault };

export interface ServerObservation {
  readonly server: string;
  readonly address: string;
  /** Configured to be ignored: neither blocks nor counts. */
  readonly excluded: boolean;
  readonly said:
    | {
        readonly outcome: "answer";
        /** Empty: this server has no TLSA RRset at the name. */
        readonly records: readonly RecordText[];
        /** TTL of the RRset, or of the negative answer: how long a cache may keep it. */
        readonly ttl: Seconds;
        readonly authoritative: boolean;
        /** A covering RRSIG within its validity came along; true for negative answers (they are not checked here). */
        readonly signed: boolean;
        /** When the first of the signatures over it ends that no later one replaces; null or absent: not known, or none. */
        readonly signedUntil?: Instant | null;
        readonly serial: number | null;
      }
    | { readonly outcome: "failed"; readonly fault: Fault };
}

/** One DNSSEC-validated answer through the resolver; it may come out of a cache. */
export type ValidatedObservation =
  | { readonly status: "secure" | "insecure"; readonly records: readonly RecordText[] }
  | { readonly status: "bogus" | "indeterminate"; readonly fault: Fault };

/** Stands in the place of an address when a host has none that could be looked up. */
export const NO_ADDRESS = "unknown";

export interface EndpointObservation {
  /** `host:port` as in the policy's services. */
  readonly endpoint: string;
  /** The TLSA owner names whose RRset must match what this endpoint presents. */
  readonly owner: DomainName;
  readonly address: string;
  /** This host serves it; others are peers behind the same name. */
  readonly own: boolean;
  /** What counts against this unit: at a service that it shares, what it presents to clients of its own kind of key. */
  readonly presents: Presented;
  /** At a shared service, what clients of other kinds are presented; absent when they were not looked at. */
  readonly beside?: readonly Presented[];
  /** The last look that offered every kind, and the kinds of certificates that it found. */
  readonly everyKind?: KindsSeen;
}

export type Presented =
  | {
      readonly outcome: "chain";
      readonly id: ChainId;
      readonly certificates: readonly CertificateDigests[];
      readonly subject: string;
      readonly notBefore: Instant;
      readonly notAfter: Instant;
      /** Its kind, when a certificate of this unit's own kind is presented beside it, so that it belongs to neither. */
      readonly second?: KeyKind;
    }
  | { readonly outcome: "failed"; readonly code: FaultCode; readonly detail: string };

export interface KindsSeen {
  readonly at: Instant;
  readonly kinds: readonly KeyKind[];
}

/** How an action of the last step went; folded in by `recordOutcomes` before the state is saved again. */
export type ActionOutcome =
  | {
      readonly kind: "publish" | "withdraw";
      readonly owner: DomainName;
      readonly at: Instant;
      readonly fault: Fault | null;
      /** Worth telling although it went well, such as a TTL that the server clamped. */
      readonly notes?: readonly Fault[];
    }
  | { readonly kind: "store"; readonly chain: ChainId; readonly at: Instant; readonly fault: Fault | null }
  | {
      readonly kind: "deploy";
      readonly chain: ChainId;
      readonly at: Instant;
      /** The link points to the chain's files now. */
      readonly flipped: boolean;
      /** Every reload action ended well. */
      readonly reloaded: boolean;
      readonly fault: Fault | null;
    };
