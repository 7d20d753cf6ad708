/** `daneward tick --dry-run`: what the next step would do, a sentence an action. */
import type { Action } from "../rollover/actions.ts";
import type { ChainFacts } from "../rollover/chain.ts";
import type { Phase, Refusal } from "../rollover/state.ts";
import { displayName } from "../dns/name.ts";
import { describeChain, shortenDigests } from "./words.ts";
import type { Instant } from "../base/time.ts";

export interface Preview {
  readonly certificate: string;
  readonly phase: Phase["phase"];
  readonly actions: readonly Action[];
  readonly refusals: readonly Refusal[];
  /** Every chain that an action may name. */
  readonly chains: readonly ChainFacts[];
  /** What servers read. */
  readonly deploy: string;
}

/** The text of all of them, ending with a newline. */
export function renderPreviews(previews: readonly Preview[], at: Instant): string {
  if (previews.length === 0) return "nothing is due; daneward tick --force --dry-run looks at every certificate\n";
  return previews
    .flatMap((preview) => [
      `${preview.certificate}: ${preview.phase}${preview.actions.length === 0 ? "; nothing to do now" : ""}`,
      ...preview.actions.map((action) => `  would ${describeAction(action, preview, at)}`),
      ...preview.refusals.map(({ detail, gate, code }) => `  waits: ${shortenDigests(detail)} [${gate}: ${code}]`),
    ])
    .map((line) => `${line}\n`)
    .join("");
}

function describeAction(action: Action, { chains, deploy }: Preview, at: Instant): string {
  switch (action.kind) {
    case "store":
      return `store ${chainWords(action.chain, chains, at)}`;
    case "deploy":
      return `swap ${deploy} to ${chainWords(action.chain, chains, at)} and reload the services`;
    case "publish":
      return shortenDigests(`publish ${action.add.join(", ")} at ${displayName(action.finalOwner)}`);
    case "withdraw":
      return shortenDigests(`withdraw ${action.remove.join(", ")} at ${displayName(action.finalOwner)}`);
  }
}

function chainWords(id: string, chains: readonly ChainFacts[], at: Instant): string {
  const chain = chains.find((one) => one.id === id);
  return chain === undefined ? `certificate ${id.slice(0, 12)}…` : `the certificate ${describeChain(chain, at)}`;
}
