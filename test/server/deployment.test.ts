/**
 * What the reload presets rely on: which certificate a server presents after the deployed files were swapped, before
 * and after what its unit does for a reload. Where nothing but a restart helps, the preset is a restart.
 */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { instant } from "../../src/base/time.ts";
import type { ServiceProtocol } from "../../src/base/service-protocol.ts";
import { reloadPreset } from "../../src/config/reload-presets.ts";
import { readChain } from "../../src/driver/chain-files.ts";
import type { ChainFiles } from "../../src/driver/chain-files.ts";
import { deployChain, storeChain } from "../../src/driver/deploy.ts";
import type { DeployEnding } from "../../src/driver/deploy.ts";
import { chainIdOf, digestsOf } from "../../src/driver/facts.ts";
import type { DeployTarget } from "../../src/driver/versions.ts";
import { issueCertificate, newPrivateKeyPem } from "../../src/pki/peculiar.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";
import type { ChainId } from "../../src/rollover/chain.ts";
import { probeAddress } from "../../src/verifier/probe.ts";
import { dn } from "../fakes/resolver.ts";
import type { Place } from "./lab/bind.ts";
import { drawNetwork } from "./lab/network.ts";
import type { Network } from "./lab/network.ts";
import { until } from "./lab/poll.ts";
import { must, run, startDaemon } from "./lab/process.ts";
import type { Daemon } from "./lab/process.ts";
import { program, serverSuite } from "./lab/programs.ts";
import { startNginx, startPostfix } from "./lab/services.ts";
import { startDovecot, startProsody, startSlapd, startVsftpd, writeFiles } from "./lab/starttls-servers.ts";
import type { Files } from "./lab/starttls-servers.ts";

const HOST = "mx.example.test";
const LOOKS = 4;

interface Ground {
  readonly folder: string;
  readonly network: Network;
  readonly target: DeployTarget;
  readonly old: ChainId;
  readonly next: ChainId;
  /** Of another kind, for servers that want two. */
  readonly rsa: IssuedCertificate;
}

interface Running {
  readonly daemon: Pick<Daemon, "name" | "output" | "stop">;
  /** What its unit does for a reload; null: it has none. */
  readonly reload: readonly string[] | null;
}

interface Case {
  readonly server: string;
  readonly needs: readonly string[];
  readonly protocol: ServiceProtocol;
  readonly start: (ground: Ground, place: Place, files: Files) => Promise<Running>;
  /** What is presented after the swap alone; Postfix starts processes as it likes. */
  readonly afterSwap: "old" | "next" | "either";
  /** What is presented after the reload; null: there is none. */
  readonly afterReload: "old" | "next" | null;
}

const hup = ({ pid }: Daemon): readonly string[] => ["/bin/kill", "-HUP", String(pid)];

function listens({ address, port }: Place): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port });
    socket.on("error", () => {
      resolve(false);
    });
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

async function startNamed({ folder }: Ground, place: Place, { chain, key }: Files): Promise<Running> {
  const home = join(folder, "named");
  mkdirSync(home, { recursive: true });
  const control = place.port + 1;
  const secret = 'key control { algorithm hmac-sha256; secret "ZGFuZXdhcmQ="; };\n';
  const [config, rndc] = [join(home, "named.conf"), join(home, "rndc.conf")];
  writeFileSync(
    config,
    `${secret}controls { inet ${place.address} port ${String(control)} allow { any; } keys { control; }; };
tls deployed { cert-file "${chain}"; key-file "${key}"; };
options {
  directory "${home}"; pid-file "${home}/pid"; session-keyfile "${home}/session.key"; managed-keys-directory "${home}";
  listen-on port ${String(place.port)} tls deployed { ${place.address}; }; listen-on-v6 { none; }; recursion no;
};
`,
  );
  const options = `options { default-key control; default-server ${place.address}; default-port ${String(control)}; };\n`;
  writeFileSync(rndc, `${secret}${options}`);
  const args = ["-g", "-c", config];
  const daemon = await startDaemon({ name: "named", command: "named", args, cwd: home, ready: () => listens(place) });
  return { daemon, reload: [program("rndc"), "-c", rndc, "reconfig"] };
}

