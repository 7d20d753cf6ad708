/**
 * The STARTTLS protocols against the servers that people run, and servers with certificates of several kinds. DNS is
 * not the matter here: a resolver in memory says what is needed, secure.
 */
import { createHash } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import type { ServiceProtocol } from "../../src/base/service-protocol.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { issueCertificate, newPrivateKeyPem } from "../../src/pki/peculiar.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";
import type { Target } from "../../src/verifier/target.ts";
import type { HostReport } from "../../src/verifier/verdict.ts";
import { verifyTargets } from "../../src/verifier/verify.ts";
import { a, dn, fakeResolver, none, srv, tlsa } from "../fakes/resolver.ts";
import type { Place } from "./lab/bind.ts";
import { drawNetwork } from "./lab/network.ts";
import type { Network } from "./lab/network.ts";
import type { Daemon } from "./lab/process.ts";
import { serverSuite } from "./lab/programs.ts";
import { startNginx, startPostfix } from "./lab/services.ts";
import {
  startDovecot,
  startMariadb,
  startNnrpd,
  startPostgres,
  startProsody,
  startSlapd,
  startVsftpd,
  writeFiles,
} from "./lab/starttls-servers.ts";
import type { Files } from "./lab/starttls-servers.ts";

const HOST = "host.example.test";
const DOMAIN = "example.test";

interface Ground {
  readonly folder: string;
  readonly network: Network;
  readonly rsa: IssuedCertificate;
  readonly ecdsa: IssuedCertificate;
  readonly daemons: Daemon[];
}

/** A folder, addresses and two certificates for each suite; its daemons end with it. */
function useGround(): () => Ground {
  let ground: Ground | null = null;
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), "daneward-starttls-"));
    chmodSync(folder, 0o711);
    const dates = { notBefore: instant(Date.UTC(2020, 0, 1)), notAfter: instant(Date.UTC(2040, 0, 1)) };
    const issue = (kind: "rsa-2048" | "ec-p256"): Promise<IssuedCertificate> => {
      const privateKeyPem = newPrivateKeyPem(kind);
      return issueCertificate({ ...dates, subject: `CN=${HOST}`, dnsNames: [HOST, DOMAIN], privateKeyPem });
    };
    const [network, rsa, ecdsa] = await Promise.all([drawNetwork(), issue("rsa-2048"), issue("ec-p256")]);
    ground = { folder, network, rsa, ecdsa, daemons: [] };
  }, 30_000);
  afterAll(async () => {
    for (const daemon of ground?.daemons ?? []) await daemon.stop();
    if (ground !== null) rmSync(ground.folder, { recursive: true, force: true });
  });
  afterEach(({ task }) => {
    if (task.result?.state !== "fail") return;
    for (const daemon of ground?.daemons ?? []) console.error(`--- ${daemon.name}\n${daemon.output()}`);
  });
  return () => {
    if (ground === null) throw new Error("the ground is not laid");
    return ground;
  };
}

function placeOf({ network }: Ground, host: number): Place {
  return { address: network.address(host), port: network.dnsPort };
}

function record(certificate: IssuedCertificate): TlsaRdata {
  const data = new Uint8Array(createHash("sha256").update(certificate.der).digest());
  return { usage: 3, selector: 0, matchingType: 1, data };
}

async function verify(
  { address, port }: Place,
  protocol: ServiceProtocol,
  records: readonly IssuedCertificate[],
  service: "host" | "srv" = "host",
): Promise<HostReport> {
  const owner = `_service._tcp.${DOMAIN}`;
  const target: Target =
    service === "host"
      ? { kind: "service", text: "host", endpoint: { host: dn(HOST), port, protocol } }
      : { kind: "srv", text: "srv", owner: dn(owner), domain: dn(DOMAIN), port, protocol };
  const { resolve } = fakeResolver({
    [`${owner} SRV`]: srv("secure", [0, 0, port, HOST]),
    [`${HOST} A`]: a("secure", address),
    [`${HOST} AAAA`]: none("secure"),
    [`_${String(port)}._tcp.${HOST} TLSA`]: tlsa("secure", ...records.map(record)),
  });
  const { hosts } = await verifyTargets([target], {
    resolve,
    at: instant(Date.UTC(2026, 0, 1)),
    timeoutMs: 10_000,
    deadlineMs: null,
    concurrency: 8,
    addresses: [],
    profile: null,
    eeNames: false,
    everyKind: true,
    aheadDays: null,
    loadTrustStore: () => [],
  });
  const [report] = hosts;
  if (report === undefined) throw new Error("no host");
  return report;
}

function outcomes(report: HostReport): readonly (readonly [string | null, string])[] {
  return report.addresses.map(({ algorithm, verdict }) => [algorithm, verdict] as const);
}

const next = (place: Place, offset: number): Place => ({ ...place, port: place.port + offset });

serverSuite("Dovecot, with certificates of two kinds", ["root", "dovecot"], () => {
  const ground = useGround();
  let place: Place;
  beforeAll(async () => {
    const { folder, rsa, ecdsa, daemons } = ground();
    place = placeOf(ground(), 20);
    const files = await Promise.all([writeFiles(join(folder, "rsa"), rsa), writeFiles(join(folder, "ecdsa"), ecdsa)]);
    daemons.push(await startDovecot(folder, place, ...files));
  }, 30_000);

  describe.each([
    ["imap", 0],
    ["pop3", 1],
    ["sieve", 2],
    ["lmtp", 3],
  ] as const)("%s", (protocol, offset) => {
    test("both are right", async () => {
      const { rsa, ecdsa } = ground();
      const report = await verify(next(place, offset), protocol, [rsa, ecdsa]);
      expect([...outcomes(report)].sort()).toEqual([
        ["ECDSA", "verified"],
        ["RSA", "verified"],
      ]);
    });
  });

  test("one of them is wrong", async () => {
    const report = await verify(place, "imap", [ground().ecdsa]);
    expect(report.verdict).toBe("fail-mismatch");
    expect([...outcomes(report)].sort()).toEqual([
      ["ECDSA", "verified"],
      ["RSA", "fail-mismatch"],
    ]);
  });
});

