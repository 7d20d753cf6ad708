/** Loopback addresses of one run: a /24 of 127/8 drawn by lot, and one port for all name servers, checked to be free. */
import { randomInt } from "node:crypto";
import { createServer } from "node:net";

export interface Network {
  /** The name servers, the resolver: one port, different addresses. */
  readonly dnsPort: number;
  /** Another port, free on 127.0.0.1. */
  readonly sparePort: number;
  readonly address: (host: number) => string;
}

function canListen(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => {
      resolve(false);
    });
    server.listen(port, address, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

export async function drawNetwork(): Promise<Network> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const prefix = `127.${String(randomInt(1, 255))}.${String(randomInt(0, 255))}`;
    const dnsPort = randomInt(10_000, 32_000); // below the range the kernel draws client ports from
    const sparePort = dnsPort + 1;
    const address = (host: number): string => `${prefix}.${String(host)}`;
    const wanted = [
      [address(1), dnsPort],
      ["127.0.0.1", dnsPort],
      ["127.0.0.1", sparePort],
    ] as const;
    const free = await Promise.all(wanted.map(([host, port]) => canListen(host, port)));
    if (!free.includes(false)) return { dnsPort, sparePort, address };
  }
  throw new Error("no loopback address with a free port; the lab needs 127.0.0.0/8 on lo");
}
