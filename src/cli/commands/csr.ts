/** `daneward csr CERT`: a certification request for a key whose record is published before there is a certificate. */
import { chmodSync } from "node:fs";
import path from "node:path";
import { fault, OperationalError } from "../../base/errors.ts";
import { formatInstant, instant } from "../../base/time.ts";
import type { CertificateConfig } from "../../config/schema.ts";
import { findCertificate } from "../../driver/due.ts";
import { considerRequest, requestNames, takeRequestKey } from "../../driver/request.ts";
import type { RequestKey, RequestWish, TakenKey } from "../../driver/request.ts";
import { displayName, parseName } from "../../dns/name.ts";
import type { NewKeyType } from "../../pki/key.ts";
import { matchesReferenceIdentifier } from "../../pki/names.ts";
import { createRequest } from "../../pki/peculiar.ts";
import { formatTime } from "../../report/words.ts";
import { replaceFile, writeFailure } from "../../store/atomic-file.ts";
import { configurationOf } from "../driver-files.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { stateDirectoryOf } from "../file-options.ts";
import type { FileOptions } from "../file-options.ts";
import type { Io } from "../io.ts";
import { sayingOf } from "../steering.ts";

/** Flags of `daneward csr` as they are typed. */
export interface CsrOptions extends FileOptions {
  readonly output?: string;
  readonly keyType?: string;
  readonly name?: readonly string[];
  readonly newKey?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const KEY_TYPES: Readonly<Record<string, NewKeyType>> = {
  ecdsa: "ec-p256",
  "ecdsa:p256": "ec-p256",
  "ecdsa:p384": "ec-p384",
  rsa: "rsa-3072",
  "rsa:2048": "rsa-2048",
  "rsa:3072": "rsa-3072",
  "rsa:4096": "rsa-4096",
};

/** Ends with 0. Throws CERTIFICATE_UNKNOWN, USAGE, LOCK_HELD, VAULT_UNSAFE, VAULT_DAMAGED, and as writing files does. */
export async function run(args: readonly string[], options: CsrOptions, io: Io): Promise<ExitCode> {
  const type = options.keyType === undefined ? null : parseKeyType(options.keyType);
  const others = (options.name ?? []).map(parseNameFlag);
  const certificate = findCertificate(await configurationOf(options, io), args[0] ?? "");
  const wish: RequestWish = {
    certificate,
    stateDirectory: stateDirectoryOf(options, io),
    type,
    fresh: options.newKey === true,
    who: sayingOf(options, io).who,
    clock: io.clock,
  };
  const names = requestNames(certificate, others);
  if (options.dryRun === true) {
    const ready = considerRequest(wish);
    if (options.json === true) io.out(`${JSON.stringify(dryRunJson(certificate, ready, names), null, 2)}\n`);
    say(dryRunLines(certificate, ready, names), options, io);
    return EXIT.done;
  }
  const taken = await takeRequestKey(wish);
  const pem = await createRequest(taken.key.privateKey, names);
  if (options.json === true) io.out(`${JSON.stringify(asJson(certificate, taken, names, pem), null, 2)}\n`);
  else if (options.output === undefined) io.out(pem);
  if (options.output !== undefined) writeRequest(path.resolve(io.cwd, options.output), pem);
  say(lines(certificate, taken, names), options, io);
  return EXIT.done;
}

function parseKeyType(text: string): NewKeyType {
  const type = KEY_TYPES[text.toLowerCase()];
  if (type !== undefined) return type;
  const hint = `one of ${Object.keys(KEY_TYPES).join(", ")}`;
  throw OperationalError.of(fault("USAGE", `--key-type ${text} is not a kind of key that is made here`, hint));
}

/** A wildcard is a name for a certificate, though not one for DNS labels in general. */
function parseNameFlag(text: string): string {
  const star = text.startsWith("*.") ? "*." : "";
  const name = parseName(text.slice(star.length));
  if (!name.ok) throw OperationalError.of(fault("USAGE", `--name: ${name.fault.message}`, name.fault.hint));
  return `${star}${displayName(name.value)}`;
}

/** A request is no secret, and the client that reads it may be another user. */
function writeRequest(file: string, pem: string): void {
  replaceFile(file, pem);
  try {
    chmodSync(file, 0o644);
  } catch (cause) {
    throw writeFailure(file, cause);
  }
}

function say(text: readonly string[], options: CsrOptions, io: Io): void {
  if (options.quiet !== true) io.err(text.map((line) => `${line}\n`).join(""));
}

function announcedWords({ announced, knownAt }: RequestKey): string {
  switch (announced) {
    case "everywhere":
      return "its record is known everywhere: the certificate is deployed as soon as it is there";
    case "published":
      return `its record is published, and known everywhere from ${formatTime(knownAt ?? instant(0))} on: until then the certificate waits`;
    case "not-published":
      return "its record is not published everywhere yet: the certificate will wait until it is known";
    case "impossible":
      return "no record of a key alone is configured: the certificate will wait until its own records are known";
  }
}

function lines(certificate: CertificateConfig, taken: TakenKey, names: readonly string[]): readonly string[] {
  const { name } = certificate;
  const { key, announced, made, givenUp } = taken;
  const isTickNext = announced === "not-published" && certificate.next === "prepublish";
  return [
    `${name}: request for ${made ? "a new key" : "the key"} ${key.spkiSha256.slice(0, 16)}… (${key.algorithm}), ${names.join(", ")}`,
    `  ${announcedWords(taken)}${isTickNext ? ` (daneward tick ${name} publishes it)` : ""}`,
    ...givenUp.map((digest) => `  a request for the key ${digest.slice(0, 16)}… should not be signed any more`),
    ...uncovered(certificate, names),
    `  when it is signed, put certificate and chain to ${placeOf(certificate)}; the key stays here`,
  ];
}

function dryRunLines(
  certificate: CertificateConfig,
  ready: RequestKey | null,
  names: readonly string[],
): readonly string[] {
  const which = ready === null ? "a new key" : `the key ${ready.key.spkiSha256.slice(0, 16)}… (${ready.key.algorithm})`;
  return [
    `${certificate.name}: would be a request for ${which}, ${names.join(", ")}`,
    ...(ready === null ? [] : [`  ${announcedWords(ready)}`]),
    ...uncovered(certificate, names),
  ];
}

function uncovered({ services }: CertificateConfig, names: readonly string[]): readonly string[] {
  const hosts = new Set(services.map(({ host }) => displayName(host)));
  const missing = [...hosts].filter(
    (host) => !matchesReferenceIdentifier({ dnsNames: names, commonNames: [] }, [host], "generic"),
  );
  return missing.map((host) => `  note: the present certificate does not name ${host}; --name ${host} adds it`);
}

function placeOf({ source }: CertificateConfig): string {
  if (source.kind === "directory") return source.path;
  return source.chain === null ? source.cert : `${source.cert} and ${source.chain}`;
}

/** Without a key that is ready one would be made. */
function dryRunJson({ name }: CertificateConfig, ready: RequestKey | null, names: readonly string[]): object {
  const head = { schema: "daneward/csr/1", certificate: name, dryRun: true, made: false };
  if (ready === null) return { ...head, wouldMake: true, names };
  const { key, announced, knownAt } = ready;
  return {
    ...head,
    wouldMake: false,
    spkiSha256: key.spkiSha256,
    keyAlgorithm: key.algorithm,
    announced,
    ...(knownAt === null ? {} : { knownAt: formatInstant(knownAt) }),
    names,
  };
}

function asJson({ name }: CertificateConfig, taken: TakenKey, names: readonly string[], pem: string): object {
  const { key, announced, knownAt, made, givenUp } = taken;
  return {
    schema: "daneward/csr/1",
    certificate: name,
    spkiSha256: key.spkiSha256,
    keyAlgorithm: key.algorithm,
    announced,
    ...(knownAt === null ? {} : { knownAt: formatInstant(knownAt) }),
    made,
    givenUp,
    names,
    request: pem,
  };
}
