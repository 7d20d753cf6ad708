/** The renewal as a sequence of milestones, told by the driver's journal, and each journal entry in words. */
import type { Instant } from "../../base/time.ts";
import type { JournalEntry } from "../../store/journal.ts";
import { shortRecord } from "./progress.ts";
import type { Milestone } from "./view.ts";

const STEPS = ["renewed", "published", "everywhere", "deployed", "proven", "withdrawn"] as const;

type StepName = (typeof STEPS)[number];

export interface Story {
  /** Notes that a step has happened; the first time counts. */
  readonly reached: (step: StepName, at: Instant) => void;
  /** Notes what a journal entry says about the steps. */
  readonly hear: (entry: JournalEntry) => void;
  readonly milestones: () => readonly Milestone[];
}

/** Which journal entries are steps of the story. */
const HEARD: Readonly<Record<string, StepName>> = {
  publish: "published",
  "seen-everywhere": "everywhere",
  deploy: "deployed",
  withdrawing: "proven",
  withdrawn: "withdrawn",
};

/** An empty story; `start` is the zero of its times. */
export function createStory(start: Instant): Story {
  const times = new Map<StepName, number>();
  const reached = (step: StepName, at: Instant): void => {
    // A restarted wait takes the later steps back: the last time counts until the files are swapped.
    if (!times.has(step) || step === "everywhere") times.set(step, at - start);
  };
  return {
    reached,
    hear: (entry) => {
      const step = HEARD[entry.event];
      if (step !== undefined && times.has("renewed") && entry.detail["result"] !== "failed") reached(step, entry.at);
    },
    milestones: () => STEPS.map((label) => ({ label, at: times.get(label) ?? null })),
  };
}

/** A journal entry as a line for people; null for entries that the picture shows anyway. */
export function tell(entry: JournalEntry): string | null {
  const { event, detail } = entry;
  const records = Array.isArray(detail["records"])
    ? detail["records"].map((each) => shortRecord(String(each))).join(", ")
    : "";
  const owner = typeof detail["owner"] === "string" ? detail["owner"].replace(/\.$/, "") : "";
  const text = typeof detail["detail"] === "string" ? detail["detail"] : "";
  if (detail["result"] === "failed") return `${event} failed: ${text}`;
  switch (event) {
    case "publish":
      return `publish ${records} at ${owner}`;
    case "withdraw":
      return `withdraw ${records} at ${owner}`;
    case "deploy":
      return "deploy: the files are swapped and the servers reloaded";
    case "store":
    case "prune":
      return null;
    default:
      return `${event}: ${text}`;
  }
}
