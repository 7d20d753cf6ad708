/**
 * What an ACME client tells its hook, and what is made of that.
 *
 * Each client has its own way of calling: variables (certbot, acme.sh, lego), arguments (dehydrated, mod_md, Caddy) or
 * standard input (acmetool); some call one program for a dozen purposes, and of those only one is a renewal. A reader
 * here, one file a client, takes the call to pieces and says which certificate may be new. It looks at no file: the
 * note is a hint, the tick looks at every source by itself, and a note that is wrong or lost only costs time.
 *
 * What comes in is believed to come from whoever may run the hook, and still is held to what a path and a name can be:
 * a note is read again by every tick, printed on terminals and kept in reports.
 */
import { isAbsolute, resolve } from "node:path";
import type { Instant } from "../../base/time.ts";
import type { SpoolNote } from "../../store/spool.ts";

/** One call of `daneward hook CLIENT ARGS…`. */
export interface HookCall {
  /** What follows the client's name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly at: Instant;
  /** Standard input, bounded in length and time; for clients that send something there. */
  readonly input: () => Promise<string>;
}

export type HookOutcome =
  | { readonly kind: "renewed"; readonly notes: readonly SpoolNote[] }
  /** An event that is no renewal: nothing to do, nothing to say. */
  | { readonly kind: "ignored" }
  /** The client asks for a service we do not offer, and takes exit code 0 for a yes. */
  | { readonly kind: "declined"; readonly code: number; readonly reason: string | null }
  /** Not called as the client calls it. */
  | { readonly kind: "unclear"; readonly reason: string };

export type ReadHookCall = (call: HookCall) => HookOutcome | Promise<HookOutcome>;

/** Where the client says that the renewed certificate is. */
export interface Claim {
  readonly client: string;
  /** What the client calls the value: a variable or an argument. */
  readonly from: string;
  /** A file or folder; undefined or empty: not given. */
  readonly path: string | undefined;
  /** Where a relative path starts; null: this client only gives absolute ones. */
  readonly base: string | null;
  /** Said behind `… is not set`. */
  readonly otherwise: string;
  readonly domains: readonly (string | undefined)[];
}

/** PATH_MAX of Linux; FreeBSD's is 1024. */
const LONGEST_PATH = 4096;
/** 255 octets of a name with room for a root dot and a wildcard label. */
const LONGEST_NAME = 260;
/** Of one certificate, or of one call: public authorities allow 100 names in a certificate. */
export const MOST_NAMES = 1000;

/** One note for one claim, or why it cannot be believed. */
export function renewed(call: HookCall, claim: Claim): HookOutcome {
  const { client, from, path = "", base } = claim;
  if (path === "") return { kind: "unclear", reason: `${from} is not set: ${claim.otherwise}` };
  if (path.length > LONGEST_PATH || hasControl(path)) {
    return { kind: "unclear", reason: `${from} is ${shown(path)}, which is no path` };
  }
  if (base === null && !isAbsolute(path)) {
    return { kind: "unclear", reason: `${from} is ${shown(path)}, not an absolute path` };
  }
  const domains = claim.domains.filter((name) => name !== undefined).filter(isName);
  const source = resolve(base ?? "/", path);
  return { kind: "renewed", notes: [{ client, at: call.at, source, domains: domains.slice(0, MOST_NAMES) }] };
}

/** Whether `text` could be the name of a host: short, without blanks, slashes or control characters. */
export function isName(text: string): boolean {
  return text !== "" && text.length <= LONGEST_NAME && !hasControl(text) && !/[\s/]/.test(text);
}

/** C0, DEL and C1: what ends a line of a log, or moves a terminal's cursor. */
function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

/** Quoted for a message, escaped and cut. */
function shown(text: string): string {
  const cut = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return JSON.stringify(cut).replace(/[\u007f-\u009f]/g, "?");
}
