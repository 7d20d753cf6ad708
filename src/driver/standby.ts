/**
 * Keys that the next certificate may have, known before there is one.
 *
 * With `next = "prepublish"` the record of the next key stands beside the current one's all the time, so that a renewal
 * with that key is deployed at once, and so is a certificate for it in an emergency. The key is the client's where the
 * client keeps one (`next_key`; dehydrated's `privkey.roll.pem`, acme.sh's `KEY.next`), else one that we made, for
 * which `daneward csr` writes requests. In either case it is in the vault, on disk, before its record is published.
 *
 * Clients make another next key when they begin an order, not when it has succeeded: the published one is then in use
 * for a certificate that may never come. Hence what was published stays published until the records of all that take
 * its place are known everywhere, and its key stays in the vault until its own record is known nowhere.
 */
import type { KeyObject } from "node:crypto";
import { existsSync } from "node:fs";
import { formatHex } from "../base/bytes.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { addSeconds, instant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { MOST_CREDENTIALS, readBoundedFile } from "../config/bounded-file.ts";
import type { CertificateConfig } from "../config/schema.ts";
import { formatTlsa } from "../dns/rdata.ts";
import type { Certificate } from "../pki/certificate.ts";
import { generatePrivateKey, newKeyTypeOf, publicKeyOf, readPrivateKey } from "../pki/key.ts";
import type { NewKeyType } from "../pki/key.ts";
import { recordText } from "../rollover/chain.ts";
import type { ChainFacts } from "../rollover/chain.ts";
import type { StandbyObservation } from "../rollover/observation.ts";
import type { Policy } from "../rollover/policy.ts";
import { RULES } from "../rollover/rules.ts";
import type { RolloverState, StandbyKey } from "../rollover/state.ts";
import { readFailure, systemCode } from "../store/atomic-file.ts";
import { associationData, recordsForKey } from "../tlsa/association.ts";
import type { TlsaParameters } from "../tlsa/params.ts";
import { nextKeyPlaces, readLeaf } from "./chain-files.ts";
import type { RereadOptions } from "./chain-files.ts";
import { faultOf } from "./deploy.ts";
import { pause } from "./pause.ts";
import { listVault, openVaultKey, removeVaultKeys, setStanding, spkiDigest, storeVaultKey, vaultOf } from "./vault.ts";
import type { VaultKey } from "./vault.ts";

/** What is known when next keys are looked for. */
export interface StandbyView {
  readonly certificate: CertificateConfig;
  readonly stateDirectory: string;
  readonly before: RolloverState | null;
  /** The chains that the source offers and the deployed link shows; null: unknown, or none. */
  readonly chains: readonly (ChainFacts | null)[];
  readonly now: Instant;
  readonly reread: RereadOptions;
  /** False in a dry run: no key is made or copied. */
  readonly mayWrite: boolean;
}

/** The keys to publish ahead, each in the vault already; null: the configuration wants none. */
export async function observeStandby(view: StandbyView): Promise<StandbyObservation | null> {
  if (view.certificate.next !== "prepublish") return null;
  try {
    const client = await readClientKey(view.certificate, view.reread);
    if (!client.ok) return { outcome: "failed", fault: client.fault };
    const keys = await keysToCome(view, client.value);
    return { outcome: "keys", keys: withFormerKeys(keys, view) };
  } catch (error) {
    return { outcome: "failed", fault: faultOf(error) };
  }
}

/**
 * The digests of keys that are nobody's next: those of chains that matter, of `others`, and one that is compromised.
 */
export function usedKeys(state: RolloverState | null, others: readonly (string | undefined)[]): ReadonlySet<string> {
  const digests = [...others, ...(state?.chains ?? []).map(keyOf), state?.emergency?.spkiSha256];
  return new Set(digests.filter((digest) => digest !== undefined));
}

function keyOf(chain: ChainFacts | null): string | undefined {
  return chain?.certificates[0]?.spkiSha256;
}

/** The server certificate that is deployed, else what the source offers; null: neither can be read. */
export function presentLeaf({ deploy, source }: CertificateConfig): Certificate | null {
  return readLeaf({ kind: "directory", path: deploy }) ?? readLeaf(source);
}

/** A new key: of this kind, else of the kind that the certificate has now, else an ECDSA one. */
export function makeKey(certificate: CertificateConfig, type: NewKeyType | null): Promise<KeyObject> {
  const present = type === null ? presentLeaf(certificate) : null;
  return generatePrivateKey(type ?? (present === null ? null : newKeyTypeOf(present.keyAlgorithm)) ?? "ec-p256");
}

/**
 * From when on nothing has to be waited for any more to rely on these records; null: they are not served everywhere. It
 * is what the gates of a rollover ask for (RFC 7671 §8.1).
 */
export function knownEverywhereAt(
  state: RolloverState | null,
  { records }: StandbyKey,
  policy: Policy,
): Instant | null {
  const owners = state?.owners ?? [];
  if (owners.length === 0 || records.length === 0) return null;
  let latest = 0;
  for (const owner of owners) {
    for (const record of records) {
      const clock = owner.clocks.find((one) => one.record === record);
      if (clock === undefined || owner.leaving.includes(record)) return null;
      latest = Math.max(latest, addSeconds(clock.since, RULES.agingTime(clock.ttl, policy)));
    }
  }
  return instant(latest);
}

/** A key as the core sees it: its digest, and the records that the parameters make of it alone. */
export function standbyKeyOf(spki: Uint8Array, parameters: readonly TlsaParameters[]): StandbyKey {
  const records = recordsForKey(parameters, spki).map((record) => recordText(formatTlsa(record)));
  return { spkiSha256: spkiDigest(spki), records: records.sort() };
}

