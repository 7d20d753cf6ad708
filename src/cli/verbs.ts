/**
 * The words of every command: arguments, flags, help and an example. Data alone; `program.ts` makes commander's command
 * tree of it, `quick.ts` the arguments of Node's own parser. Each verb is a file of `commands/`, loaded when called.
 */
import type { ExitCode } from "./exit.ts";
import type { Io } from "./io.ts";

export type Handler = (args: readonly string[], options: never, io: Io) => Promise<ExitCode>;

/** A flag in commander's notation, its description, and whether it may be given several times. */
export type Flag = readonly [flags: string, description: string, kind?: "list"];

export interface Verb {
  /** commander's own notation: `name <required> [optional] [more...]`. */
  readonly usage: string;
  readonly group: "try" | "look" | "steer" | "run" | "records" | "set up";
  readonly summary: string;
  readonly examples: readonly string[];
  readonly flags?: readonly Flag[];
  /** Help text behind the example. */
  readonly after?: string;
  /** Speaks the monitoring-plugin convention: bad usage is UNKNOWN (3). */
  readonly plugin?: true;
  /** Flags and arguments behind the first argument belong to the caller (hooks). */
  readonly passThrough?: true;
  readonly load: () => Promise<{ run: Handler }>;
}

const DRY_RUN = ["-n, --dry-run", "say what would be done, change nothing"] as const;
const RESOLVER = ["--resolver <ip[:port]>", "recursive resolver to ask (default 127.0.0.1)"] as const;
const BECAUSE = ["--because <text>", "why, for the journal"] as const;
const YES = ["-y, --yes", "do not ask"] as const;
const STEER: readonly Flag[] = [BECAUSE, YES, ["--now", "run the tick right after it"], DRY_RUN];
const TSIG = [
  ["--ttl <duration>", "TTL of the record, such as 1h"],
  ["--server <host[:port]>", "the server that takes the update (default: that of the only [publish.NAME])"],
  [
    "--key-file <file>",
    "TSIG key: tsig-keygen output, K*.private, alg:name:secret, certbot's rfc2136.ini (default: likewise)",
  ],
  ["--key-name <name>", "which key of a file that holds several"],
  ["--key-algorithm <name>", "algorithm of the key, such as hmac-sha256, where the file does not say it"],
  ["--zone <zone>", "the zone, when it should not be looked up"],
  ["--query-server <host[:port]>", "where to read before and after (default: where the update goes)"],
  ["--transport <transport>", "tcp (default), or udp: datagrams first, TCP when they do not get through"],
  ["--sign-queries", "sign questions too, for servers that choose the view by key"],
  ["--no-follow-cname", "fail where the owner name is an alias, instead of publishing at its target"],
  RESOLVER,
  DRY_RUN,
] as const;

/** Stands in for the global flag of that name, for commands that need no configuration. */
const NAMED_CONFIG: Flag = [
  "--config <file>",
  "reads no configuration unless --config or DANEWARD_CONFIG names one; that says what no flag says",
];

const VALIDATION: readonly Flag[] = [
  NAMED_CONFIG,
  [
    "--resolver <address>",
    "recursive resolver to ask: IP, IP:PORT or tls://IP#NAME (repeatable; default: those of /etc/resolv.conf, with --trust ad 127.0.0.1)",
    "list",
  ],
  [
    "--trust <mode>",
    "local: validate here, whatever the resolver says (default); ad: believe the AD bit of a loopback resolver",
  ],
  ["--trust-anchor <file>", "trust anchors to use in place of those of the root that are built in"],
];

