/** What an operator is told before records are taken for ours. */
import { displayName, parseName } from "../dns/name.ts";
import type { RecordText } from "../rollover/chain.ts";
import type { Announcement } from "./steer-model.ts";
import { shortRecord } from "./words.ts";

/** What would be taken, and what is known about it. */
export interface AdoptionProspect {
  readonly certificate: string;
  readonly damaged: { readonly file: string } | null;
  readonly places: readonly {
    readonly owner: string;
    readonly take: readonly RecordText[];
    readonly ours: readonly RecordText[];
    readonly foreign: readonly RecordText[];
  }[];
  /** Of what is taken, what matches no certificate and no key of ours. */
  readonly strangers: readonly RecordText[];
  /** Why nothing is done at all at present; null: nothing is in the way. */
  readonly frozen: string | null;
}

/** Each line stands for itself; what is to be typed has a line of its own. */
export function announceAdoption(prospect: AdoptionProspect): Announcement {
  const { certificate, damaged, places, strangers, frozen } = prospect;
  const taken = places.filter(({ take }) => take.length > 0);
  const foreign = places.flatMap(({ owner, foreign: records }) => records.map((record) => ({ owner, record })));
  const isIdle = taken.length === 0 && damaged === null;
  return {
    will: [
      ...(damaged === null
        ? []
        : [
            `move the damaged ${damaged.file} aside, beside itself, and look afresh at DNS, the servers and the deployed files`,
          ]),
      ...taken.map(({ owner, take }) => `count as ours: ${take.map(shortRecord).join(" + ")} at ${shown(owner)}`),
      ...(isIdle ? ["change nothing: no record that is served is new to us"] : []),
    ],
    costs: [
      ...(damaged === null
        ? []
        : [
            "every wait begins anew; a hold, an abort, an emergency, a compromised key or a deinit that stood in the damaged file is forgotten: say it again",
          ]),
      ...(taken.length === 0 ? [] : ["they are withdrawn, like all of ours, when no certificate needs them any more"]),
      ...strangers.map((record) => `${shortRecord(record)} matches no certificate and no key that is known here`),
      ...(frozen === null ? [] : [`${frozen}; nothing else happens before daneward thaw`]),
    ],
    then: [
      ...foreign.flatMap(({ owner, record }) => [
        `${shortRecord(record)} at ${shown(owner)} is not ours and stays; to take it as well,`,
        `type: daneward adopt ${certificate} --record '${record}'`,
      ]),
      ...(isIdle ? [] : [`daneward tick ${certificate} goes on at once; daneward status ${certificate} shows it`]),
    ],
  };
}

function shown(owner: string): string {
  const name = parseName(owner);
  return name.ok ? displayName(name.value) : owner;
}
