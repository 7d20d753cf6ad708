/** The checkers: how each is told to look at a service, and how it says what it found. */
import { fileURLToPath } from "node:url";
import { run } from "../lab/process.ts";
import type { Ended } from "../lab/process.ts";
import { findProgram } from "../lab/programs.ts";
import type { PeerCase } from "./cases.ts";
import { PORTS } from "./ground.ts";
import type { Ground } from "./ground.ts";

/** What a tool made of a case. */
export interface Said {
  readonly verified: boolean;
  readonly exit: number | null;
  /** What it said in its own words, for daneward its verdict. */
  readonly words: string;
}

export interface Tool {
  readonly name: string;
  /** Null when it is not installed. */
  readonly version: () => Promise<string | null>;
  /** Null: it cannot look at such a case. */
  readonly look: (one: PeerCase, ground: Ground) => Promise<Said | null>;
}

const TIMEOUT_MS = 20_000;

function said({ code, stdout, stderr }: Ended, verified: RegExp): Said {
  const words = `${stdout}${stderr}`;
  return { verified: verified.test(words), exit: code, words };
}

/** The version of its Debian package, or what the tool says of itself. */
async function packaged(name: string, debian: string): Promise<string | null> {
  if (findProgram(name) === null) return null;
  const query = findProgram("dpkg-query");
  const version = query === null ? "" : (await run(query, ["-W", "-f", "${Version}", debian])).stdout;
  return version === "" ? "not from a Debian package" : version;
}

const POSTTLS_FINGER: Tool = {
  name: "posttls-finger",
  version: () => packaged("posttls-finger", "postfix"),
  look: async ({ host }) => {
    const args = ["-c", "-l", "dane", "-t", "5", "-T", "5", `[${host}]:${String(PORTS.smtp)}`];
    return said(await run("posttls-finger", args, { timeoutMs: TIMEOUT_MS }), /: Verified TLS connection established/);
  },
};

const DANETOOL: Tool = {
  name: "danetool",
  version: () => packaged("danetool", "gnutls-bin"),
  look: async ({ host }) => {
    const args = ["--check", host, "--port", String(PORTS.tls), "--local-dns"];
    return said(await run("danetool", args, { timeoutMs: TIMEOUT_MS }), /Verification: Certificate matches/);
  },
};

const LDNS_DANE: Tool = {
  name: "ldns-dane",
  version: () => packaged("ldns-dane", "ldnsutils"),
  look: async ({ host }) => {
    const ended = await run("ldns-dane", ["verify", host, String(PORTS.tls)], { timeoutMs: TIMEOUT_MS });
    // It says so for each address, and of the others "did not dane-validate".
    const seen = said(ended, /dane-validated successfully/);
    return { ...seen, verified: seen.verified && !/did not dane-validate|could not/i.test(seen.words) };
  },
};

const HASH_SLINGER: Tool = {
  name: "tlsa",
  version: () => packaged("tlsa", "hash-slinger"),
  look: async ({ host }) => {
    const args = ["--verify", "-4", "--port", String(PORTS.tls), host];
    const ended = await run("tlsa", args, { timeoutMs: TIMEOUT_MS });
    return { verified: ended.code === 0, exit: ended.code, words: `${ended.stdout}${ended.stderr}` };
  },
};

const S_CLIENT: Tool = {
  name: "s_client",
  version: () => packaged("openssl", "openssl"),
  look: async ({ id, host, records, place, dnsOnly }, { addresses }) => {
    if (dnsOnly === true) return null;
    const base = place === "alias-target" ? host.replace(id, `${id}-target`) : host;
    const data = records.flatMap((record) => ["-dane_tlsa_rrdata", record]);
    const looks: Said[] = [];
    for (const address of addresses.get(id) ?? []) {
      const where = ["-connect", `${address}:${String(PORTS.tls)}`, "-servername", host];
      const args = ["s_client", ...where, "-dane_tlsa_domain", base, ...data];
      // Names of the base domain and of the original host count; usage 3 is without names as RFC 7671 §5.1 has it.
      const flags = ["-dane_ee_no_namechecks", "-verify_return_error"];
      const ended = await run("openssl", [...args, ...flags], { input: "", timeoutMs: TIMEOUT_MS });
      looks.push(said(ended, /^DANE TLSA \d \d \d .*(matched|verified)/m));
    }
    return looks.find(({ verified, exit }) => !verified || exit !== 0) ?? looks[0] ?? null;
  },
};

const LAUNCHER =
  process.env["DANEWARD_LAUNCHER"] ?? fileURLToPath(new URL("../../../bin/daneward.js", import.meta.url));

function daneward(protocol: "smtp" | "tls"): Tool {
  return {
    name: `daneward :${String(PORTS[protocol])}`,
    version: async () => (await run(process.execPath, [LAUNCHER, "--version"])).stdout.trim(),
    look: async ({ host }, { anchorFile }) => {
      const target = `${host}:${String(PORTS[protocol])}`;
      const args = [LAUNCHER, "verify", target, "--trust-anchor", anchorFile, "--json"];
      const ended = await run(process.execPath, args, { timeoutMs: TIMEOUT_MS });
      const verdict = /"verdict":"([^"]+)"/.exec(ended.stdout)?.[1] ?? ended.stderr;
      return { verified: verdict === "verified", exit: ended.code, words: verdict };
    },
  };
}

/** In the order of {@link PeerCase}'s `ours`. */
export const OURS: readonly [Tool, Tool] = [daneward("smtp"), daneward("tls")];

export const PEERS: readonly Tool[] = [POSTTLS_FINGER, DANETOOL, LDNS_DANE, HASH_SLINGER, S_CLIENT];