/** Every command, in the order in which the help lists them. */
export const VERBS: readonly Verb[] = [
  {
    usage: "demo",
    group: "try",
    summary: "watch a whole rollover on an embedded signed DNS, on this machine alone",
    examples: ["daneward demo"],
    flags: [
      ["--keep", "keep the temporary directory with all files of the run"],
      ["--ascii", "draw with ASCII characters only"],
    ],
    load: () => import("./commands/demo.ts"),
  },
  {
    usage: "verify [targets...]",
    group: "look",
    summary: "check live servers, or a chain in a file, against their TLSA records",
    examples: [
      "daneward verify mx.example.org:25",
      "daneward verify mx:example.org --format nagios --days 14",
      "daneward verify -H mx.example.org -p 25 -w 14 -c 7 -t 20 --format nagios",
      "daneward verify srv:_xmpp-client._tcp.example.org ldap://ldap.example.org",
      "daneward verify --targets domains.txt --json --left rest.txt > results.jsonl",
      'daneward verify --chain fullchain.pem --tlsa "3 1 1 9a59…" --name mx.example.org',
    ],
    flags: [
      ["-H, --host <host>", "in place of a target: its host, with -p"],
      ["-p, --port <number>", "the port, with -H or beside a target that is a host name alone"],
      [
        "--starttls <protocol>",
        "where the port does not tell: smtp, lmtp, imap, pop3, sieve, xmpp-client, xmpp-server, ldap, ftp, nntp, postgres, mysql, or tls",
      ],
      ...VALIDATION,
      ["--address <ip>", "probe this address instead of those in DNS (repeatable)", "list"],
      [
        "--one-certificate",
        "one handshake an address, instead of one for each kind of certificate (RSA, ECDSA, EdDSA)",
      ],
      ["--profile <profile>", "smtp or generic; default by protocol"],
      ["--at <time>", "judge certificate dates at this time; DNSSEC signatures always at the present"],
      ["--days <number>", "look ahead: name certificates and signatures that end within so many days"],
      ["-w, --warning <days>", "the same, as monitoring plugins call it"],
      ["-c, --critical <days>", "likewise, with exit code 2"],
      ["-t, --timeout <duration>", "for one DNS question, and for one address: such as 10s"],
      ["--deadline <duration>", "for everything about one target (default: none, 1m with --targets)"],
      ["--concurrency <number>", "targets and handshakes at a time, 1 to 64 (default 16)"],
      ["--targets <file>", "a list of targets, one a line, - for standard input; results as they are finished"],
      ["--left <file>", "with --targets: where to write what an interrupt leaves undone"],
      ["--format <format>", "text, json, nagios or prometheus"],
      ["--chain <file>", "offline: the chain as a server would send it"],
      ["--tlsa <record>", 'offline: a TLSA record "U S M HEX" (repeatable)', "list"],
      ["--name <name>", "offline: the TLSA base domain"],
      ["--also-name <name>", "offline: a further reference identifier (repeatable)", "list"],
      ["--store <file>", "offline: trusted roots for usages 0 and 1"],
      ["--ee-names", "check names for usage 3 too (RFC 7671 §5.1 says not to)"],
      ["--previous <file>", "earlier certificates of the server, to tell their records from others that are stale"],
    ],
    after: `Exit codes (monitoring plugins):
  0  every address of every target is authenticated by its TLSA records
  1  warning: DANE does not protect it (no secure TLSA records, or none usable)
  2  critical: a DANE client would refuse
  3  unknown: it could not be looked at, or bad usage`,
    plugin: true,
    load: () => import("./commands/verify.ts"),
  },
  {
    usage: "resolve <name> [type]",
    group: "look",
    summary: "look a name up, DNSSEC-validated here, and show each link of the chain of trust",
    examples: [
      "daneward resolve _25._tcp.mx.example.org",
      "daneward resolve example.org MX --resolver tls://192.0.2.1#dns.example",
    ],
    flags: [
      ...VALIDATION,
      ["--at <time>", "judge signatures at this time"],
      ["--timeout <duration>", "for each question to the resolvers, such as 5s (default 10s)"],
    ],
    after: `TYPE is a mnemonic (TLSA, MX, AAAA…) or TYPE52; without it TLSA for _25._tcp.NAME and the like, else A alone.

Exit codes (monitoring plugins):
  0  secure: proved from the trust anchor down, be it the records or that there are none
  1  insecure: an unsigned zone begins on the way, so DANE does not apply
  2  bogus: the proof is broken; validating resolvers answer SERVFAIL
  3  indeterminate: it could not be found out, or bad usage`,
    plugin: true,
    load: () => import("./commands/resolve.ts"),
  },
  {
    usage: "propagation <owner>",
    group: "look",
    summary: "what every address of every name server serves at a TLSA owner name",
    examples: ["daneward propagation _25._tcp.mx.example.org"],
    flags: [
      NAMED_CONFIG,
      [
        "--resolver <address>",
        "recursive resolver to ask: IP, IP:PORT or tls://IP#NAME (default: those of /etc/resolv.conf)",
      ],
      ["--primary <host[:port]>", "also ask this hidden primary, which the others may all be behind"],
      ["--polls <number>", "look so often: nodes of one anycast address differ (default 1)"],
      ["--interval <duration>", "time between two looks (default 1s)"],
      ["--name-server-port <port>", "port of the name servers, for laboratories"],
    ],
    after: `Exit codes (monitoring plugins):
  0  every address of every name server serves the same RRset, signed
  1  warning: one lags or is silent, or they agree that there is no such RRset
  2  critical: unsigned, invalid or contradictory
  3  unknown: nobody could be asked, or bad usage`,
    plugin: true,
    load: () => import("./commands/propagation.ts"),
  },
  {
    usage: "status [certificate]",
    group: "look",
    summary: "what is live, what is next, what it waits for and until when",
    examples: ["daneward status", "daneward status mx --watch", "daneward status mx --json"],
    flags: [
      [
        "--watch [seconds]",
        "draw it anew in place, with a countdown, until q; state is read every so often (default 5)",
      ],
      ["--ascii", "draw with ASCII characters only"],
    ],
    load: () => import("./commands/status.ts"),
  },
  {
    usage: "check [certificate]",
    group: "look",
    summary: "the state of the certificates for monitoring: Nagios, Icinga and their kin",
    examples: ["daneward check", "daneward check mx --warning 21 --critical 10"],
    flags: [
      [
        "-w, --warning <days>",
        "WARNING when the live certificate ends within so many days (default 14, or a sixth of its life)",
      ],
      ["-c, --critical <days>", "CRITICAL likewise (default 7, or a twelfth of its life)"],
      ["--patience <duration>", "UNKNOWN when the driver is so late with its next look (default 30m)"],
    ],
    after: `Out of saved state: it asks nobody and needs to read the state directory. daneward verify looks at live servers.

Exit codes (monitoring plugins):
  0  all is well, or goes on by itself
  1  warning: somebody should look; nothing is refused
  2  critical: a DANE client refuses a server now, or a certificate ends
  3  unknown: the driver does not look, or bad usage`,
    plugin: true,
    load: () => import("./commands/check.ts"),
  },
  {
    usage: "plan [certificate]",
    group: "look",
    summary: "the timetable of the next rollover",
    examples: ["daneward plan mx", "daneward plan --ics > daneward.ics"],
    flags: [["--ics", "as a calendar (iCalendar)"]],
    load: () => import("./commands/plan.ts"),
  },
  {
    usage: "timeline [certificate]",
    group: "look",
    summary: "what has happened, from the journal",
    examples: ["daneward timeline mx"],
    load: () => import("./commands/timeline.ts"),
  },
  {
    usage: "report",
    group: "look",
    summary: "a page for browsers and a calendar: what is, what was, what comes",
    examples: ["daneward report --html /var/www/daneward"],
    flags: [
      ["--html <dir>", "folder that index.html and daneward.ics are written into; made by you"],
      ["--offline", "out of saved state alone: asks nobody, so without timetables and chains of trust"],
      DRY_RUN,
    ],
    load: () => import("./commands/report.ts"),
  },
  {
    usage: "explain [code]",
    group: "look",
    summary: "what a code such as NS_LAGGING means and what to do",
    examples: ["daneward explain NS_LAGGING"],
    load: () => import("./commands/explain.ts"),
  },
  {
    usage: "tlsa <files...>",
    group: "records",
    summary: "TLSA records of a certificate, chain, key or CSR (PEM or DER)",
    examples: ["daneward tlsa fullchain.pem --name mx.example.org --port 25", "daneward tlsa mx"],
    flags: [
      ["--params <params>", 'TLSA parameters, default "3 1 1" (repeatable)', "list"],
      ["--name <host>", "TLSA base domain, for the owner name"],
      ["--port <number>", "port, for the owner name (default 25 with --name)"],
      ["--proto <transport>", "tcp, udp or sctp, for the owner name"],
      ["--ttl <duration>", "TTL to print, such as 1h"],
      ["--output <form>", "rfc, generic (RFC 3597), nsupdate or json"],
    ],
    after: `A word alone that is no file here names a configured certificate, as in [certificate.mx]: its files are read, and what no
flag says (TLSA parameters, owner names, TTL) is what the configuration says.`,
    load: () => import("./commands/tlsa.ts"),
  },
  {
    usage: "publish <owner> <records...>",
    group: "records",
    summary: "add TLSA records by one signed dynamic update, and read them back",
    examples: [
      'daneward publish _25._tcp.mx.example.org "3 1 1 9a59…" --ttl 1h --server 127.0.0.1 --key-file /etc/daneward/tsig.key',
    ],
    flags: TSIG,
    load: () => import("./commands/publish.ts"),
  },
  {
    usage: "withdraw <owner> <record>",
    group: "records",
    summary: "delete exactly one TLSA record by signed dynamic update",
    examples: [
      'daneward withdraw _25._tcp.mx.example.org "3 1 1 9a59…" --server 127.0.0.1 --key-file /etc/daneward/tsig.key',
    ],
    flags: TSIG,
    load: () => import("./commands/withdraw.ts"),
  },
  {
    usage: "csr <certificate>",
    group: "records",
    summary: "certification request for a key of our own, published before there is a certificate for it",
    examples: [
      "daneward csr mx --output mx.csr",
      "certbot certonly --csr mx.csr … --fullchain-path new.pem && mv new.pem /etc/daneward/signed/mx.pem",
    ],
    flags: [
      ["--output <file>", "where to write the request (default: standard output)"],
      ["--key-type <type>", "ecdsa, ecdsa:p384, rsa:2048, rsa:3072 or rsa:4096 (default: as the certificate has now)"],
      ["--name <host>", "a further name (repeatable); the others are those of the present certificate", "list"],
      ["--new-key", "make a new key although one is ready; that one is given up"],
      DRY_RUN,
    ],
    after: `The key stays in the state directory (mode 0600) and is deployed with its certificate, wherever the source has no key of
its own. Other clients: dehydrated --signcsr FILE, acme.sh --signcsr --csr FILE, lego --csr FILE run, uacme issue FILE;
the README has each.`,
    load: () => import("./commands/csr.ts"),
  },
  {
    usage: "hook <client> [args...]",
    group: "run",
    summary: "post-renewal hook of an ACME client: notes the renewal and returns at once",
    examples: [
      "certbot renew --deploy-hook 'daneward hook certbot'",
      "acme.sh --install-cert -d mx.example.org … --reloadcmd 'daneward hook acme.sh'",
    ],
    after: `CLIENT is certbot, acme.sh, dehydrated, lego, acmetool, uacme, lacme, mod_md or caddy; the README has a snippet for each.
Any other needs no hook: daneward tick finds renewals by itself.`,
    passThrough: true,
    load: () => import("./commands/hook.ts"),
  },
  {
    usage: "tick [certificates...]",
    group: "run",
    summary: "one pass of the rollover driver, for cron or a systemd timer",
    examples: ["daneward tick"],
    flags: [["--force", "look at every certificate, due or not"], DRY_RUN],
    load: () => import("./commands/tick.ts"),
  },
  {
    usage: "run",
    group: "run",
    summary: "the driver as a resident process",
    examples: ["daneward run"],
    load: () => import("./commands/run.ts"),
  },
  {
    usage: "roll <certificate>",
    group: "steer",
    summary: "want a new certificate now; with --emergency because the key is compromised",
    examples: ["daneward roll mx", "daneward roll mx --emergency --because 'backup of the key stolen'"],
    flags: [["--emergency", "the live key counts as compromised: it goes as fast as it can"], ...STEER],
    load: () => import("./commands/roll.ts"),
  },
  {
    usage: "hold <certificate>",
    group: "steer",
    summary: "stop all automatic steps of a certificate",
    examples: ["daneward hold mx --because 'maintenance of ns2'"],
    flags: STEER,
    load: () => import("./commands/hold.ts"),
  },
  {
    usage: "resume <certificate>",
    group: "steer",
    summary: "go on after a hold, a failed deployment, an abort, a rollback or a deinit",
    examples: ["daneward resume mx"],
    flags: STEER,
    load: () => import("./commands/resume.ts"),
  },
  {
    usage: "abort <certificate>",
    group: "steer",
    summary: "give the running rollover up and return to the current certificate",
    examples: ["daneward abort mx --because 'wrong key type'"],
    flags: STEER,
    load: () => import("./commands/abort.ts"),
  },
  {
    usage: "rollback <certificate>",
    group: "steer",
    summary: "go back to the certificate before the present one, also after the rollover",
    examples: ["daneward rollback mx --because 'clients reject the new chain'"],
    flags: STEER,
    load: () => import("./commands/rollback.ts"),
  },
  {
    usage: "override <certificate>",
    group: "steer",
    summary: "do the next step now, against gates that say no",
    examples: ["daneward override mx --because 'ns3 is gone for good'"],
    flags: [["--because <text>", "why, for the journal; compulsory"], ...STEER.slice(1)],
    load: () => import("./commands/override.ts"),
  },
  {
    usage: "deinit <certificate>",
    group: "steer",
    summary: "withdraw all TLSA records of a certificate for good",
    examples: ["daneward deinit mx --because 'the host moves to another provider'"],
    flags: STEER,
    load: () => import("./commands/deinit.ts"),
  },
  {
    usage: "freeze",
    group: "steer",
    summary: "stop everything for all certificates at once; looking and alarms go on",
    examples: ["daneward freeze --because 'signer is broken'"],
    flags: [BECAUSE, YES, DRY_RUN],
    load: () => import("./commands/freeze.ts"),
  },
  {
    usage: "thaw",
    group: "steer",
    summary: "let everything go on after a freeze",
    examples: ["daneward thaw --now"],
    flags: STEER,
    load: () => import("./commands/thaw.ts"),
  },
  {
    usage: "adopt [certificate]",
    group: "set up",
    summary: "write a configuration out of what is there; with a certificate: take its served records for ours",
    examples: [
      "daneward adopt --output /etc/daneward/daneward.toml",
      "daneward adopt mx",
      "daneward adopt mx --record '3 1 1 9a59…'",
    ],
    flags: [
      ["--output <file>", "where to write the configuration, never over a file (default: standard output)"],
      ["--root <dir>", "look below this folder, such as a chroot, in place of /"],
      ["--offline", "ask no resolver for the records that are there"],
      ["--resolver <address>", "recursive resolver to ask (repeatable; default: those of /etc/resolv.conf)", "list"],
      [
        "--trust-anchor <file>",
        "trust anchors in place of those of the root that are built in; goes into the configuration",
      ],
      ["--record <record>", "with a certificate: exactly this record, whatever it matches (repeatable)", "list"],
      ...STEER,
    ],
    after: `Without a certificate it reads the files of certbot, dehydrated, acme.sh and lego, of Postfix, Dovecot, nginx, Apache and
HAProxy, TSIG keys and the configuration of BIND, Knot and PowerDNS, asks for TLSA records, and writes nothing but the file that
--output names (and its folder, where that is called daneward).

With a certificate, records that match a certificate or a key of ours count as ours from then on: after a state file was
damaged or lost, or where somebody else published them.`,
    load: () => import("./commands/adopt.ts"),
  },
  {
    usage: "doctor",
    group: "set up",
    summary: "look at everything that a rollover needs on this host and in DNS, and say what to type",
    examples: ["daneward doctor"],
    flags: [
      ["--offline", "ask nobody: files and this host alone"],
      ["--root <dir>", "look for what starts the driver and for the servers' configuration below this folder"],
    ],
    after: `It changes nothing: the TSIG key is tried with an update that deletes a record which is not there.
Ends with 0, and with 1 when anything failed.`,
    load: () => import("./commands/doctor.ts"),
  },
  {
    usage: "check-config",
    group: "set up",
    summary: "read the configuration and name every fault in it",
    examples: ["daneward check-config"],
    load: () => import("./commands/check-config.ts"),
  },
];

/** Flags that every command takes. */
export const GLOBAL_FLAGS: readonly Flag[] = [
  ["--config <file>", "configuration (default /etc/daneward/daneward.toml, then conf.d/*.toml)"],
  ["--state-dir <dir>", "state directory (default /var/lib/daneward)"],
  ["--json", "machine-readable output"],
  ["-q, --quiet", "print failures only"],
  ["-v, --verbose", "print more"],
  ["--no-color", "no colour (also NO_COLOR)"],
];

/** Those of a verb: its own, which may stand in for global ones, then the other global ones. */
export function flagsOf({ flags = [] }: Verb): readonly Flag[] {
  const own = new Set(flags.map(([notation]) => notation));
  return [...flags, ...GLOBAL_FLAGS.filter(([notation]) => !own.has(notation))];
}
