/** Draws a {@link DemoView}: a block of lines for a terminal, one line for a log. Pure. */
import { fit, paint } from "./style.ts";
import type { Style } from "./style.ts";
import type { DemoView, Milestone, SampleCount, ServerLine } from "./view.ts";

/** The block that is drawn over and over; always the same number of lines, none wider than the terminal. */
export function drawBlock(view: DemoView, style: Style): readonly string[] {
  const arrow = style.unicode ? "→" : "->";
  const records = [view.from, view.to].filter((each) => each !== null).join(` ${arrow} `);
  const lines = [
    `${paint(style, "bold", view.host)}   ${records}`,
    ...timeline(view.milestones, style),
    row("phase", `${paint(style, "cyan", view.phase.padEnd(12))} ${view.detail}`),
    row("waits for", view.because ?? "-"),
    row("servers", view.servers.map((server) => serverText(server, style)).join("   ")),
    row("next", view.next === null ? "-" : countdown(view.next.what, view.next.inMs, style)),
    sampleRow(view.samples, style),
  ];
  return lines.map((line) => fit(style, line));
}

/** The sampler's row alone. */
export function sampleRow(samples: SampleCount, style: Style): string {
  return fit(style, row("samples", sampleText(samples, style)));
}

/** The same on one line, without colour or movement. */
export function drawLine(view: DemoView): string {
  const servers = view.servers.map((server) => `${server.name} ${server.condition}`).join(", ");
  const next = view.next === null ? "" : `; next: ${view.next.what} in ${tenths(view.next.inMs)}`;
  const samples = `${String(view.samples.taken)} samples, ${String(view.samples.failed)} failed`;
  return `${stamp(view.elapsed)}  ${view.phase.padEnd(11)} ${servers}${next}; ${samples}`;
}

/** Time since the start, in a column of its own. */
export function stamp(elapsed: number): string {
  return `${(elapsed / 1000).toFixed(1).padStart(5)}s`;
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(9)} ${text}`;
}

function tenths(milliseconds: number): string {
  return `${(Math.max(0, milliseconds) / 1000).toFixed(1)} s`;
}

/** Labels over a line of dots: solid as far as things have happened. */
function timeline(milestones: readonly Milestone[], style: Style): readonly [string, string] {
  const [done, open, solid, dotted] = style.unicode ? ["●", "○", "─", "┄"] : ["*", "o", "-", "."];
  let labels = "  ";
  let line = "  ";
  for (const [index, milestone] of milestones.entries()) {
    const text = milestone.at === null ? milestone.label : `${milestone.label} ${(milestone.at / 1000).toFixed(1)}`;
    const width = Math.max(text.length + 2, 14);
    const isLast = index === milestones.length - 1;
    const following = milestones[index + 1];
    labels += text.padEnd(width);
    const dot = milestone.at === null ? paint(style, "dim", open) : paint(style, "green", done);
    const rail =
      following?.at === null || following === undefined
        ? paint(style, "dim", dotted.repeat(width - 1))
        : solid.repeat(width - 1);
    line += dot + (isLast ? "" : rail);
  }
  return [labels.trimEnd(), line];
}

function serverText(server: ServerLine, style: Style): string {
  const good = server.condition === "in-sync";
  const serial = server.serial === null ? "" : ` serial ${String(server.serial)}`;
  return `${server.name} ${server.address} ${paint(style, good ? "green" : "yellow", server.condition)}${serial}`;
}

function countdown(what: string, milliseconds: number, style: Style): string {
  const [full, empty] = style.unicode ? ["█", "░"] : ["#", "."];
  const cells = Math.min(20, Math.max(0, Math.ceil(milliseconds / 250)));
  return `${what.padEnd(10)} in ${tenths(milliseconds).padStart(6)}  ${paint(style, "dim", full.repeat(cells) + empty.repeat(20 - cells))}`;
}

function sampleText(samples: SampleCount, style: Style): string {
  const [good, bad] = style.unicode ? ["▪", "✗"] : [".", "X"];
  const strip = samples.recent.map((ok) => (ok ? paint(style, "green", good) : paint(style, "red", bad))).join("");
  const failed = `${String(samples.failed)} failed`;
  return `${String(samples.taken)} taken, ${samples.failed === 0 ? failed : paint(style, "red", failed)}  ${strip}`;
}
