/**
 * The page as a browser shows it: what a person would look for is there and to be seen, on a desk and on a phone, by day
 * and by night, and nothing is asked of any network. First a page with one certificate of every sort, then one of a real
 * rollover half-way through, with its chain of trust as it was looked up.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { instant, seconds } from "../../src/base/time.ts";
import { drive } from "../../src/cli/demo/drive.ts";
import { setStage } from "../../src/cli/demo/stage.ts";
import type { Stage } from "../../src/cli/demo/stage.ts";
import { run as runReport } from "../../src/cli/commands/report.ts";
import { displayName } from "../../src/dns/name.ts";
import { renderPage } from "../../src/report/html/page.ts";
import { recordingIo } from "../cli/recording-io.ts";
import { HOSTILE, page } from "../report/pages.ts";
import { startBrowser } from "./lab/browser.ts";
import type { Browser, View } from "./lab/browser.ts";
import { until } from "./lab/poll.ts";
import { serverSuite } from "./lab/programs.ts";

const DESK = { width: 1280, height: 900, scheme: "light" } as const;
const VIEWS: readonly View[] = [
  DESK,
  { ...DESK, scheme: "dark" },
  { width: 360, height: 740, scheme: "light" },
  { width: 360, height: 740, scheme: "dark" },
];

const clock = (): ReturnType<typeof instant> => instant(Date.now());

/** Parts that stick out of the page to the right, or of the box that scrolls them. */
const TOO_WIDE = `[...document.querySelectorAll("main *")].filter((one) => !one.closest(".scroll, svg, .hidden, thead") &&
  one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 120))`;

/** Texts whose contrast to what they stand on is below 4.5; figures in dots stand on the dot. */
const TOO_PALE = `(() => {
  const parse = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = (color) => {
    const [red, green, blue] = parse(color).slice(0, 3).map((one) => one / 255).map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (one) => {
    for (let at = one; at !== null; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((parse(color)[3] ?? 1) > 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const pale = [];
  let seen = 0;
  for (const one of document.querySelectorAll("body *:not(style):not(title):not(desc)")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "");
    if (!own || one.closest(".hidden, .skip, .num, .n")) continue;
    seen++;
    const style = getComputedStyle(one);
    const [a, b] = [luminance(one instanceof SVGElement ? style.fill : style.color), luminance(ground(one))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) pale.push(one.outerHTML.slice(0, 120));
  }
  return { pale, seen };
})()`;

/** The text of a part of the page that is really shown. */
function shown(selector: string): string {
  return `(() => { const one = document.querySelector(${JSON.stringify(selector)});
    return one !== null && one.checkVisibility({ opacityProperty: true, visibilityProperty: true }) ? one.innerText : null; })()`;
}