/**
 * The client's next key, and every key that a request is out for; without either the one of our own that was published
 * before, else a new one.
 */
async function keysToCome(view: StandbyView, client: KeyObject | null): Promise<readonly StandbyKey[]> {
  const { certificate, stateDirectory, before, mayWrite } = view;
  const { parameters } = certificate;
  const folder = vaultOf(stateDirectory, certificate.name);
  const used = usedKeys(before, view.chains.map(keyOf));
  const open = (key: VaultKey): StandbyKey => standbyKeyOf(openVaultKey(folder, key).spki, parameters);
  const kept = listVault(folder).filter(({ spkiSha256 }) => !used.has(spkiSha256));
  const awaited = kept.filter(({ standing }) => standing === "awaited").map(open);
  if (client !== null) {
    const theirs = standbyKeyOf(publicKeyOf(client), parameters);
    const others = awaited.filter(({ spkiSha256 }) => spkiSha256 !== theirs.spkiSha256);
    if (used.has(theirs.spkiSha256)) return others;
    if (mayWrite) storeVaultKey(folder, client, "kept");
    return [theirs, ...others];
  }
  if (awaited.length > 0) return awaited;
  const published = new Set(before?.standby.map(({ spkiSha256 }) => spkiSha256));
  const ours = kept.filter(({ spkiSha256 }) => published.has(spkiSha256)).map(open);
  if (ours.length > 0 || !mayWrite) return ours;
  const made = await makeKey(certificate, null);
  storeVaultKey(folder, made, "kept");
  return [standbyKeyOf(publicKeyOf(made), parameters)];
}

/** What was published stays until what takes its place is known everywhere: until then nothing else saves the wait. */
function withFormerKeys(keys: readonly StandbyKey[], view: StandbyView): readonly StandbyKey[] {
  const { before, certificate, stateDirectory, now } = view;
  const inForce = new Set([...usedKeys(before, view.chains.map(keyOf)), ...keys.map(({ spkiSha256 }) => spkiSha256)]);
  const former = (before?.standby ?? []).filter(({ spkiSha256 }) => !inForce.has(spkiSha256));
  const isKnown = (key: StandbyKey): boolean => (knownEverywhereAt(before, key, certificate.policy) ?? Infinity) <= now;
  if (former.length === 0 || (keys.length > 0 && keys.every(isKnown))) return keys;
  const folder = vaultOf(stateDirectory, certificate.name);
  const there = new Map(listVault(folder).map((key) => [key.spkiSha256, key]));
  const asConfigured = former.map((key) => {
    const held = there.get(key.spkiSha256);
    return held === undefined ? key : standbyKeyOf(openVaultKey(folder, held).spki, certificate.parameters);
  });
  return [...keys, ...asConfigured];
}

/** Null: the client keeps none. Read again while it is being written: both clients write theirs in place. */
async function readClientKey(
  certificate: CertificateConfig,
  reread: RereadOptions,
): Promise<Result<KeyObject | null, Fault>> {
  const places = nextKeyPlaces(certificate);
  for (let attempt = 1; ; attempt++) {
    const file = certificate.nextKey ?? places.find((place) => existsSync(place));
    if (file === undefined) return success(null);
    const read = readKeyFile(file);
    if (read.ok || attempt >= reread.attempts) return read;
    await pause(reread.pauseMs);
  }
}

function readKeyFile(file: string): Result<KeyObject, Fault> {
  let octets: Uint8Array;
  try {
    octets = readBoundedFile(file, MOST_CREDENTIALS);
  } catch (cause) {
    if (systemCode(cause) === null) throw cause;
    return failure(faultOf(readFailure(file, cause)));
  }
  const read = readPrivateKey(new TextDecoder().decode(octets));
  return read.ok ? read : failure({ ...read.fault, message: `${file}: ${read.fault.message}` });
}

/** What a tick knows at its end. */
export interface VaultView {
  readonly folder: string;
  readonly state: RolloverState;
  readonly deployed: ChainFacts | null;
  /** What the source offers; null: unknown, and nothing is removed. */
  readonly offered: ChainFacts | null;
  readonly now: Instant;
}

/**
 * Removes keys that nothing needs any more: not published ahead, of no chain, and their records in no cache. A key for
 * which a certificate may come is kept until that is deployed. Call under the lock. Throws as the vault does.
 */
export function tidyVault({ folder, state, deployed, offered, now }: VaultView): readonly string[] {
  if (offered === null) return [];
  const live = keyOf(deployed);
  const keys = listVault(folder).map((key) => (key.spkiSha256 === live ? setStanding(folder, key, "kept") : key));
  const used = usedKeys(state, [live, keyOf(offered)]);
  const ahead = new Set(state.standby.map(({ spkiSha256 }) => spkiSha256));
  const needless = keys.filter(
    (key) =>
      key.standing === "kept" &&
      !used.has(key.spkiSha256) &&
      !ahead.has(key.spkiSha256) &&
      !isRemembered(state, openVaultKey(folder, key).spki),
  );
  if (keys.length > 0) removeVaultKeys(folder, needless, now);
  return needless.map(({ spkiSha256 }) => spkiSha256);
}

/** Whether some cache may hold a record of the key, or an update of ours may bring one back. */
function isRemembered({ owners }: RolloverState, spki: Uint8Array): boolean {
  const data = ([0, 1, 2] as const).map((type) => ` ${formatHex(associationData(type, spki))}`);
  const remembered = owners.flatMap(({ ours, coming, leaving, horizon }) => [
    ...ours,
    ...coming,
    ...leaving,
    ...horizon.flatMap(({ records }) => records),
  ]);
  return remembered.some((record) => data.some((end) => record.endsWith(end)));
}
