/**
 * The key of a certification request, and the names it is to have. A request is for a key whose record is published
 * already, wherever there is one, so that the certificate that comes of it is deployed without a wait. From then on the
 * key is awaited: it stays in the vault until its certificate is deployed.
 */
import type { Clock, Instant } from "../base/time.ts";
import type { CertificateConfig } from "../config/schema.ts";
import { displayName } from "../dns/name.ts";
import { newKeyTypeOf } from "../pki/key.ts";
import type { NewKeyType } from "../pki/key.ts";
import type { RolloverState } from "../rollover/state.ts";
import { appendJournal } from "../store/journal.ts";
import { withLock } from "../store/lock.ts";
import { loadState, prepareStateDirectory } from "../store/store.ts";
import { readLeaf } from "./chain-files.ts";
import { wakeCertificate } from "./due.ts";
import { digestsOf } from "./facts.ts";
import { knownEverywhereAt, makeKey, presentLeaf, standbyKeyOf, usedKeys } from "./standby.ts";
import { listVault, openVaultKey, setStanding, storeVaultKey, vaultOf } from "./vault.ts";
import type { OpenedKey, VaultKey } from "./vault.ts";

/** What is wanted of a request's key. */
export interface RequestWish {
  readonly certificate: CertificateConfig;
  readonly stateDirectory: string;
  /** Null: whatever there is, and for a new one the kind that the certificate has now. */
  readonly type: NewKeyType | null;
  /** A new key, although there is one that no certificate bears. */
  readonly fresh: boolean;
  /** The operator's login name, for the journal. */
  readonly who: string;
  readonly clock: Clock;
}

/** How far the records of a key have come; impossible: none is made of a key alone. */
export type Announced = "everywhere" | "published" | "not-published" | "impossible";

/** A key that a request may be for. */
export interface RequestKey {
  readonly key: OpenedKey;
  readonly announced: Announced;
  /** From when on its certificate need not wait; null: its records are not served everywhere. */
  readonly knownAt: Instant | null;
}

/** What came of a wish. */
export interface TakenKey extends RequestKey {
  readonly made: boolean;
  /** Keys of earlier requests, given up for this one. */
  readonly givenUp: readonly string[];
}

/** The key that would be taken; null: a new one would be made. Throws as the vault does. */
export function considerRequest(wish: RequestWish): RequestKey | null {
  const [best] = wish.fresh ? [] : candidates(wish);
  return best ?? null;
}

/**
 * Takes the key for a request, and makes one where there is none. From now on it is awaited. Throws LOCK_HELD, and as
 * the vault and the state directory do.
 */
export async function takeRequestKey(wish: RequestWish): Promise<TakenKey> {
  const ready = considerRequest(wish);
  if (ready?.key.standing === "awaited") return { ...ready, made: false, givenUp: [] };
  const { stateDirectory, clock, certificate } = wish;
  prepareStateDirectory(stateDirectory, clock());
  return withLock(stateDirectory, clock(), async () => {
    const folder = vaultOf(stateDirectory, certificate.name);
    const best = considerRequest(wish);
    if (best !== null) {
      setStanding(folder, best.key, "awaited");
      noteRequest(wish, best.key.spkiSha256, "a key that was ready");
      return { ...best, made: false, givenUp: [] };
    }
    const earlier = listVault(folder).filter(({ standing }) => standing === "awaited");
    const stored = storeVaultKey(folder, await makeKey(certificate, wish.type), "awaited");
    for (const key of earlier) setStanding(folder, key, "kept");
    noteRequest(wish, stored.spkiSha256, "a new key");
    wakeCertificate(stateDirectory, certificate.name);
    const key = openVaultKey(folder, stored);
    const state = loadState(stateDirectory, certificate.name)?.state ?? null;
    return { ...standingOf(key, wish, state), made: true, givenUp: earlier.map(({ spkiSha256 }) => spkiSha256) };
  });
}

/** The names of the certificate that there is, else the hosts of the services; then the others. Without final dots. */
export function requestNames(certificate: CertificateConfig, others: readonly string[]): readonly string[] {
  const present = presentLeaf(certificate)?.dnsNames ?? [];
  const names = present.length > 0 ? present : certificate.services.map(({ host }) => displayName(host));
  return [...new Set([...names, ...others].map((name) => name.toLowerCase().replace(/\.$/, "")))];
}

const ORDER: readonly Announced[] = ["everywhere", "published", "not-published", "impossible"];

/** Keys that no certificate bears, published or awaited; the one that is furthest ahead first. */
function candidates(wish: RequestWish): readonly RequestKey[] {
  const { certificate, stateDirectory, type } = wish;
  const folder = vaultOf(stateDirectory, certificate.name);
  const state = loadState(stateDirectory, certificate.name)?.state ?? null;
  const leaves = [readLeaf({ kind: "directory", path: certificate.deploy }), readLeaf(certificate.source)];
  const used = usedKeys(
    state,
    leaves.map((leaf) => (leaf === null ? undefined : digestsOf(leaf).spkiSha256)),
  );
  const ahead = new Set(state?.standby.map(({ spkiSha256 }) => spkiSha256));
  const isOpen = (key: VaultKey): boolean =>
    !used.has(key.spkiSha256) && (key.standing === "awaited" || ahead.has(key.spkiSha256));
  const rank = ({ key, announced }: RequestKey): number =>
    2 * ORDER.indexOf(announced) + (key.standing === "awaited" ? 0 : 1);
  return listVault(folder)
    .filter(isOpen)
    .map((key) => openVaultKey(folder, key))
    .filter(({ algorithm }) => type === null || newKeyTypeOf(algorithm) === type)
    .map((key) => standingOf(key, wish, state))
    .sort((left, right) => rank(left) - rank(right));
}

function standingOf(key: OpenedKey, { certificate, clock }: RequestWish, state: RolloverState | null): RequestKey {
  const standby = standbyKeyOf(key.spki, certificate.parameters);
  if (standby.records.length === 0) return { key, announced: "impossible", knownAt: null };
  const knownAt = knownEverywhereAt(state, standby, certificate.policy);
  const announced = knownAt === null ? "not-published" : knownAt <= clock() ? "everywhere" : "published";
  return { key, announced, knownAt };
}

function noteRequest({ certificate, stateDirectory, who, clock }: RequestWish, key: string, which: string): void {
  const detail = { by: who, key, detail: `for ${which}: ${key}` };
  appendJournal(stateDirectory, [{ at: clock(), certificate: certificate.name, event: "request", detail }]);
}
