/** The chain of trust of an owner name, drawn as a chain: from the anchor at the top down to the answer. */
import type { ChainLink, SecurityStatus } from "../../dnssec/verdict.ts";
import { typeName } from "../../dns/iana.ts";
import { displayName } from "../../dns/name.ts";
import type { DomainName } from "../../dns/name.ts";
import { describeLink } from "../resolve-link.ts";
import { reasonsOf } from "../resolve-model.ts";
import type { ResolveReport } from "../resolve-model.ts";
import { meaningOf, outlookOf } from "../resolve-words.ts";
import { onOneLine } from "../words.ts";
import { markup } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { pill, sign } from "./signs.ts";
import type { Grade } from "./signs.ts";

/** What the configured resolver led to for one owner name. */
export type TrustReport =
  | { readonly outcome: "asked"; readonly owner: DomainName; readonly report: ResolveReport }
  /** Nobody could be asked, or was to be. */
  | { readonly outcome: "not-asked"; readonly owner: DomainName; readonly why: string };

const GRADES: Readonly<Record<SecurityStatus, Grade>> = {
  secure: "ok",
  insecure: "wait",
  bogus: "bad",
  indeterminate: "bad",
};

/** Closed as long as it is secure and stands among many. */
export function trustBlock(trust: TrustReport, isOpen: boolean): Markup {
  const name = displayName(trust.owner);
  if (trust.outcome === "not-asked") {
    return markup`<p><code>${name}</code> ${pill("none", "not looked up")} <span class="muted">${trust.why}</span></p>`;
  }
  const { report } = trust;
  const { answer } = report;
  const open = isOpen || answer.status !== "secure" ? markup` open` : null;
  return markup`<details${open}><summary><code>${name}</code> ${pill(GRADES[answer.status], answer.status)}</summary>
<p>${meaningOf(report)}</p>
${outlookOf(report).map((line) => markup`<p class="small t-wait">${line}</p>`)}${chainOf(report)}</details>`;
}

function chainOf(report: ResolveReport): Markup {
  const { answer } = report;
  const chain = answer.validation?.chain ?? [];
  const reasons = answer.status === "secure" ? [] : reasonsOf(report);
  const broken = answer.status === "secure" ? -1 : chain.findIndex((link) => statusOf(link) === answer.status);
  const why = reasons.map(
    ({ code, message, hint }) =>
      markup`<div class="why"><span class="code">${code}</span> ${onOneLine(message)}<br><span class="small">${onOneLine(hint)}</span></div>`,
  );
  if (chain.length === 0) {
    const said =
      report.trust === "ad"
        ? "The resolver vouches for the answer; the links behind it were not looked at here."
        : "No link could be walked.";
    return markup`<p class="muted">${said}</p>${why}`;
  }
  const said = new Set(reasons.map(({ message }) => message));
  return markup`<ol class="chain" aria-label="chain of trust, from the anchor down">${chain.map((link, index) => linkMarkup(link, { report, said }, broken !== -1 && index > broken, index === broken ? why : []))}</ol>${broken === -1 ? why : null}`;
}

/** The proof that a delegation is unsigned is sound in itself, but nothing below it is. */
function statusOf(link: ChainLink): SecurityStatus {
  return link.kind === "insecure" ? "insecure" : link.status;
}

const ROLES: Readonly<Record<ChainLink["kind"], string>> = {
  anchor: "trust anchor",
  ds: "the parent vouches for the zone's key",
  dnskey: "keys of the zone",
  "no-cut": "no zone begins here",
  insecure: "an unsigned zone begins here",
  alias: "alias",
  answer: "answer",
  denial: "proof that there is none",
};

const MARKS: Readonly<Record<SecurityStatus, string>> = {
  secure: "proved",
  insecure: "unsigned",
  bogus: "broken",
  indeterminate: "unknown",
};

function linkMarkup(
  link: ChainLink,
  { report, said }: { readonly report: ResolveReport; readonly said: ReadonlySet<string> },
  isIdle: boolean,
  why: readonly Markup[],
): Markup {
  const status = statusOf(link);
  const { name, text } = describeLink(link, { report, said, verbose: false });
  // Behind a broken link nothing was judged, so nothing else is to blame.
  const grade: Grade = isIdle && status !== "secure" ? "none" : GRADES[status];
  const style = grade === "ok" ? "ok" : grade === "none" ? "" : "broken";
  const word = grade === "none" ? "not reached" : MARKS[status];
  return markup`<li class="${style}">${sign(grade)}<span class="hidden">${word}: </span><span class="zone"><bdi>${name}</bdi></span> <span class="tag">${typeName(link.type)}</span> <span class="muted">${ROLES[link.kind]}</span>${text === "" ? null : markup`<br><span class="small">${text}</span>`}${why}</li>`;
}