async function startUnbound({ folder }: Ground, place: Place, { chain, key }: Files): Promise<Running> {
  const home = join(folder, "unbound");
  mkdirSync(home, { recursive: true });
  const config = join(home, "unbound.conf");
  writeFileSync(
    config,
    `server:
  interface: ${place.address}@${String(place.port)}
  tls-port: ${String(place.port)}
  tls-service-key: "${key}"
  tls-service-pem: "${chain}"
  username: ""
  chroot: ""
  directory: "${home}"
  pidfile: "${home}/pid"
`,
  );
  const args = ["-d", "-p", "-c", config];
  const daemon = await startDaemon({
    name: "unbound",
    command: "unbound",
    args,
    cwd: home,
    ready: () => listens(place),
  });
  return { daemon, reload: hup(daemon) };
}

const CASES: readonly Case[] = [
  {
    server: "postfix",
    needs: ["postfix"],
    protocol: "smtp",
    start: async ({ folder, target }, place) => {
      const { daemon, reload, stop } = await startPostfix(folder, [place], target.link);
      return { daemon: { ...daemon, stop }, reload };
    },
    afterSwap: "either",
    afterReload: "next",
  },
  {
    server: "nginx",
    needs: ["nginx"],
    protocol: "tls",
    start: ({ folder, target }, place) => startNginx(folder, [place], target.link),
    afterSwap: "old",
    afterReload: "next",
  },
  {
    server: "dovecot",
    needs: ["dovecot", "doveadm"],
    protocol: "imap",
    start: async ({ folder, rsa }, place, files) => {
      const daemon = await startDovecot(folder, place, files, await writeFiles(join(folder, "rsa"), rsa));
      return { daemon, reload: [program("doveadm"), "-c", join(folder, "dovecot/dovecot.conf"), "reload"] };
    },
    afterSwap: "old",
    afterReload: "next",
  },
  {
    server: "prosody",
    needs: ["prosody"],
    protocol: "xmpp-client",
    start: async ({ folder }, place, files) => {
      const daemon = await startProsody(folder, place, files, HOST);
      return { daemon, reload: hup(daemon) };
    },
    afterSwap: "old",
    afterReload: "next",
  },
  {
    server: "bind",
    needs: ["named", "rndc"],
    protocol: "tls",
    start: startNamed,
    afterSwap: "old",
    afterReload: "next",
  },
  {
    // 1.17 and 1.22 keep it, 1.26 does not; the preset has to do for all of them.
    server: "unbound",
    needs: ["unbound"],
    protocol: "tls",
    start: startUnbound,
    afterSwap: "old",
    afterReload: "old",
  },
  {
    server: "slapd",
    needs: ["slapd"],
    protocol: "ldap",
    start: async ({ folder }, place, files) => ({ daemon: await startSlapd(folder, place, files), reload: null }),
    afterSwap: "old",
    afterReload: null,
  },
  {
    server: "vsftpd",
    needs: ["vsftpd"],
    protocol: "ftp",
    start: async ({ folder }, place, files) => {
      const daemon = await startVsftpd(folder, place, files);
      return { daemon, reload: hup(daemon) };
    },
    afterSwap: "old",
    afterReload: "old",
  },
];

