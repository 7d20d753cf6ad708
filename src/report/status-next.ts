/** The two questions behind every look at `status`: what happens next, and what may be done meanwhile. */
import { CATALOGUE } from "../base/errors.ts";
import { instant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { awaitsServices, isAlarming, isUnread, leftovers, standingRefusals } from "./model.ts";
import type { CertificateStatus, StandingRefusal } from "./model.ts";
import { pointServicesAt, safetyOf } from "./words.ts";

export interface NextStep {
  /** `daneward`: it goes on by itself; `you`: it waits for a person; `client`: for the ACME client. */
  readonly by: "daneward" | "you" | "client";
  /** In the imperative: `swap the files and reload the services`. */
  readonly what: string;
  /** When, as far as time alone decides; null: when something else has happened. */
  readonly at: Instant | null;
}

/** The next thing that happens to a certificate. */
export function nextStep(name: string, status: CertificateStatus): NextStep {
  const you = (what: string): NextStep => ({ by: "you", what, at: null });
  const { hold, standing } = status;
  if (awaitsServices(status) && status.refusals.some(isUnread)) return you(pointServicesAt(status.deploy, name));
  if (hold !== null) {
    if (hold.restoring !== null) return { by: "daneward", what: "put the old files back and reload", at: null };
    const first = hold.reason === "OPERATOR_HOLD" ? "" : `daneward explain ${hold.reason}; when it is mended: `;
    const isRolling = hold.resume.phase !== "stable" && hold.resume.phase !== "withdrawing";
    const giveUp = isRolling ? `; or give the rollover up: daneward abort ${name}` : "";
    return you(`${first}daneward resume ${name}${giveUp}`);
  }
  const alarming = status.refusals.find((refusal) => isAlarming(refusal));
  if (alarming !== undefined) return you(CATALOGUE[alarming.code].hint.replace(/\bCERT\b/g, name));
  if (standing !== null && (standing.kind === "infeasible" || standing.kind === "expired")) {
    return you("renew at once with the key that is in use (certbot: --reuse-key): then no record has to change");
  }
  return ownStep(status);
}

function ownStep(status: CertificateStatus): NextStep {
  const { detail, refusals, standing } = status;
  const does = (what: string, at: Instant | null): NextStep => ({ by: "daneward", what, at });
  const until = lifts(standingRefusals(status));
  switch (detail.phase) {
    case "stable":
      if (status.teardown !== null) return does("nothing: the records are withdrawn for good", null);
      if (detail.current === null) return does("take the first certificate over", until);
      if (status.renewalNoted !== null && refusals.length === 0) {
        return does("look at the renewal that was noted, at the next tick", null);
      }
      if (refusals.length > 0) return does("mend what is named above, or follow when it is mended", until);
      return standing !== null && "renewal" in standing
        ? { by: "client", what: "the ACME client renews, probably around", at: standing.renewal }
        : does("look for drift", status.wakeAt);
    case "announcing":
      return does("let the new records age once every name server serves them, then swap the files", null);
    case "aging":
      return does("swap the files and reload the services", until);
    case "deploying":
      return does("swap the files and reload the services", status.wakeAt);
    case "confirming":
      return does(confirmingWords(status), isRetiring(status) ? until : null);
    case "withdrawing":
      return does("see the old records gone from every name server", null);
    case "held":
      return does("nothing", null);
  }
}

const SERVER_CODES: ReadonlySet<string> = new Set([
  "NS_LAGGING",
  "NS_UNREACHABLE",
  "NS_UNSIGNED",
  "NS_NOT_AUTHORITATIVE",
]);

/** The end of the rounds is no end: what follows them begins to be counted then. */
function isRetiring({ obsolete, refusals }: CertificateStatus): boolean {
  return obsolete === null || refusals.some(({ code }) => code === "RETIRE_RUNNING");
}

function confirmingWords(status: CertificateStatus): string {
  const { obsolete, refusals } = status;
  if (obsolete !== null && !isRetiring(status)) {
    return "see every address present the new certificate, round after round, and withdraw the old records some time after that";
  }
  if (obsolete !== null) return "withdraw the old records";
  if (refusals.some(({ code }) => SERVER_CODES.has(code))) return "see the records on every name server";
  if (leftovers(status).length > 0) return "withdraw the records that no certificate needs";
  return "see that every address presents the certificate";
}

/** When the last of them is lifted by time; null when one of them needs something else. */
function lifts(refusals: readonly StandingRefusal[]): Instant | null {
  const untils = refusals.map(({ until }) => until).filter((until) => until !== null);
  return untils.length === 0 || untils.length < refusals.length ? null : instant(Math.max(...untils));
}

/** What may be done meanwhile, and what may not. */
export function safeNow(status: CertificateStatus): string {
  const { detail, footing } = status;
  if (stands(status, "LIVE_MISMATCH", "SECOND_CERTIFICATE")) return REFUSED_NOW;
  if (stands(status, "DEPLOY_BYPASSED")) return `${safetyOf(detail, footing)}; ${BYPASSED}`;
  const base = safetyOf(detail, footing);
  const advice = adviceOf(status);
  return advice === "" ? base : `${base}; ${advice}`;
}

/** DANE clients are turned away now, or will be at the next renewal: what is safe in the phase is not safe then. */
export function isRefusing(status: CertificateStatus): boolean {
  return stands(status, "LIVE_MISMATCH", "SECOND_CERTIFICATE", "DEPLOY_BYPASSED");
}

function stands({ refusals }: CertificateStatus, ...codes: readonly string[]): boolean {
  return refusals.some(({ code }) => codes.includes(code));
}

const REFUSED_NOW =
  "not now: DANE clients that remember the records of before are turned away. Records and files are left as they are or made to match; leave the services alone until this is over";

const BYPASSED = "but do not renew, reload or restart by hand before the services read the deployed files";

function adviceOf({ detail, emergency, footing }: CertificateStatus): string {
  const active = detail.phase === "held" ? detail.resume : detail;
  if (emergency !== null) return "do not put back a certificate with the compromised key";
  switch (active.phase) {
    case "stable":
      return "renew, reload and restart as you like";
    case "announcing":
    case "aging":
      return footing.published
        ? "reloads and restarts do no harm, since the deployed files are still the old ones"
        : "reloads and restarts do no harm";
    case "deploying":
      return "leave the services alone for the seconds that this takes";
    case "confirming":
      return active.obsolete === null ? "" : "reloads and restarts do no harm";
    case "withdrawing":
      return "do not put the old certificate back: its records are going";
  }
}