serverSuite("the page in a browser", ["chromium", "setpriv", "script"], () => {
  const folder = mkdtempSync(path.join(tmpdir(), "daneward-page-"));
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  describe("with certificates of every sort", () => {
    const url = pathToFileURL(path.join(folder, "sorts.html")).href;
    beforeAll(() => {
      writeFileSync(path.join(folder, "sorts.html"), renderPage(page()));
    });

    test.each(VIEWS)("fits $width pixels in $scheme, is legible and asks for nothing", async (view) => {
      await browser.open(url, view);
      expect(await browser.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")).toBe(view.scheme === "dark");
      expect(await browser.evaluate("innerWidth")).toBe(view.width);
      expect(await browser.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
      expect(await browser.evaluate(TOO_WIDE)).toEqual([]);
      const { pale, seen } = (await browser.evaluate(TOO_PALE)) as { pale: string[]; seen: number };
      expect(seen).toBeGreaterThan(150);
      expect(pale).toEqual([]);
      const file = path.join(folder, `${view.scheme}-${String(view.width)}.png`);
      await browser.screenshot(file);
      // A page of one colour is smaller by far.
      expect(readFileSync(file).length).toBeGreaterThan(100_000);
      expect(browser.requests().filter((asked) => asked !== url && !asked.startsWith("data:"))).toEqual([]);
      expect(browser.complaints()).toEqual([]);
    });

    test("shows the verdict at once, the certificates worst first, and what to do", async () => {
      await browser.open(url, DESK);
      expect(await browser.evaluate(shown(".verdict"))).toBe("Somebody is needed");
      expect(await browser.evaluate("document.querySelector('.verdict').getBoundingClientRect().bottom < 200")).toBe(
        true,
      );
      const names = "[...document.querySelectorAll('#certificates tbody th')].map((one) => one.innerText)";
      expect(await browser.evaluate(names)).toEqual(["torn", "web", "new", "mx", "imap"]);
      expect(await browser.evaluate(shown("#cert-web .do"))).toContain("daneward resume web");
      // The way to a certificate leads there.
      await browser.evaluate("location.hash = 'cert-mx'");
      expect(await browser.evaluate("document.querySelector(':target h3').innerText")).toBe("mx");
    });

    test("draws the rollover with now between what was and what will be, and the bars as they belong", async () => {
      const box = (selector: string): string =>
        `[...document.querySelectorAll("#cert-mx .rollover ${selector}")].map((one) => { const { left, right, width, height } = one.getBoundingClientRect(); return { left, right, width, height }; })`;
      type Box = Readonly<Record<"left" | "right" | "width" | "height", number>>;
      for (const view of [DESK, { ...DESK, width: 360 }]) {
        await browser.open(url, view);
        const [now] = (await browser.evaluate(box(".nowline"))) as Box[];
        const past = (await browser.evaluate(box("circle.dot.past"))) as Box[];
        const open = (await browser.evaluate(box("circle.dot:not(.past)"))) as Box[];
        expect([past.length, open.length]).toEqual([3, 3]);
        for (const dot of past) expect(dot.right).toBeLessThanOrEqual((now?.left ?? 0) + 10);
        for (const dot of open) expect(dot.left).toBeGreaterThan((now?.left ?? Infinity) - 10);
        // Dots keep apart, so that their figures can be read on a phone too.
        const dots = [...past, ...open].map(({ left }) => left).sort((a, b) => a - b);
        dots.slice(1).forEach((left, index) => {
          expect(left - (dots[index] ?? 0)).toBeGreaterThan(19);
        });
        const bars = (await browser.evaluate(box("rect"))) as Box[];
        expect(bars.length).toBeGreaterThan(5);
        for (const bar of bars) expect(bar.width).toBeGreaterThan(0);
      }
      const labels = "[...document.querySelectorAll('#cert-mx .rollover text')].map((one) => one.textContent)";
      expect(await browser.evaluate(labels)).toContain("servers present: old, then new");
    });

    test("has names for its drawings and its tables, as a screen reader is told", async () => {
      await browser.open(url, DESK);
      const unnamed = `[...document.querySelectorAll("svg[role=img]")].filter((one) => one.getAttribute("aria-labelledby").split(" ").some((id) => (document.getElementById(id)?.textContent ?? "") === "")).length`;
      expect(await browser.evaluate(unnamed)).toBe(0);
      expect(
        await browser.evaluate("[...document.querySelectorAll('table')].every((one) => one.caption !== null)"),
      ).toBe(true);
      expect(await browser.evaluate("document.querySelectorAll('main, nav, header.top, footer').length")).toBe(4);
    });

    test("on a phone says in each cell which column it was", async () => {
      await browser.open(url, { ...DESK, width: 360 });
      const label = `getComputedStyle(document.querySelector('#certificates td[data-label="Next"]'), "::before").content`;
      expect(await browser.evaluate(label)).toBe('"Next"');
      await browser.open(url, DESK);
      expect(await browser.evaluate(label)).toBe("none");
    });
  });

  test("what others say stays text: nothing runs, nothing is fetched, everything is shown", async () => {
    const file = path.join(folder, "hostile.html");
    writeFileSync(file, renderPage(HOSTILE));
    await browser.open(pathToFileURL(file).href, { ...DESK, width: 360 });
    expect(await browser.evaluate("document.scripts.length + document.images.length")).toBe(0);
    expect(browser.requests().filter((asked) => asked.startsWith("http"))).toEqual([]);
    expect(browser.complaints()).toEqual([]);
    expect(String(await browser.evaluate("document.querySelector('main').innerText"))).toContain(
      "<script>alert(1)</script>",
    );
    expect(await browser.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
  });

  test("a page that asks for something, or runs against its policy, would be seen", async () => {
    const file = path.join(folder, "control.html");
    const asking = '<img src="http://192.0.2.1/x.png"></body>';
    writeFileSync(
      file,
      renderPage(page())
        .replace(/<meta http-equiv[^>]*>/, "")
        .replace("</body>", asking),
    );
    await browser.open(pathToFileURL(file).href, DESK);
    expect(browser.requests()).toContain("http://192.0.2.1/x.png");
    writeFileSync(file, renderPage(page()).replace("</body>", asking));
    await browser.open(pathToFileURL(file).href, DESK);
    expect(browser.complaints().join()).toContain("Content Security Policy");
  });

  describe("of a real rollover", () => {
    const www = path.join(folder, "www");
    let stage: Stage;
    beforeAll(async () => {
      mkdirSync(www);
      stage = await setStage(clock, false);
      const names = [displayName(stage.sandbox.host)];
      const drivenTo = (phase: string): Promise<boolean> =>
        drive({
          stage,
          clock,
          signal: new AbortController().signal,
          path: process.env["PATH"],
          onState: () => undefined,
          onEvent: () => undefined,
          isThere: ({ state }) => state.phase.phase === phase && state.owners.some(({ ours }) => ours.length > 0),
          deadline: instant(clock() + 30_000),
        });
      await stage.lineage.install(await stage.sandbox.authority.issue(names));
      expect(await drivenTo("stable")).toBe(true);
      stage.sandbox.tree.setLag(seconds(0));
      await stage.lineage.install(await stage.sandbox.authority.issue(names));
      expect(await drivenTo("aging")).toBe(true);
      const io = recordingIo({ clock, env: { PATH: process.env["PATH"] } });
      const options = { config: stage.configurationFile, stateDir: stage.stateDirectory, html: www };
      // The resolver of the sandbox may still hold that there was no record; the wait that runs is longer than that.
      await until("the resolver has the records", async () => {
        expect(await runReport([], options, io)).toBe(0);
        return /TLSA<\/span> <span class="muted">answer/.test(readFileSync(path.join(www, "index.html"), "utf8"));
      });
    });
    afterAll(async () => {
      await stage.close();
    });

    test("shows what happened, what will, what every address presents and the chain down from the anchor", async () => {
      await browser.open(pathToFileURL(path.join(www, "index.html")).href, DESK);
      expect(await browser.evaluate(shown(".verdict"))).toBe("All goes well; something is under way");
      const steps = String(await browser.evaluate(shown("#cert-mx .steps")));
      expect(steps).toMatch(
        /renewal noticed[\s\S]*new records published[\s\S]*on every name server[\s\S]*files are swapped[\s\S]*old records are withdrawn/,
      );
      expect(steps.match(/planned/g)).toHaveLength(3);
      expect(String(await browser.evaluate(shown("#cert-mx table")))).toContain("presents the live certificate");
      const chains = "[...document.querySelectorAll('#cert-mx .chain')].map((one) => one.innerText)";
      const [chain = ""] = (await browser.evaluate(chains)) as string[];
      expect(chain).toMatch(
        /^proved:\s+\. DNSKEY trust anchor[\s\S]*\stest DS[\s\S]*example\.test DNSKEY[\s\S]*_tcp\.mx\.example\.test TLSA answer/,
      );
      expect(chain).not.toMatch(/broken|not reached/);
      expect(browser.complaints()).toEqual([]);
    });

    test("and a terminal shows it with a countdown, until q", () => {
      const command = `node bin/daneward.js status mx --watch 1 --config ${stage.configurationFile} --state-dir ${stage.stateDirectory}`;
      const shell = `(sleep 1.6; printf q; sleep 0.5) | script -qefc 'stty cols 90 rows 60; ${command}' /dev/null`;
      const started = Date.now();
      const said = execFileSync("bash", ["-c", shell], {
        encoding: "utf8",
        env: { PATH: process.env["PATH"], TERM: "xterm", LANG: "C.UTF-8", HOME: folder },
      });
      expect(Date.now() - started).toBeLessThan(8000);
      expect(said.match(/q ends/g)?.length).toBeGreaterThanOrEqual(2);
      expect(said).toMatch(/renewed +published +everywhere +swap +proven +withdraw\s/);
      expect(said.replaceAll(/\u001b\[[\d;]*m/g, "")).toMatch(/●─+●─+●[─┄]+○┄+○┄+○/);
      expect(said).toContain("\u001b[?25l");
      expect(said.trimEnd().endsWith("\u001b[?25h")).toBe(true);
    });
  });
});
