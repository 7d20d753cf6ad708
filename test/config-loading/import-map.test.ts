import { describe, expect, test } from "vitest";
import { formatProblem } from "../../src/config/problem.ts";
import { problemsOf, readFiles } from "./sample.ts";

const MAIN = `version = 1
[publish.zones]
type = "zonefile"
file = "/etc/namedb/tlsa.{zone}.inc"
[import.cluster]
map = "tlsa.map"
source = "live/{cert}"
hold_file = "/var/db/daneward/ready/{cert}"
confirm_patience = "1d"
`;

const MAP = `# certificate      services
mx1.example.org    mx1.example.org,25  mx1.example.org,587/smtp

www.example.org    www.example.org,443
    example.org:443
mx1.example.org    imap.example.org,993
`;

async function faultsOf(main: string, map: string): Promise<readonly string[]> {
  return problemsOf("fault", { "daneward.toml": main, "tlsa.map": map });
}

describe("a map of certificates", () => {
  test("makes one of each name, with what the import says for all", async () => {
    const { configuration, problems, folder, files } = await readFiles({ "daneward.toml": MAIN, "tlsa.map": MAP });
    expect(problems.map(formatProblem)).toEqual([]);
    expect(files).toEqual([`${folder}/daneward.toml`, `${folder}/tlsa.map`]);
    expect(configuration?.watched).toContain(`${folder}/tlsa.map`);
    const made = configuration?.certificates.map(({ name, source, holdFile, publisher, services, policy }) => {
      return { name, source, holdFile, publisher, services: services.map(({ label }) => label), ...policy };
    });
    expect(made).toEqual([
      expect.objectContaining({
        name: "mx1.example.org",
        source: { kind: "directory", path: `${folder}/live/mx1.example.org` },
        holdFile: "/var/db/daneward/ready/mx1.example.org",
        publisher: "zones",
        services: ["mx1.example.org:25", "mx1.example.org:587", "imap.example.org:993"],
        confirmPatience: 86_400,
      }),
      expect.objectContaining({
        name: "www.example.org",
        services: ["www.example.org:443", "example.org:443"],
        source: { kind: "directory", path: `${folder}/live/www.example.org` },
      }),
    ]);
  });

  test("tells of what is wrong with a line of the map by that line", async () => {
    expect(await faultsOf(MAIN, "mx mx.example.org,25\nwww www.example.org,9999\n")).toEqual([
      expect.stringMatching(/^tlsa\.map:2:5: certificate\.www\.services\[0\]: the protocol of port 9999 is not known$/),
    ]);
    expect(await faultsOf(MAIN, "mx mx.example.org,25\n../x www.example.org,443\n")).toEqual([
      expect.stringMatching(/^tlsa\.map:2:1: certificate\."\.\.\/x": "\.\.\/x" cannot be the name of a certificate$/),
    ]);
    expect(await faultsOf(MAIN, "mx\n")).toEqual([
      expect.stringMatching(/^tlsa\.map:1:1: certificate\.mx\.services: must name at least one service$/),
    ]);
  });

  test("may not name a certificate that has a table", async () => {
    const table = `[certificate.mx]\nsource = "/live"\nservices = ["mx.example.org:465"]\nreload = []\n`;
    expect(await faultsOf(MAIN + table, "mx mx.example.org,25\n")).toEqual([
      expect.stringMatching(
        /^tlsa\.map:1:1: certificate\.mx: set a second time; the first is at daneward\.toml:10:14$/,
      ),
    ]);
  });

  test.each([
    ["no map", 'map = "tlsa.map"\n', "", 'import.cluster: "map" is missing'],
    ["a map that is not there", "tlsa.map", "none.map", "import.cluster.map: cannot read "],
    ["one source for all", "live/{cert}", "live", "import.cluster.source: does not tell the certificates apart"],
    ["services", 'map = "tlsa', 'services = []\nmap = "tlsa', "import.cluster.services: unknown key"],
    ["a misspelt key", "hold_file", "holdfile", 'import.cluster.holdfile: unknown key (did you mean "hold_file"?)'],
    [
      "a word for a path",
      'map = "tlsa',
      'deploy = "hold-file"\nmap = "tlsa',
      'import.cluster.deploy: "hold-file" is no place',
    ],
    ["no table", "[import.cluster]", "[import]", "import.map: must be a table, not a string"],
  ])("is refused with %s", async (_, from, to, want) => {
    const [first] = await faultsOf(MAIN.replace(from, to), MAP);
    expect(first).toContain(`: ${want}`);
  });

  test("warns when whoever swaps the certificate has ten minutes for it", async () => {
    const main = MAIN.replace('confirm_patience = "1d"\n', "");
    const warnings = await problemsOf("warning", { "daneward.toml": main, "tlsa.map": "mx mx.example.org,25\n" });
    expect(warnings).toEqual([expect.stringContaining("must be swapped within confirm_patience")]);
  });
});
