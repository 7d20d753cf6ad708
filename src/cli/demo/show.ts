/** The demo itself: enrol, renew under daneward while a sampler watches, then renew naively for contrast. */
import { addSeconds, instant, seconds } from "../../base/time.ts";
import type { Instant } from "../../base/time.ts";
import { TYPE } from "../../dns/iana.ts";
import { displayName } from "../../dns/name.ts";
import { decodeTlsa, formatTlsa } from "../../dns/rdata.ts";
import { pause } from "../../driver/pause.ts";
import { sampleOnce, startSampler } from "../../sandbox/sampler.ts";
import type { Sample, Sampler } from "../../sandbox/sampler.ts";
import type { JournalEntry } from "../../store/journal.ts";
import type { SavedState } from "../../store/store.ts";
import type { Io } from "../io.ts";
import { drive } from "./drive.ts";
import { sampleRow } from "./draw.ts";
import { renewNaively } from "./naive.ts";
import { viewOfState } from "./progress.ts";
import type { Screen } from "./screen.ts";
import { DEMO_TTL } from "./stage.ts";
import type { Stage } from "./stage.ts";
import { createStory, tell } from "./story.ts";
import type { Story } from "./story.ts";
import type { Style } from "./style.ts";
import type { SampleCount } from "./view.ts";

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
const PATIENCE = { enrol: seconds(20), firstSample: seconds(5), roll: seconds(40) };
const STRIP = 40;

export interface Show {
  readonly stage: Stage;
  readonly screen: Screen;
  readonly style: Style;
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
  const picture = openPicture(show, createStory(show.start), null);
  const done = await watch(show, picture, {
    deadline: addSeconds(show.io.clock(), PATIENCE.enrol),
    isThere: ({ state, refusals }) =>
      state.phase.phase === "stable" && state.phase.current !== null && refusals.length === 0,
  });
  picture.close();
  show.screen.settle(false);
  if (!done) return false;
  const deadline = addSeconds(show.io.clock(), PATIENCE.firstSample);
  while (show.io.clock() < deadline && !show.io.signal.aborted) {
    const { sandbox } = show.stage;
    const attempts = sandbox.targets.map((target) => sampleOnce(sandbox.resolver, target).catch(String));
    if ((await Promise.all(attempts)).every((failure) => failure === null)) return true;
    await pause(100, show.io.signal);
  }
  return false;
}

async function renewWithDaneward(show: Show, names: readonly string[]): Promise<Findings["rollover"]> {
  const { stage, screen, io } = show;
  const story = createStory(show.start);
  const sampler = beginSampling(show);
  const picture = openPicture(show, story, sampler);
  try {
    // A few samples from before the renewal.
    await pause(500, io.signal);
    await stage.lineage.install(await stage.sandbox.authority.issue(names));
    story.reached("renewed", io.clock());
    screen.event(elapsed(show), "second certificate issued, with a new key: nothing is told to the driver");
    let hasLeft = false;
    const finished = await watch(show, picture, {
      deadline: addSeconds(io.clock(), PATIENCE.roll),
      isThere: ({ state }) => {
        hasLeft ||= state.phase.phase !== "stable";
        return hasLeft && state.phase.phase === "stable";
      },
    });
    // Every server has been seen without the old record; until the last cache has forgotten it, too.
    await pause(DEMO_TTL * 1000 + 500, io.signal);
    return { finished, samples: await sampler.stop() };
  } finally {
    picture.close();
    screen.settle(true);
    await sampler.stop();
  }
}

/** The contrast: how long it fails, in samples, until every cache has the new record. */
async function renewWithout(show: Show, names: readonly string[]): Promise<readonly Sample[]> {
  const { stage, screen, io } = show;
  screen.say("");
  screen.event(elapsed(show), "the same renewal the naive way: swap the files, reload, then replace the record");
  // A busy name is in every cache nearly all the time; here the cache begins with what is in DNS at this moment.
  stage.sandbox.resolver.flush();
  const sampler = beginSampling(show);
  const timer = setInterval(() => {
    screen.draw([sampleRow(countSamples(sampler), show.style)]);
  }, REDRAW_EVERY_MS);
  try {
    await pause(500, io.signal);
    await renewNaively(stage, await stage.sandbox.authority.issue(names));
    screen.event(elapsed(show), "done: files, servers and DNS hold the third certificate; caches do not");
    await pause((DEMO_TTL + LAG) * 1000 + 300, io.signal);
    return await sampler.stop();
  } finally {
    clearInterval(timer);
    screen.settle(true);
    await sampler.stop();
  }
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

function countSamples(sampler: Sampler | null): SampleCount {
  const samples = sampler?.samples() ?? [];
  return {
    taken: samples.length,
    failed: samples.filter((sample) => sample.failure !== null).length,
    recent: samples.slice(-STRIP).map((sample) => sample.failure === null),
  };
}

/** The picture of a rollover, redrawn by itself between the driver's ticks. */
interface Picture {
  readonly update: (saved: SavedState) => void;
  readonly hear: (entry: JournalEntry) => void;
  readonly close: () => void;
}

function openPicture(show: Show, story: Story, sampler: Sampler | null): Picture {
  const { stage, screen, io } = show;
  let latest: SavedState | null = null;
  const draw = (): void => {
    if (latest === null) return;
    screen.show({
      elapsed: elapsed(show),
      host: displayName(stage.sandbox.host),
      ...viewOfState(latest, io.clock()),
      milestones: story.milestones(),
      samples: countSamples(sampler),
    });
  };
  const timer = setInterval(draw, REDRAW_EVERY_MS);
  return {
    update: (saved) => {
      latest = saved;
      draw();
    },
    hear: (entry) => {
      story.hear(entry);
      const line = tell(entry);
      if (line !== null) screen.event(entry.at - show.start, line);
    },
    close: () => {
      clearInterval(timer);
    },
  };
}

interface Goal {
  readonly deadline: Instant;
  readonly isThere: (saved: SavedState) => boolean;
}

async function watch(show: Show, picture: Picture, goal: Goal): Promise<boolean> {
  const { stage, io } = show;
  const process = { stage, clock: io.clock, signal: io.signal, path: io.env["PATH"] };
  return drive({ ...goal, ...process, onState: picture.update, onEvent: picture.hear });
}

function elapsed(show: Show): number {
  return instant(show.io.clock() - show.start);
}
