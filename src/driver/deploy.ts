/**
 * Deployment: what servers read is never what the ACME client writes.
 *
 * A service may read its files at any moment (new Postfix processes do, without any reload), so the new chain must not
 * lie at the path it reads before TLSA clients everywhere know it. The client's files are copied into a store of our
 * own (`store`, while the records age) and shown by one rename when the gates have opened (`deploy`), then the reload
 * actions run. Putting the old chain back is the same action with the old id. Copies are checked by reading them back:
 * the leaf's digest is the chain's id, the key fits it, the five files agree.
 *
 * Versions stay as long as the rollover names their chain, and the last two for ever, as does the one that was shown
 * before the present one, so that there is a way back.
 */
import { fault, OperationalError } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import type { ChainFacts, ChainId } from "../rollover/chain.ts";
import type { TlsaParameters } from "../tlsa/params.ts";
import { formatPemBlock } from "../pki/pem.ts";
import type { Certificate } from "../pki/certificate.ts";
import { readChain } from "./chain-files.ts";
import type { ChainFiles } from "./chain-files.ts";
import { chainIdOf, digestsOf, factsOf } from "./facts.ts";
import { runReloads } from "./reload.ts";
import type { ReloadOptions } from "./reload.ts";
import { isWhole } from "./version-files.ts";
import type { VersionFiles } from "./version-files.ts";
import { flipLink, linkedVersion, listVersions, pruneVersions, settleKeys, writeVersion } from "./versions.ts";
import type { DeployTarget, Version } from "./versions.ts";

/** A complete, consistent version in the store. */
export interface StoredChain {
  readonly version: Version;
  readonly facts: ChainFacts;
}

/** What the deployment store holds. */
export interface StoreView {
  readonly chains: readonly StoredChain[];
  /** What the link shows; null when there is no link, or its version is damaged. */
  readonly deployed: ChainFacts | null;
  /** Why nothing may be deployed here: the link or a directory is not ours; null: all is well. */
  readonly blocked: Fault | null;
}

/** Reads every version; damaged ones (edited by hand, half removed) are left out, so that they are never deployed. */
export function viewStore(target: DeployTarget, parameters: readonly TlsaParameters[]): StoreView {
  try {
    const chains = listVersions(target).flatMap((version): readonly StoredChain[] => {
      const files = readVersion(version);
      return files === null ? [] : [{ version, facts: factsOf(files, parameters) }];
    });
    const linked = linkedVersion(target);
    const deployed = chains.find(({ version }) => version.name === linked?.name)?.facts ?? null;
    return { chains, deployed, blocked: null };
  } catch (error) {
    return { chains: [], deployed: null, blocked: faultOf(error) };
  }
}

/** Copies a chain into the store unless a complete copy is there. Throws DEPLOY_… and DISK_FULL. */
export function storeChain(target: DeployTarget, files: ChainFiles, now: Instant): void {
  const id = chainIdOf(files.leaf);
  const stored = findStored(target, id);
  if (stored !== null) {
    settleKeys(target, stored);
    return;
  }
  const naming = { spkiSha256: digestsOf(files.leaf).spkiSha256, now };
  writeVersion(target, versionFiles(files), naming, (directory) => {
    const written = readChain({ kind: "directory", path: directory });
    if (!written.ok)
      throw new OperationalError("DEPLOY_DAMAGED", `what was just written is not right: ${written.fault.message}`);
    if (chainIdOf(written.value.leaf) !== id || !isWhole(directory)) {
      throw new OperationalError("DEPLOY_DAMAGED", `${directory} holds something else than was written`);
    }
  });
}

/** How a deployment ended: a failed reload leaves the link flipped. */
export interface DeployEnding {
  readonly flipped: boolean;
  readonly reloaded: boolean;
  readonly fault: Fault | null;
}

/** Shows a stored chain to the servers and runs the reload actions. Running it again does no harm. */
export async function deployChain(
  target: DeployTarget,
  chain: ChainId,
  reload: { readonly commands: readonly (readonly string[])[]; readonly options: ReloadOptions },
): Promise<DeployEnding> {
  try {
    const version = findStored(target, chain);
    if (version === null) {
      const problem = fault(
        "VERSION_MISSING",
        `no complete copy of certificate ${chain.slice(0, 12)} beside ${target.link}`,
      );
      return { flipped: false, reloaded: false, fault: problem };
    }
    settleKeys(target, version);
    flipLink(target, version);
  } catch (error) {
    return { flipped: false, reloaded: false, fault: faultOf(error) };
  }
  const problem = await runReloads(reload.commands, reload.options);
  return { flipped: true, reloaded: problem === null, fault: problem };
}

/** Removes versions whose chain nobody needs any more. */
export function pruneStore(target: DeployTarget, needed: readonly ChainId[]): readonly string[] {
  const keep = listVersions(target).filter((version) => {
    const files = readVersion(version);
    return files !== null && needed.includes(chainIdOf(files.leaf));
  });
  return pruneVersions(target, new Set(keep.map((version) => version.name)));
}

/** The newest complete copy of a chain. */
function findStored(target: DeployTarget, chain: ChainId): Version | null {
  const found = listVersions(target).findLast((version) => {
    const files = readVersion(version);
    return files !== null && chainIdOf(files.leaf) === chain;
  });
  return found ?? null;
}

/** The files of a version; null when they are not what was written. */
function readVersion({ directory }: Version): ChainFiles | null {
  const read = readChain({ kind: "directory", path: directory });
  return read.ok && isWhole(directory) ? read.value : null;
}

function versionFiles(files: ChainFiles): VersionFiles {
  const pem = (certificates: readonly Certificate[]): Uint8Array =>
    new TextEncoder().encode(certificates.map(({ der }) => formatPemBlock("CERTIFICATE", der)).join(""));
  return {
    "fullchain.pem": pem(files.certificates),
    "privkey.pem": withFinalNewline(files.key.reveal()),
    "cert.pem": pem([files.leaf]),
    "chain.pem": pem(files.certificates.slice(1)),
  };
}

/** A key file without one would swallow the first line of the chain in `combined.pem`. */
function withFinalNewline(octets: Uint8Array): Uint8Array {
  return octets.at(-1) === 0x0a ? octets : Uint8Array.of(...octets, 0x0a);
}

/** An operational failure as a value; anything else is a bug and goes on. */
export function faultOf(error: unknown): Fault {
  if (!(error instanceof OperationalError)) throw error;
  return { code: error.code, message: error.message, hint: error.hint };
}
