/**
 * What a tick says when something stands in the way: one block a certificate, with what happened, since when, what is
 * still safe and what to type.
 */
import type { FaultCode } from "../base/errors.ts";
import { formatDuration, secondsBetween } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { awaitsServices, isAlarming, isStuck, isUnread } from "./model.ts";
import type { CertificateStatus } from "./model.ts";
import { isRefusing, safeNow } from "./status-next.ts";
import { formatMoment, pointServicesAt, safetyOf, shortenDigests } from "./words.ts";

/** A failure that stands. `key` names it whatever its words are, so that it is not reported at every tick. */
export interface TroubleBlock {
  readonly certificate: string;
  readonly key: string;
  readonly text: string;
}

interface Finding {
  readonly code: string;
  readonly message: string;
  readonly since: Instant;
  readonly hint: string;
}

/** A wait that no clock will end and that has lasted this long is a failure too. No official reference. */
const STUCK_MS = 86_400_000;

/** The block of a certificate; null when nothing wants a person. `hintOf` knows the catalogue. */
export function troubleOf(
  certificate: string,
  status: CertificateStatus,
  at: Instant,
  hintOf: (code: FaultCode) => string,
): TroubleBlock | null {
  const findings = findingsOf(certificate, status, at, hintOf);
  const [first] = findings;
  if (first === undefined) return null;
  const lines = [
    ...findings.map(({ code, message }) => `daneward: ${certificate}: ${shortenDigests(message)} [${code}]`),
    `  since: ${formatMoment(first.since, at)}`,
    `  safe:  ${isRefusing(status) ? safeNow(status) : safetyOf(status.detail, status.footing)}`,
    ...[...new Set(findings.map(({ hint }) => hint))].map((hint) => `  do:    ${hint}`),
    `  see:   daneward status ${certificate}`,
  ];
  return {
    certificate,
    key: findings.map(({ code }) => code).join(" "),
    text: lines.map((line) => `${line}\n`).join(""),
  };
}

/** The block of a certificate that could not be looked at, because of something of ours. */
export function failureBlock(
  certificate: string,
  failure: { readonly code: string; readonly message: string; readonly hint: string },
): TroubleBlock {
  const lines = [
    `daneward: ${certificate}: ${failure.message} [${failure.code}]`,
    "  safe:  nothing was changed in this run; records and files are as they were",
    `  do:    ${failure.hint}`,
  ];
  return { certificate, key: failure.code, text: lines.map((line) => `${line}\n`).join("") };
}

function findingsOf(
  certificate: string,
  status: CertificateStatus,
  at: Instant,
  hintOf: (code: FaultCode) => string,
): readonly Finding[] {
  const { hold } = status;
  const held: readonly Finding[] =
    hold === null || hold.reason === "OPERATOR_HOLD"
      ? []
      : [
          {
            code: hold.reason,
            message: hold.detail,
            since: status.phaseSince,
            hint: hintOf(hold.reason).replace(/\bCERT\b/g, certificate),
          },
        ];
  const troubles = status.troubles.map(({ code, message, since, hint }) => ({ code, message, since, hint }));
  const isLong = isStuck(status, at);
  const refusals = status.refusals
    .filter((refusal) => !(awaitsServices(status) && isUnread(refusal)))
    .filter((refusal) => isAlarming(refusal) || (refusal.until === null && (isLong || at - refusal.since >= STUCK_MS)))
    .filter((refusal) => refusal.code !== "OPERATOR_HOLD")
    .map(({ code, detail, since }) => {
      return { code, message: detail, since, hint: hintOf(code).replace(/\bCERT\b/g, certificate) };
    });
  const reasons = [...held, ...troubles, ...unreadFindings(certificate, status), ...refusals];
  const all = reasons.length === 0 && isLong ? [stuckFinding(certificate, status, at, hintOf)] : reasons;
  return all.filter((finding, index) => all.findIndex((other) => other.code === finding.code) === index);
}

/** A phase that takes too long although nothing stands in its way for long: a wait that starts again and again. */
function stuckFinding(
  certificate: string,
  { phase, phaseSince, expected, refusals }: CertificateStatus,
  at: Instant,
  hintOf: (code: FaultCode) => string,
): Finding {
  const usual = expected === null ? "" : `, where ${formatDuration(expected)} is usual`;
  const waits = refusals.map(({ detail }) => detail).slice(0, SHOWN_ADDRESSES);
  const message = [`${phase} for ${formatDuration(secondsBetween(phaseSince, at))}${usual}`, ...waits].join("; ");
  const hint = hintOf("PHASE_OVERDUE").replace(/\bCERT\b/g, certificate);
  return { code: "PHASE_OVERDUE", message, since: phaseSince, hint };
}

/** Services that do not read the first deployed files yet, in one finding, however many addresses there are. */
function unreadFindings(certificate: string, status: CertificateStatus): readonly Finding[] {
  if (!awaitsServices(status)) return [];
  const unread = status.refusals.filter(isUnread);
  const [first] = unread;
  if (first === undefined) return [];
  const details = unread.map(({ detail }) => detail);
  const shown = details.slice(0, SHOWN_ADDRESSES).join("; ");
  const more = details.length > SHOWN_ADDRESSES ? `; and ${String(details.length - SHOWN_ADDRESSES)} more` : "";
  const message = `nothing is published, because the deployed certificate is not in use yet: ${shown}${more}`;
  return [{ code: first.code, message, since: first.since, hint: pointServicesAt(status.deploy, certificate) }];
}

const SHOWN_ADDRESSES = 3;
