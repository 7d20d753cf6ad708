/** A page with one certificate of every sort: under way, stopped, at rest, never seen, unreadable. */
import { createHash } from "node:crypto";
import { formatSecond, seconds } from "../../src/base/time.ts";
import type { DomainName } from "../../src/dns/name.ts";
import type { CertificateDetail } from "../../src/report/html/certificate.ts";
import type { PageModel } from "../../src/report/html/page.ts";
import { STYLE } from "../../src/report/html/style.ts";
import type { CertificateStatus, EndpointReport } from "../../src/report/model.ts";
import type { Plan } from "../../src/report/plan-text.ts";
import type { TimelineEvent } from "../../src/report/timeline-text.ts";
import { inOrder, stepsOfPlan } from "../../src/report/upcoming.ts";
import type { ForecastEntry } from "../../src/rollover/forecast.ts";
import { nameOf } from "../fakes/driver-world.ts";
import { after, AT_REST, chain, known, NOON } from "./statuses.ts";
import { answerLink, DOWN_TO_ZONE, reason, reportOf, usable, validation } from "./validations.ts";

export const STYLE_DIGEST = createHash("sha256").update(STYLE).digest("base64");
const OWNER = nameOf("_25._tcp.mx.example.org");
const HOUR = 3600;
const DAY = 24 * HOUR;

export function event(at: number, name: string, detail: TimelineEvent["detail"] = {}): TimelineEvent {
  return { at: after(at), certificate: "mx", event: name, detail };
}

function records(digit: string): TimelineEvent["detail"] {
  return { owner: OWNER, records: [`3 1 1 ${digit.repeat(64)}`], result: "done" };
}

/** A renewal half an hour ago; the records are everywhere and age. */
export const AGING_EVENTS: readonly TimelineEvent[] = [
  event(-1900, "announcing", { detail: "key aaaaaaaa -> key bbbbbbbb" }),
  event(-1899, "publish", records("b")),
  event(-1800, "seen-everywhere", { detail: "every name server serves the records of key bbbbbbbb" }),
];

/** A rollover that was over ten days ago. */
export const PAST_EVENTS: readonly TimelineEvent[] = [
  event(-12 * DAY, "announcing", { detail: "key cccccccc -> key aaaaaaaa" }),
  event(-12 * DAY + 1, "publish", records("a")),
  event(-12 * DAY + 60, "seen-everywhere"),
  event(-12 * DAY + 3 * HOUR, "deploy", { result: "done" }),
  event(-11 * DAY + 3 * HOUR, "withdrawing", {
    detail: `proven since ${formatSecond(after(-12 * DAY + 3 * HOUR + 120))}`,
  }),
  event(-11 * DAY + 3 * HOUR + 1, "withdraw", records("c")),
  event(-11 * DAY + 4 * HOUR, "withdrawn"),
];

function entry(at: number, name: string, proven?: number): ForecastEntry {
  const detail = proven === undefined ? "" : `proven since ${formatSecond(after(proven))}`;
  return { at: after(at), phase: "aging", event: name, detail };
}

export const PLAN: Plan = {
  certificate: "mx",
  at: NOON,
  renewal: "under-way",
  expectedRenewal: after(9 * DAY),
  current: chain("a"),
  replaced: chain("a").id,
  next: chain("b", 90),
  ttl: { configured: seconds(HOUR), served: seconds(HOUR) },
  wait: seconds(2 * HOUR),
  standing: null,
  entries: [
    entry(5400, "deploying"),
    entry(5400, "deploy"),
    entry(5520 + DAY, "withdrawing", 5520),
    entry(5520 + DAY, "withdraw"),
    entry(5800 + DAY, "withdrawn"),
  ],
};

