/** Set-ups that would make the deployment store write, or remove, something outside of itself. */
import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { readlinkSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { instant } from "../../src/base/time.ts";
import { flipLink, linkedVersion, listVersions, pruneVersions, settleKeys } from "../../src/driver/versions.ts";
import { writeVersion } from "../../src/driver/versions.ts";
import type { DeployTarget, Version } from "../../src/driver/versions.ts";

const NOON = instant(Date.UTC(2026, 10, 22, 12, 0, 0));
const IS_ROOT = process.geteuid?.() === 0;
const text = (content: string): Uint8Array => new TextEncoder().encode(content);

let world = "";
let root = "";
let target: DeployTarget = { link: "", keyGroupId: null };

beforeEach(() => {
  world = mkdtempSync(path.join(tmpdir(), "daneward-hostile-"));
  root = path.join(world, "deploy");
  target = { link: path.join(root, "mx"), keyGroupId: null };
  // What must stay as it is: files that look like ours, in a place that does not belong to the store.
  const outside = path.join(world, "outside");
  for (const folder of ["mx", "mx/20200101T000000Z-abcd0000", "mx/.tmp-0123456789abcdef"]) {
    mkdirSync(path.join(outside, folder), { recursive: true });
    writeFileSync(path.join(outside, folder, "privkey.pem"), "somebody's key\n", { mode: 0o600 });
  }
  symlinkSync("20200101T000000Z-abcd0000", path.join(outside, "mx/link"));
});
afterEach(() => {
  rmSync(world, { recursive: true, force: true });
});

/** Everything below a folder: type, inode, mode, owner, times of change, content. */
function inventory(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const file = path.join(folder, name);
      const { ino, mode, uid, gid, mtimeMs, ctimeMs } = lstatSync(file);
      const is = lstatSync(file);
      const content = is.isSymbolicLink() ? readlinkSync(file) : is.isFile() ? readFileSync(file, "utf8") : "";
      return [name, ino, mode.toString(8), uid, gid, mtimeMs, ctimeMs, content].join(" ");
    });
}

function write(label: string, seconds = 0, check: (directory: string) => void = () => undefined): Version {
  const files = {
    "fullchain.pem": text(`${label} leaf\n${label} issuers\n`),
    "privkey.pem": text(`${label} key\n`),
    "cert.pem": text(`${label} leaf\n`),
    "chain.pem": text(`${label} issuers\n`),
  };
  const naming = { spkiSha256: `${label}00000000`.slice(0, 8), now: instant(NOON + seconds * 1000) };
  return writeVersion(target, files, naming, check);
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof OperationalError) return error.code;
    throw error;
  }
  return "done";
}

/** Every operation there is; each may refuse, none may reach the outside. */
function tryAll(version: Version): readonly string[] {
  return [
    codeOf(() => write("ffff", 60)),
    codeOf(() => listVersions(target)),
    codeOf(() => {
      flipLink(target, version);
    }),
    codeOf(() => {
      settleKeys(target, version);
    }),
    codeOf(() => pruneVersions(target, new Set())),
  ];
}

const SETUPS: readonly (readonly [what: string, set: () => void])[] = [
  [
    ".versions is a link",
    () => {
      rmSync(path.join(root, ".versions"), { recursive: true });
      symlinkSync("../outside", path.join(root, ".versions"));
    },
  ],
  [
    "the certificate's folder is a link",
    () => {
      rmSync(path.join(root, ".versions/mx"), { recursive: true });
      symlinkSync("../../outside/mx", path.join(root, ".versions/mx"));
    },
  ],
  [
    "versions are links",
    () => {
      for (const name of ["20200101T000000Z-abcd0000", "20200102T000000Z-abcd0000", "20200103T000000Z-abcd0000"]) {
        symlinkSync("../../../outside/mx/20200101T000000Z-abcd0000", path.join(root, ".versions/mx", name));
      }
    },
  ],
  [
    "what looks half written are links",
    () => {
      symlinkSync("../../../outside/mx", path.join(root, ".versions/mx/.tmp-0000000000000000"));
      symlinkSync("../outside/mx", path.join(root, ".tmp-0000000000000000"));
    },
  ],
  [
    "an old version holds links",
    () => {
      const old = path.join(root, ".versions/mx/20200101T000000Z-abcd0000");
      mkdirSync(old);
      symlinkSync("../../../../outside/mx", path.join(old, "folder"));
      symlinkSync("../../../../outside/mx/privkey.pem", path.join(old, "privkey.pem"));
    },
  ],
  [
    "the name of the version that was shown before leads elsewhere",
    () => {
      symlinkSync("../../../outside/mx", path.join(root, ".versions/mx/.previous"));
    },
  ],
  [
    "the link leads elsewhere",
    () => {
      symlinkSync("../outside/mx/20200101T000000Z-abcd0000", target.link);
    },
  ],
  [
    "the link leads out by way of the store",
    () => {
      symlinkSync(".versions/mx/../../../outside/mx/20200101T000000Z-abcd0000", target.link);
    },
  ],
  [
    "the link is a directory",
    () => {
      mkdirSync(target.link);
      writeFileSync(path.join(target.link, "privkey.pem"), "the operator's\n");
    },
  ],
];

