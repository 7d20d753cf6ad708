import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { instant } from "../../src/base/time.ts";
import { flipLink, linkedVersion, listVersions, pruneVersions, writeVersion } from "../../src/driver/versions.ts";
import type { DeployTarget, Version } from "../../src/driver/versions.ts";

const NOON = instant(Date.UTC(2026, 10, 22, 12, 0, 0));
const text = (content: string): Uint8Array => new TextEncoder().encode(content);

let root = "";
let target: DeployTarget = { link: "", keyGroupId: null };

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "daneward-versions-"));
  target = { link: path.join(root, "mx"), keyGroupId: null };
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function write(label: string, at = NOON, to = target): Version {
  const files = {
    "fullchain.pem": text(`${label} chain\n`),
    "privkey.pem": text(`${label} key\n`),
    "cert.pem": text(`${label} leaf\n`),
    "chain.pem": text(`${label} issuers\n`),
  };
  return writeVersion(to, files, { spkiSha256: `${label}00000000`.slice(0, 8), now: at }, () => undefined);
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof OperationalError ? error.code : String(error);
  }
  return "nothing thrown";
}

describe("writing a version", () => {
  test("lays five files under a name made of time and key, and shows them to nobody", () => {
    const version = write("abcd");
    expect(version.name).toBe("20261122T120000Z-abcd0000");
    expect(version.directory).toBe(path.join(root, ".versions/mx/20261122T120000Z-abcd0000"));
    expect(readdirSync(version.directory).sort()).toEqual([
      "cert.pem",
      "chain.pem",
      "combined.pem",
      "fullchain.pem",
      "privkey.pem",
    ]);
    expect(readFileSync(path.join(version.directory, "combined.pem"), "utf8")).toBe("abcd key\nabcd chain\n");
    expect(linkedVersion(target)).toBeNull();
  });

  test("keeps keys private and certificates readable, whatever the umask", () => {
    const before = process.umask(0o077);
    try {
      const version = write("abcd");
      const mode = (file: string): string => (statSync(file).mode & 0o7777).toString(8);
      expect(mode(path.join(version.directory, "privkey.pem"))).toBe("600");
      expect(mode(path.join(version.directory, "combined.pem"))).toBe("600");
      expect(mode(path.join(version.directory, "fullchain.pem"))).toBe("644");
      expect(mode(version.directory)).toBe("711");
      expect(mode(path.join(root, ".versions"))).toBe("711");
      expect(mode(path.join(root, ".versions/mx"))).toBe("711");
    } finally {
      process.umask(before);
    }
  });

  test("opens keys to the key group alone", () => {
    const group = process.getgid?.() ?? 0;
    const version = write("abcd", NOON, { ...target, keyGroupId: group });
    const stat = statSync(path.join(version.directory, "privkey.pem"));
    expect([(stat.mode & 0o777).toString(8), stat.gid]).toEqual(["640", group]);
  });

  test("leaves nothing behind when the check fails", () => {
    const files = { "fullchain.pem": text(""), "privkey.pem": text(""), "cert.pem": text(""), "chain.pem": text("") };
    expect(() =>
      writeVersion(target, files, { spkiSha256: "abcd0000", now: NOON }, () => {
        throw new Error("does not fit");
      }),
    ).toThrow("does not fit");
    expect(readdirSync(path.join(root, ".versions/mx"))).toEqual([]);
  });

  test("twice in a second gives two names", () => {
    write("abcd");
    expect(write("abcd").name).toBe("20261122T120000Z-abcd0000-2");
  });

  test("keeps several certificates under one root apart", () => {
    write("abcd");
    const other = { ...target, link: path.join(root, "www") };
    write("1234", NOON, other);
    expect(listVersions(target).map((version) => version.name)).toEqual(["20261122T120000Z-abcd0000"]);
    expect(listVersions(other).map((version) => version.name)).toEqual(["20261122T120000Z-12340000"]);
  });
});

