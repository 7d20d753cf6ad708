/**
 * Whether the host fits the configuration: what `check-config` looks at beyond the files themselves. Only key files and
 * groups that cannot be used, certificates that cannot share a service, and waits that are longer than certificates live
 * are faults; the rest may well come later (a certificate that is still to be issued, a
 * folder that root will make), and is a warning.
 */
import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import { fault, OperationalError } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { formatPath } from "./locate.ts";
import type { KeyPath } from "./locate.ts";
import { isAllowed, isProgram, nearestExisting } from "./look.ts";
import { adviceOnNotify, adviceOnTextfile } from "./notify-advice.ts";
import { adviceOnExec, adviceOnZonefile } from "./pipeline-advice.ts";
import { displayName, isAtOrBelow } from "../dns/name.ts";
import type { TrustAnchors } from "../dnssec/anchors.ts";
import type { Advice } from "./pipeline-advice.ts";
import type { Place, Problem } from "./problem.ts";
import type { Rfc2136Config } from "./publisher-rfc2136.ts";
import { adviceOnReload } from "./reload-advice.ts";
import type { ServiceManager } from "./reload-advice.ts";
import type { CertificateConfig, Configuration, PublisherConfig, SourceConfig } from "./schema.ts";

export interface SurroundingsDependencies {
  /** Reads a TSIG key as a publisher would and returns what is worth telling. Throws OperationalError. */
  readonly readKey: (publisher: Rfc2136Config) => readonly Fault[];
  /** Reads an API key or token as a publisher would. Throws OperationalError. */
  readonly readToken: (file: string) => void;
  /** Reads the file of trust anchors as the driver would. Throws OperationalError. */
  readonly readAnchors: (file: string) => TrustAnchors;
  /** Looks a group up. Throws OperationalError. */
  readonly findGroup: (name: string) => void;
  /** Folders in which reload programs are looked for, separated by colons. */
  readonly searchPath: string;
  readonly serviceManager: ServiceManager;
  readonly locate: (path: KeyPath) => Place | null;
  /** What keeps a certificate from sharing services with others, as their files are now; null: nothing. */
  readonly findClash: (certificate: CertificateConfig) => Fault | null;
  /** Why rollovers of a certificate do not fit into its life, by its dates on disk; null: they do, or nobody knows. */
  readonly findMisfit: (certificate: CertificateConfig) => Misfit | null;
}

/** Values that go together with something outside the configuration badly. */
export interface Misfit {
  /** The key to change, which `[defaults]` may have said. */
  readonly key: string;
  readonly fault: Fault;
}

/** Looks at key files, groups, sources, deploy folders and reload programs. */
export function checkSurroundings(configuration: Configuration, deps: SurroundingsDependencies): readonly Problem[] {
  const problems: Problem[] = [];
  const note = (severity: Problem["severity"], path: KeyPath, found: Fault): void => {
    const message = `${formatPath(path)}: ${found.message}`;
    problems.push({ ...found, message, severity, place: deps.locate(path) });
  };
  const attempt = (path: KeyPath, work: () => void): void => {
    try {
      work();
    } catch (problem) {
      if (!(problem instanceof OperationalError)) throw problem;
      note("fault", path, fault(problem.code, problem.message, problem.hint));
    }
  };
  const { trustAnchors } = configuration;
  if (trustAnchors !== null) {
    const path = ["dnssec", "trust_anchors"];
    attempt(path, () => {
      const advice = unanchored(deps.readAnchors(trustAnchors), trustAnchors, configuration);
      if (advice !== null) note("warning", path, advice);
    });
  }
  const { notify, prometheusTextfile } = configuration;
  for (const [key, advice] of notify === null ? [] : adviceOnNotify(notify, deps.searchPath, deps.readToken)) {
    note("warning", ["notify", key], advice);
  }
  const unwritable = prometheusTextfile === null ? null : adviceOnTextfile(prometheusTextfile);
  if (unwritable !== null) note("warning", [unwritable[0]], unwritable[1]);
  for (const publisher of configuration.publishers.values()) {
    for (const [key, advice] of adviceOnPublisher(publisher, deps.searchPath)) {
      note("warning", ["publish", publisher.name, key], advice);
    }
    const secret = secretOf(publisher);
    if (secret === null) continue;
    const path = ["publish", publisher.name, secret.key];
    attempt(path, () => {
      if (publisher.type !== "rfc2136") deps.readToken(secret.file);
      else for (const advice of deps.readKey(publisher)) note("warning", path, advice);
    });
  }
  for (const certificate of configuration.certificates) {
    const { name, keyGroup } = certificate;
    if (keyGroup !== null) {
      attempt(["certificate", name, "key_group"], () => {
        deps.findGroup(keyGroup);
      });
    }
    const clash = deps.findClash(certificate);
    if (clash !== null) note("fault", ["certificate", name, "services"], clash);
    const misfit = deps.findMisfit(certificate);
    if (misfit !== null) note("fault", whereSaid(certificate, misfit.key, deps), misfit.fault);
    for (const [key, advice] of adviceOn(certificate, deps.searchPath, deps.serviceManager)) {
      note("warning", ["certificate", name, key], advice);
    }
  }
  return problems;
}

