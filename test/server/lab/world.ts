/** The whole lab put together: signed tree, primary and secondary, resolver, authority, lineage, mail and web server. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeTsigKey, startBindParents, startBindPrimary, startBindSecondary } from "./bind.ts";
import type { Place } from "./bind.ts";
import { makeAuthority, makeLineage } from "./lineage.ts";
import type { Authority, Lineage } from "./lineage.ts";
import { drawNetwork } from "./network.ts";
import { startNsdSecondary } from "./nsd.ts";
import { must } from "./process.ts";
import type { Daemon } from "./process.ts";
import { program } from "./programs.ts";
import { startRelay } from "./relay.ts";
import type { Relay } from "./relay.ts";
import { startNginx, startPostfix } from "./services.ts";
import type { Service } from "./services.ts";
import type { SampledService } from "./sampler.ts";
import { ZONE, makeTree } from "./tree.ts";
import { startUnbound } from "./unbound.ts";
import { unwind } from "./unwind.ts";
import { TLSA, ask, tlsaText } from "./wire.ts";

/** Programs that {@link startWorld} needs. */
export const WORLD_PROGRAMS = [
  "root",
  "named",
  "dnssec-keygen",
  "dnssec-dsfromkey",
  "dnssec-signzone",
  "tsig-keygen",
  "nsupdate",
  "nsd",
  "unbound",
  "postfix",
  "nginx",
  "openssl",
] as const;

export const MX = { host: `mx.${ZONE}`, port: 2525, starttls: true } as const satisfies SampledService;
export const WWW = { host: `www.${ZONE}`, port: 8443, starttls: false } as const satisfies SampledService;
export const OWNERS = [MX, WWW].map((service) => `_${String(service.port)}._tcp.${service.host}`);

export interface World {
  readonly folder: string;
  readonly primary: Place;
  readonly secondary: Place;
  readonly resolver: Place;
  /** Transfers from primary to secondary go through it. */
  readonly relay: Relay;
  /** tsig-keygen file of the key that may write TLSA at the two owner names. */
  readonly tsigKey: string;
  /** A key that named does not know. */
  readonly strangerKey: string;
  /** DS of the root key, in zone-file form, and a file that holds it. */
  readonly anchor: string;
  readonly anchorFile: string;
  readonly authority: Authority;
  readonly lineage: Lineage;
  /** The addresses of the mail and of the web server. */
  readonly mailAddresses: readonly string[];
  readonly webAddresses: readonly string[];
  readonly postfix: Service;
  readonly nginx: Service;
  readonly primaryDaemon: Daemon;
  /** A second resolver, which does not validate. */
  readonly startPlainResolver: () => Promise<Place>;
  /** TLSA records as a name server serves them, sorted text. */
  readonly served: (owner: string, from?: Place) => Promise<readonly string[]>;
  /** Writes records by nsupdate under the administrator's key, which may write anything. */
  readonly asAdministrator: (commands: readonly string[]) => Promise<void>;
  /** Output of every daemon, for the report of a failed test. */
  readonly logs: () => string;
  readonly stop: () => Promise<void>;
}

export type SecondaryKind = "nsd" | "bind";

export interface WorldOptions {
  readonly secondary?: SecondaryKind;
  /** Resolvers find root and `test.` at a server of their own, which goes on when the primary is down. */
  readonly parentsApart?: boolean;
  /** The web server has two addresses. */
  readonly secondWebAddress?: boolean;
  /** How long the primary's signatures are valid, as BIND says it; default: BIND's own two weeks. */
  readonly signaturesValidity?: string;
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "daneward-lab-"));
  chmodSync(folder, 0o711); // Postfix's own user passes through
  const undo: (() => Promise<void>)[] = [
    () => {
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  ];
  try {
    return await build(folder, options, undo);
  } catch (error) {
    await unwind(undo);
    throw error;
  }
}

