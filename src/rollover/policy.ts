/** What the operator wants of one certificate, as the core needs it. */
import type { Seconds } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";

export interface Policy {
  /** TTL to publish with. */
  readonly ttl: Seconds;
  /** How long name servers may take to follow each other (BIND: zone-propagation-delay). */
  readonly propagationDelay: Seconds;
  /** Margin before a new record counts as known everywhere (BIND: publish-safety). */
  readonly publishSafety: Seconds;
  /** How long the proven new chain runs before the old record is withdrawn (BIND: retire-safety). */
  readonly retireSafety: Seconds;
  /** Consecutive rounds in which every address presents the new chain. */
  readonly confirmRounds: number;
  /** Least time between two of those rounds. */
  readonly confirmInterval: Seconds;
  /** How long servers may go on presenting the old chain after a reload before the old files are put back. */
  readonly confirmPatience: Seconds;
  /** How often to look at DNS while something is under way. */
  readonly pollInterval: Seconds;
  /** How often to look for drift while nothing is under way. */
  readonly observeInterval: Seconds;
  /** Lowest TTL that caches of this site's clients are known to impose (min-ttl clamp); 0: none. */
  readonly cacheFloor: Seconds;
  /** More records than this in one RRset are refused: some large senders read no more than 12. */
  readonly maxRecords: number;
  /** Every TLSA owner name served by this certificate. */
  readonly owners: readonly DomainName[];
}
