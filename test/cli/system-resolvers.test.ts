import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { formatResolver } from "../../src/dns/resolver-server.ts";
import { systemResolvers } from "../../src/cli/system-resolvers.ts";
import { temporaryFolder } from "../store/temporary-folder.ts";

function read(text: string): readonly string[] {
  const file = path.join(temporaryFolder(), "resolv.conf");
  writeFileSync(file, text);
  return systemResolvers(file).map(formatResolver);
}

test.each([
  ["the usual file", "# made by hand\nsearch example.org\nnameserver 127.0.0.53\noptions edns0\n", ["127.0.0.53:53"]],
  ["several, IPv6 too", "nameserver 192.0.2.1\nnameserver\t2001:db8::1 # two\n", ["192.0.2.1:53", "[2001:db8::1]:53"]],
  ["more than the C library heeds", "nameserver 192.0.2.1\n".repeat(5), Array(3).fill("192.0.2.1:53")],
  ["none", "search example.org\n", ["127.0.0.1:53"]],
  [
    "a name, a comment, a link-local address",
    "nameserver dns\n;nameserver 192.0.2.1\nnameserver fe80::1%eth0\n",
    ["127.0.0.1:53"],
  ],
])("%s", (_, text, want) => {
  expect(read(text)).toEqual(want);
});

test("a missing file names nobody", () => {
  expect(systemResolvers(path.join(temporaryFolder(), "none")).map(formatResolver)).toEqual(["127.0.0.1:53"]);
});
