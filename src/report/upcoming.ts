/** What is to come, in the order of time, for the calendar and the page: planned steps, renewals, deadlines, ends. */
import type { Instant } from "../base/time.ts";
import type { ChainFacts } from "../rollover/chain.ts";
import type { Standing } from "../rollover/deadlines.ts";
import type { CertificateStatus } from "./model.ts";
import type { Plan } from "./plan-text.ts";
import { shortDigest } from "./words.ts";

export type UpcomingKind = "publish" | "swap" | "withdraw" | "renewal" | "deadline" | "end";

export interface UpcomingStep {
  readonly at: Instant;
  readonly certificate: string;
  readonly kind: UpcomingKind;
  readonly what: string;
  readonly by: "daneward" | "the ACME client" | "you" | "the calendar";
  /** The same for the same step, however often its time is reckoned anew. */
  readonly key: string;
}

const STEPS: Readonly<Record<string, { readonly kind: UpcomingKind; readonly what: string }>> = {
  publish: { kind: "publish", what: "publish the new TLSA records" },
  deploy: { kind: "swap", what: "swap the files and reload the services" },
  withdraw: { kind: "withdraw", what: "withdraw the old TLSA records" },
};

/** The steps of a timetable, and the dates of the certificate that is live. */
export function stepsOfPlan(plan: Plan): readonly UpcomingStep[] {
  const { certificate, at, current, standing, renewal } = plan;
  const replaced = plan.replaced?.slice(0, 16) ?? "first";
  const found = new Map<string, UpcomingStep>();
  for (const { at: when, event } of plan.entries) {
    const step = STEPS[event];
    if (step === undefined) continue;
    const key = `${step.kind}-${certificate}-${replaced}`;
    const what = renewal === "imagined" ? `${step.what} of the next renewal` : step.what;
    // One step at several owner names is one entry; of several withdrawals the last is the one to know.
    if (!found.has(key) || step.kind === "withdraw") {
      found.set(key, { at: when, certificate, kind: step.kind, what, by: "daneward", key });
    }
  }
  return inOrder([
    ...found.values(),
    ...datesOf(certificate, { current, standing, at }, renewal === "imagined" ? plan.expectedRenewal : null),
  ]);
}

/** What saved state alone says. */
export function stepsOfStatus(certificate: string, status: CertificateStatus, at: Instant): readonly UpcomingStep[] {
  const { current, standing, phase } = status;
  const renewal = phase === "stable" && standing !== null && "renewal" in standing ? standing.renewal : null;
  return inOrder(datesOf(certificate, { current, standing, at }, renewal));
}

interface Dates {
  readonly current: ChainFacts | null;
  readonly standing: Standing | null;
  readonly at: Instant;
}

function datesOf(
  certificate: string,
  { current, standing, at }: Dates,
  renewal: Instant | null,
): readonly UpcomingStep[] {
  if (current === null) return [];
  const id = current.id.slice(0, 16);
  const latest = standing?.kind === "in-time" ? standing.latestStart : null;
  const key = shortDigest(current.certificates[0]?.spkiSha256 ?? current.id);
  return [
    ...(renewal === null || renewal <= at
      ? []
      : [entry(renewal, "renewal", "the ACME client renews, probably", "the ACME client")]),
    ...(latest === null || latest <= at
      ? []
      : [
          entry(
            latest,
            "deadline",
            "last call for a renewal with a new key, to be in use before the live certificate ends",
            "you",
          ),
        ]),
    ...(current.notAfter <= at
      ? []
      : [entry(current.notAfter, "end", `the live certificate ends (key ${key}, ${current.subject})`, "the calendar")]),
  ];

  function entry(when: Instant, kind: UpcomingKind, what: string, by: UpcomingStep["by"]): UpcomingStep {
    return { at: when, certificate, kind, what, by, key: `${kind}-${certificate}-${id}` };
  }
}

/** What happens at one time happens in this order. */
const ORDER: readonly UpcomingKind[] = ["renewal", "publish", "swap", "withdraw", "deadline", "end"];

/** Sorted by time. */
export function inOrder(steps: readonly UpcomingStep[]): readonly UpcomingStep[] {
  return steps.toSorted(
    (left, right) =>
      left.at - right.at ||
      ORDER.indexOf(left.kind) - ORDER.indexOf(right.kind) ||
      left.certificate.localeCompare(right.certificate),
  );
}
