import { existsSync, linkSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync } from "node:fs";
import { chmodSync, chownSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import type { KeyObject } from "node:crypto";
import path from "node:path";
import { inspect } from "node:util";
import { beforeEach, describe, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { instant } from "../../src/base/time.ts";
import {
  keyFinder,
  listVault,
  openVaultKey,
  removeVaultKeys,
  setStanding,
  spkiDigest,
  storeVaultKey,
  vaultOf,
} from "../../src/driver/vault.ts";
import type { VaultKey } from "../../src/driver/vault.ts";
import { publicKeyOf } from "../../src/pki/key.ts";
import { forge, newKey } from "../fakes/forge.ts";
import { temporaryFolder } from "../store/temporary-folder.ts";

let folder = "";
let privateKey: KeyObject;
let key: VaultKey;
let file = "";

beforeEach(() => {
  folder = vaultOf(path.join(temporaryFolder(), "state"), "mx");
  privateKey = newKey();
  key = storeVaultKey(folder, privateKey, "kept");
  file = path.join(folder, `${key.spkiSha256}.pem`);
});

function codeOf(work: () => unknown): string {
  try {
    work();
    return "nothing was thrown";
  } catch (error) {
    return error instanceof OperationalError ? error.code : String(error);
  }
}

function modeOf(place: string): string {
  return (statSync(place).mode & 0o7777).toString(8);
}

describe("a key in the vault", () => {
  test("is for its owner alone, whatever the umask", () => {
    const before = process.umask(0);
    try {
      const other = storeVaultKey(`${folder}.other`, privateKey, "awaited");
      expect(modeOf(path.join(`${folder}.other`, `${other.spkiSha256}.awaited.pem`))).toBe("600");
      expect([modeOf(`${folder}.other`), modeOf(path.dirname(folder))]).toEqual(["700", "700"]);
    } finally {
      process.umask(before);
    }
  });

  test("is called by the digest of its public key, and comes out as it went in", () => {
    expect(key.spkiSha256).toBe(spkiDigest(publicKeyOf(privateKey)));
    expect(listVault(folder)).toEqual([{ spkiSha256: key.spkiSha256, standing: "kept" }]);
    const opened = openVaultKey(folder, key);
    expect(opened.privateKey.equals(privateKey)).toBe(true);
    expect(opened.algorithm).toBe("EC P-256");
  });

  test("does not show in what is printed of it", () => {
    const opened = openVaultKey(folder, key);
    const pem = readFileSync(file, "utf8").split("\n")[1] ?? "";
    expect(pem.length).toBeGreaterThan(20);
    expect(`${inspect(opened)}${JSON.stringify(opened.pem)}`).not.toContain(pem);
  });

  test("is never overwritten", () => {
    const { ino, mtimeMs } = statSync(file);
    expect(storeVaultKey(folder, privateKey, "awaited")).toEqual(key);
    expect(statSync(file)).toMatchObject({ ino, mtimeMs });
    expect(readdirSync(folder)).toEqual([path.basename(file)]);
  });

  test("changes its standing in one step, and back", () => {
    const awaited = setStanding(folder, key, "awaited");
    expect(listVault(folder)).toEqual([{ spkiSha256: key.spkiSha256, standing: "awaited" }]);
    expect(setStanding(folder, setStanding(folder, awaited, "kept"), "kept")).toEqual(key);
    expect(readdirSync(folder)).toEqual([path.basename(file)]);
  });

  test("is found for the certificate that bears it, and for no other", () => {
    const find = keyFinder(folder);
    const found = find(forge({ subject: "CN=mx", key: privateKey }).read);
    expect(found.ok && found.value !== null ? Buffer.from(found.value.reveal()).toString() : "").toBe(
      readFileSync(file, "utf8"),
    );
    expect(find(forge({ subject: "CN=mx" }).read)).toEqual({ ok: true, value: null });
    expect(keyFinder(`${folder}.other`)(forge({ subject: "CN=mx" }).read)).toEqual({ ok: true, value: null });
  });
});

describe("a crash", () => {
  test("between write and link leaves nothing that counts, and what is left goes after an hour", () => {
    const litter = path.join(folder, `.${"a".repeat(64)}.pem.1-2.tmp`);
    writeFileSync(litter, "half a key", { mode: 0o600 });
    expect(listVault(folder)).toEqual([key]);
    const now = instant(Date.now());
    removeVaultKeys(folder, [], now);
    expect(existsSync(litter)).toBe(true);
    utimesSync(litter, new Date(now - 3_700_000), new Date(now - 3_700_000));
    removeVaultKeys(folder, [], now);
    expect(existsSync(litter)).toBe(false);
    expect(listVault(folder)).toEqual([key]);
  });

  test("between link and unlink leaves the key, whole", () => {
    linkSync(file, path.join(folder, `.${path.basename(file)}.1-2.tmp`));
    expect(openVaultKey(folder, key).privateKey.equals(privateKey)).toBe(true);
  });
});

describe("a vault that is not ours alone is refused", () => {
  test("a link in place of a key", () => {
    const elsewhere = path.join(folder, "..", "key.pem");
    renameSync(file, elsewhere);
    symlinkSync(elsewhere, file);
    expect(codeOf(() => openVaultKey(folder, key))).toBe("VAULT_UNSAFE");
    const found = keyFinder(folder)(forge({ subject: "CN=mx", key: privateKey }).read);
    expect(found.ok ? "" : found.fault.code).toBe("VAULT_UNSAFE");
  });

  test.each(["vault", "vault/mx"])("a link in place of the folder %s", (name) => {
    const place = path.join(folder, "../..", name);
    renameSync(place, `${place}.real`);
    symlinkSync(`${place}.real`, place);
    expect(codeOf(() => listVault(folder))).toBe("VAULT_UNSAFE");
    expect(codeOf(() => storeVaultKey(folder, newKey(), "kept"))).toBe("VAULT_UNSAFE");
  });

  test.each([0o640, 0o604, 0o620])("a key of mode %o", (mode) => {
    chmodSync(file, mode);
    expect(codeOf(() => openVaultKey(folder, key))).toBe("VAULT_UNSAFE");
  });

  test("a folder that others may enter", () => {
    chmodSync(folder, 0o750);
    expect(codeOf(() => listVault(folder))).toBe("VAULT_UNSAFE");
  });

  test.skipIf(process.getuid?.() !== 0)("a folder of another user", () => {
    chownSync(folder, 65_534, 65_534);
    const euid = process.geteuid?.() ?? 0;
    expect(euid).toBe(0);
    expect(codeOf(() => listVault(folder))).toBe("VAULT_UNSAFE");
  });

  test("a folder in place of a key, and a file in place of the folder", () => {
    removeVaultKeys(folder, [key], instant(Date.now()));
    mkdirSync(file, { mode: 0o700 });
    expect(codeOf(() => openVaultKey(folder, key))).toBe("VAULT_UNSAFE");
    writeFileSync(`${folder}.file`, "", { mode: 0o600 });
    expect(codeOf(() => listVault(`${folder}.file`))).toBe("VAULT_UNSAFE");
  });
});

describe("a damaged key is refused", () => {
  test.each([
    ["cut off", (pem: string): string => pem.slice(0, 60)],
    ["empty", (): string => ""],
    ["of another name", (): string => newKey().export({ type: "pkcs8", format: "pem" }).toString()],
    ["too large", (pem: string): string => `${"#\n".repeat(40_000)}${pem}`],
  ])("%s", (_, damage) => {
    writeFileSync(file, damage(readFileSync(file, "utf8")));
    expect(codeOf(() => openVaultKey(folder, key))).toBe("VAULT_DAMAGED");
  });

  test("gone", () => {
    removeVaultKeys(folder, [key], instant(Date.now()));
    expect(listVault(folder)).toEqual([]);
    expect(codeOf(() => openVaultKey(folder, key))).toBe("FILE_NOT_FOUND");
  });
});