describe("nothing outside of the store is touched when", () => {
  test.each(SETUPS)("%s", (_, set) => {
    const versions = ["aaaa", "bbbb", "cccc"].map((label, at) => write(label, at));
    set();
    const foreign = lstatSync(target.link, { throwIfNoEntry: false })?.ino;
    const before = inventory(path.join(world, "outside"));
    const [version] = versions;
    if (version === undefined) throw new Error("three versions were written");
    tryAll(version);
    expect(inventory(path.join(world, "outside"))).toEqual(before);
    if (foreign !== undefined) expect(lstatSync(target.link).ino).toBe(foreign);
  });

  test("a folder of the store is replaced by a link while a version is written", () => {
    for (const folder of [".versions", ".versions/mx"]) {
      const before = inventory(path.join(world, "outside"));
      const place = path.join(root, folder);
      const swap = (directory: string): void => {
        renameSync(place, path.join(world, "aside"));
        symlinkSync(path.join(world, "outside", folder.slice(".versions/".length)), place);
        // The attacker may even have seen the name: this folder is not ours to remove.
        mkdirSync(path.join(world, "outside/mx", path.basename(directory)), { recursive: true });
      };
      expect(codeOf(() => write("dddd", 0, swap))).toBe("DEPLOY_UNSAFE");
      const after = inventory(path.join(world, "outside"));
      expect(after.filter((line) => line.includes("somebody's key"))).toEqual(
        before.filter((line) => line.includes("somebody's key")),
      );
      const [unfinished] = readdirSync(path.join(world, "outside/mx")).filter((name) => /^\.tmp-(?!0123)/.test(name));
      expect(unfinished).toBeDefined();
      rmSync(path.join(world, "outside/mx", unfinished ?? "none"), { recursive: true });
      rmSync(place);
      rmSync(path.join(world, "aside"), { recursive: true });
    }
  });
});

describe("a deploy root is refused when", () => {
  test.each([
    ["everybody may write it", () => root, 0o777],
    ["everybody may write a folder above it", () => path.dirname(root), 0o777],
  ])("%s", (_, place, mode) => {
    const version = write("aaaa");
    chmodSync(place(), mode);
    expect(new Set(tryAll(version))).toEqual(new Set(["DEPLOY_UNSAFE"]));
    chmodSync(place(), mode | 0o1000);
    expect(codeOf(() => listVersions(target))).toBe("done");
  });

  test.runIf(IS_ROOT)("it belongs to another user, or its group is another's", () => {
    const version = write("aaaa");
    chownSync(root, 65_534, 0);
    expect(new Set(tryAll(version))).toEqual(new Set(["DEPLOY_UNSAFE"]));
    chownSync(root, 0, 65_534);
    chmodSync(root, 0o775);
    expect(new Set(tryAll(version))).toEqual(new Set(["DEPLOY_UNSAFE"]));
    chownSync(root, 0, 0);
    expect(codeOf(() => listVersions(target))).toBe("done");
  });

  test("it lies within the store of another certificate", () => {
    const version = write("aaaa");
    flipLink(target, version);
    const before = inventory(root);
    for (const link of ["mx/inner", ".versions/mx/inner", ".versions/inner", ".versions"]) {
      target = { link: path.join(root, link), keyGroupId: null };
      expect([link, codeOf(() => write("bbbb"))]).toEqual([link, "DEPLOY_UNSAFE"]);
    }
    expect(inventory(root)).toEqual(before);
  });

  test("it leads in a circle", () => {
    symlinkSync("b", path.join(world, "a"));
    symlinkSync("a", path.join(world, "b"));
    target = { link: path.join(world, "a/mx"), keyGroupId: null };
    expect(codeOf(() => listVersions(target))).toBe("DEPLOY_UNSAFE");
  });
});

