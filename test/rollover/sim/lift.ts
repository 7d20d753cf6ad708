/**
 * Each refusal names what would lift it, and lifting it helps. At the end of a history one refusal is taken, exactly what
 * its hint asks for is done (the server is heard again, the peer follows, the source is mended, the operator resumes, time
 * passes), and it must be gone.
 */
import type { FaultCode } from "../../../src/base/errors.ts";
import type { Refusal } from "../../../src/rollover/state.ts";
import type { Play } from "./drive.ts";
import { peersFollow, reloadByHand, renewal } from "./happenings.ts";

/** What to do; false: in this world nobody can. */
type Lift = (game: Play) => boolean;

/** Servers are mended and have what the primary has; what we asked for has arrived. */
function serversFollow(game: Play): boolean {
  game.world.publisher = "works";
  game.world.sourceFails = false;
  if (game.state?.phase.phase === "held" || game.world.frozen) return false;
  catchUp(game);
  // What is missing everywhere is asked for in this look, and is there in the next.
  game.wake();
  game.pass("no");
  catchUp(game);
  return true;
}

function catchUp({ world }: Play): void {
  for (const zone of world.zones) zone.catchUp();
  for (const owner of world.owners) owner.blindUntil = 0;
}

/** The services are reloaded by hand; nothing is down. */
function servicesFollow({ world }: Play): boolean {
  for (const host of world.hosts) {
    host.downUntil = 0;
    if (host.pending.length > 0) return false;
  }
  reloadByHand(world);
  peersFollow(world);
  return world.hosts.every((host) => host.presents === world.deployed);
}

function resumes(game: Play): boolean {
  game.world.reloadFails = false;
  return game.say("resume");
}

const LIFTS: Partial<Readonly<Record<FaultCode, Lift>>> = {
  OPERATOR_HOLD: resumes,
  RELOAD_FAILED: resumes,
  CONFIRM_FAILED: resumes,
  FOREIGN_CHAIN_SERVED: resumes,
  REJECTED_CHAIN: resumes,
  TORN_DOWN: resumes,
  SECOND_WRITER: resumes,
  FROZEN: ({ world }) => {
    world.frozen = false;
    return true;
  },
  SOURCE_UNUSABLE: (game) => {
    game.world.sourceFails = false;
    game.serial += 1;
    renewal(game.world, game.serial, { key: game.serial });
    return true;
  },
  KEY_COMPROMISED: (game) => {
    game.serial += 1;
    renewal(game.world, game.serial, { key: game.serial });
    return true;
  },
  NS_LAGGING: serversFollow,
  NS_UNREACHABLE: serversFollow,
  ZONE_UNKNOWN: serversFollow,
  NOT_SECURE: ({ world }) => {
    world.resolver = "fresh";
    return true;
  },
  ENDPOINT_UNPROVEN: servicesFollow,
  PEER_DEPENDS: servicesFollow,
  FIRST_SET_WITHOUT_LIVE: servicesFollow,
};

/** These lift by themselves: nothing has to be done but to look again when they said they would. */
const WAITS: readonly FaultCode[] = ["CLOCK_RUNNING", "RETIRE_RUNNING", "ROUNDS_MISSING", "HORIZON_UNSAFE"];

/** What refuses by itself that the wanted records come, so that servers cannot follow. */
const WITHHELD: readonly FaultCode[] = [
  "FIRST_SET_WITHOUT_LIVE",
  "COMBINATION_UNMATCHED",
  "SECOND_WRITER",
  "TOO_MANY_RECORDS",
  "HORIZON_UNSAFE",
];

/** Of whom or what it speaks: the first words of its detail, up to what is said about it. */
function subjectOf({ code, detail }: Refusal): string {
  const [first = "", second = "", third = ""] = detail.split(" ");
  if (code.startsWith("NS_")) return `${code} ${first} ${second}`;
  return code === "ENDPOINT_UNPROVEN" || code === "PEER_DEPENDS" ? `${code} ${first} ${third}` : `${code} ${first}`;
}

/** Lifts one of the refusals that stand, and takes a note when that did not help. */
export function checkLift(game: Play): void {
  const { last, state, world } = game;
  if (last === null || state === null || last.refusals.length === 0) return;
  const refusal = last.refusals[game.steps % last.refusals.length];
  if (refusal === undefined) return;
  const { phase } = state.phase;
  if (refusal.until !== null && WAITS.includes(refusal.code)) {
    if (!world.calm()) return;
    // What other people did since the last look may have moved the end.
    game.pass("no");
    const { until } = stillThere(game, refusal) ?? { until: null };
    if (until !== null && world.calm()) waitFor(game, refusal, until - world.wall());
    return;
  }
  const isWithheld = last.refusals.some(({ code }) => WITHHELD.includes(code));
  if (refusal.code.startsWith("NS_") && isWithheld) return;
  const lift = LIFTS[refusal.code];
  if (lift?.(game) !== true) return;
  game.pass("no");
  if (stillThere(game, refusal) !== undefined && !game.world.frozen) {
    // What was refused because of it (a publication) is done in this look, and shows in the next.
    catchUp(game);
    game.pass("no");
  }
  judgeLift(game, refusal, phase);
}

function stillThere(game: Play, refusal: Refusal): Refusal | undefined {
  const subject = subjectOf(refusal);
  return game.last?.refusals.find((one) => subjectOf(one) === subject);
}

function waitFor(game: Play, refusal: Refusal, milliseconds: number): void {
  const { world } = game;
  const { phase } = game.state?.phase ?? { phase: "none" };
  if (milliseconds < 0) return;
  // The rounds come one after the other, each when the last one said.
  const times = refusal.code === "ROUNDS_MISSING" ? game.policy.confirmRounds : 1;
  for (let count = 0; count < times; count++) {
    world.advance(world.now + milliseconds);
    game.pass("no");
  }
  judgeLift(game, refusal, phase);
}

function judgeLift(game: Play, refusal: Refusal, phase: string): void {
  game.count("lifted");
  game.count(`lifted ${refusal.code}`);
  const still = stillThere(game, refusal);
  // The next phase may have a wait of its own.
  if (still === undefined || game.state?.phase.phase !== phase) return;
  game.broken.push(`${phase}: what should lift it does not: ${refusal.code} ${refusal.detail}; still: ${still.detail}`);
}
