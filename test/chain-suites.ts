/** The two suites of chains with TLSA records, as files and arguments of the command line. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { vectorsFolder } from "./vectors.ts";

export interface ChainCase {
  readonly id: string;
  readonly base_domain: string;
  readonly extra_reference_ids: readonly string[];
  readonly trust_store: string | readonly string[];
  readonly no_dane_ee_namechecks: boolean;
  readonly tlsa: readonly {
    readonly usage: number;
    readonly selector: number;
    readonly mtype: number;
    readonly data: string;
  }[];
  readonly chain: readonly string[];
  /** Name of the leaf's key; without it the chain cannot be served. */
  readonly key?: string;
  readonly expect: { readonly verify_result: number; readonly matched_depth: number; readonly outcome?: string };
  readonly rfc_outcome?: { readonly smtp: string; readonly generic: string };
}

export interface ChainSuite {
  readonly cases: readonly ChainCase[];
  readonly certs: Readonly<Record<string, { readonly pem: string }>>;
  /** PEM. */
  readonly keys?: Readonly<Record<string, string>>;
  readonly trust_stores?: Readonly<Record<string, readonly string[]>>;
  readonly verification_time?: string;
}

/** Empty without the vectors. */
export function loadChainSuite(file: "openssl-danetest.json" | "chain-cases.json"): ChainSuite {
  const folder = vectorsFolder();
  if (folder === null) return { cases: [], certs: {} };
  return JSON.parse(readFileSync(path.join(folder, file), "utf8")) as ChainSuite;
}

/** Writes the files of a case into `folder` and says what to type there, but for `verify` itself. */
export function argumentsFor(
  suite: ChainSuite,
  one: ChainCase,
  profile: "smtp" | "generic",
  folder: string,
): readonly string[] {
  const pem = (digests: readonly string[]): string => digests.map((digest) => suite.certs[digest]?.pem ?? "").join("");
  const { trust_store: store } = one;
  const roots = typeof store === "string" ? (suite.trust_stores?.[store] ?? []) : store;
  writeFileSync(path.join(folder, "chain.pem"), pem(one.chain));
  if (roots.length > 0) writeFileSync(path.join(folder, "store.pem"), pem(roots));
  return [
    ...["--chain", "chain.pem", "--name", one.base_domain, "--profile", profile, "--json"],
    ...one.tlsa.flatMap(({ usage, selector, mtype, data }) => {
      return ["--tlsa", `${String(usage)} ${String(selector)} ${String(mtype)} ${data}`];
    }),
    ...one.extra_reference_ids.flatMap((name) => ["--also-name", name]),
    ...(roots.length > 0 ? ["--store", "store.pem"] : []),
    ...(one.no_dane_ee_namechecks ? [] : ["--ee-names"]),
    ...["--at", suite.verification_time ?? "2026-01-01T00:00:00Z"],
  ];
}

/** What a document of `verify --json` must say for the case. */
export interface Wanted {
  readonly verdicts: readonly string[];
  readonly exit: number;
  /** Of a matched record; null: none is matched. Undefined: not looked at. */
  readonly depth: number | null | undefined;
}

/** OpenSSL's own suite: the code that libssl ends with, and the depth that it reports. */
export function wantedByOpenssl({ expect: { verify_result: result, matched_depth: depth } }: ChainCase): Wanted {
  const verdict: Readonly<Record<number, string>> = {
    0: "verified",
    20: "fail-chain",
    62: "fail-name",
    65: "fail-mismatch",
  };
  return { verdicts: [verdict[result] ?? "unknown"], exit: result === 0 ? 0 : 2, depth: depth < 0 ? null : depth };
}

/** The other suite: what the RFCs want under a profile. */
export function wantedByRfc(one: ChainCase, profile: "smtp" | "generic"): Wanted {
  const { matched_depth: depth, outcome } = one.expect;
  const wanted = one.rfc_outcome?.[profile] ?? "";
  switch (wanted) {
    case "verified":
      return { verdicts: ["verified"], exit: 0, depth };
    case "unusable":
      return { verdicts: ["unusable-unauthenticated"], exit: 1, depth: null };
    default: {
      if (outcome === "no-match") return { verdicts: ["fail-mismatch"], exit: 2, depth: null };
      // Where libssl is laxer than the RFCs, a name is the reason; the depth is that of the match all the same.
      return { verdicts: ["fail-name", "fail-expired", "fail-chain"], exit: 2, depth };
    }
  }
}
