import { describe, expect, test } from "vitest";
import { instant } from "../../../src/base/time.ts";
import { createApi, malformed, refusal } from "../../../src/publisher/providers/http.ts";
import type { Api, ApiOptions } from "../../../src/publisher/providers/http.ts";
import { createAuthority } from "../../../src/sandbox/ca.ts";
import { startHttpApi } from "../../fakes/http-api.ts";
import type { ApiAnswer } from "../../fakes/http-api.ts";
import { everythingOf, failure, secret } from "./sample.ts";

const TOKEN = "s3cr3t-t0ken-0123456789";

function apiAt(url: string, options: Partial<ApiOptions> = {}): Api {
  const header = (token: string): readonly [string, string] => ["authorization", `Bearer ${token}`];
  return createApi({ service: "the fake API", url, header, secret: secret(TOKEN), timeoutMs: 2_000, ...options });
}

const GET = { method: "GET", path: "/x" } as const;

describe("one request", () => {
  test("carries the secret in its one header, and gives back status and JSON", async () => {
    const fake = await startHttpApi(() => ({ status: 404, body: { a: [1] } }));
    const reply = await apiAt(`${fake.url}/base/`).call({ method: "PUT", path: "/x?y=1", body: { z: 2 } });
    expect(reply).toMatchObject({ status: 404, body: { a: [1] }, text: '{"a":[1]}', retryAfter: null });
    const [call] = fake.calls;
    expect(call).toMatchObject({ method: "PUT", path: "/base/x", body: { z: 2 } });
    expect(call?.headers["authorization"]).toBe(`Bearer ${TOKEN}`);
    expect(JSON.stringify([call?.path, String(call?.query), call?.body])).not.toContain(TOKEN);
  });

  test("a body that is no JSON is text, on one line, cut, without control characters", async () => {
    const fake = await startHttpApi(() => ({ status: 200, body: `<html>\n\u001b[31m${"x".repeat(500)}` }));
    const reply = await apiAt(fake.url).call(GET);
    expect(reply.body).toBeUndefined();
    expect(reply.text).toMatch(/^<html> \[31mx+…$/);
    expect(reply.text.length).toBeLessThan(320);
  });

  test.each([301, 302, 307, 308])(
    "a redirect (%i) is not followed, and the secret goes nowhere else",
    async (status) => {
      const other = await startHttpApi(() => ({ status: 200 }));
      const fake = await startHttpApi(() => ({ status, headers: { location: `${other.url}/stolen` } }));
      const error = await failure(apiAt(fake.url).call(GET));
      expect(error).toMatchObject({ code: "PROVIDER_REDIRECT", retry: "never" });
      expect(other.calls).toHaveLength(0);
    },
  );

  test("a reply of more than 1 MiB is refused, also when it was compressed to little", async () => {
    const { gzipSync } = await import("node:zlib");
    const plain = await startHttpApi(() => ({ status: 200, body: "x".repeat(1_048_577) }));
    expect((await failure(apiAt(plain.url).call(GET))).code).toBe("PROVIDER_REPLY_TOO_LARGE");
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const { createServer } = await import("node:http");
    const server = createServer((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end(bomb);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const error = await failure(apiAt(`http://127.0.0.1:${String(port)}`).call(GET));
    server.closeAllConnections();
    server.close();
    expect(error.code).toBe("PROVIDER_REPLY_TOO_LARGE");
  });

  test("an answer that does not come, a cut connection and a closed port have names of their own", async () => {
    const silent = await startHttpApi(() => new Promise<ApiAnswer>(() => undefined));
    const late = await failure(apiAt(silent.url, { timeoutMs: 80 }).call(GET));
    expect(late).toMatchObject({ code: "PROVIDER_TIMEOUT", retry: "later" });
    const cut = await startHttpApi(() => null);
    expect((await failure(apiAt(cut.url).call(GET))).code).toBe("PROVIDER_CONNECTION_LOST");
    for (const port of [1, 2]) {
      const closed = apiAt(`http://127.0.0.1:${String(port)}`);
      expect((await failure(closed.call(GET))).code).toBe("PROVIDER_UNREACHABLE");
    }
  });

  test("being told to stop is not a fault of the API", async () => {
    const silent = await startHttpApi(() => new Promise<ApiAnswer>(() => undefined));
    const stop = new AbortController();
    const work = failure(apiAt(silent.url, { signal: stop.signal }).call(GET));
    stop.abort();
    expect((await work).code).toBe("DNS_INTERRUPTED");
  });

  test("nor is being told to stop while a rate limit is waited out, which ends the wait", async () => {
    const fake = await startHttpApi(() => ({ status: 429, headers: { "retry-after": "30" } }));
    const stop = new AbortController();
    const started = performance.now();
    const work = failure(apiAt(fake.url, { signal: stop.signal, timeoutMs: 60_000 }).call(GET));
    const timer = setTimeout(() => {
      stop.abort();
    }, 100);
    expect((await work).code).toBe("DNS_INTERRUPTED");
    clearTimeout(timer);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test("a body that stops in the middle has the same deadline", async () => {
    const { createServer } = await import("node:http");
    const server = createServer((_request, response) => {
      response.writeHead(200, { "content-length": "1000" }).write("{");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const error = await failure(apiAt(`http://127.0.0.1:${String(port)}`, { timeoutMs: 100 }).call(GET));
    server.closeAllConnections();
    server.close();
    expect(error.code).toBe("PROVIDER_TIMEOUT");
  });

  test("a server error is worth another try", async () => {
    const fake = await startHttpApi(() => ({ status: 503, body: "down" }));
    expect(await failure(apiAt(fake.url).call(GET))).toMatchObject({ code: "PROVIDER_FAILED", retry: "later" });
  });
});

describe("rate limits", () => {
  test("a wait that fits is waited out", async () => {
    let asked = 0;
    const fake = await startHttpApi(() => {
      asked += 1;
      return asked === 1 ? { status: 429, headers: { "retry-after": "1" } } : { status: 200, body: {} };
    });
    const started = performance.now();
    expect((await apiAt(fake.url).call(GET)).status).toBe(200);
    expect(performance.now() - started).toBeGreaterThan(950);
    expect(fake.calls).toHaveLength(2);
  });

  test.each([
    ["37", 37],
    ["86400", 86_400],
    ["Wed, 21 Oct 2026 07:28:00 GMT", 60],
    ["-1", 60],
    ["", 60],
  ])("Retry-After %j that does not fit is handed to the caller as %i s", async (value, wait) => {
    const fake = await startHttpApi(() => ({ status: 429, headers: { "retry-after": value } }));
    const error = await failure(apiAt(fake.url).call(GET));
    expect(error).toMatchObject({ code: "PROVIDER_RATE_LIMITED", retry: wait });
    expect(fake.calls).toHaveLength(1);
  });
});

describe("certificates", () => {
  test("an API with a certificate that nobody vouches for gets no request", async () => {
    const authority = await createAuthority(() => instant(Date.now()));
    const leaf = await authority.issue(["localhost"]);
    const fake = await startHttpApi(() => ({ status: 200 }), { cert: leaf.pem, key: leaf.privateKeyPem });
    const error = await failure(apiAt(fake.url.replace("127.0.0.1", "localhost")).call(GET));
    expect(error.code).toBe("PROVIDER_TLS");
    expect(fake.calls).toHaveLength(0);
  });

  test("an environment that switches the check off is refused", () => {
    const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      expect(() => apiAt("https://api.example.org")).toThrow(/NODE_TLS_REJECT_UNAUTHORIZED/);
      expect(() => apiAt("http://127.0.0.1")).not.toThrow();
    } finally {
      if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
      else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
    }
  });

  test("plain HTTP goes to this host alone", () => {
    expect(() => apiAt("http://192.0.2.1")).toThrow(expect.objectContaining({ code: "PROVIDER_URL_INVALID" }));
  });
});

describe("the secret", () => {
  test.each(["two words", "line\nbreak", "ü", ""])("%j cannot be sent and is not repeated", (token) => {
    try {
      apiAt("https://api.example.org", { secret: secret(token) });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: "PROVIDER_TOKEN_INVALID" });
      if (token !== "") expect(String(error)).not.toContain(token);
    }
  });

  test.each([200, 302, 400, 401, 403, 404, 409, 418, 422, 429, 500])(
    "an API that repeats it with status %i does not get it into an error",
    async (status) => {
      const answer = { status, body: { error: `you sent ${TOKEN}`, errors: [{ message: TOKEN }] } };
      const api = apiAt((await startHttpApi(() => answer)).url);
      const work = api.call(GET).then((reply) => {
        throw status === 200 ? malformed(api, reply, "to ask") : refusal(api, reply, "to ask", `said ${TOKEN}`);
      });
      expect(everythingOf(await failure(work))).not.toContain(TOKEN);
    },
  );

  test("nor does a fetch that fails with it in its words", async () => {
    const failing: typeof fetch = () => Promise.reject(new TypeError(`invalid header ${TOKEN}`));
    const error = await failure(apiAt("https://api.example.org", { fetch: failing }).call(GET));
    expect(everythingOf(error)).not.toContain(TOKEN);
  });
});
