/** Real servers of the protocols that start TLS on request, each in a folder, on an address and with keys of its own. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import type { IssuedCertificate } from "../../../src/pki/peculiar.ts";
import type { Place } from "./bind.ts";
import { must, startDaemon } from "./process.ts";
import type { Daemon, DaemonSpec } from "./process.ts";
import { program } from "./programs.ts";

/** Where a server finds its certificate and key; `alternative`: those of another kind, for servers that take two. */
export interface Files {
  readonly chain: string;
  readonly key: string;
}

/** Writes the files that servers read; `owner` may read the key. */
export async function writeFiles(folder: string, certificate: IssuedCertificate, owner = "root"): Promise<Files> {
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const [chain, key] = [join(folder, "fullchain.pem"), join(folder, "privkey.pem")];
  writeFileSync(chain, certificate.chainPem);
  writeFileSync(key, certificate.privateKeyPem, { mode: 0o600 });
  if (owner !== "root") await must("chown", [owner, key]);
  return { chain, key };
}

function accepts({ address, port }: Place): Promise<boolean> {
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

function start(place: Place, spec: Omit<DaemonSpec, "ready" | "name">): Promise<Daemon> {
  return startDaemon({ name: spec.command, ...spec, ready: () => accepts(place) });
}

function home(folder: string, name: string): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true, mode: 0o755 });
  chmodSync(path, 0o755);
  return path;
}

/** IMAP, POP3, ManageSieve and LMTP on four ports from `place.port` on, in this order; certificates of two kinds. */
export function startDovecot(folder: string, place: Place, files: Files, alternative: Files): Promise<Daemon> {
  const path = home(folder, "dovecot");
  const [imap, pop3, sieve, lmtp] = [0, 1, 2, 3].map((offset) => String(place.port + offset));
  const config = join(path, "dovecot.conf");
  writeFileSync(
    config,
    `base_dir = ${path}/run
state_dir = ${path}/state
log_path = ${path}/dovecot.log
listen = ${place.address}
protocols = imap pop3 lmtp sieve
ssl = yes
ssl_cert = <${files.chain}
ssl_key = <${files.key}
ssl_alt_cert = <${alternative.chain}
ssl_alt_key = <${alternative.key}
mail_location = maildir:${path}/mail
passdb {
  driver = static
  args = password=none
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=${path}/mail
}
service imap-login {
  inet_listener imap {
    port = ${imap ?? ""}
  }
  inet_listener imaps {
    port = 0
  }
}
service pop3-login {
  inet_listener pop3 {
    port = ${pop3 ?? ""}
  }
  inet_listener pop3s {
    port = 0
  }
}
service managesieve-login {
  inet_listener sieve {
    port = ${sieve ?? ""}
  }
}
service lmtp {
  inet_listener lmtp {
    address = ${place.address}
    port = ${lmtp ?? ""}
  }
}
`,
  );
  return start(place, { command: "dovecot", args: ["-F", "-c", config], cwd: path });
}

export function startSlapd(folder: string, place: Place, files: Files | null): Promise<Daemon> {
  const path = home(folder, files === null ? "slapd-plain" : "slapd");
  mkdirSync(join(path, "data"), { recursive: true });
  const config = join(path, "slapd.conf");
  const tls = files === null ? "" : `TLSCertificateFile ${files.chain}\nTLSCertificateKeyFile ${files.key}\n`;
  writeFileSync(config, `pidfile ${path}/pid\n${tls}database ldif\nsuffix cn=example\ndirectory ${path}/data\n`);
  const url = `ldap://${place.address}:${String(place.port)}/`;
  return start(place, { command: "slapd", args: ["-h", url, "-f", config, "-d", "0"], cwd: path });
}

export function startMariadb(folder: string, place: Place, files: Files | null): Promise<Daemon> {
  const path = home(folder, files === null ? "mariadb-plain" : "mariadb");
  mkdirSync(join(path, "data"), { recursive: true });
  const tls = files === null ? ["--skip-ssl"] : [`--ssl-cert=${files.chain}`, `--ssl-key=${files.key}`];
  return start(place, {
    command: "mariadbd",
    args: [
      "--no-defaults",
      "--user=root",
      `--datadir=${path}/data`,
      `--socket=${path}/socket`,
      `--pid-file=${path}/pid`,
      `--bind-address=${place.address}`,
      `--port=${String(place.port)}`,
      "--skip-grant-tables",
      "--innodb-buffer-pool-size=8M",
      "--innodb-log-file-size=4M",
      ...tls,
    ],
    cwd: path,
  });
}

