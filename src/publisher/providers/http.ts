/**
 * One HTTP API, asked with `fetch`. The secret goes into one header of requests to one origin and nowhere else: not
 * into URLs, messages, causes or logs, and whatever the other side says is searched for it before it is shown.
 * Certificates are verified, redirects are not followed (they would carry the secret along), replies are read up to
 * 1 MiB, and each request has a deadline. A 429 (RFC 6585 §4) is waited out when that fits into the deadline.
 */
import { parseApiUrl } from "../../base/api-url.ts";
import { OperationalError } from "../../base/errors.ts";
import type { FaultCode, Retry } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { formatDuration, seconds } from "../../base/time.ts";
import type { Seconds } from "../../base/time.ts";

/** What every publisher over an API is made from. */
export interface ApiAccess {
  /** API key or token: printable ASCII without spaces. */
  readonly secret: Secret;
  /** For each request, waiting for a rate limit included. */
  readonly timeoutMs: number;
  /** How long to wait for an accepted change to be readable; 5 s unless told. */
  readonly readBackMs?: number;
  /** The global one unless told. */
  readonly fetch?: typeof fetch | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ApiOptions extends ApiAccess {
  /** As {@link parseApiUrl} takes it. */
  readonly url: string;
  /** Name of the service in messages. */
  readonly service: string;
  /** The header that carries the secret. */
  readonly header: (secret: string) => readonly [name: string, value: string];
}

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** From the base URL on, with a slash at the front; already percent-encoded. */
  readonly path: string;
  readonly body?: unknown;
  /** Makes the body, anew for each attempt: what was read before a rate limit was waited out may be stale after it. */
  readonly makeBody?: () => Promise<unknown>;
}

export interface ApiReply {
  readonly status: number;
  /** The parsed body; undefined when it is empty or not JSON. */
  readonly body: unknown;
  /** The beginning of the body, fit to be shown. */
  readonly text: string;
  /** `Retry-After` in seconds. */
  readonly retryAfter: Seconds | null;
}

export interface Api {
  readonly service: string;
  /** Any status but 429, redirects and 5xx is a reply. Throws `PROVIDER_…` and `DNS_INTERRUPTED`. */
  readonly call: (request: ApiRequest) => Promise<ApiReply>;
  /** Text of the other side as it may be shown: short, on one line, without the secret. */
  readonly tell: (text: string) => string;
}

const MAX_REPLY = 1_048_576;
const MAX_SHOWN = 300;
/** When a 429 says nothing: Cloudflare's window is five minutes, deSEC's smallest a second. */
const UNSAID_WAIT = seconds(60);

/** Nothing can have arrived when the connection was never made. */
const NEVER_CONNECTED = [
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "BAD_PORT",
];

function systemCode(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  // Ports of other protocols are closed to fetch, whatever listens there.
  if (cause instanceof Error && cause.message === "bad port") return "BAD_PORT";
  if (cause instanceof AggregateError) return systemCode(cause.errors[0]);
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "no connection";
}

function isCertificateProblem(code: string): boolean {
  return /^(CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|EPROTO$|HOSTNAME_MISMATCH$)/.test(code);
}

async function readBounded(response: Response): Promise<Uint8Array | null> {
  if (response.body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of response.body) {
    const bytes: unknown = chunk;
    if (!(bytes instanceof Uint8Array)) continue;
    total += bytes.length;
    // Leaving the loop cancels the rest.
    if (total > MAX_REPLY) return null;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Delay in seconds (RFC 9110 §10.2.3); its other form, a date, would need a clock that both sides share. */
function parseRetryAfter(value: string | null): Seconds | null {
  return value !== null && /^\d{1,6}$/.test(value.trim()) ? seconds(Number(value)) : null;
}

/** Ends early when told to stop; the next request then says so. */
async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener("abort", end);
  });
}

