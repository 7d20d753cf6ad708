/**
 * Older state files, made into newer ones step by step, on the parsed JSON alone: what the reader of the current format
 * then finds wrong is reported as in any other file. A file is written in the current format when it is next saved.
 */

/** Version 1 knew neither standby keys nor what an operator can say about a whole rollover. */
export function migrateV1(value: unknown): unknown {
  if (!isObject(value)) return value;
  const { state } = value;
  const added = { standby: [], override: null, emergency: null, compromised: [], teardown: null };
  return {
    ...value,
    version: 2,
    state: isObject(state) ? { ...added, ...state, owners: withSeen(state["owners"]) } : state,
  };
}

/** Version 1 did not tell what was seen from what was only expected: all counts as seen. */
function withSeen(owners: unknown): unknown {
  if (!Array.isArray(owners)) return owners;
  return owners.map((owner: unknown) => {
    if (!isObject(owner) || !Array.isArray(owner["horizon"])) return owner;
    const horizon = owner["horizon"].map((entry: unknown) => (isObject(entry) ? { ...entry, seen: true } : entry));
    return { ...owner, horizon };
  });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
