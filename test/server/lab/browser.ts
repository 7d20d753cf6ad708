/**
 * Chromium without a window, spoken to over two pipes in its own protocol (Chrome DevTools Protocol): no port, no driver,
 * no package. It can resolve no name and has a proxy that nobody serves, so that whatever it asks for fails; what it asked for is told.
 */
import { spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { program } from "./programs.ts";

export interface View {
  readonly width: number;
  readonly height: number;
  readonly scheme: "light" | "dark";
}

export interface Browser {
  /** Opens an address in a page of that size, when it is loaded. */
  readonly open: (url: string, view: View) => Promise<void>;
  /** The value of an expression in the page. */
  readonly evaluate: (expression: string) => Promise<unknown>;
  /** The page from top to bottom as PNG. */
  readonly screenshot: (file: string, clip?: object) => Promise<void>;
  /** Addresses that were asked for since the last `open`. */
  readonly requests: () => readonly string[];
  /** What the console said since then: violations of the page's policy among it. */
  readonly complaints: () => readonly string[];
  readonly close: () => Promise<void>;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-extensions",
  "--hide-scrollbars",
  "--host-resolver-rules=MAP * ~NOTFOUND",
  "--proxy-server=127.0.0.1:9",
  "--remote-debugging-pipe",
];

/** Starts it; it ends with `close`, or with this process. */
export async function startBrowser(): Promise<Browser> {
  const profile = mkdtempSync(path.join(tmpdir(), "daneward-chromium-"));
  const args = [
    "--pdeathsig",
    "KILL",
    "--",
    program("chromium"),
    ...FLAGS,
    `--user-data-dir=${profile}`,
    "about:blank",
  ];
  const child = spawn(program("setpriv"), args, {
    env: { PATH: process.env["PATH"], HOME: profile, LC_ALL: "C.UTF-8" },
    stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"],
  });
  const [, , errors, input, output] = child.stdio as unknown as [null, null, Readable, Writable, Readable];
  let said = "";
  errors.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-20_000)));
  input.on("error", () => undefined);
  const gone = new Promise<void>((resolve) =>
    child.on("exit", () => {
      resolve();
    }),
  );
  const pending = new Map<number, (message: Message) => void>();
  const listeners = new Set<(message: Message) => void>();
  let rest = "";
  output.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\0");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      const message = JSON.parse(part) as Message;
      if (message.id === undefined) for (const listener of listeners) listener(message);
      else pending.get(message.id)?.(message);
    }
  });
  let session: string | undefined;
  let count = 0;
  const send = (method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> =>
    new Promise((resolve, reject) => {
      const id = ++count;
      pending.set(id, ({ result, error }) => {
        pending.delete(id);
        if (error === undefined) resolve(result ?? {});
        else reject(new Error(`${method}: ${error.message}`));
      });
      void gone.then(() => {
        reject(new Error(`chromium ended\n${said}`));
      });
      input.write(
        `${JSON.stringify({ id, method, params, ...(session === undefined ? {} : { sessionId: session }) })}\0`,
      );
    });
  const next = (method: string): Promise<void> =>
    new Promise((resolve) => {
      const listener = (message: Message): void => {
        if (message.method !== method) return;
        listeners.delete(listener);
        resolve();
      };
      listeners.add(listener);
    });

  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const attached = await send("Target.attachToTarget", { targetId, flatten: true });
  session = String(attached["sessionId"]);
  for (const domain of ["Page", "Network", "Runtime", "Log"]) await send(`${domain}.enable`);
  let requests: string[] = [];
  let complaints: string[] = [];
  listeners.add(({ method, params }) => {
    if (method === "Network.requestWillBeSent") requests.push((params?.["request"] as { url: string }).url);
    if (method === "Log.entryAdded") complaints.push((params?.["entry"] as { text: string }).text);
    if (method === "Runtime.exceptionThrown") complaints.push(JSON.stringify(params));
  });
  return {
    open: async (url, { width, height, scheme }) => {
      requests = [];
      complaints = [];
      await send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 600 });
      await send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
      const loaded = next("Page.loadEventFired");
      await send("Page.navigate", { url });
      await loaded;
    },
    evaluate: async (expression) => {
      const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, returnByValue: true });
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
      return (result as { value: unknown }).value;
    },
    screenshot: async (file, clip) => {
      const { data } = await send("Page.captureScreenshot", {
        format: "png",
        captureBeyondViewport: true,
        ...(clip === undefined ? {} : { clip }),
      });
      writeFileSync(file, Buffer.from(String(data), "base64"));
    },
    requests: () => requests,
    complaints: () => complaints,
    close: async () => {
      session = undefined;
      void send("Browser.close").catch(() => undefined);
      const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await gone;
      clearTimeout(timer);
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