/** Client streams on `place.port`, server streams on the next one, for `domain`. */
export function startProsody(folder: string, place: Place, files: Files, domain: string): Promise<Daemon> {
  const path = home(folder, "prosody");
  const config = join(path, "prosody.cfg.lua");
  writeFileSync(
    config,
    `run_as_root = true
daemonize = false
data_path = "${path}/data"
pidfile = "${path}/pid"
log = { info = "*console" }
interfaces = { "${place.address}" }
c2s_ports = { ${String(place.port)} }
s2s_ports = { ${String(place.port + 1)} }
modules_enabled = { "tls", "saslauth", "dialback" }
modules_disabled = { "http", "https" }
authentication = "internal_hashed"
ssl = { certificate = "${files.chain}", key = "${files.key}" }
VirtualHost "${domain}"
`,
  );
  return start(place, { command: "prosody", args: ["-F", "--config", config], cwd: path });
}

export function startVsftpd(folder: string, place: Place, files: Files | null): Promise<Daemon> {
  const path = home(folder, files === null ? "vsftpd-plain" : "vsftpd");
  mkdirSync(join(path, "empty"), { recursive: true });
  const config = join(path, "vsftpd.conf");
  const tls =
    files === null
      ? "ssl_enable=NO\n"
      : `ssl_enable=YES\nrsa_cert_file=${files.chain}\nrsa_private_key_file=${files.key}\n`;
  writeFileSync(
    config,
    `listen=YES
listen_address=${place.address}
listen_port=${String(place.port)}
background=NO
anonymous_enable=YES
allow_anon_ssl=YES
secure_chroot_dir=${path}/empty
anon_root=${path}/empty
seccomp_sandbox=NO
${tls}`,
  );
  return start(place, { command: "vsftpd", args: [config], cwd: path });
}

/** The reader daemon of INN alone: it needs neither innd nor articles to greet and start TLS. */
export async function startNnrpd(folder: string, place: Place, files: Files): Promise<Daemon> {
  const path = home(folder, "nnrpd");
  const config = join(path, "inn.conf");
  writeFileSync(
    config,
    `mta: "/bin/false %s"
domain: example.test
pathhost: news.example.test
hismethod: hisv6
enableoverview: true
ovmethod: tradindexed
pathoverview: ${path}
pathnews: /usr/lib/news
pathetc: ${path}
pathdb: ${path}
pathrun: ${path}
pathlog: ${path}
tlscertfile: ${files.chain}
tlskeyfile: ${files.key}
`,
  );
  writeFileSync(
    join(path, "readers.conf"),
    'auth "all" {\n  default: "<anyone>"\n}\naccess "all" {\n  newsgroups: "*"\n}\n',
  );
  writeFileSync(join(path, "storage.conf"), "method trash {\n  newsgroups: *\n  class: 0\n}\n");
  for (const name of ["active", "newsgroups", "group.index"]) writeFileSync(join(path, name), "");
  await must("chown", ["-R", "news", path]);
  const args = ["-D", "-f", "-b", place.address, "-p", String(place.port), "-c", join(path, "readers.conf")];
  return start(place, { command: "nnrpd", args, cwd: path, env: { INNCONF: config } });
}

/** Runs as the user `postgres`, who must be able to read the key. */
export async function startPostgres(folder: string, place: Place, files: Files | null): Promise<Daemon> {
  const path = home(folder, files === null ? "postgres-plain" : "postgres");
  await must("chown", ["postgres", path]);
  const asPostgres = ["--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"];
  const data = join(path, "data");
  await must(program("setpriv"), [...asPostgres, program("initdb"), "-D", data, "-A", "trust", "--no-sync"], {
    cwd: path,
  });
  const settings = {
    listen_addresses: place.address,
    port: String(place.port),
    unix_socket_directories: path,
    fsync: "off",
    ...(files === null ? {} : { ssl: "on", ssl_cert_file: files.chain, ssl_key_file: files.key }),
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  return start(place, {
    command: "setpriv",
    args: [...asPostgres, program("postgres"), "-D", data, ...options],
    cwd: path,
  });
}
