/**
 * Carries out the actions of a step, in order, and says how each went. A failure is an outcome: it becomes a standing
 * trouble in the state, and the next step asks again. Only a defect of our own is thrown.
 */
import { assert } from "../base/assert.ts";
import type { Fault } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import type { CertificateConfig, PublisherConfig } from "../config/schema.ts";
import { parseTlsa } from "../dns/rdata.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import type { TlsaChange } from "../publisher/publisher.ts";
import type { Action } from "../rollover/actions.ts";
import type { RecordText } from "../rollover/chain.ts";
import type { ActionOutcome } from "../rollover/observation.ts";
import type { ChainFiles } from "./chain-files.ts";
import { deployChain, faultOf, storeChain } from "./deploy.ts";
import { chainIdOf } from "./facts.ts";
import { fault } from "../base/errors.ts";
import type { ReloadOptions } from "./reload.ts";
import type { DeployTarget } from "./versions.ts";
import type { World } from "./world.ts";

/** What actions are carried out with. */
export interface Tools {
  readonly certificate: CertificateConfig;
  readonly publisher: PublisherConfig;
  readonly target: DeployTarget;
  readonly world: World;
  readonly clock: Clock;
  readonly reload: ReloadOptions;
  /** The source's files as they were observed; null when they could not be read. */
  readonly source: ChainFiles | null;
}

type ActionOf<Kind extends Action["kind"]> = Extract<Action, { readonly kind: Kind }>;

/** Carries out every action; one that fails does not keep the others from being tried. */
export async function perform(actions: readonly Action[], tools: Tools): Promise<readonly ActionOutcome[]> {
  const outcomes: ActionOutcome[] = [];
  for (const action of actions) outcomes.push(await performOne(action, tools));
  return outcomes;
}

function performOne(action: Action, tools: Tools): Promise<ActionOutcome> {
  switch (action.kind) {
    case "store":
      return Promise.resolve(store(action, tools));
    case "deploy":
      return deploy(action, tools);
    case "publish":
      return change(action, tools, { add: rdataOf(action.add), remove: [], expected: null });
    case "withdraw":
      return change(action, tools, {
        add: [],
        remove: rdataOf(action.remove),
        expected: rdataOf(action.expected),
      });
  }
}

function store(action: ActionOf<"store">, tools: Tools): ActionOutcome {
  return { kind: "store", chain: action.chain, fault: tryStore(action, tools), at: tools.clock() };
}

function tryStore(action: ActionOf<"store">, tools: Tools): Fault | null {
  if (tools.source === null || chainIdOf(tools.source.leaf) !== action.chain) {
    return fault("SOURCE_INCONSISTENT", "the source no longer holds the certificate that was to be copied");
  }
  try {
    storeChain(tools.target, tools.source, tools.clock());
    return null;
  } catch (error) {
    return faultOf(error);
  }
}

async function deploy(action: ActionOf<"deploy">, tools: Tools): Promise<ActionOutcome> {
  const reload = { commands: tools.certificate.reload, options: tools.reload };
  const ending = await deployChain(tools.target, action.chain, reload);
  return { kind: "deploy", chain: action.chain, ...ending, at: tools.clock() };
}

async function change(
  action: ActionOf<"publish" | "withdraw">,
  tools: Tools,
  records: Pick<TlsaChange, "add" | "remove" | "expected">,
): Promise<ActionOutcome> {
  const { finalOwner, zone, ttl } = action;
  const problem = await tryChange({ owner: finalOwner, zone, ttl, ...records }, tools);
  return { kind: action.kind, owner: action.owner, fault: problem, at: tools.clock() };
}

async function tryChange(wanted: TlsaChange, tools: Tools): Promise<Fault | null> {
  try {
    const publisher = await tools.world.publisher(tools.publisher);
    await publisher.apply(wanted);
    return null;
  } catch (error) {
    return faultOf(error);
  }
}

function rdataOf(records: readonly RecordText[]): readonly TlsaRdata[] {
  return records.map((record) => {
    const parsed = parseTlsa(record);
    assert(parsed.ok, `"${record}" is not the text of a TLSA record`);
    return parsed.value;
  });
}
