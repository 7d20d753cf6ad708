/** pebble: the certificate authority that ACME clients are tried with. It proves control by dns-01 alone. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import type { Place } from "./bind.ts";
import { drawNetwork } from "./network.ts";
import { startDaemon } from "./process.ts";
import type { Daemon } from "./process.ts";

export interface Pebble {
  readonly daemon: Daemon;
  /** The URL that clients call `server`. */
  readonly directory: string;
}

export interface PebbleOptions {
  readonly folder: string;
  /** The files of a certificate for `localhost`. */
  readonly certificate: string;
  readonly privateKey: string;
  /** Whom it asks for the records of challenges. */
  readonly dnsServer: Place;
}

function speaksTls(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, servername: "localhost", rejectUnauthorized: false });
    socket.on("error", () => {
      resolve(false);
    });
    socket.on("secureConnect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** Its root and intermediate are new at every start. */
export async function startPebble({ folder, certificate, privateKey, dnsServer }: PebbleOptions): Promise<Pebble> {
  const home = join(folder, "pebble");
  mkdirSync(home, { recursive: true });
  const { sparePort: port } = await drawNetwork();
  const file = join(home, "pebble.json");
  const pebble = {
    listenAddress: `127.0.0.1:${String(port)}`,
    managementListenAddress: "",
    certificate,
    privateKey,
    httpPort: 5002,
    tlsPort: 5001,
    ocspResponderURL: "",
    externalAccountBindingRequired: false,
  };
  writeFileSync(file, JSON.stringify({ pebble }));
  const daemon = await startDaemon({
    name: "pebble",
    command: "pebble",
    args: ["-config", file, "-dnsserver", `${dnsServer.address}:${String(dnsServer.port)}`],
    cwd: home,
    // No delays, no refusals drawn by lot, and every order proves its names again.
    env: { PEBBLE_VA_NOSLEEP: "1", PEBBLE_WFE_NONCEREJECT: "0", PEBBLE_AUTHZREUSE: "0" },
    ready: () => speaksTls(port),
  });
  return { daemon, directory: `https://localhost:${String(port)}/dir` };
}
