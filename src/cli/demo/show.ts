/** The demo itself: enrol, renew under daneward while a sampler watches, then renew naively for contrast. */
import { addSeconds, instant, seconds } from "../../base/time.ts";
import type { Instant } from "../../base/time.ts";
import { TYPE } from "../../dns/iana.ts";
import { displayName } from "../../dns/name.ts";
import { decodeTlsa, formatTlsa } from "../../dns/rdata.ts";
import { pause } from "../../driver/pause.ts";
import { sampleOnce, startSampler } from "../../sandbox/sampler.ts";
import type { Sample, Sampler } from "../../sandbox/sampler.ts";
import type { SavedState } from "../../store/store.ts";
import type { Io } from "../io.ts";
import { drive } from "./drive.ts";
import { renewNaively } from "./naive.ts";
import { viewOfState } from "./progress.ts";
import type { Screen } from "./screen.ts";
import { DEMO_TTL } from "./stage.ts";
import type { Stage } from "./stage.ts";
import { createStory, tell } from "./story.ts";
import type { Story } from "./story.ts";

/** What the demo found out. */
export interface Findings {
  readonly enrolled: boolean;
  readonly rollover: { readonly finished: boolean; readonly samples: readonly Sample[] };
  readonly naive: { readonly samples: readonly Sample[] };
  /** The records at each owner name at the end of the rollover. */
  readonly finalRecords: readonly { readonly owner: string; readonly records: readonly string[] }[];
}

const SAMPLE_EVERY_MS = 150;
const REDRAW_EVERY_MS = 100;
const LAG = seconds(2);
/** Seconds for each of the parts, many times what they take. */
const PATIENCE = { enrol: seconds(20), roll: seconds(40) };
const STRIP = 40;

export interface Show {
  readonly stage: Stage;
  readonly screen: Screen;
  readonly io: Io;
  readonly start: Instant;
}

/** Plays all three acts; ends early, with what was found so far, when the user interrupts. */
export async function play(show: Show): Promise<Findings> {
  const { stage, screen, io } = show;
  const names = [displayName(stage.sandbox.host)];
  screen.event(elapsed(show), "first certificate issued; nothing is in DNS yet");
  await stage.lineage.install(await stage.sandbox.authority.issue(names));
  const enrolled = await enrol(show);
  if (!enrolled)
    return { enrolled, rollover: { finished: false, samples: [] }, naive: { samples: [] }, finalRecords: [] };
  screen.event(elapsed(show), "enrolled: the certificate is live and its record is in DNS");

  stage.sandbox.tree.setLag(LAG);
  const rollover = await renewWithDaneward(show, names);
  const finalRecords = stage.sandbox.targets.map(({ owner }) => ({
    owner: displayName(owner),
    records: (stage.sandbox.tree.rrset(owner, TYPE.TLSA)?.rdatas ?? []).map((rdata) => {
      const decoded = decodeTlsa(rdata);
      return decoded.ok ? formatTlsa(decoded.value) : "malformed";
    }),
  }));
  const isDone = rollover.finished && !io.signal.aborted;
  const naive = { samples: isDone ? await renewWithout(show, names) : [] };
  return { enrolled, rollover, naive, finalRecords };
}

/** From nothing to DANE, and until a client sees it. */
async function enrol(show: Show): Promise<boolean> {
  const done = await watch(show, createStory(show.start), null, {
    deadline: addSeconds(show.io.clock(), PATIENCE.enrol),
    isThere: ({ state, refusals }) =>
      state.phase.phase === "stable" && state.phase.current !== null && refusals.length === 0,
  });
  if (!done) return false;
  const deadline = addSeconds(show.io.clock(), seconds(5));
  while (show.io.clock() < deadline && !show.io.signal.aborted) {
    const { sandbox } = show.stage;
    const failures = await Promise.all(
      sandbox.targets.map((target) => sampleOnce(sandbox.resolver, target).catch(String)),
    );
    if (failures.every((failure) => failure === null)) return true;
    await pause(100, show.io.signal);
  }
  return false;
}

async function renewWithDaneward(show: Show, names: readonly string[]): Promise<Findings["rollover"]> {
  const { stage, screen, io } = show;
  const story = createStory(show.start);
  const sampler = beginSampling(show);
  // A few samples from before the renewal.
  await pause(500, io.signal);
  await stage.lineage.install(await stage.sandbox.authority.issue(names));
  story.reached("renewed", io.clock());
  screen.event(elapsed(show), "second certificate issued, with a new key: only the driver knows what to do");
  const before = { left: false };
  const finished = await watch(show, story, sampler, {
    deadline: addSeconds(io.clock(), PATIENCE.roll),
    isThere: ({ state }) => {
      before.left ||= state.phase.phase !== "stable";
      return before.left && state.phase.phase === "stable";
    },
  });
  // Until the last cache that could remember anything has forgotten it.
  await pause((DEMO_TTL + LAG) * 1000, io.signal);
  screen.settle(true);
  return { finished, samples: await sampler.stop() };
}

/** The contrast: how long it fails, in samples, until every cache has the new record. */
async function renewWithout(show: Show, names: readonly string[]): Promise<readonly Sample[]> {
  const { stage, screen, io } = show;
  screen.say("");
  screen.event(elapsed(show), "the same renewal the naive way: swap the files, reload, then replace the record");
  const sampler = beginSampling(show);
  await pause(500, io.signal);
  await renewNaively(stage, await stage.sandbox.authority.issue(names));
  await pause((DEMO_TTL + LAG) * 1000 + 300, io.signal);
  return sampler.stop();
}

function beginSampling(show: Show): Sampler {
  const { sandbox } = show.stage;
  return startSampler({
    resolver: sandbox.resolver,
    targets: sandbox.targets,
    intervalMs: SAMPLE_EVERY_MS,
    clock: show.io.clock,
  });
}

interface Goal {
  readonly deadline: Instant;
  readonly isThere: (saved: SavedState) => boolean;
}

/** Drives the driver and draws what it does, also between two ticks. */
async function watch(show: Show, story: Story, sampler: Sampler | null, goal: Goal): Promise<boolean> {
  const { stage, screen, io } = show;
  let latest: SavedState | null = null;
  const draw = (): void => {
    if (latest === null) return;
    const samples = sampler?.samples() ?? [];
    screen.show({
      elapsed: elapsed(show),
      host: displayName(stage.sandbox.host),
      ...viewOfState(latest, io.clock()),
      milestones: story.milestones(),
      samples: {
        taken: samples.length,
        failed: samples.filter((sample) => sample.failure !== null).length,
        recent: samples.slice(-STRIP).map((sample) => sample.failure === null),
      },
    });
  };
  const timer = setInterval(draw, REDRAW_EVERY_MS);
  try {
    return await drive({
      ...goal,
      stage,
      clock: io.clock,
      signal: io.signal,
      path: io.env["PATH"],
      onState: (saved) => {
        latest = saved;
        draw();
      },
      onEvent: (entry) => {
        story.hear(entry);
        const line = tell(entry);
        if (line !== null) screen.event(entry.at - show.start, line);
      },
    });
  } finally {
    clearInterval(timer);
    if (sampler === null) screen.settle(false);
  }
}

function elapsed(show: Show): number {
  return instant(show.io.clock() - show.start);
}
