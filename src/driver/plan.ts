/**
 * What a tick will look at, with all that it must read of the catalogue for that: afterwards the catalogue may be
 * damaged, replaced or lost, and the tick goes on.
 */
import type { Instant } from "../base/time.ts";
import type { CertificateConfig } from "../config/schema.ts";
import { CatalogueDamaged, openCatalogue, writeCatalogue } from "../store/catalogue.ts";
import type { Catalogue } from "../store/catalogue.ts";
import { createDueIndex, updateDueIndex } from "../store/due-index.ts";
import type { DueIndex } from "../store/due-index.ts";
import type { SpoolContent } from "../store/spool.ts";
import { ALWAYS, changedSources, indexOf } from "./due.ts";
import type { Register } from "./register.ts";

/** What asks for a look at a certificate. */
export interface Demand {
  /** Named by the operator: these and no others, due or not. */
  readonly named: readonly string[];
  /** All of them, due or not. */
  readonly force: boolean;
  readonly now: Instant;
}

/** A certificate that is due, and its place. */
export interface DueCertificate {
  readonly position: number;
  readonly certificate: CertificateConfig;
  /** The others that serve some service of it. */
  readonly sharers: readonly CertificateConfig[];
}

/** What is due, and for which notes. */
export interface Plan {
  /** In the order of the configuration, or as named. */
  readonly due: readonly DueCertificate[];
  /** Each note with the places of the certificates it is about. */
  readonly notes: readonly { readonly file: string; readonly positions: readonly number[] }[];
}

/**
 * What is due; without an index (null) everything is. Throws CERTIFICATE_UNKNOWN for a name that is not configured, and
 * {@link CatalogueDamaged}.
 */
export function makePlan(register: Register, index: DueIndex | null, spool: SpoolContent, demand: Demand): Plan {
  const notes = spool.notes.map((entry) => ({ file: entry.file, positions: register.about(entry) }));
  const positions = duePositions(register, index, notes, demand);
  const due = positions.map((position): DueCertificate => {
    const one = register.certificate(position);
    const sharing = register.serving(one.policy.owners).filter((other) => other !== position);
    return { position, certificate: one, sharers: sharing.map(register.certificate) };
  });
  return { due, notes };
}

function duePositions(
  register: Register,
  index: DueIndex | null,
  notes: Plan["notes"],
  { named, force, now }: Demand,
): readonly number[] {
  if (named.length > 0) return [...new Set(named.map(register.demand))];
  if (force || index === null) return Array.from({ length: register.count }, (_, position) => position);
  const noted = notes.flatMap(({ positions }) => positions);
  const changed = changedSources(register.catalogue, index, now);
  return [...new Set([...index.due(now), ...changed, ...noted])].sort((left, right) => left - right);
}

/**
 * Has catalogue and index on disk fit the register, and returns the index. Certificates that are the same as before wait
 * on; new ones, changed ones and whoever shares a service with those are due. The catalogue goes first: cut short in
 * between, the index fits no catalogue, and everything is due. Call under the lock. Throws DISK_FULL, PERMISSION_DENIED
 * or STATE_UNWRITABLE.
 */
export function settleIndex(stateDirectory: string, register: Register): DueIndex | null {
  const { catalogue } = register;
  const former = openCatalogue(stateDirectory);
  try {
    const index = former === null ? null : indexOf(stateDirectory, former);
    if (former?.id === catalogue.id) {
      if (index !== null) return index;
      createDueIndex(stateDirectory, catalogue);
    } else {
      const kept = former === null || index === null ? null : carryOver(former, index, register);
      writeCatalogue(stateDirectory, catalogue);
      createDueIndex(stateDirectory, catalogue, kept ?? undefined);
    }
  } finally {
    former?.close();
  }
  return indexOf(stateDirectory, catalogue);
}

type Kept = (position: number) => Uint8Array | null;

/** What the former index said of certificates of which nothing changed; null: nothing can be taken over. */
function carryOver(former: Catalogue, index: DueIndex, register: Register): Kept | null {
  try {
    if (former.settings !== register.catalogue.settings) return null;
    const before = new Map<string, number>();
    for (let position = 0; position < former.count; position++) before.set(former.text(position), position);
    const places = new Map<number, number>();
    const affected = new Set<string>();
    for (let position = 0; position < register.count; position++) {
      const text = register.catalogue.text(position);
      const place = before.get(text);
      if (place === undefined) for (const owner of ownersIn(text)) affected.add(owner);
      else places.set(position, place);
      before.delete(text);
    }
    // What is left was changed or removed.
    for (const text of before.keys()) for (const owner of ownersIn(text)) affected.add(owner);
    const due = new Set(affected.size === 0 ? [] : register.serving(affected));
    return (position) => {
      const place = due.has(position) ? undefined : places.get(position);
      return place === undefined ? null : index.entry(place, position);
    };
  } catch (error) {
    if (error instanceof CatalogueDamaged) return null;
    throw error;
  }
}

/** Every certificate is written by this program: what is no list of owner names is of a former build. */
function ownersIn(text: string): readonly string[] {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || !("services" in value) || !Array.isArray(value.services))
    return [];
  const services: readonly unknown[] = value.services;
  return services.flatMap((service) =>
    typeof service === "object" && service !== null && "owner" in service && typeof service.owner === "string"
      ? [service.owner]
      : [],
  );
}

/**
 * Killed from here on, the next tick must look again at what this one was about: an intent may be saved and not carried
 * out. Most are due anyway; those that were named, forced, noted or changed are made so. Throws as {@link settleIndex}.
 */
export function markDue(stateDirectory: string, index: DueIndex, { due }: Plan, now: Instant): void {
  const already = new Set(index.due(now));
  const others = due.filter(({ position }) => !already.has(position));
  updateDueIndex(
    stateDirectory,
    others.map(({ position }) => ({ position, wakeAt: ALWAYS, stamp: null })),
    true,
  );
}
