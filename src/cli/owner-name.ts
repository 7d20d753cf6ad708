/** The owner names that `publish`, `withdraw` and `propagation` take, and the mistakes that are made with them. */
import { fault, OperationalError } from "../base/errors.ts";
import { displayName, parseName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { isTransportLabel } from "../tlsa/owner.ts";
import type { Io } from "./io.ts";

/** Throws USAGE, for `host:port` with the owner name that is meant. */
export function parseOwner(text: string): DomainName {
  const [, host, port] = /^([^:]+):(\d{1,5})$/.exec(text) ?? [];
  if (host !== undefined && port !== undefined) {
    const hint = `its TLSA records stand at _${port}._tcp.${host}`;
    throw OperationalError.of(fault("USAGE", `the owner name: "${text}" is a service, not a name`, hint));
  }
  const owner = parseName(text);
  if (owner.ok) return owner.value;
  throw OperationalError.of(fault("USAGE", `the owner name: ${owner.fault.message}`, owner.fault.hint));
}

/** The TLSA base domain that a flag names. Throws USAGE, for addresses, services and URLs with what to write. */
export function parseBaseDomain(flag: string, text: string): DomainName {
  const refuse = (what: string, hint: string): OperationalError =>
    OperationalError.of(fault("USAGE", `${flag}: "${text}" ${what}`, hint));
  if (isAddress(text))
    throw refuse("is an address", "DANE needs the name that clients connect to, for example mx.example.org");
  const [, host = "", port] = /^(?:[a-z][a-z0-9+.-]*:\/\/)?([^/:]*)(?::(\d{1,5}))?(?:[/?#].*)?$/i.exec(text) ?? [];
  if (/[:/]/.test(text)) {
    const meant = parseName(host).ok && host !== "." && !isAddress(host) ? host : "mx.example.org";
    throw refuse("is not a name", `write ${flag} ${meant}${port === undefined ? "" : ` --port ${port}`}`);
  }
  const name = parseName(text);
  if (!name.ok) throw OperationalError.of(fault("USAGE", `${flag}: ${name.fault.message}`, name.fault.hint));
  if (name.value === ".") throw refuse("is the root, not a host", `name the host, for example ${flag} mx.example.org`);
  if (text.startsWith("_")) throw refuse("is already an owner name", "give the host alone, with --port and --proto");
  return name.value;
}

/** As literals are written, in brackets too; a name of digits alone is none that clients could connect to. */
function isAddress(text: string): boolean {
  return (
    /^\[.*\]$/.test(text) || /^\d+(?:\.\d+){3}$/.test(text) || /^[\da-f:.]*:[\da-f:.]*:[\da-f:.]*(?:%.*)?$/i.test(text)
  );
}

/** Warns of a name at which no client looks by itself (RFC 6698 §3); as the target of an alias it may still be right. */
export function warnOfOwner(owner: DomainName, io: Io): void {
  if (isServiceOwner(owner)) return;
  const name = displayName(owner);
  const host = name.replace(/^(?:_[^.]*\.)+/, "");
  io.err(
    `daneward: warning: ${name} is no TLSA owner name of a service; clients come there only by an alias (CNAME)\n` +
      `hint: for a mail server that would be _25._tcp.${host}\n`,
  );
}

/** `_port._transport.…`, or the wildcard for all ports of a host. */
function isServiceOwner(owner: DomainName): boolean {
  const [, transport = ""] = /^(?:_\d{1,5}|\*)\._([a-z]+)\./i.exec(owner) ?? [];
  return isTransportLabel(transport.toLowerCase());
}