describe("flipping the link", () => {
  test("makes a relative link, and replaces it by another in one step", () => {
    const first = write("aaaa");
    flipLink(target, first);
    expect(readlinkSync(target.link)).toBe(`.versions/mx/${first.name}`);
    expect(readFileSync(path.join(target.link, "cert.pem"), "utf8")).toBe("aaaa leaf\n");
    const second = write("bbbb", instant(NOON + 1000));
    const inode = lstatSync(target.link).ino;
    flipLink(target, second);
    expect(lstatSync(target.link).ino).not.toBe(inode);
    expect(linkedVersion(target)).toEqual(second);
    expect(readdirSync(root).sort()).toEqual([".versions", "mx"]);
  });

  test("to where it points already does nothing", () => {
    const version = write("aaaa");
    flipLink(target, version);
    const inode = lstatSync(target.link).ino;
    flipLink(target, version);
    expect(lstatSync(target.link).ino).toBe(inode);
  });

  const obstacles: readonly (readonly [what: string, put: (link: string) => void])[] = [
    ["a directory of the operator", mkdirSync],
    [
      "a plain file",
      (link) => {
        writeFileSync(link, "");
      },
    ],
    [
      "a link into the ACME client's store",
      (link) => {
        symlinkSync("/etc/letsencrypt/live/mx", link);
      },
    ],
    [
      "a link with a version's name that leads elsewhere",
      (link) => {
        symlinkSync("../../x/20261122T120000Z-abcd0000", link);
      },
    ],
  ];

  test.each(obstacles)("refuses %s and leaves it alone", (_, put) => {
    const version = write("aaaa");
    put(target.link);
    const before = lstatSync(target.link).ino;
    expect(
      codeOf(() => {
        flipLink(target, version);
      }),
    ).toBe("DEPLOY_BLOCKED");
    expect(lstatSync(target.link).ino).toBe(before);
  });
});

describe("a deploy root that could lead elsewhere", () => {
  test("is refused when .versions is a link", () => {
    mkdirSync(path.join(root, "elsewhere"));
    symlinkSync("elsewhere", path.join(root, ".versions"));
    expect(codeOf(() => write("aaaa"))).toBe("DEPLOY_UNSAFE");
    expect(readdirSync(path.join(root, "elsewhere"))).toEqual([]);
  });

  test("is refused when the certificate's own folder is a link", () => {
    mkdirSync(path.join(root, ".versions"), { mode: 0o711 });
    mkdirSync(path.join(root, "elsewhere"));
    symlinkSync("../elsewhere", path.join(root, ".versions/mx"));
    expect(codeOf(() => write("aaaa"))).toBe("DEPLOY_UNSAFE");
    expect(codeOf(() => listVersions(target))).toBe("DEPLOY_UNSAFE");
  });

  test("is refused when others may write .versions", () => {
    mkdirSync(path.join(root, ".versions"));
    chmodSync(path.join(root, ".versions"), 0o777);
    expect(codeOf(() => write("aaaa"))).toBe("DEPLOY_UNSAFE");
  });

  test("that cannot be written is explained", () => {
    writeFileSync(path.join(root, "plain"), "");
    expect(codeOf(() => write("aaaa", NOON, { ...target, link: path.join(root, "plain/mx") }))).toBe(
      "DEPLOY_WRITE_FAILED",
    );
  });
});

describe("pruning", () => {
  test("keeps the linked version, the last two and those still needed; removes the rest and what a crash left", () => {
    const names = ["aaaa", "bbbb", "cccc", "dddd", "eeee"];
    const versions = names.map((label, at) => write(label, instant(NOON + at * 1000)));
    const [linked, needed, gone] = versions;
    if (!linked || !needed || !gone) throw new Error("five versions were written");
    flipLink(target, linked);
    mkdirSync(path.join(root, ".versions/mx/.tmp-0123456789abcdef"));
    mkdirSync(path.join(root, ".versions/mx/notes"));
    expect(pruneVersions(target, new Set([needed.name]))).toEqual([gone.name]);
    expect(readdirSync(path.join(root, ".versions/mx")).sort()).toEqual(
      [...versions.filter((version) => version !== gone).map((version) => version.name), "notes"].sort(),
    );
  });

  test("removes links of a killed flip, but none that lead elsewhere", () => {
    const version = write("aaaa");
    symlinkSync(path.join(".versions/mx", version.name), path.join(root, ".tmp-0123456789abcdef"));
    symlinkSync(".versions/www/20261122T120000Z-abcd0000", path.join(root, ".tmp-1123456789abcdef"));
    symlinkSync("/etc", path.join(root, ".tmp-2123456789abcdef"));
    pruneVersions(target, new Set());
    expect(readdirSync(root).sort()).toEqual([".tmp-1123456789abcdef", ".tmp-2123456789abcdef", ".versions"]);
  });

  test("of nothing is nothing", () => {
    expect(pruneVersions(target, new Set())).toEqual([]);
  });
});
