/** Statuses of certificates for tests of renderers: one at rest, changed as a test needs it. */
import { instant, seconds } from "../../src/base/time.ts";
import type { CertificateStatus, StatusReport } from "../../src/report/model.ts";
import { chainId, recordText } from "../../src/rollover/chain.ts";
import type { ChainFacts } from "../../src/rollover/chain.ts";
import { nameOf } from "../fakes/driver-world.ts";

export const NOON = instant(Date.UTC(2026, 10, 22, 12, 0, 0));

export function after(count: number): typeof NOON {
  return instant(NOON + count * 1000);
}

export function chain(digit: string, days = 40): ChainFacts {
  const hex = digit.repeat(64);
  return {
    id: chainId(hex),
    certificates: [{ certSha256: hex, certSha512: hex + hex, spkiSha256: hex, spkiSha512: hex + hex }],
    records: [recordText(`3 1 1 ${hex}`)],
    subject: "mx.example.org",
    notBefore: after(-86_400),
    notAfter: after(days * 86_400),
    hasFiles: true,
  };
}

const owner = nameOf("_25._tcp.mx.example.org");

export const AT_REST: CertificateStatus = {
  phase: "stable",
  phaseSince: after(-86_400),
  expected: null,
  detail: { phase: "stable", current: chain("a").id },
  hold: null,
  current: chain("a"),
  next: null,
  obsolete: null,
  lookedAt: after(-60),
  wakeAt: after(3540),
  renewalNoted: null,
  deploy: "/etc/ssl/daneward/mx",
  footing: { published: true, oldFiles: false },
  rejected: null,
  standby: [],
  override: null,
  emergency: null,
  teardown: null,
  bypassedAt: null,
  standing: null,
  refusals: [],
  troubles: [],
  owners: [
    {
      owner,
      finalOwner: owner,
      zone: nameOf("example.org"),
      ttl: seconds(3600),
      records: [
        { text: recordText(`3 1 1 ${"a".repeat(64)}`), state: "omnipresent", ours: true, served: true, stale: false },
        { text: recordText(`3 1 1 ${"c".repeat(64)}`), state: "omnipresent", ours: false, served: true, stale: true },
      ],
      servers: [
        {
          server: "ns1.example.org.",
          address: "192.0.2.1",
          excluded: false,
          records: [recordText(`3 1 1 ${"a".repeat(64)}`)],
          ttl: seconds(3600),
          serial: 7,
          answeredAt: after(-60),
          condition: "in-sync",
          conditionSince: after(-600),
          detail: "",
        },
      ],
    },
  ],
  endpoints: [
    {
      endpoint: "mx.example.org:25",
      owner,
      address: "192.0.2.10",
      own: true,
      presents: chain("a").id,
      detail: "",
      at: after(-60),
      protocol: "smtp",
      verdict: "in-order",
    },
  ],
};

export function known(name: string, changes: Partial<CertificateStatus> = {}): StatusReport["certificates"][number] {
  return { outcome: "known", name, status: { ...AT_REST, ...changes } };
}
