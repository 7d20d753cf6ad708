/** All checkers on all cases, as a table. Ends with 1 when daneward is wrong about one. */
import { instant } from "../../../src/base/time.ts";
import { makeCases } from "./cases.ts";
import type { Ours, PeerCase } from "./cases.ts";
import { layGround } from "./ground.ts";
import type { Ground } from "./ground.ts";
import { OURS, PEERS } from "./tools.ts";
import type { Said, Tool } from "./tools.ts";

/** A tool that looks at one of several addresses, or at records in the order they come in, needs several goes to show it. */
const GOES_BY_LOT = 8;

const MUST: Readonly<Record<PeerCase["must"], string>> = {
  pass: "yes",
  fail: "no: refuse",
  none: "no",
};

/** Whether a tool that says and exits so is right: 0 is for what DANE authenticates, and for nothing else. */
function rightness(must: PeerCase["must"], { verified, exit }: Said): "right" | "wrong exit" | "wrong" {
  const shall = must === "pass";
  if (verified !== shall) return "wrong";
  return (exit === 0) === shall ? "right" : "wrong exit";
}

function cellOf(one: PeerCase, seen: readonly Said[]): string {
  const [first] = seen;
  if (first === undefined) return "n/a";
  const text = ({ verified, exit }: Said): string => `${verified ? "yes" : "no"}, ${String(exit)}`;
  if (new Set(seen.map(text)).size > 1) return "**by chance**";
  const how = rightness(one.must, first);
  return how === "right" ? text(first) : how === "wrong" ? `**${text(first)}**` : `_${text(first)}_`;
}

async function lookAt(tool: Tool, one: PeerCase, ground: Ground): Promise<readonly Said[]> {
  const seen: Said[] = [];
  const goes = one.chains.length > 1 || one.records.length > 1 ? GOES_BY_LOT : 1;
  for (let go = 0; go < goes; go += 1) {
    const result = await tool.look(one, ground);
    if (result === null) return [];
    seen.push(result);
    if (process.env["PEERS_TRACE"] !== undefined) console.error(`--- ${one.id} ${tool.name}: ${result.words}`);
  }
  return seen;
}

/** What is wrong with ours; null: nothing. */
function complaint(one: PeerCase, tool: Tool, wanted: Ours, seen: readonly Said[]): string | null {
  const [verdict, exit] = wanted;
  const wrong = seen.find((each) => each.words !== verdict || each.exit !== exit);
  if (seen.length > 0 && wrong === undefined) return null;
  return `${one.id}, ${tool.name}: ${wrong?.words ?? "nothing"} with exit ${String(wrong?.exit)}, not ${verdict} with ${String(exit)}`;
}

async function compare(folder: string): Promise<readonly string[]> {
  const cases = await makeCases(instant(Date.now()));
  const ground = await layGround(folder, cases);
  const peers: Tool[] = [];
  for (const tool of [...PEERS, ...OURS]) {
    const version = await tool.version();
    console.log(version === null ? `- ${tool.name}: not installed, left out` : `- ${tool.name}: ${version}`);
    if (version !== null && PEERS.includes(tool)) peers.push(tool);
  }
  console.log(`\n| case | authenticated? | ${[...OURS, ...peers].map(({ name }) => name).join(" | ")} |`);
  console.log(`| --- | --- | ${[...OURS, ...peers].map(() => "---").join(" | ")} |`);
  const complaints: string[] = [];
  const wrong = new Map(peers.map(({ name }) => [name, 0]));
  for (const one of cases) {
    const cells: string[] = [];
    for (const [index, tool] of OURS.entries()) {
      const seen = await lookAt(tool, one, ground);
      const problem = complaint(one, tool, one.ours[index] ?? ["", -1], seen);
      if (problem !== null) complaints.push(problem);
      cells.push(
        seen[0] === undefined ? "n/a" : `${problem === null ? "" : "WRONG "}${seen[0].words}, ${String(seen[0].exit)}`,
      );
    }
    for (const tool of peers) {
      const cell = cellOf(one, await lookAt(tool, one, ground));
      if (/^[*_]/.test(cell)) wrong.set(tool.name, (wrong.get(tool.name) ?? 0) + 1);
      cells.push(cell);
    }
    console.log(`| ${one.what} | ${MUST[one.must]} | ${cells.join(" | ")} |`);
  }
  console.log(
    `\nwrong in verdict or exit code: ${[...wrong].map(([name, count]) => `${name} ${String(count)}`).join(", ")}`,
  );
  await ground.stop();
  return complaints;
}

const [, , folder = ""] = process.argv;
const complaints = await compare(folder);
for (const each of complaints) console.error(`daneward is wrong: ${each}`);
process.exit(complaints.length === 0 ? 0 : 1);
