/** What the verbs that cost something do, and what: those that lift gates, end DANE, or want another key. */
import { addSeconds, formatDuration, secondsBetween } from "../base/time.ts";
import {
  activeOf,
  chainOf,
  flip,
  goesOn,
  keyName,
  keyWithEnd,
  recordsAt,
  refusals,
  swapWhen,
  takenUp,
} from "./steer-model.ts";
import type { Announcement, Prospect } from "./steer-model.ts";
import { formatMoment } from "./words.ts";

/** `override`: which clients pay for it, and how long. */
export function overrideSentences(prospect: Prospect): Announcement {
  const { before, after, now, certificate } = prospect;
  const active = activeOf(after);
  const leaves = before.phase.phase === "held" ? [`leave the hold (${before.phase.reason})`] : [];
  if (active.phase === "stable" || active.phase === "confirming" || active.phase === "withdrawing") {
    return { ...overriddenWithdrawal(prospect), then: [goesOn(prospect)] };
  }
  const known = refusals(prospect);
  return {
    will: [
      ...leaves,
      `swap to ${keyWithEnd(after, active.next, now)} at the next tick, whatever DNS and its servers say: ${flip(prospect)}`,
    ],
    costs: [
      ...(known.length > 0 ? known : ["no cache is known to hold an RRset that it does not match"]),
      `without it the swap comes ${swapWhen(prospect)}`,
    ],
    then: [goesOn(prospect), `daneward hold ${certificate} or daneward abort ${certificate} stops it before that tick`],
  };
}

function overriddenWithdrawal(prospect: Prospect): Omit<Announcement, "then"> {
  const { after, now, policy, outlook } = prospect;
  const active = activeOf(after);
  const keep = chainOf(after, active.current)?.records ?? [];
  const standby = after.standby.flatMap(({ records }) => records);
  const going = recordsAt(after.owners, ({ ours }) => ours.filter((one) => ![...keep, ...standby].includes(one)));
  const others = after.endpoints.filter(({ presents }) => presents !== active.current);
  const confirmedAt = active.phase === "confirming" ? active.confirmedAt : null;
  const due = confirmedAt === null ? null : addSeconds(confirmedAt, policy.retireSafety);
  const when = due === null || due <= now ? "" : ` (without it in ${formatDuration(secondsBetween(now, due))})`;
  return {
    will: [`withdraw ${going === "" ? "what only the old certificate needs" : going} at the next tick${when}`],
    costs: [
      ...others.map(({ endpoint, address, detail }) =>
        detail === ""
          ? `${endpoint} at ${address} presents another certificate: DANE clients refuse it from then on`
          : `${endpoint} at ${address} could not be asked: should it present the old certificate, DANE clients refuse it`,
      ),
      `there is no way back at once: the old certificate would take a rollover of its own (${formatDuration(outlook.wait)})`,
    ],
  };
}

/** `deinit`: which records go, and until when the certificate must not change. */
export function deinitSentences(prospect: Prospect): Announcement {
  const { before, now, outlook, certificate, deploy } = prospect;
  const { current } = activeOf(before);
  const foreign = recordsAt(before.owners, ({ ours, servers }) => [
    ...new Set(servers.flatMap(({ records }) => (records ?? []).filter((record) => !ours.includes(record)))),
  ]);
  const ours = recordsAt(before.owners, (owner) => owner.ours);
  return {
    will: [
      ours === ""
        ? "publish no TLSA record any more (none of ours is there)"
        : `withdraw ${ours}, and publish none any more`,
      `leave ${keyWithEnd(before, current, now)} at ${deploy} and in use; files are not touched`,
    ],
    costs: [
      "no DANE from then on: senders deliver as to any host without TLSA records",
      `caches hold the records up to ${formatMoment(outlook.forgottenAt, now)}: the certificate must not be changed by hand before; a renewal waits for that by itself, later ones are deployed at once`,
      ...(foreign === "" ? [] : [`not ours, stays, and goes on binding clients: ${foreign}`]),
    ],
    then: [goesOn(prospect), `daneward resume ${certificate} publishes them again`],
  };
}

