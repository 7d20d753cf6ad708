/** An HTTP server on loopback that answers JSON as a test tells it to, and remembers what it was asked. */
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface ApiCall {
  readonly method: string;
  /** Path as sent, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: unknown;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text goes out as it is, anything else as JSON; absent: nothing. */
  readonly body?: unknown;
}

export interface FakeApi {
  readonly url: string;
  readonly calls: readonly ApiCall[];
}

/** Null: the connection is cut. */
export type Answer = (call: ApiCall) => ApiAnswer | null | Promise<ApiAnswer | null>;

async function readBody(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  const isPlain = request.headers["content-type"]?.startsWith("text/plain") === true;
  return text === "" || isPlain ? text || undefined : (JSON.parse(text) as unknown);
}

/** Ends with the test. `tls` makes it an https server. */
export async function startHttpApi(
  answer: Answer,
  tls: { readonly cert: string; readonly key: string } | null = null,
): Promise<FakeApi> {
  const calls: ApiCall[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://fake");
    const { method = "GET", headers } = request;
    const call = { method, path: url.pathname, query: url.searchParams, headers, body: await readBody(request) };
    calls.push(call);
    const given = await answer(call);
    if (given === null) {
      request.socket.destroy();
      return;
    }
    const isText = typeof given.body === "string";
    response.writeHead(given.status, { "content-type": isText ? "text/plain" : "application/json", ...given.headers });
    response.end(given.body === undefined ? "" : isText ? given.body : JSON.stringify(given.body));
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined);
    });
  };
  const server = tls === null ? createServer(listener) : createTlsServer(tls, listener);
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `${tls === null ? "http" : "https"}://127.0.0.1:${String(port)}`, calls };
}
