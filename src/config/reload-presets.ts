/**
 * Reload actions by the name of the server. Measured on Debian 12 and 13 by swapping the deployed files and looking at
 * the next handshakes, before the command and after it: before it each server presented the old certificate (Postfix a
 * mixture of both), after it the new one. A server that a reload does not bring to read its certificate again is given
 * its restart, and one that reads it for each connection nothing.
 *
 * What is sent to a daemon goes through the service manager wherever that is the same thing: a unit for daneward may be
 * forbidden to signal processes and to write into a server's folders, but it can always ask systemd. FreeBSD's rc
 * scripts know a reload for some of the servers only; the others are restarted there.
 */

/** What a preset does to the server: a restart cuts the connections there are, and a broken configuration keeps it down. */
export type ReloadEffect = "reload" | "restart" | "nothing";

interface ServerPreset {
  /** The usual name first, then the others that people write. */
  readonly names: readonly [string, ...string[]];
  readonly systemd: Way;
  readonly freebsd: Way;
}

/** A program of the server's own that is the same everywhere, or a verb for the service manager and a service. */
type Way =
  readonly ["reload", string] | readonly ["restart", string] | readonly ["run", ...string[]] | readonly ["nothing"];

const PRESETS: readonly ServerPreset[] = [
  // postfix(1): "reload: Re-read configuration files. Running processes terminate at their earliest convenience."
  { names: ["postfix"], systemd: ["reload", "postfix"], freebsd: ["reload", "postfix"] },
  // doveadm(1): "reload: Force dovecot to reload configuration"
  { names: ["dovecot"], systemd: ["run", "doveadm", "reload"], freebsd: ["run", "doveadm", "reload"] },
  // nginx -s reload
  { names: ["nginx"], systemd: ["reload", "nginx"], freebsd: ["reload", "nginx"] },
  // apachectl graceful; the unit is apache2 on Debian, httpd on Fedora
  { names: ["apache", "apache2"], systemd: ["reload", "apache2"], freebsd: ["reload", "apache24"] },
  { names: ["httpd"], systemd: ["reload", "httpd"], freebsd: ["reload", "apache24"] },
  // SIGUSR2 to the master process
  { names: ["haproxy"], systemd: ["reload", "haproxy"], freebsd: ["reload", "haproxy"] },
  // SIGHUP; Exim before 4.95 reads the files for each connection
  { names: ["exim", "exim4"], systemd: ["reload", "exim4"], freebsd: ["reload", "exim"] },
  // SIGHUP; FreeBSD's script knows no reload
  { names: ["stunnel", "stunnel4"], systemd: ["reload", "stunnel4"], freebsd: ["restart", "stunnel"] },
  // SIGHUP
  { names: ["prosody"], systemd: ["reload", "prosody"], freebsd: ["reload", "prosody"] },
  // SIGHUP, for InspIRCd 4; version 3 wants SIGUSR1 and its module sslrehashsignal. FreeBSD's script knows no reload
  { names: ["inspircd"], systemd: ["reload", "inspircd"], freebsd: ["restart", "inspircd"] },
  // rndc(8): "reconfig: reload the configuration file and load new zones, but do not reload existing zone files"
  { names: ["bind", "named", "bind9"], systemd: ["run", "rndc", "reconfig"], freebsd: ["run", "rndc", "reconfig"] },
  // knotc(8): "reload: Reload the server configuration and modified zone files"
  { names: ["knot"], systemd: ["run", "knotc", "reload"], freebsd: ["run", "knotc", "reload"] },
  // A reload keeps the certificate in 1.17 and 1.22, and takes the new one in 1.26
  { names: ["unbound"], systemd: ["restart", "unbound"], freebsd: ["restart", "unbound"] },
  // Ends on SIGHUP; without a restart only cn=config brings it to read its certificate again
  { names: ["slapd", "openldap"], systemd: ["restart", "slapd"], freebsd: ["restart", "slapd"] },
  // Ends on SIGHUP ("unexpected signal")
  { names: ["opensmtpd", "smtpd"], systemd: ["restart", "opensmtpd"], freebsd: ["restart", "smtpd"] },
  // ejabberdctl(8); it compares the files' times of modification
  {
    names: ["ejabberd"],
    systemd: ["run", "ejabberdctl", "reload_config"],
    freebsd: ["run", "ejabberdctl", "reload_config"],
  },
  // couriertls reads its files for each connection
  { names: ["courier", "courier-imap"], systemd: ["nothing"], freebsd: ["nothing"] },
  // SIGHUP to its master process; Debian's unit knows no reload
  { names: ["cyrus", "cyrus-imapd"], systemd: ["restart", "cyrus-imapd"], freebsd: ["reload", "imapd"] },
  // caddy reload --force; FreeBSD's script leaves out --force, and then nothing happens to an unchanged configuration
  { names: ["caddy"], systemd: ["reload", "caddy"], freebsd: ["restart", "caddy"] },
  // SIGHUP reads the configuration anew, but not the certificate
  { names: ["vsftpd"], systemd: ["restart", "vsftpd"], freebsd: ["restart", "vsftpd"] },
];

/** Every name that a preset goes by. */
export const PRESET_NAMES: readonly string[] = PRESETS.flatMap(({ names }) => names);

/** A server's reload on one kind of system. */
export interface ReloadPreset {
  readonly effect: ReloadEffect;
  /** Words of the command; empty: nothing is to be done. */
  readonly argv: readonly string[];
}

/** The preset of that name on a platform as `process.platform` has it; null: there is none. */
export function reloadPreset(name: string, platform: string): ReloadPreset | null {
  const found = PRESETS.find(({ names }) => names.includes(name.toLowerCase()));
  return found === undefined ? null : presetOf(platform === "freebsd" ? found.freebsd : found.systemd, platform);
}

function presetOf(way: Way, platform: string): ReloadPreset {
  const [verb, ...words] = way;
  if (verb === "nothing") return { effect: "nothing", argv: [] };
  if (verb === "run") return { effect: "reload", argv: words };
  const argv = platform === "freebsd" ? ["service", ...words, verb] : ["systemctl", verb, ...words];
  return { effect: verb, argv };
}

/** The service manager's words for a restart. */
const RESTARTS: readonly string[] = ["restart", "try-restart", "force-reload", "reload-or-restart"];

/** Whether a reload action may take the service down for a moment: what it says, be it a preset or written out. */
export function isRestart(argv: readonly string[]): boolean {
  const [program = "", ...words] = argv;
  const manager = program.slice(program.lastIndexOf("/") + 1);
  return (
    ["systemctl", "service", "rc-service", "rcctl"].includes(manager) && words.some((word) => RESTARTS.includes(word))
  );
}