/** Where a value that certificates may inherit was written; of a built-in one where the certificate begins. */
function whereSaid({ name }: CertificateConfig, key: string, deps: SurroundingsDependencies): KeyPath {
  const section = ["certificate", name];
  // What was not written has the place of what it would stand in.
  const isWritten = (table: KeyPath): boolean => {
    const [of, within] = [deps.locate([...table, key]), deps.locate(table)];
    return of !== null && (of.line !== within?.line || of.column !== within.column);
  };
  if (isWritten(section)) return [...section, key];
  return isWritten(["defaults"]) ? ["defaults", key] : section;
}

/** Names that no anchor stands above cannot be judged: their answers would stay indeterminate. */
function unanchored(anchors: TrustAnchors, file: string, { certificates }: Configuration): Fault | null {
  const hosts = certificates.flatMap(({ services }) => services.map(({ host }) => host));
  const outside = hosts.find((host) => ![...anchors.keys()].some((zone) => isAtOrBelow(host, zone)));
  if (outside === undefined) return null;
  const zones = [...anchors.keys()].map(displayName).join(", ");
  const what = `no trust anchor of ${file} stands above ${displayName(outside)}; it has anchors for ${zones}`;
  return fault("DNSSEC_NO_ANCHOR", what);
}

function adviceOnPublisher(publisher: PublisherConfig, searchPath: string): readonly Advice[] {
  if (publisher.type === "zonefile") return adviceOnZonefile(publisher, searchPath);
  return publisher.type === "exec" ? adviceOnExec(publisher, searchPath) : [];
}

/** The file with the secret of a publisher, and the key that names it. */
function secretOf(publisher: PublisherConfig): { readonly key: string; readonly file: string } | null {
  switch (publisher.type) {
    case "rfc2136":
      return { key: "key_file", file: publisher.keyFile };
    case "powerdns":
      return { key: "api_key_file", file: publisher.apiKeyFile };
    case "cloudflare":
    case "desec":
      return { key: "token_file", file: publisher.tokenFile };
    case "zonefile":
    case "exec":
      return null;
  }
}

function adviceOn(certificate: CertificateConfig, searchPath: string, manager: ServiceManager): readonly Advice[] {
  const found: Advice[] = [];
  for (const path of sourcePaths(certificate.source)) {
    const problem = readProblem(path);
    if (problem !== null) {
      const hint = "have the certificate issued, or correct the path; daneward waits for it";
      found.push(["source", fault("CONFIG_ADVICE", `${path} ${problem}`, hint)]);
    }
  }
  const nextProblem = certificate.nextKey === null ? null : readProblem(certificate.nextKey);
  if (nextProblem !== null) {
    const hint = "correct the path, or leave next_key out: daneward then makes keys of its own";
    found.push(["next_key", fault("CONFIG_ADVICE", `${certificate.nextKey ?? ""} ${nextProblem}`, hint)]);
  }
  const parent = dirname(certificate.deploy);
  const place = nearestExisting(parent);
  if (!isAllowed(place, constants.W_OK)) {
    const hint = `let daneward's user write there, or set deploy or deploy_root`;
    found.push(["deploy", fault("CONFIG_ADVICE", `${place} cannot be written by this user`, hint)]);
  }
  const [renewal] = certificate.renew ?? [];
  if (renewal !== undefined && !isProgram(renewal, searchPath)) {
    const hint = "write the command with its full path; daneward roll runs it";
    found.push(["renew", fault("CONFIG_ADVICE", `the program "${renewal}" is not there`, hint)]);
  }
  for (const advice of adviceOnReload(certificate.reload, searchPath, manager)) found.push(["reload", advice]);
  return found;
}

function sourcePaths(source: SourceConfig): readonly string[] {
  if (source.kind === "directory") return [source.path];
  return [source.cert, source.key, source.chain].filter((file) => file !== null);
}

function readProblem(path: string): string | null {
  try {
    accessSync(path, constants.R_OK);
    return null;
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : null;
    return code === "ENOENT" || code === "ENOTDIR" ? "is not there yet" : "cannot be read by this user";
  }
}
