/** Arbitrary rollover states: every variant of every union, with values anywhere in their ranges. */
import fc from "fast-check";
import { CATALOGUE } from "../../src/base/errors.ts";
import type { FaultCode } from "../../src/base/errors.ts";
import { instant, seconds } from "../../src/base/time.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import type { CertificateDigests, ChainFacts, ChainId, RecordText } from "../../src/rollover/chain.ts";
import type { ActivePhase, OwnerState, Phase, RolloverState, ServerState } from "../../src/rollover/state.ts";
import type { SavedState } from "../../src/store/store.ts";

const hex = (octets: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: octets, maxLength: octets }).map((bytes) => Buffer.from(bytes).toString("hex"));

/** 1970 to 9999: what a certificate's notAfter may hold. */
const time = fc.integer({ min: 0, max: 253_402_300_799_999 }).map(instant);
const wait = fc.integer({ min: 0, max: 2_147_483_647 }).map(seconds);
const count = fc.integer({ min: 0, max: 4_294_967_295 });
const text = fc.string({ unit: "binary", maxLength: 20 });
const chainId = hex(32).map((id) => id as ChainId);
const nullable = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null });
const some = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(arbitrary, { maxLength: 3 });

const record = fc
  .tuple(fc.nat(3), fc.nat(1), fc.constantFrom([1, 32], [2, 64]))
  .chain(([usage, selector, [type = 1, octets = 32]]) =>
    hex(octets).map((data) => `${String(usage)} ${String(selector)} ${String(type)} ${data}` as RecordText),
  );

const name = some(fc.stringMatching(/^[a-z0-9_-]{1,12}$/)).map((labels): DomainName => {
  const parsed = parseName(labels.length === 0 ? "." : labels.join("."));
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
});

const digests: fc.Arbitrary<CertificateDigests> = fc.record({
  certSha256: hex(32),
  certSha512: hex(64),
  spkiSha256: hex(32),
  spkiSha512: hex(64),
});

const chain: fc.Arbitrary<ChainFacts> = fc.record({
  id: chainId,
  certificates: some(digests),
  records: some(record),
  subject: text,
  notBefore: time,
  notAfter: time,
  hasFiles: fc.boolean(),
});

const active: fc.Arbitrary<ActivePhase> = fc.oneof(
  fc.record({ phase: fc.constant("stable" as const), current: nullable(chainId) }),
  fc.record({ phase: fc.constant("announcing" as const), current: nullable(chainId), next: chainId }),
  fc.record({
    phase: fc.constant("aging" as const),
    current: nullable(chainId),
    next: chainId,
    seenEverywhereAt: time,
  }),
  fc.record({
    phase: fc.constant("deploying" as const),
    current: nullable(chainId),
    next: chainId,
    flippedAt: nullable(time),
  }),
  fc.record({
    phase: fc.constant("confirming" as const),
    obsolete: nullable(chainId),
    current: chainId,
    deployedAt: time,
    rounds: count,
    lastRoundAt: nullable(time),
    confirmedAt: nullable(time),
    failingSince: nullable(time),
  }),
  fc.record({ phase: fc.constant("withdrawing" as const), obsolete: nullable(chainId), current: chainId }),
);

const phase: fc.Arbitrary<Phase> = fc.oneof(
  active,
  fc.record({
    phase: fc.constant("held" as const),
    resume: active,
    reason: fc.constantFrom(
      "OPERATOR_HOLD" as const,
      "RELOAD_FAILED" as const,
      "CONFIRM_FAILED" as const,
      "DEPLOY_FAILED" as const,
      "FOREIGN_CHAIN_SERVED" as const,
    ),
    detail: text,
    restoring: nullable(chainId),
  }),
);

const server: fc.Arbitrary<ServerState> = fc.record({
  server: text,
  address: fc.ipV6(),
  excluded: fc.boolean(),
  records: nullable(some(record)),
  ttl: wait,
  serial: nullable(count),
  answeredAt: nullable(time),
  condition: fc.constantFrom("in-sync", "lagging", "unreachable", "unsigned", "not-authoritative"),
  conditionSince: time,
  detail: text,
});

const owner: fc.Arbitrary<OwnerState> = fc.record({
  owner: name,
  finalOwner: name,
  zone: name,
  aliasTtl: wait,
  ours: some(record),
  coming: some(record),
  leaving: some(record),
  horizon: some(
    fc.record({ records: some(record), ttl: wait, appearedAt: time, servedUntil: nullable(time), seen: fc.boolean() }),
  ),
  clocks: some(fc.record({ record, since: time, ttl: wait })),
  servers: some(server),
  reverted: count,
});

const isCode = (code: string): code is FaultCode => Object.hasOwn(CATALOGUE, code);
const codes = Object.keys(CATALOGUE).filter(isCode);

const state: fc.Arbitrary<RolloverState> = fc.record({
  phase,
  phaseSince: time,
  chains: some(chain),
  owners: some(owner),
  endpoints: some(
    fc.record(
      {
        endpoint: text,
        owner: name,
        address: fc.ipV4(),
        own: fc.boolean(),
        presents: nullable(chainId),
        detail: text,
        at: time,
        everyKind: fc.record({ at: time, kinds: fc.subarray(["rsa", "ecdsa", "eddsa"]) }),
      },
      { requiredKeys: ["endpoint", "owner", "address", "own", "presents", "detail", "at"] },
    ),
  ),
  rejected: nullable(chainId),
  troubles: some(
    fc.record({ subject: text, code: fc.constantFrom(...codes), message: text, hint: text, since: time, at: time }),
  ),
  lastStepAt: time,
  standby: some(fc.record({ spkiSha256: hex(32), records: some(record) })),
  override: nullable(
    fc.record({ act: fc.constantFrom("swap" as const, "withdraw" as const), chain: chainId, at: time, because: text }),
  ),
  emergency: nullable(fc.record({ spkiSha256: hex(32), at: time, because: text })),
  compromised: some(hex(32)),
  teardown: nullable(fc.record({ at: time, because: text })),
  bypassedAt: nullable(time),
  lastUptime: nullable(wait),
});

export const savedState: fc.Arbitrary<SavedState> = fc.record({
  certificate: fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/),
  savedAt: time,
  state,
  wakeAt: nullable(time),
  refusals: some(
    fc.record({
      gate: fc.constantFrom("policy" as const, "dane" as const, "time" as const),
      code: fc.constantFrom(...codes),
      until: nullable(time),
      detail: text,
      since: time,
    }),
  ),
  unjournalled: some(
    fc.record({
      at: time,
      certificate: nullable(text),
      event: text,
      detail: fc.constantFrom({}, { result: "done", records: ["3 1 1 00"], ttl: 60 }),
    }),
  ),
});
