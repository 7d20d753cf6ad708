import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CertificateConfig } from "../../../src/config/schema.ts";
import { readersOf } from "../../../src/driver/setup/readers.ts";
import { readServices } from "../../../src/driver/setup/services.ts";
import { openTree } from "../../../src/driver/setup/tree.ts";
import { nameOf } from "../../fakes/driver-world.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "daneward-readers-"));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function put(file: string, text: string): void {
  mkdirSync(path.join(root, path.dirname(file)), { recursive: true });
  writeFileSync(path.join(root, file), text);
}

const LIVE = "/etc/letsencrypt/live/mx";
const DEPLOYED = "/etc/ssl/daneward/mx";

function certificate(...ports: readonly number[]): Pick<CertificateConfig, "source" | "deploy" | "services"> {
  const host = nameOf("mx.example.org");
  const services = ports.map((port) => {
    const owner = nameOf(`_${String(port)}._tcp.mx.example.org`);
    return { host, port, protocol: "tls", owner, label: `mx.example.org:${String(port)}` } as const;
  });
  return { source: { kind: "directory", path: LIVE }, deploy: DEPLOYED, services };
}

function who(...ports: readonly number[]): { readonly deployed: unknown; readonly source: unknown } {
  const tree = openTree(root);
  const { deployed, source } = readersOf(certificate(...ports), tree, readServices(tree));
  const words = (uses: typeof deployed): readonly string[] => uses.map((use) => `${use.program} ${String(use.line)}`);
  return { deployed: words(deployed), source: words(source) };
}

describe("who reads which files", () => {
  test("Postfix with the client's own files, by their names or through the archive behind them", () => {
    mkdirSync(path.join(root, LIVE), { recursive: true });
    put("/etc/letsencrypt/archive/mx/fullchain1.pem", "");
    symlinkSync("../../archive/mx/fullchain1.pem", path.join(root, LIVE, "fullchain.pem"));
    put(
      "/etc/postfix/main.cf",
      `# mine\nsmtpd_tls_cert_file = ${LIVE}/fullchain.pem\nsmtpd_tls_key_file = ${LIVE}/privkey.pem\n`,
    );
    expect(who(25)).toEqual({ deployed: [], source: ["postfix 2"] });
    put("/etc/postfix/main.cf", "smtpd_tls_cert_file = /etc/letsencrypt/archive/mx/fullchain1.pem\n");
    expect(who(25)).toEqual({ deployed: [], source: ["postfix 1"] });
  });

  test("Postfix with the deployed ones, and with others altogether", () => {
    put("/etc/postfix/main.cf", `smtpd_tls_chain_files = ${DEPLOYED}/combined.pem\n`);
    expect(who(25)).toEqual({ deployed: ["postfix 1"], source: [] });
    put("/etc/postfix/main.cf", "smtpd_tls_cert_file = /etc/ssl/certs/ssl-cert-snakeoil.pem\n");
    expect(who(25)).toEqual({ deployed: [], source: [] });
  });

  test("a web server on a port without TLSA records concerns nobody", () => {
    put(
      "/etc/nginx/nginx.conf",
      `http { server { listen 443 ssl; server_name mx.example.org; ssl_certificate ${LIVE}/fullchain.pem; ssl_certificate_key ${LIVE}/privkey.pem; } }\n`,
    );
    expect(who(25)).toEqual({ deployed: [], source: [] });
    expect(who(25, 443)).toEqual({ deployed: [], source: ["nginx 1"] });
  });
});
