/**
 * A zone in time: every version that was ever signed, and views of them that trail behind. A secondary that lags is a
 * {@link Replica} with a lag; it never goes back to an older version than it has served, because zone transfers do not.
 */
import type { Clock, Instant, Seconds } from "../base/time.ts";
import { seconds } from "../base/time.ts";
import type { ZoneKey } from "./keys.ts";
import { signZone, withNextSerial } from "./sign-zone.ts";
import type { SignedZone, ZoneContent } from "./zone.ts";

export interface ZoneHistory {
  readonly content: () => ZoneContent;
  readonly current: () => SignedZone;
  /** Signs and publishes new content with the next serial; content that is the same object changes nothing. */
  readonly publish: (content: ZoneContent) => void;
  /** A server that follows the primary. */
  readonly replica: () => Replica;
}

export interface Replica {
  readonly zone: () => SignedZone;
  /** How long after the primary this replica takes a version over; holds for versions not yet taken over, too. */
  readonly setLag: (lag: Seconds) => void;
}

interface Version {
  readonly at: Instant;
  readonly zone: SignedZone;
}

/** Signs the first version. `key` signs all of them. */
export function createHistory(initial: ZoneContent, key: ZoneKey, clock: Clock): ZoneHistory {
  let content = initial;
  const first: Version = { at: clock(), zone: signZone(content, key, clock()) };
  const versions: Version[] = [first];
  return {
    content: () => content,
    current: () => (versions.at(-1) ?? first).zone,
    publish: (next) => {
      if (next === content) return;
      content = withNextSerial(next);
      versions.push({ at: clock(), zone: signZone(content, key, clock()) });
    },
    replica: () => createReplica(versions, clock),
  };
}

function createReplica(versions: readonly Version[], clock: Clock): Replica {
  let lag = seconds(0);
  let reached = 0;
  const advance = (): void => {
    const due = versions.findLastIndex((version) => version.at + lag * 1000 <= clock());
    reached = Math.max(reached, due);
  };
  return {
    zone: () => {
      advance();
      const version = versions[reached];
      if (version === undefined) throw new Error("a zone without a first version");
      return version.zone;
    },
    setLag: (next) => {
      // What was due under the old lag has been taken over, whether or not somebody asked meanwhile.
      advance();
      lag = next;
    },
  };
}
