/** What one look at the virtual world shows. */
import { fault } from "../../../src/base/errors.ts";
import { seconds } from "../../../src/base/time.ts";
import type {
  EndpointObservation,
  Observation,
  OwnerObservation,
  StandbyObservation,
  ValidatedObservation,
} from "../../../src/rollover/observation.ts";
import { standbyKey } from "./chains.ts";
import { name } from "./world.ts";
import type { Owner, World } from "./world.ts";

const ZONE = name("example.test");

export function lookAt(world: World): Observation {
  const standby = standbyOf(world);
  return {
    uptime: seconds((world.now - world.start) / 1000),
    source: world.sourceFails
      ? { outcome: "failed", fault: fault("SOURCE_INCONSISTENT", "half renewed") }
      : { outcome: "chain", chain: world.facts(world.source.id) ?? world.source, faults: [] },
    deployed: world.facts(world.deployed),
    stored: [...world.stored],
    owners: world.owners.map((owner) => ownerOf(world, owner)),
    endpoints: world.owners.flatMap((owner) => endpointsOf(world, owner)),
    ...(standby === null ? {} : { standby }),
    ...(world.frozen ? { halted: fault("FROZEN", "frozen by the operator") } : {}),
  };
}

function standbyOf(world: World): StandbyObservation | null {
  if (world.standby === null) return null;
  if (world.standbyFails) return { outcome: "failed", fault: fault("SOURCE_INCONSISTENT", "the key cannot be read") };
  return { outcome: "keys", keys: world.standby.map((key) => standbyKey(key, world.parameters)) };
}

function endpointsOf(world: World, owner: Owner): readonly EndpointObservation[] {
  return world.hosts.map((host) => {
    const facts = world.chains.get(host.presents);
    const isDown = facts === undefined || host.downUntil > world.now;
    return {
      endpoint: owner.owner,
      owner: owner.owner,
      address: host.address,
      own: host.own,
      presents: isDown
        ? ({ outcome: "failed", code: "DNS_TIMEOUT", detail: "is down" } as const)
        : ({ outcome: "chain", ...facts } as const),
    };
  });
}

function ownerOf(world: World, owner: Owner): OwnerObservation {
  if (owner.blindUntil > world.now) {
    return { outcome: "failed", owner: owner.owner, fault: fault("ZONE_UNKNOWN", "no resolver answers") };
  }
  return {
    outcome: "seen",
    owner: owner.owner,
    finalOwner: owner.target.name,
    zone: ZONE,
    aliasTtl: seconds(owner.aliasTtl),
    servers: owner.target.observe(),
    validated: validatedOf(world, owner),
  };
}

/** The resolver is a cache like any other: it may have asked the server that is furthest behind, as late as it could. */
function validatedOf(world: World, owner: Owner): ValidatedObservation {
  const { target } = owner;
  const [first] = target.servers;
  switch (world.resolver) {
    case "fresh":
      return { status: "secure", records: first === undefined ? [] : target.current(first).records };
    case "stale": {
      const oldest = [...target.cacheable(Infinity)].sort((left, right) => left.from - right.from)[0];
      return { status: "secure", records: oldest?.records ?? [] };
    }
    case "insecure":
      return { status: "insecure", records: first === undefined ? [] : target.current(first).records };
    case "bogus":
      return { status: "bogus", fault: fault("DNS_TIMEOUT", "signatures expired") };
  }
}
