/**
 * What DANE clients say to a chain, written apart from the core's rules. A client may know every combination, or one
 * alone (RFC 7671 §8 speaks of "each combination"), and of one usage and selector it may look at the strongest digest
 * only (RFC 7671 §9).
 */
import type { ChainFacts, ChainId, RecordText } from "../../../src/rollover/chain.ts";
import { matching } from "./chains.ts";

interface Saying {
  readonly refused: boolean;
  readonly refusedSomewhere: boolean;
}

/** Answers are kept: the same RRsets and chains are asked about at every moment of a history. */
export class Clients {
  readonly #matching = new Map<ChainId, ReadonlySet<string>>();
  readonly #meant = new Set<string>();
  #sayings = new Map<readonly RecordText[], Map<ChainId, Saying>>();

  /** A chain that now exists: the records that match it mean something. */
  learn(chain: ChainFacts): void {
    if (this.#matching.has(chain.id)) return;
    const records = matching(chain);
    this.#matching.set(chain.id, records);
    for (const record of records) this.#meant.add(record);
    this.#sayings = new Map();
  }

  /** Records that will match a chain some day: from now on they are nobody's garbage. */
  expect(records: readonly RecordText[]): void {
    for (const record of records) this.#meant.add(record);
    this.#sayings = new Map();
  }

  /** Whether a client that knows every combination and holds this RRset refuses the chain. */
  refuse(records: readonly RecordText[], chain: ChainId): boolean {
    return this.#ask(records, chain).refused;
  }

  /** As {@link refuse}, for clients that know one combination alone. */
  refuseSomewhere(records: readonly RecordText[], chain: ChainId): boolean {
    return this.#ask(records, chain).refusedSomewhere;
  }

  #ask(records: readonly RecordText[], chain: ChainId): Saying {
    let answers = this.#sayings.get(records);
    if (answers === undefined) {
      answers = new Map();
      this.#sayings.set(records, answers);
    }
    const known = answers.get(chain);
    if (known !== undefined) return known;
    const saying = say(
      records.filter((record) => this.#meant.has(record)),
      this.#matching.get(chain) ?? new Set(),
    );
    answers.set(chain, saying);
    return saying;
  }
}

/** Records that match no chain of this world are garbage that was broken before, and are left out already. */
function say(meant: readonly string[], presented: ReadonlySet<string>): Saying {
  const considered = meant.filter(
    (record) => !meant.some((other) => groupOf(other) === groupOf(record) && other.slice(4, 5) > record.slice(4, 5)),
  );
  const combinations = new Set(meant.map((record) => record.slice(0, 5)));
  return {
    refused: considered.length > 0 && !considered.some((record) => presented.has(record)),
    refusedSomewhere: [...combinations].some(
      (combination) => !meant.some((record) => record.startsWith(combination) && presented.has(record)),
    ),
  };
}

function groupOf(record: string): string {
  return record.slice(0, 3);
}
