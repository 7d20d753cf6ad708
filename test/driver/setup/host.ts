/** A host's files in a temporary folder, as Debian 12's programs write them. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { instant } from "../../../src/base/time.ts";
import { issueCertificate } from "../../../src/pki/peculiar.ts";

export interface Host {
  readonly root: string;
  readonly write: (file: string, text: string, mode?: number) => void;
  readonly link: (file: string, target: string) => void;
  readonly remove: () => void;
}

export function makeHost(): Host {
  const root = mkdtempSync(path.join(tmpdir(), "daneward-host-"));
  const at = (file: string): string => {
    const place = path.join(root, file);
    mkdirSync(path.dirname(place), { recursive: true });
    return place;
  };
  return {
    root,
    write: (file, text, mode = 0o644) => {
      writeFileSync(at(file), text, { mode });
    },
    link: (file, target) => {
      symlinkSync(target, at(file));
    },
    remove: () => {
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** certbot 2.1.0, with --dns-rfc2136, and one option or another. */
export const CERTBOT_RENEWAL = `# renew_before_expiry = 30 days
version = 2.1.0
archive_dir = /etc/letsencrypt/archive/mx.example.org
cert = /etc/letsencrypt/live/mx.example.org/cert.pem
privkey = /etc/letsencrypt/live/mx.example.org/privkey.pem
chain = /etc/letsencrypt/live/mx.example.org/chain.pem
fullchain = /etc/letsencrypt/live/mx.example.org/fullchain.pem

# Options used in the renewal process
[renewalparams]
account = 0123456789abcdef0123456789abcdef
renew_hook = systemctl reload postfix
authenticator = dns-rfc2136
dns_rfc2136_credentials = /etc/letsencrypt/rfc2136.ini
server = https://acme-v02.api.letsencrypt.org/directory
key_type = ecdsa
`;

export const SECRET = "GMRQKKDhJ8Cnw5lkL0wMV5aTzKVpr1WQ1i7Z5kQ4hRs=";

export const RFC2136_INI = `dns_rfc2136_server = 192.0.2.53
dns_rfc2136_port = 53
dns_rfc2136_name = acme.
dns_rfc2136_secret = ${SECRET}
dns_rfc2136_algorithm = HMAC-SHA256
`;

/** postconf's own layout, and what people write by hand. */
export const MAIN_CF = `# See /usr/share/postfix/main.cf.dist for a commented, more complete version
smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
biff = no

# TLS parameters
smtpd_tls_cert_file=/etc/letsencrypt/live/$myhostname/fullchain.pem
smtpd_tls_key_file =
    # a comment between
    /etc/letsencrypt/live/\${myhostname}/privkey.pem
smtpd_tls_security_level=may

myhostname = mx.example.org
mydestination = $myhostname, localhost
`;

export const MASTER_CF = `# ==========================================================================
smtp      inet  n       -       y       -       -       smtpd
#smtp      inet  n       -       y       -       1       postscreen
127.0.0.1:10025 inet n  -       y       -       -       smtpd
submissions     inet  n       -       y       -       -       smtpd
  -o syslog_name=postfix/submissions
pickup    unix  n       -       y       60      1       pickup
relay     unix  -       -       y       -       -       smtp
`;

export const DOVECOT_CONF = `# Enable installed protocols
!include_try /usr/share/dovecot/protocols.d/*.protocol
dict {
  #quota = mysql:/etc/dovecot/dovecot-dict-sql.conf.ext
}
!include conf.d/*.conf
!include_try local.conf
`;

export const DOVECOT_SSL = `##
## SSL settings
##
ssl = yes
ssl_cert = </etc/letsencrypt/live/mx.example.org/fullchain.pem
ssl_key = </etc/letsencrypt/live/mx.example.org/privkey.pem
local_name imap.example.net {
  ssl_cert = </etc/dovecot/private/net.pem
  ssl_key = </etc/dovecot/private/net.key
}
`;

export const NGINX_CONF = `user www-data;
http {
    ssl_protocols TLSv1.2 TLSv1.3; # Dropping SSLv3
    log_format main '$remote_addr; {$request}';
    include /etc/nginx/conf.d/*.conf;
    include /etc/nginx/sites-enabled/*;
}
`;

export const NGINX_SITE = `server {
    listen 80 default_server;
    server_name _;
}
server {
    listen 443 ssl http2;
    listen [::]:443 ssl http2;
    server_name www.example.org "other.example.org" _;
    ssl_certificate     /etc/letsencrypt/live/mx.example.org/fullchain.pem;
    ssl_certificate_key /etc/letsencrypt/live/mx.example.org/privkey.pem;
    location / { return 204; }
}
`;

export const APACHE_SITE = `<IfModule mod_ssl.c>
<VirtualHost *:443>
    ServerName www.example.net
    ServerAlias example.net \\
        web.example.net:443
    SSLEngine on
    SSLCertificateFile "/etc/ssl/own/www.crt"
    SSLCertificateKeyFile /etc/ssl/own/www.key
</VirtualHost>
</IfModule>
`;

export const HAPROXY_CFG = `frontend https
    bind *:443,:::443 ssl crt /etc/haproxy/certs/www.pem alpn h2 # comment
    bind :8080
`;

/** A certificate in PEM for these names. */
export async function pemFor(names: readonly string[]): Promise<{ readonly chain: string; readonly key: string }> {
  const issued = await issueCertificate({
    subject: `CN=${names[0] ?? ""}`,
    dnsNames: names,
    notBefore: instant(1_789_000_000_000),
    notAfter: instant(1_799_000_000_000),
  });
  return { chain: issued.chainPem, key: issued.privateKeyPem };
}

/** certbot's tree for one lineage. */
export async function addCertbot(host: Host, names: readonly string[]): Promise<void> {
  const { chain, key } = await pemFor(names);
  const [name = ""] = names;
  host.write(`/etc/letsencrypt/archive/${name}/fullchain1.pem`, chain);
  host.write(`/etc/letsencrypt/archive/${name}/privkey1.pem`, key, 0o600);
  host.write(`/etc/letsencrypt/live/${name}/README`, "This directory contains your keys and certificates.\n");
  for (const file of ["fullchain", "privkey"]) {
    host.link(`/etc/letsencrypt/live/${name}/${file}.pem`, `../../archive/${name}/${file}1.pem`);
  }
  host.write(`/etc/letsencrypt/renewal/${name}.conf`, CERTBOT_RENEWAL.replaceAll("mx.example.org", name));
  host.write("/etc/letsencrypt/rfc2136.ini", RFC2136_INI, 0o600);
}

/** A mail host with a web server beside: Postfix, Dovecot and nginx read certbot's files. */
export async function makeMailHost(): Promise<Host> {
  const host = makeHost();
  await addCertbot(host, ["mx.example.org", "imap.example.org", "www.example.org"]);
  host.write("/etc/postfix/main.cf", MAIN_CF);
  host.write("/etc/postfix/master.cf", MASTER_CF);
  host.write("/etc/dovecot/dovecot.conf", DOVECOT_CONF);
  host.write("/etc/dovecot/conf.d/10-ssl.conf", DOVECOT_SSL);
  host.write("/usr/share/dovecot/protocols.d/imapd.protocol", "protocols = $protocols imap\n");
  host.write("/etc/nginx/nginx.conf", NGINX_CONF);
  host.write("/etc/nginx/sites-available/www", NGINX_SITE);
  host.link("/etc/nginx/sites-enabled/www", "/etc/nginx/sites-available/www");
  return host;
}
