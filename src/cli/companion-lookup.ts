/** Whose a record is that a certificate finds beside its own: that of a certificate of another kind of key, perhaps. */
import { OperationalError } from "../base/errors.ts";
import type { CertificateConfig } from "../config/schema.ts";
import type { Lookups } from "../report/model.ts";
import type { RecordText } from "../rollover/chain.ts";
import { companionOf } from "../rollover/companions.ts";
import type { Companion } from "../rollover/companions.ts";
import type { OwnerState } from "../rollover/state.ts";
import { loadState } from "../store/store.ts";

/** For the status of one certificate, those that share a service with it being `sharers`. */
export function companionLookup(directory: string, sharers: readonly CertificateConfig[]): Lookups["companionOf"] {
  const companions = sharers.map(({ name, policy }) => {
    return { name, owners: policy.owners, seen: companionAt(directory, name, policy.owners) };
  });
  return (owner, record) => {
    const found = companions.find(
      // What is not known of a companion counts for it: nobody may be told to remove the record that its clients need.
      ({ owners, seen }) => owners.includes(owner.owner) && (seen === null || needs(seen, owner, record)),
    );
    return found?.name ?? null;
  };
}

/** Null: never looked at, or its state cannot be read, which its own status tells. */
function companionAt(directory: string, name: string, owners: Companion["names"]): Companion | null {
  try {
    const saved = loadState(directory, name);
    return saved === null ? null : companionOf(name, owners, saved.state);
  } catch (error) {
    if (error instanceof OperationalError) return null;
    throw error;
  }
}

function needs({ chains, standby, owners }: Companion, at: OwnerState, record: RecordText): boolean {
  return (
    standby.includes(record) ||
    chains.some(({ records }) => records.includes(record)) ||
    owners.some(({ owner, ours }) => owner === at.owner && ours.includes(record))
  );
}
