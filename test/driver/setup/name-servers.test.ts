/** Where a name server on this host takes updates, by its configuration and by what else is known. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { judgeNamed, parseNamed, readNameServers, updateAddress } from "../../../src/driver/setup/name-servers.ts";
import type { ServerSurroundings } from "../../../src/driver/setup/name-servers.ts";
import { openTree } from "../../../src/driver/setup/tree.ts";
import { makeHost } from "./host.ts";
import type { Host } from "./host.ts";

let host: Host;

beforeEach(() => {
  host = makeHost();
});
afterEach(() => {
  host.remove();
});

function listens(text: string): readonly string[] {
  return judgeNamed(parseNamed(text, "f")).listens.map((one) => `${one.host} ${String(one.port)}`);
}

describe("named listens", () => {
  test.each<readonly [what: string, text: string, expected: readonly string[]]>([
    ["everywhere unless told", 'options { directory "x"; };', ["0.0.0.0 53", ":: 53"]],
    [
      "where listen-on says, at the port of that or of all",
      "options { port 5300; listen-on { 192.0.2.53; 192.0.2.54; }; listen-on-v6 port 54 { 2001:db8::53; }; };",
      ["192.0.2.53 5300", "192.0.2.54 5300", "2001:db8::53 54"],
    ],
    ["nowhere for none", "options { listen-on { 192.0.2.53; }; listen-on-v6 { none; }; };", ["192.0.2.53 53"]],
    [
      "at the addresses of an acl, and not at those that are excepted, networks or for TLS",
      'acl "own" { 192.0.2.1; !192.0.2.2; 10.0.0.0/8; };\noptions { listen-on { own; }; listen-on port 853 tls x { 192.0.2.9; }; listen-on-v6 { any; }; };',
      ["192.0.2.1 53", ":: 53"],
    ],
    ["everywhere for localhost too", "options { listen-on { localhost; }; listen-on-v6 { none; }; };", ["0.0.0.0 53"]],
  ])("%s", (_what, text, expected) => {
    expect(listens(text)).toEqual(expected);
  });
});

describe("updates go", () => {
  const UNBOUND = { resolvers: [{ host: "127.0.0.1", port: 53 }] };
  const HERE: ServerSurroundings = {
    named: [],
    local: ["127.0.0.1", "192.0.2.10", "::1", "2001:db8::10"],
    resolvers: [],
  };

  test.each<readonly [what: string, options: string, around: Partial<ServerSurroundings>, expected: string | null]>([
    ["to the only address", "listen-on { 192.0.2.53; }; listen-on-v6 { none; };", UNBOUND, "192.0.2.53"],
    ["to the loopback address where nobody else is", "", {}, "127.0.0.1"],
    [
      "to the address that the zone names before others",
      "listen-on { 127.0.0.1; 192.0.2.53; };",
      { named: ["192.0.2.53", "198.51.100.1"] },
      "192.0.2.53",
    ],
    ["to a named address of this host", "", { named: ["198.51.100.1", "192.0.2.10"] }, "192.0.2.10"],
    ["never to the resolver", "", UNBOUND, "192.0.2.10"],
    [
      "never to the resolver, whatever listen-on says",
      "listen-on { 127.0.0.1; };listen-on-v6 { none; };",
      UNBOUND,
      null,
    ],
    ["to another loopback address that is listed", "listen-on { 127.0.0.2; };", UNBOUND, "127.0.0.2"],
    ["to another port than the resolver's", "listen-on port 5300 { 127.0.0.1; };", UNBOUND, "127.0.0.1"],
    ["nowhere when this host's addresses are not known", "", { ...UNBOUND, local: [] }, null],
  ])("%s", (_what, options, around, expected) => {
    const server = judgeNamed(parseNamed(`options { ${options} };`, "f"));
    expect(updateAddress(server, { ...HERE, ...around })?.host ?? null).toBe(expected);
  });
});

describe("name servers of a host", () => {
  test("are BIND with its includes, Knot and PowerDNS, each with addresses, zones and how those are updated", () => {
    host.write(
      "/etc/bind/named.conf",
      'include "/etc/bind/named.conf.options"; include "/etc/bind/named.conf.local";\n',
    );
    host.write("/etc/bind/named.conf.options", "/* a\n   b */\noptions { listen-on { 192.0.2.53; }; };\n");
    host.write(
      "/etc/bind/named.conf.local",
      'zone "example.org" {\n  type primary; // it is\n  file "/var/lib/bind/o.db";\n  dnssec-policy default;\n};\nzone "b" { type secondary; };\n',
    );
    host.write(
      "/etc/knot/knot.conf",
      `server:
    listen: [ 192.0.2.54@5300, "::1@53" ]  # two
    listen: /run/knot.sock
zone:
  - domain: example.net
    file: net.zone
    dnssec-signing: on
    acl: [ daneward, transfer ]
  - domain: example.com
    master: other
  - domain: "example.info"
`,
    );
    host.write(
      "/etc/powerdns/pdns.conf",
      "local-address=192.0.2.55, [2001:db8::55]:54\ninclude-dir=/etc/powerdns/pdns.d\n",
    );
    host.write("/etc/powerdns/pdns.d/port.conf", "local-port=5353\n");
    const [bind, knot, powerdns] = readNameServers(openTree(host.root));
    expect(bind).toMatchObject({
      listens: [
        { host: "192.0.2.53", port: 53 },
        { host: "::", port: 53 },
      ],
      zones: [
        {
          name: "example.org.",
          configuration: "/etc/bind/named.conf.local",
          line: 1,
          signed: true,
          updates: "nothing",
        },
      ],
    });
    expect(knot).toMatchObject({
      listens: [
        { host: "192.0.2.54", port: 5300 },
        { host: "::1", port: 53 },
      ],
      zones: [
        { name: "example.net.", file: "net.zone", signed: true, updates: "acl", line: 5 },
        { name: "example.info.", signed: false, updates: "nothing" },
      ],
    });
    expect(powerdns).toMatchObject({
      zones: null,
      listens: [
        { host: "192.0.2.55", port: 5353 },
        { host: "2001:db8::55", port: 54 },
      ],
    });
  });
});
