/** The TLS services of the lab: Postfix smtpd (STARTTLS) and nginx (TLS at once). Both read the files daneward deploys. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import type { Place } from "./bind.ts";
import { must, run, startDaemon } from "./process.ts";
import type { Daemon } from "./process.ts";
import { program } from "./programs.ts";
import { until } from "./poll.ts";

export interface Service {
  readonly daemon: Daemon;
  /** What an administrator types to make it read its files again: argv. */
  readonly reload: readonly string[];
  /** Makes it read its certificates from other folders, as an administrator would: edit the file, reload. */
  readonly readFrom: (folder: string, others?: readonly string[]) => Promise<void>;
  readonly log: () => string;
  readonly stop: () => Promise<void>;
}

function accepts(place: Place): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: place.address, port: place.port });
    socket.on("error", () => {
      resolve(false);
    });
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

async function acceptsAll(places: readonly Place[]): Promise<boolean> {
  return (await Promise.all(places.map(accepts))).every((accepted) => accepted);
}

function readLog(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** `certificates`: a folder with `privkey.pem` and `fullchain.pem`; `others`: folders with certificates of other kinds. */
export async function startPostfix(
  folder: string,
  places: readonly Place[],
  certificates: string,
  others: readonly string[] = [],
): Promise<Service> {
  const home = join(folder, "postfix");
  const config = join(home, "etc");
  for (const name of ["etc", "queue", "data"]) mkdirSync(join(home, name), { recursive: true });
  await must("chown", ["postfix", join(home, "data")]);
  const log = join(home, "mail.log");
  const configure = (from: string, beside: readonly string[] = others): void => {
    writeFileSync(
      join(config, "main.cf"),
      `compatibility_level = 3.6
queue_directory = ${home}/queue
data_directory = ${home}/data
maillog_file = ${log}
maillog_file_prefixes = ${home}
myhostname = mx.example.test
mydestination =
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_tls_security_level = may
smtpd_tls_chain_files = ${[from, ...beside].map((one) => `${one}/privkey.pem, ${one}/fullchain.pem`).join(", ")}
smtpd_tls_loglevel = 1
`,
    );
  };
  configure(certificates);
  writeFileSync(
    join(config, "master.cf"),
    `${places.map((place) => `${place.address}:${String(place.port)} inet n - n - - smtpd\n`).join("")}tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
pickup unix n - n 60 1 pickup
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
`,
  );
  const postfix = program("postfix");
  const reload = [postfix, "-c", config, "reload"];
  const daemon = await startDaemon({
    name: "postfix",
    command: "postfix",
    args: ["-c", config, "start-fg"],
    cwd: home,
    ready: () => acceptsAll(places),
  });
  return {
    daemon,
    reload,
    readFrom: async (from, beside) => {
      configure(from, beside);
      await must(postfix, reload.slice(1));
    },
    log: () => readLog(log),
    stop: async () => {
      await run(postfix, ["-c", config, "stop"]);
      await daemon.stop();
      await until("postfix no longer listens", async () => !(await acceptsAll(places)));
    },
  };
}

/** What nginx serves at some places: `folders` as with {@link startPostfix}, one for each kind of key. */
export interface Site {
  readonly places: readonly Place[];
  readonly folders: readonly string[];
}

export interface SitesService extends Omit<Service, "readFrom"> {
  /** Makes it read the certificates of its sites from other folders, as an administrator would. */
  readonly serve: (sites: readonly Site[]) => Promise<void>;
}

function siteBlock({ places, folders }: Site): string {
  const listen = places.map((place) => `listen ${place.address}:${String(place.port)} ssl;`);
  const pairs = folders.map((one) => `ssl_certificate ${one}/fullchain.pem; ssl_certificate_key ${one}/privkey.pem;`);
  return `  server {
    ${listen.join(" ")}
    ${pairs.join(" ")}
    location / { return 204; }
  }
`;
}

/** One nginx for several sites. */
export async function startNginxSites(folder: string, sites: readonly Site[]): Promise<SitesService> {
  const home = join(folder, "nginx");
  mkdirSync(home, { recursive: true });
  const file = join(home, "nginx.conf");
  const log = join(home, "error.log");
  const configure = (served: readonly Site[]): void => {
    writeFileSync(
      file,
      `daemon off; pid ${home}/nginx.pid; error_log ${log} notice; worker_processes 1;
events { }
http {
  access_log off;
  client_body_temp_path ${home}/body; proxy_temp_path ${home}/proxy; fastcgi_temp_path ${home}/fastcgi;
  uwsgi_temp_path ${home}/uwsgi; scgi_temp_path ${home}/scgi;
${served.map(siteBlock).join("")}}
`,
    );
  };
  configure(sites);
  const places = sites.flatMap((site) => site.places);
  const nginx = program("nginx");
  const common = ["-e", log, "-p", home, "-c", file];
  const daemon = await startDaemon({
    name: "nginx",
    command: "nginx",
    args: common,
    cwd: home,
    ready: () => acceptsAll(places),
  });
  const reload = [nginx, ...common, "-s", "reload"];
  return {
    daemon,
    reload,
    serve: async (served) => {
      configure(served);
      await must(nginx, reload.slice(1));
    },
    log: () => readLog(log),
    stop: daemon.stop,
  };
}

export async function startNginx(
  folder: string,
  places: readonly Place[],
  certificates: string,
  others: readonly string[] = [],
): Promise<Service> {
  const site = (from: string, beside: readonly string[] = others): readonly Site[] => [
    { places, folders: [from, ...beside] },
  ];
  const { serve, ...rest } = await startNginxSites(folder, site(certificates));
  return { ...rest, readFrom: (from, beside) => serve(site(from, beside)) };
}
