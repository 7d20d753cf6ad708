/** The page as a reader finds it. A browser looks at it in test/server/report.test.ts. */
import { describe, expect, test } from "vitest";
import { renderPage } from "../../src/report/html/page.ts";
import type { PageModel } from "../../src/report/html/page.ts";
import { markup } from "../../src/report/html/markup.ts";
import { PALETTE } from "../../src/report/html/style.ts";
import type { CertificateReport } from "../../src/report/model.ts";
import { after, AT_REST, known, NOON } from "./statuses.ts";
import { AGING, AGING_EVENTS, DETAILS, HOSTILE, page, PLAN } from "./pages.ts";

/** What a reader gets to read: tags gone, entities turned back. */
function textOf(html: string): string {
  return html
    .replace(/<(style|script)\b.*?<\/\1>/gs, " ")
    .replace(/<[^>]*>/g, " ")
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&amp;/g, "&")
    .replace(/\s+/g, " ");
}

function sectionOf(html: string, name: string): string {
  const begin = html.indexOf(`id="cert-${name}"`);
  if (begin === -1) throw new Error(`no section of ${name}`);
  const end = html.indexOf('<section class="card cert', begin);
  return html.slice(begin, end === -1 ? undefined : end);
}

/** One certificate alone on the page. */
function alone(report: CertificateReport, detail: PageModel["details"] = DETAILS): string {
  return renderPage(page({ report: { at: NOON, certificates: [report] }, details: detail, upcoming: [] }));
}

/** Element names with their attributes, in order; throws where tags do not fit together. */
function elementsOf(
  html: string,
): readonly { readonly name: string; readonly attributes: ReadonlyMap<string, string> }[] {
  const open: string[] = [];
  const found: { name: string; attributes: Map<string, string> }[] = [];
  const single = new Set(["meta", "link", "br"]);
  const body = html.replace(/^<!doctype html>\s*/, "").replace(/<style>.*?<\/style>/s, "<style></style>");
  for (const [tag, slash = "", name = "", rest = ""] of body.matchAll(/<(\/?)([a-zA-Z0-9]+)([^<>]*)>/g)) {
    if (slash === "/") {
      expect(open.pop(), tag).toBe(name);
      continue;
    }
    const attributes = new Map(
      [...rest.matchAll(/([a-zA-Z-]+)="([^"]*)"/g)].map(([, key = "", value = ""]) => [key, value]),
    );
    found.push({ name, attributes });
    if (!rest.endsWith("/") && !single.has(name)) open.push(name);
  }
  expect(open).toEqual([]);
  return found;
}

const SAMPLE = renderPage(page());

