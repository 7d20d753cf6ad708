/** The operator's words to the core, at any moment; most are refused in most phases, which changes nothing. */
import type { Fault } from "../../../src/base/errors.ts";
import type { Result } from "../../../src/base/result.ts";
import { abort, declareEmergency, hold, override, resume, rollBack, tearDown } from "../../../src/rollover/operator.ts";
import type { RolloverState } from "../../../src/rollover/state.ts";
import type { Verb } from "./history.ts";
import type { World } from "./world.ts";

/** The state after the word; null when it does not apply. */
export function say(verb: Verb, state: RolloverState, world: World): RolloverState | null {
  const result = saying(verb, state, world);
  if (!result.ok) return null;
  if (verb === "override") world.overridden = true;
  return result.value;
}

function saying(verb: Verb, state: RolloverState, world: World): Result<RolloverState, Fault> {
  const now = world.wall();
  switch (verb) {
    case "hold":
      return hold(state, now, "by hand");
    case "resume":
      return resume(state, now);
    case "abort":
      return abort(state, now);
    case "roll-back": {
      const stored = [...world.stored].reverse().map((id) => world.facts(id));
      return rollBack(
        state,
        stored.filter((chain) => chain !== null),
        now,
      );
    }
    case "tear-down":
      return tearDown(state, now, "by hand");
    case "emergency":
      return declareEmergency(state, now, "by hand");
    case "override":
      return override(state, now, "by hand");
  }
}