describe("a link that the operator made above the store", () => {
  test("is followed, absolute or relative", () => {
    mkdirSync(path.join(world, "disk"));
    for (const [name, leadsTo] of [
      ["absolute", path.join(world, "disk")],
      ["relative", "./x/../disk"],
    ] as const) {
      mkdirSync(path.join(world, "x"), { recursive: true });
      symlinkSync(leadsTo, path.join(world, name));
      target = { link: path.join(world, name, "mx"), keyGroupId: null };
      const version = write("aaaa");
      flipLink(target, version);
      expect(readFileSync(path.join(world, "disk/mx/privkey.pem"), "utf8")).toBe("aaaa key\n");
      expect(linkedVersion(target)).toEqual(version);
    }
  });
});

describe("keys", () => {
  test("are never open to others while they are written", () => {
    const seen: string[] = [];
    const version = write("aaaa", 0, (directory) => {
      for (const name of readdirSync(directory)) {
        seen.push(`${name} ${(statSync(path.join(directory, name)).mode & 0o7777).toString(8)}`);
      }
    });
    expect(seen.sort()).toEqual([
      "cert.pem 644",
      "chain.pem 644",
      "combined.pem 600",
      "fullchain.pem 644",
      "privkey.pem 600",
    ]);
    expect(lstatSync(version.directory).mode & 0o7777).toBe(0o711);
  });

  test.runIf(IS_ROOT)("follow the key group when it changes, and go back", () => {
    const version = write("aaaa");
    const keys = (): readonly string[] =>
      ["privkey.pem", "combined.pem"].map((name) => {
        const { mode, gid } = statSync(path.join(version.directory, name));
        return `${(mode & 0o7777).toString(8)} ${String(gid)}`;
      });
    for (const [keyGroupId, expected] of [
      [65_534, "640 65534"],
      [12_345, "640 12345"],
      [null, "600 12345"],
    ] as const) {
      settleKeys({ ...target, keyGroupId }, version);
      expect(keys()).toEqual([expected, expected]);
    }
    chmodSync(path.join(version.directory, "privkey.pem"), 0o644);
    settleKeys(target, version);
    expect(keys()[0]).toBe("600 12345");
  });

  test.runIf(IS_ROOT)("that are links are not opened", () => {
    const version = write("aaaa");
    const key = path.join(version.directory, "privkey.pem");
    rmSync(key);
    symlinkSync(path.join(world, "outside/mx/privkey.pem"), key);
    const before = inventory(path.join(world, "outside"));
    expect(
      codeOf(() => {
        settleKeys({ ...target, keyGroupId: 12_345 }, version);
      }),
    ).toBe("DEPLOY_WRITE_FAILED");
    expect(inventory(path.join(world, "outside"))).toEqual(before);
  });
});

describe("the version that was shown before", () => {
  test("is kept although it is neither among the last two nor needed", () => {
    const [first, , , last] = ["aaaa", "bbbb", "cccc", "dddd"].map((label, at) => write(label, at));
    if (!first || !last) throw new Error("four versions were written");
    flipLink(target, first);
    flipLink(target, last);
    expect(pruneVersions(target, new Set())).toEqual(["20261122T120001Z-bbbb0000"]);
    expect(listVersions(target)).toContainEqual(first);
    flipLink(target, first);
    expect(readlinkSync(path.join(root, ".versions/mx/.previous"))).toBe(last.name);
  });

  test("and the present one are kept when the clock was set back", () => {
    const versions = [30, 20, 10, 0].map((seconds, at) => write(`aaa${String(at)}`, seconds));
    for (const version of versions) flipLink(target, version);
    write("eeee", 40);
    write("ffff", 50);
    pruneVersions(target, new Set());
    expect(listVersions(target).map(({ name }) => name.slice(17))).toEqual([
      "aaa30000",
      "aaa20000",
      "eeee0000",
      "ffff0000",
    ]);
  });

  test("within one second is told apart by its count", () => {
    const names = Array.from({ length: 11 }, () => write("aaaa").name);
    expect(listVersions(target).map(({ name }) => name)).toEqual(names);
  });
});