describe("the page", () => {
  test("answers first whether somebody is needed", () => {
    expect(textOf(SAMPLE)).toMatch(
      /daneward report made 2026-11-22 12:00:00Z Somebody is needed 2 need you 2 under way 1 well/,
    );
    expect(SAMPLE).toContain("<title>2 need you, 2 under way, 1 well · daneward</title>");
    expect(textOf(alone(known("mx")))).toContain("All is well 1 well");
    expect(textOf(alone(known("mx", AGING)))).toContain("All goes well; something is under way");
    expect(textOf(renderPage(page({ report: { at: NOON, certificates: [] }, details: new Map() })))).toContain(
      "No certificate is configured",
    );
  });

  test("has the certificates worst first, each with a way to its own section", () => {
    const links = [...SAMPLE.matchAll(/<th scope="row"><a href="#(cert-[a-z]+)">/g)].map(([, id]) => id);
    expect(links).toEqual(["cert-torn", "cert-web", "cert-new", "cert-mx", "cert-imap"]);
    for (const id of links) expect(SAMPLE).toContain(`id="${String(id)}"`);
  });

  test("says of a rollover under way what happened, what is planned, and draws both sides of now", () => {
    const mx = sectionOf(SAMPLE, "mx");
    const text = textOf(mx);
    expect(text).toContain("1 renewal noticed 2026-11-22 11:28:20Z (31m 40s ago)");
    expect(text).toContain("3 on every name server 2026-11-22 11:30:00Z (30m ago)");
    expect(text).toContain("4 files are swapped, services reloaded planned 2026-11-22 13:30:00Z (in 1h 30m)");
    expect(text).toContain("6 old records are withdrawn planned 2026-11-23 13:32:00Z (in 1d 1h)");
    expect(text).toMatch(/in DNS, old: 3 1 1 a{12}… in DNS, new: 3 1 1 b{12}…/);
    expect(mx.match(/class="dot past"/g)).toHaveLength(3);
    expect(mx.match(/class="dot"/g)).toHaveLength(3);
    // The old records are in DNS from the left edge to the withdrawal, the last dot.
    const lastDot = [...mx.matchAll(/class="dot" cx="([\d.]+)%"/g)].at(-1)?.[1];
    const planned = /<rect class="bar-old bar-plan" x="([\d.]+)%" width="([\d.]+)%"/.exec(mx);
    expect(Number(planned?.[1]) + Number(planned?.[2])).toBeCloseTo(Number(lastDot), 1);
  });

  test("draws the last rollover and the next of a certificate at rest, and when its renewal is due", () => {
    const text = textOf(sectionOf(SAMPLE, "imap"));
    expect(text).toContain("The next rollover, if the renewal brings a new key");
    expect(text).toContain("renewal expected planned 2026-12-18 12:00:00Z (in 26d)");
    expect(text).toContain("The last rollover");
    expect(text).toMatch(/in DNS, old: 3 1 1 c{12}… in DNS, new: 3 1 1 a{12}…/);
    expect(text).toContain("last call for a renewal with a new key 2026-12-31 12:00:00Z (in 39d)");
  });

  test("has each service at each address with what it presents and when that was seen", () => {
    const mx = sectionOf(SAMPLE, "mx");
    expect(mx).toMatch(/<th scope="col">192\.0\.2\.10<\/th><th scope="col">2001:db8::10<\/th>/);
    expect(textOf(mx)).toContain(
      "mx.example.org:465 tls presents the live certificate seen 2026-11-22 11:59:00Z could not be asked connection refused seen 2026-11-22 11:59:00Z",
    );
  });

  test("has a row for each service where addresses are many", () => {
    const [first] = AT_REST.endpoints;
    if (first === undefined) throw new Error("no endpoint");
    const endpoints = [1, 2, 3, 4, 5, 6].map((host) => {
      return { ...first, endpoint: `h${String(host)}.example.org:25`, address: `192.0.2.${String(host)}` };
    });
    const html = alone(known("mx", { endpoints }));
    expect(html).toMatch(/<th scope="col">Service<\/th><th scope="col">Address<\/th>/);
    expect(textOf(html)).toContain("h6.example.org:25 192.0.2.6 presents the live certificate");
  });

  test("has the name servers of an owner name with their serials, and who lags", () => {
    const text = textOf(sectionOf(SAMPLE, "mx"));
    expect(text).toContain("_25._tcp.mx.example.org zone example.org, TTL 1h, 1 of 2 name server addresses in sync");
    expect(text).toContain("ns1.example.org 192.0.2.1 in sync 7 2026-11-22 11:59:00Z");
    expect(text).toContain("ns2.example.org 2001:db8::53 lagging since 2026-11-22 11:50:00Z serial 6 is behind 7 7");
  });

  test("draws the chain of trust from the anchor down to the answer", () => {
    const mx = sectionOf(SAMPLE, "mx");
    const links = [...mx.matchAll(/<span class="zone"><bdi>([^<]*)<\/bdi><\/span> <span class="tag">(\w+)<\/span>/g)];
    expect(links.map(([, zone, type]) => `${String(zone)} ${String(type)}`)).toEqual([
      ". DS",
      ". DNSKEY",
      "org DS",
      "org DNSKEY",
      "example.org DS",
      "example.org DNSKEY",
      "_25._tcp.mx.example.org TLSA",
    ]);
    expect(textOf(mx)).toContain("every link from the trust anchor down is proved");
  });

  test("shows at which link a chain is broken, why, and what to do; and says when nobody could be asked", () => {
    const web = sectionOf(SAMPLE, "web");
    expect(web).toMatch(/<details open><summary>.*bogus/);
    expect(textOf(web)).toContain(
      "DNSSEC_SIGNATURE_EXPIRED the signature of example.org DNSKEY ended 2026-11-20 find out why",
    );
    expect(web.match(/<li class="broken">/g)).toHaveLength(1);
    expect(textOf(sectionOf(SAMPLE, "imap"))).toContain(
      "not looked up nobody could be asked (127.0.0.1:53): no answer within 10 s",
    );
  });

  test("names what stands in the way with what lifts it", () => {
    const text = textOf(SAMPLE);
    expect(text).toContain("CLOCK_RUNNING time gate caches may hold the RRset");
    expect(text).toContain("until 2026-11-22 13:30:00Z (in 1h 30m) What lifts it: nothing to do: time lifts it");
    expect(text).toContain("What lifts it: correct what its output names, then daneward resume web");
    // One wait at many names is one reason.
    const refusals = ["a", "b", "c", "d", "e"].map((host) => {
      return {
        gate: "time",
        code: "CLOCK_RUNNING",
        until: after(60),
        since: NOON,
        detail: `_25._tcp.${host}: waits`,
      } as const;
    });
    expect(textOf(alone(known("mx", { ...AGING, refusals })))).toContain(
      "CLOCK_RUNNING time gate _25._tcp.a: waits _25._tcp.b: waits _25._tcp.c: waits and 2 more since",
    );
    // The hold and the trouble are one thing.
    expect(sectionOf(SAMPLE, "web").match(/RELOAD_FAILED<\/span>/g)).toHaveLength(1);
  });

  test("lists what comes in the order of time", () => {
    const begin = SAMPLE.indexOf('id="coming"');
    const rows = [...SAMPLE.slice(begin).matchAll(/<td data-label="What"><div>([^<]*)</g)].map(([, what]) => what);
    expect(rows.slice(0, 2)).toEqual(["swap the files and reload the services", "withdraw the old TLSA records"]);
    expect(rows).toContain("the ACME client renews, probably");
    expect(SAMPLE.slice(begin)).toMatch(/class="mark step"[\s\S]*class="mark renewal"[\s\S]*class="mark last"/);
  });

  test("tells that everything is frozen, by whom and why", () => {
    const report = {
      ...page().report,
      frozen: { at: after(-60), by: "alice", because: "signer broken", damage: null },
    };
    expect(textOf(renderPage(page({ report })))).toContain(
      "Everything is frozen by alice since 2026-11-22 11:59:00Z (1m ago) : signer broken. daneward looks and warns",
    );
  });

  test("has a line alone for what has no section", () => {
    const html = renderPage(page({ details: new Map([...DETAILS].filter(([name]) => name === "mx")) }));
    expect(html).toContain('id="cert-mx"');
    expect(html).not.toContain('id="cert-imap"');
    expect(html).not.toContain('href="#cert-imap"');
    expect(html).toContain('<th scope="row"><bdi>imap</bdi></th>');
  });

  test("says where a plan stops, and why there is none", () => {
    const blocked = {
      ...PLAN,
      entries: [
        { at: NOON, phase: "announcing", event: "blocked", detail: "NS_LAGGING: ns2 serves serial 6" } as const,
      ],
    };
    const mx = { events: AGING_EVENTS, plan: blocked, trust: [] };
    expect(textOf(alone(known("mx", AGING), new Map([["mx", mx]])))).toContain(
      "As things are it stops there: NS_LAGGING: ns2 serves serial 6",
    );
    expect(textOf(sectionOf(SAMPLE, "web"))).toContain("What is planned is not known: the resolver did not answer");
  });
});

