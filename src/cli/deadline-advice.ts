/**
 * Whether rollovers of the configured certificates fit into their lives: the dates are those of the certificate on disk,
 * the waits those of the configuration. What does not fit even with one mishap is a fault of the configuration: it would
 * be found out on the day on which the certificate ends.
 */
import { fault } from "../base/errors.ts";
import { formatDuration, formatInstant } from "../base/time.ts";
import type { Misfit } from "../config/surroundings.ts";
import type { CertificateConfig } from "../config/schema.ts";
import { readChain } from "../driver/chain-files.ts";
import { viewStore } from "../driver/deploy.ts";
import { factsOf } from "../driver/facts.ts";
import type { ChainFacts } from "../rollover/chain.ts";
import { deadlines, USUAL_TICK_INTERVAL, whomExpiryHurts } from "../rollover/deadlines.ts";
import type { Deadlines, ExpiryHurts, Need } from "../rollover/deadlines.ts";

/** What was found of one certificate. */
export interface DeadlineFinding {
  readonly certificate: CertificateConfig;
  readonly chain: ChainFacts;
  readonly deadlines: Deadlines;
  /** Why no wait stands between a renewal and its deployment; null: one does. */
  readonly ahead: "prepublish" | "records-kept" | null;
}

/** Null when there is no certificate on disk yet, or none that can be read: that is said elsewhere. */
export function findDeadlines(certificate: CertificateConfig): DeadlineFinding | null {
  const { parameters, policy } = certificate;
  const source = readChain(certificate.source);
  const { chains } = viewStore({ link: certificate.deploy, keyGroupId: null }, parameters);
  const known = [...chains.map(({ facts }) => facts), ...(source.ok ? [factsOf(source.value, parameters)] : [])];
  const renewals = [...new Map(known.map((chain) => [chain.id, chain])).values()].sort(
    (left, right) => right.notBefore - left.notBefore,
  );
  const [chain, previous] = renewals;
  if (chain === undefined) return null;
  const ahead =
    certificate.next === "prepublish"
      ? "prepublish"
      : previous !== undefined && previous.records.join() === chain.records.join()
        ? "records-kept"
        : null;
  const waits = { policy, ttlSeen: null, tickInterval: USUAL_TICK_INTERVAL, isAhead: ahead !== null };
  return { certificate, chain, ahead, deadlines: deadlines(waits, chain) };
}

/** What must be changed; null: nothing. */
function misfitOf(finding: DeadlineFinding): Misfit | null {
  const { certificate, deadlines: found } = finding;
  if (found.verdict === "fits" || found.verdict === "off-path") return null;
  const { life, room, need, needWithMishap, largestTtl } = found;
  const lives = `a certificate that lives ${formatDuration(life)} is renewed about ${formatDuration(room)} before its end`;
  const takes =
    found.verdict === "too-short"
      ? `and a rollover takes ${formatDuration(need.total)}`
      : `and a rollover takes ${formatDuration(need.total)}, or ${formatDuration(needWithMishap)} when its wait starts again once`;
  const message = `with a TTL of ${formatDuration(certificate.policy.ttl)} a rollover does not fit: ${lives}, ${takes}; ${sufferers(certificate)}`;
  return { key: "ttl", fault: fault("DEADLINE_UNREACHABLE", message, remedy(largestTtl)) };
}

function remedy(largestTtl: Deadlines["largestTtl"]): string {
  const ttl =
    largestTtl === null
      ? "no TTL is small enough: "
      : `write ttl = "${formatDuration(largestTtl).replaceAll(" ", "")}" or less; or `;
  return `${ttl}take the wait off the way: let the ACME client keep its key, or write next = "prepublish"`;
}

const HURT: Readonly<Record<ExpiryHurts, string>> = {
  "hardly-anybody":
    "mail servers that check DANE ignore the expiry date of 3 x x (RFC 7672 §3.1.1), all others would see an expired certificate",
  "date-checkers":
    "browsers and mail programs would see an expired certificate; only mail servers that check DANE ignore the date of 3 x x (RFC 7672 §3.1.1)",
  everybody: "DANE clients that go by usage 0, 1 or 2 would refuse the expired certificate, and so would all others",
};

function sufferers({ parameters, services }: CertificateConfig): string {
  const usages = parameters.map(({ usage }) => usage);
  return HURT[
    whomExpiryHurts(
      usages,
      services.map(({ port }) => port),
    )
  ];
}

/** `mx: a renewal is live 2h 40m after it is there (up to three runs of 10m, …), and has about 30d …`. */
export function describeDeadline({ certificate, deadlines: found, ahead }: DeadlineFinding): string {
  const { name } = certificate;
  const parts = partsOf(found.need, ahead !== null);
  const live = `${name}: a renewal is live ${formatDuration(found.need.total)} after it is there (${parts})`;
  switch (ahead) {
    case "prepublish":
      return `${live}: its key is published ahead`;
    case "records-kept":
      return `${live}, as long as it keeps its records, as the last one did`;
    case null:
      return `${live}, and has about ${formatDuration(found.room)} until the old certificate ends`;
  }
}

/** What the time is made of, in its order; the timetable of `plan` has the same without runs that are late. */
function partsOf({ ticks, propagation, wait, confirmation }: Need, isAhead: boolean): string {
  const run = formatDuration(USUAL_TICK_INTERVAL);
  const runs = isAhead ? `up to a run of ${run}` : `up to ${count(ticks / USUAL_TICK_INTERVAL)} runs of ${run}`;
  const waits = [
    ["propagation", propagation],
    ["wait", wait],
    ["proof", confirmation],
  ] as const;
  const named = waits.filter(([, time]) => time > 0).map(([what, time]) => `${what} ${formatDuration(time)}`);
  return [runs, ...named].join(", ");
}

function count(number: number): string {
  return ["no", "one", "two", "three"][number] ?? String(number);
}

/** For `check-config --json`. */
export function deadlineJson({ certificate, chain, ahead, deadlines: found }: DeadlineFinding): object {
  const { verdict, need, needWithMishap, room, renewal, latestStart, largestTtl } = found;
  return {
    name: certificate.name,
    verdict,
    notAfter: formatInstant(chain.notAfter),
    expectedRenewal: formatInstant(renewal),
    latestStart: formatInstant(latestStart),
    room,
    need,
    needWithMishap,
    ...(ahead === null ? {} : { ahead }),
    ...(largestTtl === null ? {} : { largestTtl }),
  };
}

/** Faults of the configuration as `checkSurroundings` wants them. */
export function misfitsOf(findings: readonly DeadlineFinding[]): (certificate: CertificateConfig) => Misfit | null {
  const byName = new Map(findings.map((finding): [string, DeadlineFinding] => [finding.certificate.name, finding]));
  return ({ name }) => {
    const finding = byName.get(name);
    return finding === undefined ? null : misfitOf(finding);
  };
}
