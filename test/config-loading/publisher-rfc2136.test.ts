import { describe, expect, test } from "vitest";
import { SAMPLE, configurationOf, problemsOf } from "./sample.ts";

const SERVER = `server = "127.0.0.1"\n`;

function withLines(lines: string): string {
  return SAMPLE.replace(SERVER, lines);
}

describe("a publisher by dynamic update", () => {
  test("takes several servers, one to ask, a key of a file that says little, and the way to talk", async () => {
    const lines = `server = ["192.0.2.1", "[2001:db8::1]:5353", "ns.example.org:54"]
query_server = "192.0.2.2:5300"
key_name = "DANE-key."
key_algorithm = "HMAC-SHA512"
transport = "udp"
sign_queries = true
follow_cname = false
`;
    expect((await configurationOf(withLines(lines))).publishers.get("local")).toMatchObject({
      servers: [
        { host: "192.0.2.1", port: 53 },
        { host: "2001:db8::1", port: 5353 },
        { host: "ns.example.org.", port: 54 },
      ],
      queryServer: { host: "192.0.2.2", port: 5300 },
      keyName: "dane-key.",
      keyAlgorithm: "hmac-sha512",
      transport: "udp",
      signQueries: true,
      followCname: false,
    });
  });

  test.each([
    ["no server in the list", "server = []\n", /publish\.local\.server: must name at least one server/],
    ["a transport that is none", `${SERVER}transport = "tls"\n`, /publish\.local\.transport: must be "tcp" or "udp"/],
    ["an algorithm with an underscore", `${SERVER}key_algorithm = "hmac_sha256"\n`, /unknown algorithm "hmac_sha256"/],
    ["a key misspelt", `${SERVER}query_sever = "192.0.2.1"\n`, /query_server/],
  ])("%s is a fault", async (_, lines, words) => {
    expect(await problemsOf("fault", withLines(lines))).toEqual([expect.stringMatching(words)]);
  });
});
