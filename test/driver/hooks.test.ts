/** Each ACME client's call as the client really makes it, and calls that it does not make. */
import { describe, expect, onTestFinished, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import type { CertificateConfig, SourceConfig } from "../../src/config/schema.ts";
import { notesAbout } from "../../src/driver/due.ts";
import { readAcmeShCall } from "../../src/driver/hooks/acme-sh.ts";
import { readAcmetoolCall } from "../../src/driver/hooks/acmetool.ts";
import { readCaddyCall } from "../../src/driver/hooks/caddy.ts";
import type { HookCall, HookOutcome, ReadHookCall } from "../../src/driver/hooks/call.ts";
import { readCertbotCall } from "../../src/driver/hooks/certbot.ts";
import { readDehydratedCall } from "../../src/driver/hooks/dehydrated.ts";
import { readLacmeCall } from "../../src/driver/hooks/lacme.ts";
import { readLegoCall } from "../../src/driver/hooks/lego.ts";
import { readModMdCall } from "../../src/driver/hooks/mod-md.ts";
import { readUacmeCall } from "../../src/driver/hooks/uacme.ts";
import type { SpoolNote } from "../../src/store/spool.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";

const AT = instant(1_790_000_000_000);

function call(parts: Partial<HookCall> & { readonly stdin?: string } = {}): HookCall {
  const { stdin = "", ...rest } = parts;
  return { args: [], env: {}, cwd: "/srv/acme", at: AT, input: () => Promise.resolve(stdin), ...rest };
}

function noted(client: string, source: string, ...domains: readonly string[]): HookOutcome {
  return { kind: "renewed", notes: [{ client, at: AT, source, domains }] };
}

const IGNORED: HookOutcome = { kind: "ignored" };

interface Case {
  readonly name: string;
  readonly read: ReadHookCall;
  readonly given: Partial<HookCall> & { readonly stdin?: string };
  readonly is: HookOutcome | RegExp;
}

const ACME_SH = {
  Le_Domain: "mx.example.org",
  CERT_PATH: "/home/acme/.acme.sh/mx.example.org_ecc/mx.example.org.cer",
  CERT_KEY_PATH: "/home/acme/.acme.sh/mx.example.org_ecc/mx.example.org.key",
  CA_CERT_PATH: "/home/acme/.acme.sh/mx.example.org_ecc/ca.cer",
  CERT_FULLCHAIN_PATH: "/home/acme/.acme.sh/mx.example.org_ecc/fullchain.cer",
};
const DEHYDRATED = "/var/lib/dehydrated/certs/mx.example.org";
const DEHYDRATED_FILES = ["privkey", "cert", "fullchain", "chain"].map((file) => `${DEHYDRATED}/${file}.pem`);
const LEGO_4 = {
  LEGO_ACCOUNT_EMAIL: "hostmaster@example.org",
  LEGO_CERT_DOMAIN: "mx.example.org",
  LEGO_CERT_PATH: "/var/lib/lego/certificates/mx.example.org.crt",
  LEGO_CERT_KEY_PATH: "/var/lib/lego/certificates/mx.example.org.key",
};
const LEGO_5 = {
  LEGO_HOOK_ACCOUNT_ID: "hostmaster@example.org",
  LEGO_HOOK_CERT_NAME: "mail",
  LEGO_HOOK_CERT_KEY_TYPE: "EC256",
  LEGO_HOOK_CERT_DOMAINS: "mx.example.org,imap.example.org",
};
const LEGO_5_PATHS = {
  LEGO_HOOK_CERT_PATH: "/var/lib/lego/certificates/mail.crt",
  LEGO_HOOK_CERT_KEY_PATH: "/var/lib/lego/certificates/mail.key",
};
const CADDY_PATH = "certificates/acme-v02.api.letsencrypt.org-directory/mx.example.org/mx.example.org.crt";

const CASES: readonly Case[] = [
  {
    name: "certbot's deploy hook names lineage and names",
    read: readCertbotCall,
    given: { env: { RENEWED_LINEAGE: "/etc/letsencrypt/live/mx", RENEWED_DOMAINS: "mx.example.org imap.example.org" } },
    is: noted("certbot", "/etc/letsencrypt/live/mx", "mx.example.org", "imap.example.org"),
  },
  { name: "certbot's pre hook has neither", read: readCertbotCall, given: {}, is: /^RENEWED_LINEAGE is not set: / },
  {
    name: "certbot's lineage is absolute",
    read: readCertbotCall,
    given: { env: { RENEWED_LINEAGE: "live/mx" } },
    is: /^RENEWED_LINEAGE is "live\/mx", not an absolute path$/,
  },
  {
    name: "acme.sh's reload command",
    read: readAcmeShCall,
    given: { env: { ...ACME_SH, Le_ForceNewDomainKey: "", Le_Next_Domain_Key: `${ACME_SH.CERT_KEY_PATH}.next` } },
    is: noted("acme.sh", ACME_SH.CERT_PATH, "mx.example.org"),
  },
  {
    name: "acme.sh's deploy hook hands its arguments on",
    read: readAcmeShCall,
    given: {
      args: ["mx.example.org", ACME_SH.CERT_KEY_PATH, ACME_SH.CERT_PATH, ACME_SH.CA_CERT_PATH, "/f.cer", "/p.pfx"],
    },
    is: noted("acme.sh", ACME_SH.CERT_PATH, "mx.example.org"),
  },
  {
    name: "acme.sh's pre hook has only a name",
    read: readAcmeShCall,
    given: { env: { Le_Domain: "mx.example.org" } },
    is: /^CERT_PATH is not set: /,
  },
  {
    name: "dehydrated deploys a certificate",
    read: readDehydratedCall,
    given: { args: ["deploy_cert", "mx.example.org", ...DEHYDRATED_FILES, "1790000000"] },
    is: noted("dehydrated", `${DEHYDRATED}/cert.pem`, "mx.example.org"),
  },
  {
    name: "dehydrated deploys into a relative folder (--out certs)",
    read: readDehydratedCall,
    given: { args: ["deploy_cert", "mx", "certs/mx/privkey.pem", "certs/mx/cert.pem"] },
    is: noted("dehydrated", "/srv/acme/certs/mx/cert.pem", "mx"),
  },
  ...[
    ["this_hookscript_is_broken__dehydrated_is_working_fine__please_ignore_unknown_hooks_in_your_script"],
    ["startup_hook"],
    ["generate_csr", "mx.example.org", DEHYDRATED, "mx.example.org imap.example.org"],
    ["deploy_challenge", "mx.example.org", "token", "value", "imap.example.org", "token", "value"],
    ["clean_challenge", "mx.example.org", "token", "value"],
    ["invalid_challenge", "mx.example.org", "urn:ietf:params:acme:error:unauthorized"],
    ["request_failure", "429", "too many\nrequests", "POST", "headers"],
    ["sync_cert", ...DEHYDRATED_FILES, `${DEHYDRATED}/cert.csr`],
    ["deploy_ocsp", "mx.example.org", `${DEHYDRATED}/ocsp.der`, "1790000000"],
    ["unchanged_cert", "mx.example.org", ...DEHYDRATED_FILES],
    ["exit_hook", ""],
    ["an_operation_of_the_future", "x"],
    [""],
  ].map((args) => ({
    name: `dehydrated's ${JSON.stringify(args[0])} is passed over`,
    read: readDehydratedCall,
    given: { args },
    is: IGNORED,
  })),
  { name: "dehydrated without an operation", read: readDehydratedCall, given: {}, is: /^no operation is given/ },
  {
    name: "dehydrated's wrapper that lost the arguments",
    read: readDehydratedCall,
    given: { args: ["deploy_cert"] },
    is: /^CERTFILE is not set: deploy_cert has too few arguments/,
  },
  {
    name: "lego 4 after a renewal",
    read: readLegoCall,
    given: { env: LEGO_4 },
    is: noted("lego", LEGO_4.LEGO_CERT_PATH, "mx.example.org"),
  },
  {
    name: "lego 4 with a relative --path",
    read: readLegoCall,
    given: { env: { ...LEGO_4, LEGO_CERT_PATH: ".lego/certificates/mx.crt" } },
    is: noted("lego", "/srv/acme/.lego/certificates/mx.crt", "mx.example.org"),
  },
  {
    name: "lego 5 after a deployment",
    read: readLegoCall,
    given: { env: { ...LEGO_5, ...LEGO_5_PATHS } },
    is: noted("lego", LEGO_5_PATHS.LEGO_HOOK_CERT_PATH, "mx.example.org", "imap.example.org"),
  },
  {
    name: "lego 5's pre hook has no path yet, whatever an older lego left in the environment",
    read: readLegoCall,
    given: { env: { ...LEGO_4, ...LEGO_5 } },
    is: /^LEGO_HOOK_CERT_PATH is not set: not called by lego as --deploy-hook$/,
  },
  { name: "lego's variables are missing", read: readLegoCall, given: {}, is: /^LEGO_CERT_PATH is not set: / },
  {
    name: "acmetool's changed links are one note each",
    read: readAcmetoolCall,
    given: {
      args: ["live-updated"],
      env: { ACME_STATE_DIR: "/srv/acme" },
      stdin: "mx.example.org\nimap.example.org\nmx.example.org\n",
    },
    is: {
      kind: "renewed",
      notes: ["mx.example.org", "imap.example.org"].map((name) => ({
        client: "acmetool",
        at: AT,
        source: `/srv/acme/live/${name}`,
        domains: [name],
      })),
    },
  },
  {
    name: "acmetool's state directory has a default",
    read: readAcmetoolCall,
    given: { args: ["live-updated"], stdin: "mx.example.org" },
    is: noted("acmetool", "/var/lib/acme/live/mx.example.org", "mx.example.org"),
  },
  {
    name: "acmetool's names are names, nothing that leads out of live/",
    read: readAcmetoolCall,
    given: { args: ["live-updated"], stdin: "..\n.\n../keys\n/etc/passwd\n\na b\nmx\u0000\n\n" },
    is: /^no names of changed links/,
  },
  ...["challenge-dns-start", "challenge-http-start", "challenge-tls-alpn-start", "later"].map((event) => ({
    name: `acmetool's ${event} is not claimed to be done`,
    read: readAcmetoolCall,
    given: { args: [event, "mx.example.org", "target", "token"] },
    is: { kind: "declined", code: 42, reason: null } as const,
  })),
  { name: "acmetool without an event", read: readAcmetoolCall, given: {}, is: /^no event is given/ },
  {
    name: "uacme's identifier is a folder below its own",
    read: readUacmeCall,
    given: { args: ["mx.example.org", "imap.example.org"] },
    is: noted("uacme", "/etc/ssl/uacme/mx.example.org", "mx.example.org", "imap.example.org"),
  },
  {
    name: "uacme's wildcard folder has no star",
    read: readUacmeCall,
    given: { args: ["*.example.org"] },
    is: noted("uacme", "/etc/ssl/uacme/example.org", "*.example.org"),
  },
  {
    name: "uacme with -c takes the path",
    read: readUacmeCall,
    given: { args: ["/srv/uacme/mx.example.org/cert.pem"] },
    is: noted("uacme", "/srv/uacme/mx.example.org/cert.pem"),
  },
  {
    name: "uacme's challenges are not accepted",
    read: readUacmeCall,
    given: { args: ["begin", "dns-01", "mx.example.org", "token", "auth"] },
    is: { kind: "declined", code: 1, reason: "daneward sets up no challenges: it is no program for uacme -h" },
  },
  { name: "uacme without a name", read: readUacmeCall, given: {}, is: /^NAME is not set: write uacme issue/ },
  {
    name: "lacme's line names the file",
    read: readLacmeCall,
    given: { args: ["/etc/lacme/mx.pem"] },
    is: noted("lacme", "/etc/lacme/mx.pem"),
  },
  { name: "lacme's line names nothing", read: readLacmeCall, given: {}, is: /^CERTIFICATE is not set: write notify/ },
  {
    name: "mod_md has installed a certificate",
    read: readModMdCall,
    given: { args: ["installed", "mx.example.org"] },
    is: noted("mod_md", "/etc/apache2/md/domains/mx.example.org", "mx.example.org"),
  },
  {
    name: "mod_md with our own argument for its store, and arguments of the future",
    read: readModMdCall,
    given: { args: ["/srv/md", "installed", "mx.example.org", "more"] },
    is: noted("mod_md", "/srv/md/domains/mx.example.org", "mx.example.org"),
  },
  {
    name: "mod_md 2.3.2 says where the store is",
    read: readModMdCall,
    given: { args: ["installed", "mx.example.org"], env: { MD_STORE: "/srv/md", MD_VERSION: "2.3.2" } },
    is: noted("mod_md", "/srv/md/domains/mx.example.org", "mx.example.org"),
  },
  ...[
    "renewing",
    "renewed",
    "expiring",
    "errored",
    "ocsp-renewed",
    "ocsp-errored",
    "challenge-setup:dns-01:mx.example.org",
    "later",
  ].map((event) => ({
    name: `mod_md's ${event} is passed over`,
    read: readModMdCall,
    given: { args: ["/srv/md", event, "mx.example.org"] },
    is: IGNORED,
  })),
  { name: "mod_md without an event", read: readModMdCall, given: {}, is: /^no event is given/ },
  {
    name: "mod_md's domain leads out of the store",
    read: readModMdCall,
    given: { args: ["installed", "../../x"] },
    is: /^the managed domain is not set/,
  },
  {
    name: "Caddy's path is relative to its storage",
    read: readCaddyCall,
    given: { args: ["mx.example.org", CADDY_PATH], env: { HOME: "/var/lib/caddy" } },
    is: noted("caddy", `/var/lib/caddy/.local/share/caddy/${CADDY_PATH}`, "mx.example.org"),
  },
  {
    name: "Caddy's storage moves with XDG_DATA_HOME",
    read: readCaddyCall,
    given: { args: ["mx.example.org", CADDY_PATH], env: { HOME: "/root", XDG_DATA_HOME: "/data" } },
    is: noted("caddy", `/data/caddy/${CADDY_PATH}`, "mx.example.org"),
  },
  {
    name: "Caddy's path is made absolute in the Caddyfile",
    read: readCaddyCall,
    given: { args: ["mx.example.org", `/srv/caddy/${CADDY_PATH}`] },
    is: noted("caddy", `/srv/caddy/${CADDY_PATH}`, "mx.example.org"),
  },
  {
    name: "Caddy's storage is unknown",
    read: readCaddyCall,
    given: { args: ["mx.example.org", CADDY_PATH] },
    is: /^\{event\.data\.certificate_path\} is "certificates\/.*…", not an absolute path$/,
  },
  {
    name: "Caddy's other events have no path, and placeholders that do not exist become nothing",
    read: readCaddyCall,
    given: { args: ["mx.example.org", ""], env: { HOME: "/var/lib/caddy" } },
    is: /^\{event\.data\.certificate_path\} is not set: /,
  },
];

describe("the call of an ACME client", () => {
  test.each(CASES)("$name", async ({ read, given, is }) => {
    const outcome = await read(call(given));
    if (is instanceof RegExp) expect(outcome).toEqual({ kind: "unclear", reason: expect.stringMatching(is) as string });
    else expect(outcome).toEqual(is);
  });
});

describe("a note is about the certificate whose source is as the README has it", () => {
  const folder = (path: string): SourceConfig => ({ kind: "directory", path });
  const files = (cert: string): SourceConfig => ({ kind: "files", cert, key: "/elsewhere/key.pem", chain: null });
  const env = { RENEWED_LINEAGE: "/etc/letsencrypt/live/mx.example.org" };
  const deployed = ["deploy_cert", "mx.example.org", ...DEHYDRATED_FILES, "1790000000"];
  const updated = { args: ["live-updated"], stdin: "imap.example.org\nmx.example.org\n" };
  const obtained = { args: ["mx.example.org", CADDY_PATH], env: { HOME: "/var/lib/caddy" } };
  const table: readonly (readonly [string, ReadHookCall, Parameters<typeof call>[0], SourceConfig])[] = [
    ["certbot", readCertbotCall, { env }, folder("/etc/letsencrypt/live/mx.example.org")],
    ["dehydrated", readDehydratedCall, { args: deployed }, folder(DEHYDRATED)],
    ["lego 4", readLegoCall, { env: LEGO_4 }, files("/var/lib/lego/certificates/mx.example.org.crt")],
    ["lego 5", readLegoCall, { env: { ...LEGO_5, ...LEGO_5_PATHS } }, files("/var/lib/lego/certificates/mail.crt")],
    ["acmetool", readAcmetoolCall, updated, files("/var/lib/acme/live/mx.example.org/fullchain")],
    ["uacme", readUacmeCall, { args: ["mx.example.org"] }, files("/etc/ssl/uacme/mx.example.org/cert.pem")],
    ["lacme", readLacmeCall, { args: ["/etc/lacme/mx.pem"] }, files("/etc/lacme/mx.pem")],
    [
      "mod_md",
      readModMdCall,
      { args: ["/etc/apache2/md", "installed", "mx.example.org"] },
      files("/etc/apache2/md/domains/mx.example.org/pubcert.pem"),
    ],
    ["Caddy", readCaddyCall, obtained, files(`/var/lib/caddy/.local/share/caddy/${CADDY_PATH}`)],
  ];

  async function notesOf(read: ReadHookCall, given: Parameters<typeof call>[0]): Promise<readonly SpoolNote[]> {
    const outcome = await read(call(given));
    return outcome.kind === "renewed" ? outcome.notes : [];
  }

  function certificateOf(source: SourceConfig): CertificateConfig {
    const world = createFakeWorld();
    onTestFinished(() => {
      world.remove();
    });
    return { ...world.certificate, source };
  }

  test.each(table)("%s: by its place", async (_, read, given, source) => {
    const certificate = certificateOf(source);
    const nameless = (await notesOf(read, given)).map((note) => ({ file: "", note: { ...note, domains: [] } }));
    expect(notesAbout(nameless)(certificate)).toHaveLength(1);
  });

  test("acme.sh: by its name, since it installs elsewhere", async () => {
    const certificate = certificateOf(folder("/etc/daneward/acme.sh/mx"));
    const notes = await notesOf(readAcmeShCall, { env: ACME_SH });
    expect(notesAbout(notes.map((note) => ({ file: "", note })))(certificate)).toHaveLength(1);
  });
});

/** How each client hands over a path and a name of one's choice. */
const WITH: readonly (readonly [string, ReadHookCall, (path: string, name: string) => Partial<HookCall>])[] = [
  ["certbot", readCertbotCall, (path, name) => ({ env: { RENEWED_LINEAGE: path, RENEWED_DOMAINS: name } })],
  ["acme.sh", readAcmeShCall, (path, name) => ({ env: { CERT_PATH: path, Le_Domain: name } })],
  ["dehydrated", readDehydratedCall, (path, name) => ({ args: ["deploy_cert", name, path, path, path, path, "1"] })],
  ["lego 4", readLegoCall, (path, name) => ({ env: { LEGO_CERT_PATH: path, LEGO_CERT_DOMAIN: name } })],
  ["lego 5", readLegoCall, (path, name) => ({ env: { LEGO_HOOK_CERT_PATH: path, LEGO_HOOK_CERT_DOMAINS: name } })],
  ["uacme", readUacmeCall, (path, name) => ({ args: [path, name] })],
  ["lacme", readLacmeCall, (path) => ({ args: [path] })],
  ["Caddy", readCaddyCall, (path, name) => ({ args: [name, path], env: { HOME: "/" } })],
];

describe.each(WITH)("what %s is made to say", (_, read, parts) => {
  test.each([
    ["a line break", "/etc/x\n2026-11-22 daneward: all is well"],
    ["an escape sequence", "/etc/\u001b[2J"],
    ["an 8-bit escape", "/etc/\u009b2J"],
    ["NUL", "/etc/x\u0000y"],
    ["a megabyte", `/${"x".repeat(1 << 20)}`],
  ])("with %s in the path is noted nowhere and shown in one short line", async (__, path) => {
    const outcome = await read(call(parts(path, "mx.example.org")));
    expect(outcome.kind).toBe("unclear");
    if (outcome.kind !== "unclear") return;
    expect(outcome.reason).toMatch(/which is no path$/);
    expect(outcome.reason).not.toMatch(/\p{Cc}/u);
    expect(outcome.reason.length).toBeLessThan(200);
  });

  test.each([
    ["a line break", "mx\nexample"],
    ["NUL", "mx\u0000"],
    ["a megabyte", "x".repeat(1 << 20)],
    ["a slash", "../mx"],
    ["nothing", ""],
  ])("with %s in the name is a note without that name", async (__, name) => {
    const outcome = await read(call(parts("/etc/x/cert.pem", name)));
    expect(outcome.kind).toBe("renewed");
    if (outcome.kind !== "renewed") return;
    // certbot separates names by any white space, so a line break makes two names of one there.
    const [note] = outcome.notes;
    expect(note?.source).toBe("/etc/x/cert.pem");
    for (const domain of note?.domains ?? []) expect(domain).toMatch(/^[a-z]+$/);
    expect(JSON.stringify(note).length).toBeLessThan(300);
  });
});

test("a hundred thousand names make a note of bounded length", () => {
  const RENEWED_DOMAINS = Array.from({ length: 100_000 }, (_, at) => `n${String(at)}.example`).join(" ");
  const outcome = readCertbotCall(call({ env: { RENEWED_LINEAGE: "/etc/x", RENEWED_DOMAINS } }));
  expect(outcome.kind === "renewed" ? outcome.notes[0]?.domains.length : 0).toBe(1000);
});

test("shell syntax is nothing but characters", () => {
  const path = "/etc/$(touch x)/`id`;&|/cert.pem";
  expect(readLacmeCall(call({ args: [path] }))).toEqual(noted("lacme", path));
});
