/**
 * Tells people: every notice that they chose by every way that they configured. Ways do not wait for each other, and what
 * goes wrong is returned, never thrown: a tick has done its work when this begins.
 */
import { OperationalError } from "../../base/errors.ts";
import type { NotifyConfig } from "../../config/notify.ts";
import { mapLimited } from "../../resolver/map-limited.ts";
import { channelsOf } from "./channels.ts";
import type { Sender } from "./channels.ts";
import type { Notice } from "./notice.ts";

/** More notices than this in one tick come as so many and a last one that counts the rest. */
const MOST = 20;

/** What could not be told, by which way; empty: all went well. */
export async function tell(
  notices: readonly Notice[],
  config: NotifyConfig,
  sender: Sender,
): Promise<readonly string[]> {
  const chosen = bounded(notices.filter(({ event }) => config.on.includes(event)));
  if (chosen.length === 0) return [];
  const problems = await Promise.all(
    channelsOf(config, sender).map(async ({ name, send }) => {
      const failures = await mapLimited(chosen, (notice) => attempt(name, () => send(notice)), 2);
      return [...new Set(failures.filter((failure) => failure !== null))];
    }),
  );
  return problems.flat();
}

/** Null, or what went wrong. */
export async function attempt(name: string, send: () => Promise<void>): Promise<string | null> {
  try {
    await send();
    return null;
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    return `[notify] ${name}: ${error.message}`;
  }
}

function bounded(notices: readonly Notice[]): readonly Notice[] {
  const first = notices[MOST];
  if (first === undefined) return notices;
  const rest = notices.slice(MOST);
  const names = [...new Set(rest.flatMap(({ certificate }) => certificate ?? []))];
  const title = `${String(rest.length)} more notices, about ${String(names.length)} certificates`;
  const text = `${title}\n${rest.map((notice) => notice.title).join("\n")}\n`;
  return [...notices.slice(0, MOST), { ...first, certificate: null, title, text, codes: [] }];
}