export const IMAGINED: Plan = {
  ...PLAN,
  certificate: "imap",
  renewal: "imagined",
  next: null,
  standing: { kind: "in-time", renewal: after(26 * DAY), latestStart: after(39 * DAY) },
  expectedRenewal: after(26 * DAY),
  entries: [
    entry(26 * DAY, "announcing"),
    entry(26 * DAY, "publish"),
    entry(26 * DAY + 300, "seen-everywhere"),
    entry(26 * DAY + 2 * HOUR, "deploy"),
    entry(27 * DAY + 2 * HOUR, "withdrawing", 26 * DAY + 2 * HOUR + 120),
    entry(27 * DAY + 2 * HOUR, "withdraw"),
  ],
};

function endpoint(name: string, address: string, parts: Partial<EndpointReport> = {}): EndpointReport {
  const [first] = AT_REST.endpoints;
  if (first === undefined) throw new Error("no endpoint at rest");
  return { ...first, endpoint: name, address, ...parts };
}

export const AGING: Partial<CertificateStatus> = {
  phase: "aging",
  phaseSince: after(-1800),
  detail: { phase: "aging", current: chain("a").id, next: chain("b").id, seenEverywhereAt: after(-1800) },
  next: chain("b", 90),
  refusals: [
    {
      gate: "time",
      code: "CLOCK_RUNNING",
      until: after(5400),
      since: after(-1800),
      detail: "caches may hold the RRset without the new records of _25._tcp.mx.example.org",
    },
  ],
  owners: AT_REST.owners.map((owner) => ({
    ...owner,
    records: [
      ...owner.records,
      {
        text: chain("b").records[0] ?? owner.records[0]?.text ?? ("" as never),
        state: "rumoured",
        ours: true,
        served: true,
        stale: false,
      } as const,
    ],
    servers: [
      ...owner.servers,
      ...owner.servers.map(
        (server) =>
          ({
            ...server,
            server: "ns2.example.org.",
            address: "2001:db8::53",
            condition: "lagging",
            detail: "serial 6 is behind 7",
          }) as const,
      ),
    ],
  })),
  endpoints: [
    endpoint("mx.example.org:25", "192.0.2.10"),
    endpoint("mx.example.org:25", "2001:db8::10"),
    endpoint("mx.example.org:465", "192.0.2.10", { protocol: "tls" }),
    endpoint("mx.example.org:465", "2001:db8::10", {
      protocol: "tls",
      verdict: "failed",
      detail: "connection refused",
    }),
  ],
};

const HELD: Partial<CertificateStatus> = {
  phase: "held",
  detail: {
    phase: "held",
    resume: { phase: "stable", current: chain("a").id },
    reason: "RELOAD_FAILED",
    detail: "systemctl reload nginx ended with 1",
    restoring: null,
  },
  hold: {
    phase: "held",
    resume: { phase: "stable", current: chain("a").id },
    reason: "RELOAD_FAILED",
    detail: "systemctl reload nginx ended with 1",
    restoring: null,
  },
  troubles: [
    {
      subject: "deploy",
      code: "RELOAD_FAILED",
      message: "systemctl reload nginx ended with 1",
      hint: "correct what its output names, then daneward resume web",
      since: after(-7200),
      at: after(-60),
    },
  ],
  current: chain("d", 6),
};

const BOGUS = reportOf({
  status: "bogus",
  name: OWNER,
  type: 52,
  reasons: [
    reason("DNSSEC_SIGNATURE_EXPIRED", "example.org", "the signature of example.org DNSKEY ended 2026-11-20", 7),
  ],
  validation: validation("bogus", {
    chain: DOWN_TO_ZONE.map((link, index) =>
      index === DOWN_TO_ZONE.length - 1 ? { ...link, status: "bogus" as const } : link,
    ),
    reasons: [
      reason("DNSSEC_SIGNATURE_EXPIRED", "example.org", "the signature of example.org DNSKEY ended 2026-11-20", 7),
    ],
  }),
});

const SECURE = reportOf(usable(validation("secure", { chain: [...DOWN_TO_ZONE, answerLink()] })));

