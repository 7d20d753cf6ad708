import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { renderPage } from "../../src/report/html/page.ts";
import { page } from "../report/pages.ts";
import { startBrowser } from "./lab/browser.ts";
import type { Browser } from "./lab/browser.ts";
import { serverSuite } from "./lab/programs.ts";

serverSuite("the page in a browser", ["chromium", "setpriv"], () => {
  const folder = process.env["DANEWARD_SHOTS"] ?? mkdtempSync(path.join(tmpdir(), "daneward-page-"));
  const file = path.join(folder, "index.html");
  const url = pathToFileURL(file).href;
  let browser: Browser;
  beforeAll(async () => {
    writeFileSync(file, renderPage(page()));
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser.close();
    if (process.env["DANEWARD_SHOTS"] === undefined) rmSync(folder, { recursive: true, force: true });
  });

  test.each([
    { width: 1280, height: 900, scheme: "light" },
    { width: 1280, height: 900, scheme: "dark" },
    { width: 360, height: 740, scheme: "light" },
    { width: 360, height: 740, scheme: "dark" },
  ] as const)("is no wider than a screen of $width pixels ($scheme)", async (view) => {
    await browser.open(url, view);
    await browser.screenshot(path.join(folder, `${view.scheme}-${String(view.width)}.png`));
    expect(await browser.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    expect(browser.complaints()).toEqual([]);
  });
});
