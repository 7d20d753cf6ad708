/**
 * A world for the driver: one zone on two name servers, a publisher that writes to it, a service that presents what its
 * reload command last copied, an ACME client's folder. Files, links and reload commands are real.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { OperationalError, fault } from "../../src/base/errors.ts";
import type { FaultCode } from "../../src/base/errors.ts";
import { instant, seconds } from "../../src/base/time.ts";
import type { Clock, Instant } from "../../src/base/time.ts";
import type { CertificateConfig, Configuration } from "../../src/config/schema.ts";
import { parseIpv4 } from "../../src/dns/address.ts";
import { CLASS, TYPE } from "../../src/dns/iana.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { encodeTlsa, formatTlsa, parseTlsa } from "../../src/dns/rdata.ts";
import type { Rrset } from "../../src/dns/rrset.ts";
import type { TickInput } from "../../src/driver/tick.ts";
import type { World } from "../../src/driver/world.ts";
import { issueCertificate } from "../../src/pki/peculiar.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";
import { parsePem } from "../../src/pki/pem.ts";
import type { ServerView } from "../../src/resolver/server-view.ts";
import type { JournalEntry } from "../../src/store/journal.ts";

export const START = instant(Date.UTC(2026, 10, 22, 12, 0, 0));
const TTL = seconds(60);

export function nameOf(text: string): DomainName {
  const parsed = parseName(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

const HOST = nameOf("mx.example.org");
const ZONE = nameOf("example.org");
export const OWNER = nameOf("_25._tcp.mx.example.org");

/** What tests turn. */
export interface FakeWorld {
  readonly root: string;
  readonly stateDirectory: string;
  readonly configuration: Configuration;
  readonly certificate: CertificateConfig;
  readonly clock: Clock;
  readonly advance: (count: number) => void;
  /** TLSA records of the primary. */
  readonly records: Set<string>;
  /** Name servers that no longer follow the primary. */
  readonly freeze: (server: string, frozen: boolean) => void;
  /** The next updates fail with this code; null: they work. */
  readonly failUpdates: (code: FaultCode | null) => void;
  /** Puts a certificate into the ACME client's folder. */
  readonly install: (issued: IssuedCertificate) => void;
  readonly issue: (options?: { readonly privateKeyPem?: string; readonly days?: number }) => Promise<IssuedCertificate>;
  /** PEM of what the service presents. */
  readonly served: () => string;
  readonly serve: (issued: IssuedCertificate) => void;
  readonly events: JournalEntry[];
  readonly input: (changes?: Partial<TickInput>) => TickInput;
  readonly remove: () => void;
}