/** Opens nothing yet. Throws `PROVIDER_URL_INVALID`, `PROVIDER_TOKEN_INVALID`, `PROVIDER_TLS`. */
export function createApi(options: ApiOptions): Api {
  const { service, timeoutMs, signal } = options;
  const base = parseApiUrl(options.url);
  if (!base.ok) {
    throw new OperationalError("PROVIDER_URL_INVALID", `the URL of ${service}: ${base.fault}`, { retry: "never" });
  }
  const url = base.value;
  if (url.startsWith("https:") && process.env["NODE_TLS_REJECT_UNAUTHORIZED"] === "0") {
    const what = `NODE_TLS_REJECT_UNAUTHORIZED=0 switches the check of ${service}'s certificate off`;
    throw new OperationalError("PROVIDER_TLS", what, { retry: "never", hint: "remove it from the environment" });
  }
  const secret = new TextDecoder().decode(options.secret.reveal());
  // A header with anything else would be refused by fetch in words that repeat the secret.
  if (!/^[\x21-\x7e]+$/.test(secret)) {
    const what = `the key or token for ${service} is empty or holds characters that cannot be sent`;
    throw new OperationalError("PROVIDER_TOKEN_INVALID", what, { retry: "never" });
  }
  const [headerName, headerValue] = options.header(secret);
  const doFetch = options.fetch ?? fetch;

  const tell = (text: string): string => {
    const shown = text
      .replaceAll(secret, "[secret]")
      .replace(/[\s\p{Cc}]+/gu, " ")
      .trim();
    return shown.length > MAX_SHOWN ? `${shown.slice(0, MAX_SHOWN)}…` : shown;
  };
  const trouble = (code: FaultCode, why: string, retry: Retry = "later"): OperationalError =>
    new OperationalError(code, `${service} at ${url} ${why}`, { retry });

  const translate = (error: unknown): OperationalError => {
    if (error instanceof OperationalError) return error;
    if (signal?.aborted === true) return new OperationalError("DNS_INTERRUPTED", `told to stop asking ${service}`);
    if (error instanceof Error && error.name === "TimeoutError") {
      return trouble("PROVIDER_TIMEOUT", `did not answer within ${String(timeoutMs / 1000)} s`);
    }
    const code = systemCode(error);
    if (isCertificateProblem(code)) return trouble("PROVIDER_TLS", `cannot be trusted: ${code}`);
    return NEVER_CONNECTED.includes(code)
      ? trouble("PROVIDER_UNREACHABLE", `cannot be reached: ${code}`)
      : trouble("PROVIDER_CONNECTION_LOST", `broke the connection: ${code}`);
  };

  const once = async (request: ApiRequest, remainingMs: number): Promise<ApiReply> => {
    const body = request.makeBody === undefined ? request.body : await request.makeBody();
    const deadline = AbortSignal.timeout(Math.max(1, Math.floor(remainingMs)));
    const response = await doFetch(`${url}${request.path}`, {
      method: request.method,
      headers: {
        accept: "application/json",
        "user-agent": "daneward",
        [headerName]: headerValue,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      redirect: "manual",
      signal: signal === undefined ? deadline : AbortSignal.any([deadline, signal]),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400)) {
      await response.body?.cancel();
      throw trouble("PROVIDER_REDIRECT", "answers with a redirect to another address", "never");
    }
    const bytes = await readBounded(response);
    if (bytes === null) throw trouble("PROVIDER_REPLY_TOO_LARGE", "sent more than 1 MiB", "never");
    const text = new TextDecoder().decode(bytes);
    const retryAfter = parseRetryAfter(response.headers.get("retry-after"));
    return { status: response.status, body: parseJson(text), text: tell(text), retryAfter };
  };

  const call = async (request: ApiRequest): Promise<ApiReply> => {
    const end = performance.now() + timeoutMs;
    for (;;) {
      let reply: ApiReply;
      try {
        reply = await once(request, end - performance.now());
      } catch (error) {
        throw translate(error);
      }
      if (reply.status >= 500) {
        throw trouble("PROVIDER_FAILED", `failed with status ${String(reply.status)}: ${reply.text}`);
      }
      if (reply.status !== 429) return reply;
      const wait = reply.retryAfter ?? UNSAID_WAIT;
      if (performance.now() + wait * 1000 >= end) {
        throw trouble("PROVIDER_RATE_LIMITED", `wants no further request for ${formatDuration(wait)}`, wait);
      }
      await pause(wait * 1000, signal);
    }
  };
  return { service, call, tell };
}

/** The error for a status that no caller of ours can use; `what` is what was tried. */
export function refusal(api: Api, reply: ApiReply, what: string, said: string = reply.text): OperationalError {
  const codes: Readonly<Record<number, FaultCode>> = {
    400: "PROVIDER_INVALID",
    401: "PROVIDER_UNAUTHORIZED",
    403: "PROVIDER_FORBIDDEN",
    404: "PROVIDER_ZONE_UNKNOWN",
    422: "PROVIDER_INVALID",
  };
  const code = codes[reply.status];
  const words = said === "" ? "" : `: ${api.tell(said)}`;
  const message = `${api.service} refused ${what} with status ${String(reply.status)}${words}`;
  return new OperationalError(code ?? "PROVIDER_FAILED", message, { retry: code === undefined ? "later" : "never" });
}

/** The error for a reply with a good status whose body is not what it should be. */
export function malformed(api: Api, reply: ApiReply, what: string): OperationalError {
  const message = `${api.service} answered ${what} with something else than expected: ${reply.text}`;
  return new OperationalError("PROVIDER_REPLY_MALFORMED", message, { retry: "never" });
}
