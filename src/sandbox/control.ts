/**
 * How a reload command reaches servers that live inside this process: a loopback port, and a small script to poke it.
 *
 * A reload command is argv in a fresh process, as in production (`systemctl reload postfix`). Signals would need a `kill`
 * program, which small systems lack, and cannot say whether the reload worked. So the command is `node reload.cjs`:
 * it sends the token that only the owner of the script can read, waits for the verdict, and exits 0 or 1.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { join } from "node:path";
import { formatHex, textOfOctets } from "../base/bytes.ts";
import { portOf } from "./listener.ts";

export interface ReloadControl {
  /** The reload command, one argument each. */
  readonly argv: readonly string[];
  /** How often the action ran. */
  readonly count: () => number;
  readonly close: () => Promise<void>;
}

/** Opens the port and writes `reload.cjs` into `directory`. `action` rejects when a server cannot reload. */
export async function openReloadControl(directory: string, action: () => Promise<void>): Promise<ReloadControl> {
  const token = formatHex(randomBytes(16));
  const open = new Set<Socket>();
  let runs = 0;
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    let received = "";
    socket.on("data", (chunk: Uint8Array) => {
      received += textOfOctets(chunk);
      if (received !== token) return;
      runs += 1;
      action().then(
        () => socket.end("ok"),
        (error: unknown) => socket.end(error instanceof Error ? error.message : String(error)),
      );
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const script = join(directory, "reload.cjs");
  await writeFile(script, reloadScript(portOf(server), token), { mode: 0o600 });
  return {
    argv: [process.execPath, script],
    count: () => runs,
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}

function reloadScript(port: number, token: string): string {
  return `const socket = require("node:net").connect(${String(port)}, "127.0.0.1", () => socket.write(${JSON.stringify(token)}));
let answer = "";
socket.on("data", (chunk) => (answer += chunk));
socket.on("error", (error) => (answer = error.message));
socket.on("close", () => {
  if (answer === "ok") return;
  console.error(answer);
  process.exitCode = 1;
});
`;
}