function renewalSentence({ renewal, certificate }: Prospect): {
  readonly will: string;
  readonly then: readonly string[];
} {
  if (renewal.kind === "runs") {
    const limit = formatDuration(renewal.limit);
    return {
      will: `run "${renewal.argv.join(" ")}" (no shell, at most ${limit}), then look at ${certificate}`,
      then: [],
    };
  }
  const note = renewal.note === "" ? [] : [renewal.note];
  const hint = `or set renew = "…" in [certificate.${certificate}], and daneward roll runs it`;
  return {
    will: "run nothing itself: no renew command is configured",
    then: [`type: ${renewal.command}`, ...note, `then: daneward tick ${certificate}`, hint],
  };
}

/** `roll`: how a new certificate is had. */
export function rollSentences(prospect: Prospect): Announcement {
  const { before, after, outlook, now } = prospect;
  const { will, then } = renewalSentence(prospect);
  const active = activeOf(before);
  const taken = before.rejected !== null && after.rejected === null ? [takenUp(prospect, before.rejected)] : [];
  const under = "next" in active ? keyName(before, active.next) : null;
  return {
    will: [...taken, will],
    costs: [
      ...(under === null
        ? [
            `a new key: both records in DNS, and the swap ${formatDuration(outlook.wait)} after every name server serves the new one`,
          ]
        : [`it takes the place of ${under}, and the wait begins anew (${formatDuration(outlook.wait)})`]),
      "the same key: nothing, it is deployed at once",
      ...(active.current === null ? [] : [`${keyWithEnd(before, active.current, now)} stays live until the swap`]),
    ],
    then,
  };
}

/** `roll --emergency`: how fast the key goes, and what would be faster. */
export function emergencySentences(prospect: Prospect): Announcement {
  const { before, after, outlook, now } = prospect;
  const { will, then } = renewalSentence(prospect);
  const active = activeOf(after);
  const ttl = formatDuration(secondsBetween(now, outlook.forgottenAt));
  const ready = outlook.standby.find(({ everywhere }) => everywhere);
  const staged = "next" in active ? active.next : null;
  const key = keyName(before, activeOf(before).current);
  const counts = `count ${key} as compromised from now on: no certificate with it is deployed any more`;
  const gone = `its record goes as soon as every address presents another key, without retire_safety; caches hold it for up to ${ttl} after that`;
  if (staged !== null) {
    return {
      will: [counts, `go on with ${keyName(after, staged)}, which is swapped to ${swapWhen(prospect)}`, gone],
      costs: [`until then whoever has ${key} can pose as the service`, ...choices(prospect, ttl)],
      then: [goesOn(prospect)],
    };
  }
  if (ready !== undefined) {
    const standby = `key ${ready.spkiSha256.slice(0, 8)}`;
    return {
      will: [
        counts,
        `swap without a wait to a certificate for ${standby}, which every cache knows, as soon as there is one`,
        gone,
        will,
      ],
      costs: [
        `until then whoever has ${key} can pose as the service; a certificate for another key than ${standby} has to wait`,
      ],
      then,
    };
  }
  const wait = formatDuration(outlook.wait);
  return {
    will: [
      counts,
      `publish a new key as soon as a certificate has one, and swap ${wait} after every name server serves it`,
      gone,
      will,
    ],
    costs: [`until then whoever has ${key} can pose as the service`, ...choices(prospect, ttl)],
    then,
  };
}

/** RFC 7671 §13: what a client believes it believes for the TTL; each way out costs something else. */
function choices({ certificate, outlook }: Prospect, ttl: string): readonly string[] {
  const wait = formatDuration(outlook.wait);
  return [
    `yours to choose: 1. let it run: no client refuses; the key can be abused until the swap (${wait} after the new record is served everywhere) and for up to ${ttl} after the old one is gone`,
    `2. daneward override ${certificate} --because TEXT once the new key is published: swapped at once; DANE clients that cached the old RRset refuse for up to ${ttl}`,
    `3. daneward deinit ${certificate} (when it is stable): nobody refuses and nobody is bound by the key after ${ttl}; no DANE meanwhile`,
  ];
}