serverSuite("swapping the files", ["root", ...CASES.flatMap(({ needs }) => needs)], () => {
  let ground: Ground;
  const running: Running[] = [];

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), "daneward-deployment-"));
    // Postfix passes through as a user of its own.
    chmodSync(folder, 0o711);
    const target = { link: join(folder, "deploy", "mx"), keyGroupId: null };
    const dates = { notBefore: instant(Date.UTC(2020, 0, 1)), notAfter: instant(Date.UTC(2040, 0, 1)) };
    const issue = (kind: "rsa-2048" | "ec-p256"): Promise<IssuedCertificate> =>
      issueCertificate({ ...dates, subject: `CN=${HOST}`, dnsNames: [HOST], privateKeyPem: newPrivateKeyPem(kind) });
    const [network, rsa, ...pair] = await Promise.all([
      drawNetwork(),
      issue("rsa-2048"),
      issue("ec-p256"),
      issue("ec-p256"),
    ]);
    const ids: ChainId[] = [];
    for (const [at, issued] of pair.entries()) {
      const source = join(folder, `source-${String(at)}`);
      await writeFiles(source, issued);
      const files = readChain({ kind: "directory", path: source });
      if (!files.ok) throw new Error(files.fault.message);
      storeChain(target, files.value, instant(Date.UTC(2026, 0, 1) + at * 60_000));
      ids.push(chainIdOf(files.value.leaf));
    }
    const [old, next] = ids;
    if (old === undefined || next === undefined) throw new Error("two certificates were issued");
    ground = { folder, network, target, old, next, rsa };
  }, 30_000);
  afterEach(async ({ task }) => {
    for (const { daemon } of running.splice(0)) {
      if (task.result?.state === "fail") console.error(`--- ${daemon.name}\n${daemon.output()}`);
      await daemon.stop();
    }
  });
  afterAll(() => {
    rmSync(ground.folder, { recursive: true, force: true });
  });

  const show = (chain: ChainId, commands: readonly (readonly string[])[] = []): Promise<DeployEnding> =>
    deployChain(ground.target, chain, { commands, options: { path: process.env["PATH"], timeoutMs: 20_000 } });

  /** Which of the two each of several looks finds. */
  async function look(place: Place, protocol: ServiceProtocol): Promise<readonly string[]> {
    const found: string[] = [];
    for (let count = 0; count < LOOKS; count += 1) {
      const endpoint = { host: dn(HOST), port: place.port, protocol };
      const options = { serverName: dn(HOST), timeoutMs: 10_000 };
      const outcome = await probeAddress(endpoint, place.address, options, "ecdsa");
      if (outcome.outcome === "failed") found.push(outcome.fault.message);
      else found.push(nameOf(outcome.certificates[0]));
    }
    return found;
  }

  const nameOf = (der: Uint8Array | undefined): string => {
    const id = der === undefined ? null : chainIdOf({ der, spki: der });
    return id === ground.old ? "old" : id === ground.next ? "next" : "another";
  };
  const always = (what: string): readonly string[] => Array.from({ length: LOOKS }, () => what);

  test.each(CASES)(
    "$server",
    async ({ server, protocol, start, afterSwap, afterReload }) => {
      const { network } = ground;
      // BIND listens on addresses that an interface bears.
      const isBind = server === "bind";
      const address = isBind ? "127.0.0.1" : network.address(20 + CASES.findIndex((one) => one.server === server));
      const place = { address, port: network.dnsPort };
      const files = { chain: join(ground.target.link, "fullchain.pem"), key: join(ground.target.link, "privkey.pem") };
      const launch = async (): Promise<Running> => {
        const one = await start(ground, place, files);
        running.push(one);
        return one;
      };
      const sees = (what: string): Promise<boolean> =>
        until(`${server} presents the ${what} one`, async () =>
          (await look(place, protocol)).every((one) => one === what),
        );

      expect(await show(ground.old)).toMatchObject({ flipped: true, fault: null });
      const first = await launch();
      expect(await look(place, protocol)).toEqual(always("old"));

      await show(ground.next);
      const swapped = await look(place, protocol);
      if (afterSwap === "either") expect(["old", "next"]).toEqual(expect.arrayContaining([...new Set(swapped)]));
      else expect(swapped).toEqual(always(afterSwap));

      if (first.reload !== null) {
        expect(await show(ground.next, [first.reload])).toEqual({ flipped: true, reloaded: true, fault: null });
        if (afterReload === "next") expect(await sees("next")).toBe(true);
        else {
          // While it reloads, a server may reset connections.
          const seen = await until(`${server} answers again`, async () => {
            const found = await look(place, protocol);
            return found.every((one) => ["old", "next", "another"].includes(one)) ? found : null;
          });
          expect(seen).toEqual(always("old"));
        }
      }
      const preset = reloadPreset(server, "linux");
      const helps = afterSwap === "next" ? "nothing" : afterReload === "next" ? "reload" : "restart";
      expect(preset?.effect).toBe(helps);
      if (helps !== "restart") return;
      await running.pop()?.daemon.stop();
      await launch();
      expect(await look(place, protocol)).toEqual(always("next"));
    },
    40_000,
  );
});