describe("servers with RSA and ECDSA certificates", () => {
  serverSuite("nginx and Postfix", ["root", "nginx", "postfix"], () => {
    const ground = useGround();
    const places: Partial<Record<"nginx" | "postfix", Place>> = {};
    const stops: (() => Promise<void>)[] = [];
    beforeAll(async () => {
      const { folder, rsa, ecdsa } = ground();
      await writeFiles(join(folder, "rsa"), rsa);
      await writeFiles(join(folder, "ecdsa"), ecdsa);
      const [web, mail] = [placeOf(ground(), 30), placeOf(ground(), 31)];
      const folders = [join(folder, "rsa"), [join(folder, "ecdsa")]] as const;
      stops.push(
        (await startNginx(folder, [web], ...folders)).stop,
        (await startPostfix(folder, [mail], ...folders)).stop,
      );
      Object.assign(places, { nginx: web, postfix: mail });
    }, 60_000);
    afterAll(async () => {
      for (const stop of stops) await stop();
    }, 30_000);

    const cases = [
      { published: ["rsa", "ecdsa"], verdict: "verified", rsa: "verified", ecdsa: "verified" },
      { published: ["rsa"], verdict: "fail-mismatch", rsa: "verified", ecdsa: "fail-mismatch" },
      { published: ["ecdsa"], verdict: "fail-mismatch", rsa: "fail-mismatch", ecdsa: "verified" },
    ] as const;
    test.each(cases.flatMap((one) => [{ server: "nginx", ...one } as const, { server: "postfix", ...one } as const]))(
      "$server with records of $published: $verdict",
      async ({ server, published, verdict, rsa, ecdsa }) => {
        const place = places[server];
        if (place === undefined) throw new Error("not started");
        const records = published.map((kind) => ground()[kind]);
        const report = await verify(place, server === "nginx" ? "tls" : "smtp", records);
        expect(report.verdict).toBe(verdict);
        expect([...outcomes(report)].sort()).toEqual([
          ["ECDSA", ecdsa],
          ["RSA", rsa],
        ]);
      },
    );
  });
});

interface Single {
  readonly title: string;
  readonly needs: readonly string[];
  readonly protocols: readonly (readonly [ServiceProtocol, number])[];
  readonly owner?: string;
  readonly start: (folder: string, place: Place, files: Files | null) => Promise<Daemon>;
  /** Whether it can also be started without TLS, to see that this is said. */
  readonly plain: boolean;
  readonly service?: "srv";
}

function withFiles(start: (folder: string, place: Place, files: Files) => Promise<Daemon>): Single["start"] {
  return (folder, place, files) => {
    if (files === null) throw new Error("this server is not started without TLS");
    return start(folder, place, files);
  };
}

const singles: readonly Single[] = [
  { title: "slapd", needs: ["root", "slapd"], protocols: [["ldap", 0]], start: startSlapd, plain: true },
  { title: "MariaDB", needs: ["root", "mariadbd"], protocols: [["mysql", 0]], start: startMariadb, plain: true },
  { title: "vsftpd", needs: ["root", "vsftpd"], protocols: [["ftp", 0]], start: startVsftpd, plain: true },
  {
    title: "nnrpd of INN",
    needs: ["root", "nnrpd"],
    protocols: [["nntp", 0]],
    owner: "news",
    start: withFiles(startNnrpd),
    plain: false,
  },
  {
    title: "Prosody",
    needs: ["root", "prosody"],
    protocols: [
      ["xmpp-client", 0],
      ["xmpp-server", 1],
    ],
    start: withFiles((folder, place, files) => startProsody(folder, place, files, DOMAIN)),
    plain: false,
    service: "srv",
  },
  {
    title: "PostgreSQL",
    needs: ["root", "postgres", "initdb", "setpriv"],
    protocols: [["postgres", 0]],
    owner: "postgres",
    start: startPostgres,
    plain: true,
  },
];

for (const [index, { title, needs, protocols, owner, start, plain, service }] of singles.entries()) {
  serverSuite(title, needs, () => {
    const ground = useGround();
    let place: Place;
    beforeAll(async () => {
      const { folder, rsa, daemons } = ground();
      place = placeOf(ground(), 40 + index);
      daemons.push(await start(folder, place, await writeFiles(join(folder, "tls"), rsa, owner)));
    }, 60_000);

    test.each(protocols)("%s: the record that matches, and one that does not", async (protocol, offset) => {
      const { rsa, ecdsa } = ground();
      const right = await verify(next(place, offset), protocol, [rsa], service);
      expect(outcomes(right), right.addresses[0]?.reason).toEqual([[null, "verified"]]);
      const wrong = await verify(next(place, offset), protocol, [ecdsa], service);
      expect(outcomes(wrong)).toEqual([[null, "fail-mismatch"]]);
    });

    if (!plain) return;
    test("without TLS: not offered", async () => {
      const other = placeOf(ground(), 60 + index);
      const { folder, daemons, rsa } = ground();
      daemons.push(await start(folder, other, null));
      const [protocol] = protocols[0] ?? ["tls" as const];
      const report = await verify(other, protocol, [rsa]);
      expect(report.addresses.map(({ verdict, code }) => [verdict, code])).toEqual([
        ["fail-tls", "STARTTLS_NOT_OFFERED"],
      ]);
    }, 60_000);
  });
}
