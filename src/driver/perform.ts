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
import { aliasFault } from "../publisher/obstacles.ts";
import type { ReadBack, TlsaChange } from "../publisher/publisher.ts";
import type { Action } from "../rollover/actions.ts";
import type { RecordText } from "../rollover/chain.ts";
import type { ActionOutcome } from "../rollover/observation.ts";
import type { ChainFiles } from "./chain-files.ts";
import { deployChain, faultOf, storeChain } from "./deploy.ts";
import type { InTurn } from "./in-turn.ts";
import { chainIdOf } from "./facts.ts";
import { fault } from "../base/errors.ts";
import type { ReloadOptions } from "./reload.ts";
import type { DeployTarget } from "./versions.ts";
import type { World } from "./world.ts";

/** What actions are carried out with. */
export interface Tools {
  readonly certificate: CertificateConfig;
  readonly publisher: PublisherConfig;
  /** All that are configured, by name: another one may be in charge of the zone that an alias leads to. */
  readonly publishers: ReadonlyMap<string, PublisherConfig>;
  readonly target: DeployTarget;
  readonly world: World;
  readonly clock: Clock;
  readonly reload: ReloadOptions;
  /** One deployment of a tick at a time: a reload must never find the link of another certificate half way. */
  readonly inTurn: InTurn;
  /** The source's files as they were observed; null when they could not be read. */
  readonly source: ChainFiles | null;
}

type ActionOf<Kind extends Action["kind"]> = Extract<Action, { readonly kind: Kind }>;

/**
 * Carries out every action; one that fails does not keep the others from being tried. Changes of records that follow
 * each other go to the publisher together: it may have a way to make several at once.
 */
export async function perform(actions: readonly Action[], tools: Tools): Promise<readonly ActionOutcome[]> {
  const outcomes: ActionOutcome[] = [];
  for (let at = 0; at < actions.length;) {
    const changes = takeChanges(actions.slice(at));
    if (changes.length > 0) outcomes.push(...(await applyChanges(changes, tools)));
    else outcomes.push(...(await performOther(actions[at], tools)));
    at += Math.max(1, changes.length);
  }
  return outcomes;
}

type RecordAction = ActionOf<"publish" | "withdraw">;

function isRecordAction(action: Action): action is RecordAction {
  return action.kind === "publish" || action.kind === "withdraw";
}

/** The changes of records at the head of the list, up to the first other action. */
function takeChanges(actions: readonly Action[]): readonly RecordAction[] {
  const end = actions.findIndex((action) => !isRecordAction(action));
  return actions.slice(0, end === -1 ? actions.length : end).filter(isRecordAction);
}

async function performOther(action: Action | undefined, tools: Tools): Promise<readonly ActionOutcome[]> {
  if (action === undefined || isRecordAction(action)) return [];
  return [action.kind === "store" ? store(action, tools) : await deploy(action, tools)];
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
  // A server that reads the files of several certificates would see an old chain with a new key, and refuse to reload.
  const ending = await tools.inTurn(() => deployChain(tools.target, action.chain, reload));
  return { kind: "deploy", chain: action.chain, ...ending, at: tools.clock() };
}

function changeOf(action: RecordAction): TlsaChange {
  const { finalOwner: owner, zone, ttl } = action;
  if (action.kind === "publish") return { owner, zone, ttl, add: rdataOf(action.add), remove: [], expected: null };
  return { owner, zone, ttl, add: [], remove: rdataOf(action.remove), expected: rdataOf(action.expected) };
}

/** All changes, those for one publisher together, with an outcome for each in the order of the actions. */
async function applyChanges(actions: readonly RecordAction[], tools: Tools): Promise<readonly ActionOutcome[]> {
  const made = new Map<RecordAction, Made>();
  const groups = new Map<PublisherConfig, RecordAction[]>();
  for (const action of actions) {
    const config = publisherFor(action, tools);
    if ("code" in config) made.set(action, { fault: config, notes: [] });
    else groups.set(config, [...(groups.get(config) ?? []), action]);
  }
  for (const [config, group] of groups) {
    const endings = await tryChanges(config, group.map(changeOf), tools);
    group.forEach((action, at) => made.set(action, endings[at] ?? WELL));
  }
  return actions.map((action) => {
    const { fault, notes } = made.get(action) ?? WELL;
    const outcome = { kind: action.kind, owner: action.owner, fault, at: tools.clock() };
    return notes.length === 0 ? outcome : { ...outcome, notes };
  });
}

/** How a change went. */
interface Made {
  readonly fault: Fault | null;
  readonly notes: readonly Fault[];
}

const WELL: Made = { fault: null, notes: [] };

function wellMade({ notes = [] }: ReadBack): Made {
  return { fault: null, notes };
}

function notMade(error: unknown): Made {
  return { fault: faultOf(error), notes: [] };
}

/**
 * The certificate's own publisher; for an owner name that is an alias, the one that is configured for the zone of its
 * target, if there is one. A fault where aliases are not to be followed.
 */
function publisherFor({ owner, finalOwner, zone }: RecordAction, tools: Tools): PublisherConfig | Fault {
  const { publisher, publishers } = tools;
  if (owner === finalOwner) return publisher;
  if (publisher.type === "rfc2136" && !publisher.followCname) return aliasFault(owner, finalOwner);
  const holding = [...publishers.values()].find((other) => other.zone === zone);
  return publisher.zone === zone ? publisher : (holding ?? publisher);
}

async function tryChanges(
  config: PublisherConfig,
  changes: readonly TlsaChange[],
  tools: Tools,
): Promise<readonly Made[]> {
  try {
    const publisher = await tools.world.publisher(config);
    if (publisher.applyAll !== undefined && changes.length > 1) {
      const settled = await publisher.applyAll(changes);
      return settled.map((outcome) => (outcome.ok ? wellMade(outcome.value) : notMade(outcome.fault)));
    }
    const endings: Made[] = [];
    for (const change of changes) endings.push(await publisher.apply(change).then(wellMade, notMade));
    return endings;
  } catch (error) {
    return changes.map(() => notMade(error));
  }
}

function rdataOf(records: readonly RecordText[]): readonly TlsaRdata[] {
  return records.map((record) => {
    const parsed = parseTlsa(record);
    assert(parsed.ok, `"${record}" is not the text of a TLSA record`);
    return parsed.value;
  });
}
