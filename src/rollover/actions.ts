/** What a step asks the driver to do. Each action is idempotent: asked again after a crash, it does no harm. */
import type { Seconds } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import type { ChainId, RecordText } from "./chain.ts";

export type Action =
  /** Copy the source's files into the deployment store, not yet read by any server. */
  | { readonly kind: "store"; readonly chain: ChainId }
  | {
      readonly kind: "publish";
      readonly owner: DomainName;
      readonly finalOwner: DomainName;
      readonly zone: DomainName;
      readonly ttl: Seconds;
      readonly add: readonly RecordText[];
    }
  | {
      readonly kind: "withdraw";
      readonly owner: DomainName;
      readonly finalOwner: DomainName;
      readonly zone: DomainName;
      readonly ttl: Seconds;
      /** Exactly what we published and journalled, nothing else. */
      readonly remove: readonly RecordText[];
      /** The whole RRset as every server was seen to serve it: the compare-and-swap condition. */
      readonly expected: readonly RecordText[];
    }
  /** Make the deployed link point to this chain's files (one rename) and run the reload actions. */
  | { readonly kind: "deploy"; readonly chain: ChainId };