describe("the page's markup", () => {
  test("fits together, names no other place and holds no script and no style attribute", () => {
    const elements = elementsOf(SAMPLE);
    const names = new Set(elements.map(({ name }) => name));
    for (const name of ["script", "img", "iframe", "object", "form", "base", "image", "use"])
      expect(names).not.toContain(name);
    for (const { attributes } of elements) {
      for (const key of attributes.keys()) expect(key).not.toMatch(/^on|^style$|^src$|^xlink/);
      expect(attributes.get("href") ?? "#").toMatch(/^(?:#|data:image\/svg\+xml,)/);
    }
    expect(SAMPLE).not.toMatch(/url\(|@import|https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  });

  test("forbids everything but its own style sheet", () => {
    const policy = elementsOf(SAMPLE).find(
      ({ attributes }) => attributes.get("http-equiv") === "Content-Security-Policy",
    );
    expect(policy?.attributes.get("content")).toMatch(
      /^default-src &#39;none&#39;; style-src &#39;sha256-[A-Za-z0-9+/]{43}=&#39;; img-src data:; base-uri &#39;none&#39;; form-action &#39;none&#39;$/,
    );
  });

  test("has landmarks, headings without gaps, scopes and a name for each drawing", () => {
    const elements = elementsOf(SAMPLE);
    const count = (name: string): number => elements.filter((one) => one.name === name).length;
    expect(["main", "nav", "footer", "h1"].map(count)).toEqual([1, 1, 1, 1]);
    const levels = elements.flatMap(({ name }) => (/^h[1-6]$/.test(name) ? [Number(name[1])] : []));
    levels.forEach((level, index) => {
      expect(level - (levels[index - 1] ?? 0)).toBeLessThanOrEqual(1);
    });
    for (const { name, attributes } of elements) {
      if (name === "th") expect(["col", "row"]).toContain(attributes.get("scope"));
    }
    const ids = elements.flatMap(({ attributes }) => attributes.get("id") ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    const drawings = elements.filter(({ name, attributes }) => name === "svg" && attributes.get("role") === "img");
    expect(drawings.length).toBeGreaterThan(5);
    for (const { attributes } of drawings) {
      for (const id of (attributes.get("aria-labelledby") ?? "none").split(" ")) expect(ids).toContain(id);
    }
    const others = elements.filter(
      ({ name, attributes }) => name === "svg" && attributes.get("role") !== "img" && attributes.has("viewBox"),
    );
    for (const { attributes } of others) expect(attributes.get("aria-hidden")).toBe("true");
  });

  test("stays text whatever a certificate, a name server, an operator or the journal says", () => {
    const html = renderPage(HOSTILE);
    const harmless = new Set(elementsOf(SAMPLE).map(({ name }) => name));
    for (const { name, attributes } of elementsOf(html)) {
      expect(harmless).toContain(name);
      for (const key of attributes.keys()) expect(key).not.toMatch(/^on/);
    }
    expect(html).not.toMatch(/<script|<img|\u202E|\u0000/);
    // It is shown all the same.
    expect(textOf(html)).toContain("<script>alert(1)</script>");
  });

  test("escapes strings in templates and leaves markup alone", () => {
    expect(markup`<b title="${'"<&'}">${markup`<i>${1}</i>`}${["<", markup`<u></u>`]}${null}</b>`.markup).toBe(
      '<b title="&quot;&lt;&amp;"><i>1</i>&lt;<u></u></b>',
    );
  });
});

describe("colours", () => {
  const luminance = (hex: string): number => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
      const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one: string, other: string): number => {
    const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };

  test.each(["light", "dark"] as const)("of texts stand out from their grounds: %s", (scheme) => {
    const palette = PALETTE[scheme];
    const pairs = [
      ...(["text", "muted", "link", "ok", "wait", "bad"] as const).flatMap((text) => [
        [text, "card"] as const,
        [text, "ground"] as const,
      ]),
      ["ok", "okbg"],
      ["wait", "waitbg"],
      ["bad", "badbg"],
      ["text", "badbg"],
      ["text", "idle"],
      ["muted", "badbg"],
      ["card", "text"],
    ] as const;
    for (const [text, ground] of pairs) {
      expect(contrast(palette[text], palette[ground]), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    }
    for (const bar of ["old", "new"] as const) expect(contrast(palette[bar], palette.card)).toBeGreaterThanOrEqual(3);
  });
});