export const DETAILS: ReadonlyMap<string, CertificateDetail> = new Map<string, CertificateDetail>([
  ["mx", { events: AGING_EVENTS, plan: PLAN, trust: [{ outcome: "asked", owner: OWNER, report: SECURE }] }],
  [
    "web",
    {
      events: [],
      plan: { missing: "the resolver did not answer" },
      trust: [{ outcome: "asked", owner: OWNER, report: BOGUS }],
    },
  ],
  [
    "imap",
    {
      events: PAST_EVENTS,
      plan: IMAGINED,
      trust: [
        { outcome: "not-asked", owner: OWNER, why: "nobody could be asked (127.0.0.1:53): no answer within 10 s" },
      ],
    },
  ],
  ["new", { events: [], plan: { missing: "no state yet" }, trust: [] }],
  ["torn", { events: [], plan: { missing: "the state file is damaged" }, trust: [] }],
]);

/** The page, changed as a test needs it. */
export function page(parts: Partial<PageModel> = {}): PageModel {
  return {
    report: {
      at: NOON,
      certificates: [
        known("imap", { standing: IMAGINED.standing, current: chain("a", 41) }),
        known("mx", AGING),
        known("web", HELD),
        { outcome: "never-seen", name: "new", renewalNoted: null },
        {
          outcome: "unreadable",
          name: "torn",
          message: "/var/lib/daneward/certificates/torn.json: not JSON",
          hint: "put the file back from a backup",
        },
      ],
    },
    version: "1.0.0",
    styleDigest: STYLE_DIGEST,
    details: DETAILS,
    upcoming: inOrder([...stepsOfPlan(PLAN), ...stepsOfPlan(IMAGINED)]),
    ...parts,
  };
}

/** What somebody puts into a certificate, a name or a message who wants it to become markup. */
const EVIL = `"'><script>alert(1)</script><img src=http://192.0.2.1/x onerror=alert(1)>\u202Etxt\u0000&lt;b`;

const HOSTILE_STATUS: Partial<CertificateStatus> = {
  ...AGING,
  current: { ...chain("a"), subject: EVIL },
  next: { ...chain("b"), subject: EVIL },
  deploy: EVIL,
  emergency: { at: NOON, because: EVIL, spkiSha256: EVIL },
  troubles: [{ subject: EVIL, code: "RELOAD_FAILED", message: EVIL, hint: EVIL, since: NOON, at: NOON }],
  refusals: [{ gate: "dane", code: "NS_LAGGING", until: null, since: NOON, detail: EVIL }],
  owners: AT_REST.owners.map((owner) => ({
    ...owner,
    owner: EVIL as DomainName,
    records: owner.records.map((record) => ({ ...record, companion: EVIL, ours: false })),
    servers: owner.servers.map((server) => ({ ...server, server: EVIL, address: EVIL, detail: EVIL })),
  })),
  endpoints: AT_REST.endpoints.map((one) => {
    return { ...one, endpoint: EVIL, address: EVIL, protocol: EVIL, detail: EVIL };
  }),
};

const HOSTILE_DETAIL: CertificateDetail = {
  events: [
    event(-60, "announcing", { detail: EVIL }),
    event(-50, "publish", { records: [`3 1 1 ${EVIL}`], owner: EVIL, result: "done" }),
    event(-40, EVIL, { [EVIL]: EVIL }),
  ],
  plan: { missing: EVIL },
  trust: [{ outcome: "not-asked", owner: EVIL as DomainName, why: EVIL }],
};

/** A page on which everything that others say is hostile. */
export const HOSTILE: PageModel = page({
  report: {
    at: NOON,
    certificates: [known(EVIL, HOSTILE_STATUS)],
    frozen: { at: NOON, by: EVIL, because: EVIL, damage: null },
  },
  details: new Map([[EVIL, HOSTILE_DETAIL]]),
  upcoming: [{ at: after(60), certificate: EVIL, kind: "swap", what: EVIL, by: "daneward", key: EVIL }],
  version: EVIL,
});
