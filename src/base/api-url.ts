/** The address of an HTTP API to which a secret is sent: encrypted, or not leaving this host. */
import { failure, success } from "./result.ts";
import type { Result } from "./result.ts";

/** The host of a URL as `URL.hostname` gives it. RFC 6890 §2.2.2 and §2.2.3; RFC 6761 §6.3 for the name. */
function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d+){3}$/.test(hostname);
}

/**
 * `https://HOST[:PORT][/PATH]`, or `http://` to a loopback address; given back without a final slash. The fault says
 * what is wrong and repeats no user name or password.
 */
export function parseApiUrl(text: string): Result<string, string> {
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    return failure("it is not a URL; write https://HOST[:PORT], or http:// for a server on this host");
  }
  if (url.username !== "" || url.password !== "") return failure("a URL must hold no user name and no password");
  if (url.search !== "" || url.hash !== "") return failure("a URL with ? or # is not the address of an API");
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return failure("http:// would send the key over the network for all to read; write https://");
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") return failure("its scheme is not https");
  return success(`${url.origin}${url.pathname.replace(/\/+$/, "")}`);
}