/** Why file systems cannot be mounted here, or null. Some containers lack the capability. */
async function mountRefused(folder: string): Promise<string | null> {
  const tried = await run(program("mount"), ["-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", folder]);
  return tried.code === 0 ? null : tried.stderr.trim();
}

serverSuite("a deploy root", ["root", "mount", "umount"], () => {
  test("that is full, or read-only, goes on showing what it showed, and leaves nothing half written", async ({
    skip,
  }) => {
    const folder = mkdtempSync(join(tmpdir(), "daneward-full-"));
    try {
      const refused = await mountRefused(folder);
      if (refused !== null) skip(`tmpfs cannot be mounted: ${refused}`);
      const target = { link: join(folder, "mx"), keyGroupId: null };
      const dates = { notBefore: instant(Date.UTC(2020, 0, 1)), notAfter: instant(Date.UTC(2040, 0, 1)) };
      const [first, second] = await Promise.all(
        ["first", "second"].map(async (name): Promise<ChainFiles> => {
          const source = join(folder, "..", `${basename(folder)}-${name}`);
          await writeFiles(source, await issueCertificate({ ...dates, subject: `CN=${name}`, dnsNames: [HOST] }));
          const files = readChain({ kind: "directory", path: source });
          rmSync(source, { recursive: true });
          if (!files.ok) throw new Error(files.fault.message);
          return files.value;
        }),
      );
      if (first === undefined || second === undefined) throw new Error("two certificates were issued");
      const show = (files: ChainFiles): Promise<DeployEnding> =>
        deployChain(target, chainIdOf(files.leaf), { commands: [], options: { path: undefined, timeoutMs: 1000 } });
      const store = (files: ChainFiles): string => {
        try {
          storeChain(target, files, instant(Date.UTC(2026, 0, 1)));
          return "stored";
        } catch (error) {
          return error instanceof OperationalError ? `${error.code}: ${error.hint}` : String(error);
        }
      };
      const names = (): readonly string[] =>
        readdirSync(folder, { recursive: true, encoding: "utf8" })
          .filter((name) => name !== "filler")
          .sort();

      expect(store(first)).toBe("stored");
      expect((await show(first)).fault).toBeNull();
      const before = names();
      await run(program("dd"), ["if=/dev/zero", `of=${folder}/filler`, "bs=1k"]);
      expect(store(second)).toMatch(/^DISK_FULL: /);
      expect(names()).toEqual(before);
      rmSync(join(folder, "filler"));
      expect(store(second)).toBe("stored");
      await must(program("mount"), ["-o", "remount,ro", folder]);
      const stored = names();
      expect(await show(second)).toMatchObject({ flipped: false, fault: { code: "DEPLOY_WRITE_FAILED" } });
      expect((await show(second)).fault?.hint).toContain(`ReadWritePaths=${folder}`);
      expect(names()).toEqual(stored);
      expect(readlinkSync(target.link)).toContain(digestsOf(first.leaf).spkiSha256.slice(0, 8));
      await must(program("mount"), ["-o", "remount,rw", folder]);
      expect((await show(second)).flipped).toBe(true);
    } finally {
      await run(program("umount"), [folder]);
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