async function build(folder: string, options: WorldOptions, undo: (() => Promise<void>)[]): Promise<World> {
  const { secondary: kind = "nsd", parentsApart = false, secondWebAddress = false, signaturesValidity } = options;
  const network = await drawNetwork();
  const place = (host: number): Place => ({ address: network.address(host), port: network.dnsPort });
  // named listens on addresses of interfaces only: the primary gets 127.0.0.1, a secondary named a relay in front.
  const primary: Place = { address: "127.0.0.1", port: network.dnsPort };
  const [secondary, relayed, resolver] = [place(2), place(3), place(53)] as const;
  const mail = [network.address(10), network.address(11)];
  const web = [network.address(12), ...(secondWebAddress ? [network.address(13)] : [])];

  const authority = await makeAuthority(join(folder, "ca"));
  const lineage = await makeLineage(join(folder, "letsencrypt"), authority, MX.host, [MX.host, WWW.host]);
  const tree = await makeTree(folder, {
    nameServers: [primary.address, secondary.address],
    records: [
      `@ IN MX 10 ${MX.host}.`,
      ...mail.map((address) => `${MX.host}. IN A ${address}`),
      ...web.map((address) => `${WWW.host}. IN A ${address}`),
    ],
  });
  const [tsigKey, strangerKey, administratorKey] = await Promise.all(
    ["daneward", "stranger", "administrator"].map((name) => makeTsigKey(folder, name)),
  );
  if (tsigKey === undefined || strangerKey === undefined || administratorKey === undefined) throw new Error("no keys");

  const daemons: Daemon[] = [];
  const add = (daemon: Daemon): Daemon => {
    daemons.push(daemon);
    undo.push(daemon.stop);
    return daemon;
  };
  const primaryDaemon = add(
    await startBindPrimary({
      tree,
      at: primary,
      keyFiles: [tsigKey, administratorKey],
      grants: [...OWNERS.map((owner) => `grant daneward name ${owner}. TLSA`), "grant administrator zonesub ANY"],
      notify: [secondary],
      ...(signaturesValidity === undefined ? {} : { signaturesValidity }),
    }),
  );
  const relay = await startRelay(relayed, primary);
  undo.push(relay.stop);
  if (kind === "nsd") add(await startNsdSecondary(folder, secondary, relayed));
  else {
    const behind: Place = { address: "127.0.0.1", port: network.sparePort };
    add(await startBindSecondary(folder, behind, relayed));
    undo.push((await startRelay(secondary, behind)).stop);
  }
  // A secondary named has the spare port of 127.0.0.1, so that this goes with NSD alone.
  const parents: Place = parentsApart ? { address: "127.0.0.1", port: network.sparePort } : primary;
  if (parentsApart) add(await startBindParents({ tree, at: parents }));
  const zones = { ".": [parents], test: [parents], [ZONE]: [primary, secondary] };
  add(await startUnbound({ tree, at: resolver, zones }));
  const postfix = await startPostfix(
    folder,
    mail.map((address) => ({ address, port: MX.port })),
    lineage.live,
  );
  undo.push(postfix.stop);
  const nginx = await startNginx(
    folder,
    web.map((address) => ({ address, port: WWW.port })),
    lineage.live,
  );
  undo.push(nginx.stop);

  const anchorFile = join(folder, "root.anchor");
  writeFileSync(anchorFile, `${tree.anchor}\n`);
  return {
    folder,
    primary,
    secondary,
    resolver,
    relay,
    tsigKey,
    strangerKey,
    anchor: tree.anchor,
    anchorFile,
    authority,
    lineage,
    mailAddresses: mail,
    webAddresses: web,
    postfix,
    nginx,
    primaryDaemon,
    startPlainResolver: async () => {
      const at = place(54);
      add(await startUnbound({ tree, at, zones, validating: false }));
      return at;
    },
    served: async (owner, from = primary) =>
      (await ask(from, owner, TLSA, { recursion: from === resolver })).answers
        .map((answer) => tlsaText(answer.data))
        .sort(),
    asAdministrator: async (commands) => {
      const script = [
        `server ${primary.address} ${String(primary.port)}`,
        `zone ${ZONE}`,
        ...commands,
        "send",
        "",
      ].join("\n");
      await must(program("nsupdate"), ["-v", "-k", administratorKey], { input: script });
    },
    logs: () =>
      [...daemons, postfix.daemon, nginx.daemon]
        .map((daemon) => [daemon.name, daemon.output()] as const)
        .concat([
          ["postfix log", postfix.log()],
          ["nginx log", nginx.log()],
        ])
        .map(([name, text]) => `--- the end of ${name}\n${text.split("\n").slice(-40).join("\n")}`)
        .join("\n"),
    stop: () => unwind(undo),
  };
}
