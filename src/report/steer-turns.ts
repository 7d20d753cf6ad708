/** What the verbs that stop a rollover, let it go on or turn it back do, and what that costs. */
import { addSeconds, formatDuration } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { ChainId } from "../rollover/chain.ts";
import type { ActivePhase, RolloverState } from "../rollover/state.ts";
import {
  activeOf,
  chainOf,
  flip,
  goesOn,
  keyName,
  keyWithEnd,
  notAgain,
  recordsAt,
  refusals,
  swapWhen,
  takenUp,
} from "./steer-model.ts";
import type { Announcement, Outlook, Prospect } from "./steer-model.ts";
import { formatMoment } from "./words.ts";

/** `hold`: what no longer happens. */
export function holdSentences(prospect: Prospect): Announcement {
  const { certificate, before, now, outlook } = prospect;
  const active = activeOf(before);
  const hasWayBack = active.phase !== "stable" && active.phase !== "withdrawing";
  return {
    will: [`stop every automatic step (it is ${active.phase}); looking, verifying and alarms go on`],
    costs: [
      ...stoppedBy(active, before, outlook, now),
      "a record of ours that somebody removes is not put back meanwhile",
      ...(active.current === null ? [] : [`${keyWithEnd(before, active.current, now)} stays live: resume in time`]),
    ],
    then: [
      hasWayBack
        ? `daneward resume ${certificate} goes on, daneward abort ${certificate} gives the rollover up`
        : `daneward resume ${certificate} goes on`,
    ],
  };
}

function stoppedBy(active: ActivePhase, state: RolloverState, { readyAt }: Outlook, now: Instant): readonly string[] {
  switch (active.phase) {
    case "stable":
      return ["a renewal is not announced and not deployed meanwhile"];
    case "announcing":
    case "aging": {
      const end = readyAt === null ? "" : ` (the wait ends ${formatMoment(readyAt, now)})`;
      return [`the swap to ${keyName(state, active.next)} waits for you${end}`];
    }
    case "deploying":
      return ["files that are swapped already are neither followed by a reload nor put back meanwhile"];
    case "confirming":
      return [
        `should ${keyName(state, active.current)} fail, the old files are not put back meanwhile; all records stay`,
      ];
    case "withdrawing":
      return ["a record that a name server was asked to delete may still go"];
  }
}

/** `resume`: what goes on, or is taken back. */
export function resumeSentences(prospect: Prospect): Announcement {
  const { before, after, now } = prospect;
  const then = [goesOn(prospect)];
  if (before.phase.phase === "held") {
    const { reason, resume } = before.phase;
    const next = "next" in resume ? resume.next : null;
    const isDeployment = reason !== "OPERATOR_HOLD" && next !== null;
    return {
      will: [
        `go on in ${resume.phase}; every gate is asked again`,
        ...(next === null ? [] : [`the files are swapped to ${keyWithEnd(after, next, now)} ${swapWhen(prospect)}`]),
      ],
      costs: isDeployment
        ? [`nothing, if the cause of ${reason} is mended; else the old files go back and it is held again`]
        : ["nothing"],
      then,
    };
  }
  const reverted = before.owners.filter((owner) => owner.reverted > 0);
  return {
    will: [
      ...(before.teardown === null
        ? []
        : [`publish again the records of ${keyName(before, activeOf(before).current)}`]),
      ...(before.rejected === null ? [] : [takenUp(prospect, before.rejected)]),
      ...reverted.map(
        ({ owner, reverted: times }) =>
          `write again at ${displayName(owner)}, where records of ours were removed ${String(times)} times`,
      ),
    ],
    costs: [
      ...(before.teardown === null
        ? []
        : ["a first RRset binds every DANE client: it is published once every address presents that certificate"]),
      ...(reverted.length === 0 ? [] : ["a program that writes there too will remove them again"]),
      ...(before.rejected === null ? [] : ["nothing: no file is swapped before its record is known everywhere"]),
    ],
    then,
  };
}

/** `abort`, and `rollback` where it is the same. */
export function returnSentences(prospect: Prospect): Announcement {
  const { before, after, now, policy, outlook } = prospect;
  const active = activeOf(after);
  if (active.phase === "announcing") return rollBackSentences(prospect, active.next);
  if (active.phase === "deploying") {
    const waits = refusals(prospect);
    return {
      will: [
        `put the files of ${keyWithEnd(after, active.next, now)} back at the next tick: ${flip(prospect)}`,
        "leave the records of both certificates published until that is proven",
      ],
      costs: [
        ...(waits.length === 0
          ? ["nothing for DANE clients: every RRset in their caches matches it"]
          : waits.map((why) => `it is not put back meanwhile: ${why}`)),
        notAgain(prospect),
      ],
      then: [goesOn(prospect)],
    };
  }
  const kept = chainOf(after, active.current)?.records ?? [];
  const given = chainOf(before, after.rejected)?.records.filter((record) => !kept.includes(record)) ?? [];
  const going = recordsAt(before.owners, ({ ours }) => ours.filter((record) => given.includes(record)));
  const retire = formatDuration(policy.retireSafety);
  return {
    will: [
      `keep ${keyWithEnd(after, active.current, now)} live: no file is swapped, nothing is reloaded`,
      going === "" ? "no record has to go" : `withdraw ${going}, ${retire} after every address was proven`,
    ],
    costs: [
      `what was waited so far; another rollover waits anew (${formatDuration(outlook.wait)})`,
      notAgain(prospect),
    ],
    then: [goesOn(prospect)],
  };
}

/** After the withdrawal the way back is a rollover. */
function rollBackSentences(prospect: Prospect, target: ChainId): Announcement {
  const { before, after, now, outlook, certificate } = prospect;
  const chain = chainOf(after, target);
  const live = chainOf(before, activeOf(before).current);
  const missing = recordsAt(before.owners, ({ servers }) =>
    (chain?.records ?? []).filter((record) => !servers.some(({ records }) => records?.includes(record) === true)),
  );
  const end = outlook.readyAt ?? addSeconds(now, outlook.wait);
  return {
    will: [
      `go back to ${keyWithEnd(after, target, now)} by a rollover of its own`,
      ...(missing === "" ? [] : [`publish ${missing}`]),
      `swap the files ${swapWhen(prospect)}: ${flip(prospect)}`,
      `withdraw the record of ${keyName(before, live?.id ?? null)} when every address is proven`,
    ],
    costs: [
      notAgain(prospect),
      ...(chain !== null && live !== null && chain.notAfter < live.notAfter
        ? [
            `${keyName(after, target)} ends earlier than what is live now: renew before ${formatMoment(chain.notAfter, now)}`,
          ]
        : []),
      ...(chain !== null && chain.notAfter <= end ? ["it expires before the wait is over: renew instead"] : []),
    ],
    then: [goesOn(prospect), `daneward abort ${certificate} gives it up before the swap`],
  };
}
