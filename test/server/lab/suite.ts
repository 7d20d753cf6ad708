/** A suite in a world of its own: started before, stopped after, its daemons' output shown when a test fails. */
import { afterAll, afterEach, beforeAll } from "vitest";
import { startWorld } from "./world.ts";
import type { World, WorldOptions } from "./world.ts";

/** Call it inside a suite; the function it gives may be called inside tests. */
export function useWorld(options: WorldOptions = {}): () => World {
  let world: World | null = null;
  beforeAll(async () => {
    world = await startWorld(options);
  }, 90_000);
  afterAll(async () => {
    await world?.stop();
  });
  afterEach(({ task }) => {
    if (task.result?.state === "fail" && world !== null) console.error(world.logs());
  });
  return () => {
    if (world === null) throw new Error("the lab did not start");
    return world;
  };
}