export function createFakeWorld(changes: Partial<CertificateConfig> = {}): FakeWorld {
  const root = mkdtempSync(path.join(tmpdir(), "daneward-driver-"));
  const source = path.join(root, "live");
  const servedFile = path.join(root, "served.pem");
  mkdirSync(source);
  const certificate = certificateConfig(root, source, servedFile, changes);
  const configuration = configurationOf(root, certificate);
  let now: Instant = START;
  let updateFailure: FaultCode | null = null;
  const records = new Set<string>();
  const frozen = new Map<string, readonly string[]>();
  const events: JournalEntry[] = [];
  const world = worldOf({
    servedBy: (server) => frozen.get(server) ?? [...records],
    records,
    failure: () => updateFailure,
    served: () => readFileSync(servedFile, "utf8"),
    clock: () => now,
  });
  const clock: Clock = () => now;
  return {
    root,
    stateDirectory: path.join(root, "state"),
    configuration,
    certificate,
    clock,
    advance: (count) => {
      now = instant(now + count * 1000);
    },
    records,
    freeze: (server, on) => {
      if (on) frozen.set(server, [...records]);
      else frozen.delete(server);
    },
    failUpdates: (code) => {
      updateFailure = code;
    },
    install: (issued) => {
      writeFileSync(path.join(source, "privkey.pem"), issued.privateKeyPem, { mode: 0o600 });
      writeFileSync(path.join(source, "fullchain.pem"), issued.chainPem);
    },
    issue: ({ privateKeyPem, days = 90 } = {}) =>
      issueCertificate({
        subject: "CN=mx.example.org",
        dnsNames: ["mx.example.org"],
        notBefore: instant(START - 3_600_000),
        notAfter: instant(START + days * 86_400_000),
        ...(privateKeyPem === undefined ? {} : { privateKeyPem }),
      }),
    served: () => readFileSync(servedFile, "utf8"),
    serve: (issued) => {
      writeFileSync(servedFile, issued.chainPem);
    },
    events,
    input: (overrides = {}) => ({
      configuration,
      stateDirectory: path.join(root, "state"),
      clock,
      signal: new AbortController().signal,
      makeWorld: () => world,
      reload: { path: "/usr/bin:/bin", timeoutMs: 5000 },
      reread: { attempts: 1, pauseMs: 0 },
      lingerMs: 0,
      onEvent: (entry) => void events.push(entry),
      named: [],
      force: false,
      ...overrides,
    }),
    remove: () => {
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function certificateConfig(
  root: string,
  source: string,
  servedFile: string,
  changes: Partial<CertificateConfig>,
): CertificateConfig {
  const deploy = path.join(root, "deploy", "mx");
  return {
    name: "mx",
    source: { kind: "directory", path: source },
    deploy,
    publisher: "local",
    services: [{ host: HOST, port: 25, protocol: "smtp", owner: OWNER, label: "mx.example.org:25" }],
    reload: [["/bin/cp", path.join(deploy, "fullchain.pem"), servedFile]],
    renew: null,
    verify: null,
    next: "on-renewal",
    nextKey: null,
    holdFile: null,
    keyGroup: null,
    parameters: [{ usage: 3, selector: 1, matchingType: 1 }],
    policy: {
      ttl: TTL,
      propagationDelay: seconds(10),
      publishSafety: seconds(20),
      retireSafety: seconds(600),
      confirmRounds: 2,
      confirmInterval: seconds(5),
      confirmPatience: seconds(60),
      pollInterval: seconds(30),
      observeInterval: seconds(3600),
      cacheFloor: seconds(0),
      maxRecords: 12,
      owners: [OWNER],
    },
    ...changes,
  };
}

function configurationOf(root: string, certificate: CertificateConfig): Configuration {
  const file = path.join(root, "daneward.toml");
  writeFileSync(file, "version = 1\n");
  return {
    version: 1,
    files: [file],
    watched: [file],
    resolvers: [{ kind: "plain", address: "127.0.0.1", port: 53 }],
    trust: "local",
    trustAnchors: null,
    sha1: true,
    allowRemoteAd: false,
    nameServerPort: 53,
    defaultTtl: TTL,
    deployRoot: path.join(root, "deploy"),
    notify: null,
    prometheusTextfile: null,
    publishers: new Map([
      [
        "local",
        {
          name: "local",
          type: "rfc2136",
          servers: [{ host: "127.0.0.1", port: 53 }],
          queryServer: null,
          keyAlgorithm: null,
          transport: "tcp",
          signQueries: false,
          followCname: true,
          keyFile: path.join(root, "tsig.key"),
          keyName: null,
          zone: null,
          checkNs: "all",
          excludeNs: [],
          anycastPolls: 1,
          hiddenPrimary: null,
          timeout: seconds(5),
        },
      ],
    ]),
    certificates: [certificate],
  };
}

interface Innards {
  readonly servedBy: (server: string) => readonly string[];
  readonly records: Set<string>;
  readonly failure: () => FaultCode | null;
  readonly served: () => string;
  readonly clock: Clock;
}

function worldOf(innards: Innards): World {
  return {
    resolve: (name, type) => {
      const answer = {
        status: "secure",
        name,
        type,
        rcode: 0,
        aliases: [],
        finalName: name,
        negativeTtl: null,
      } as const;
      const rrset = ((): Rrset | null => {
        if (type === TYPE.A) return rrsetOf(name, type, [parseIpv4("192.0.2.10") ?? new Uint8Array()]);
        return type === TYPE.TLSA ? tlsaSet(innards.servedBy("ns1.example.org.")) : null;
      })();
      return Promise.resolve({ ...answer, rrset });
    },
    viewOwner: (owner) =>
      Promise.resolve({
        owner,
        type: TYPE.TLSA,
        aliases: [],
        finalOwner: owner,
        zone: ZONE,
        servers: ["ns1.example.org.", "ns2.example.org."].map((server, at) => viewOf(server, at, innards)),
      }),
    probe: () => {
      try {
        const blocks = parsePem(innards.served());
        if (!blocks.ok) throw new Error(blocks.fault.message);
        const certificates = blocks.value.map(({ bytes }) => bytes);
        return Promise.resolve([{ outcome: "served", certificates, tlsVersion: "TLSv1.3" }]);
      } catch {
        return Promise.resolve([{ outcome: "failed", fault: fault("TLS_FAILED", "the service is not up") }]);
      }
    },
    readers: () => Promise.resolve(null),
    uptime: () => seconds(86_400 + Math.floor((innards.clock() - START) / 1000)),
    publisher: () =>
      Promise.resolve({
        capabilities: {
          granularity: "record",
          atomic: true,
          compareAndSwap: true,
          minTtl: seconds(0),
          maxTtl: seconds(0x7fff_ffff),
          readBack: "served",
        },
        apply: (change) => {
          const failure = innards.failure();
          if (failure !== null) return Promise.reject(new OperationalError(failure, "the update was refused"));
          for (const record of change.add) innards.records.add(formatTlsa(record));
          for (const record of change.remove) innards.records.delete(formatTlsa(record));
          return Promise.resolve({ status: "served", records: [...change.add], ttl: TTL, signed: true });
        },
      }),
  };
}

function viewOf(server: string, at: number, innards: Innards): ServerView {
  const rrset = tlsaSet(innards.servedBy(server));
  return {
    server: { name: nameOf(server), address: `192.0.2.${String(53 + at)}`, port: 53 },
    said: {
      outcome: "answer",
      at: innards.clock(),
      authoritative: true,
      rcode: 0,
      rrset,
      negativeTtl: rrset === null ? TTL : null,
      serial: 1,
      signed: rrset === null ? null : true,
      signatureExpires: null,
    },
  };
}

function tlsaSet(records: readonly string[]): Rrset | null {
  if (records.length === 0) return null;
  const rdatas = records.map((record) => {
    const parsed = parseTlsa(record);
    if (!parsed.ok) throw new Error(parsed.fault.message);
    return encodeTlsa(parsed.value);
  });
  return rrsetOf(OWNER, TYPE.TLSA, rdatas);
}

function rrsetOf(name: DomainName, type: number, rdatas: readonly Uint8Array[]): Rrset {
  return { name, type, class: CLASS.IN, ttl: TTL, rdatas, signatures: [] };
}
