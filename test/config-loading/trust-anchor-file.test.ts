import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { instant } from "../../src/base/time.ts";
import { readTrustAnchorFile } from "../../src/config/trust-anchor-file.ts";
import { ROOT } from "../../src/dns/name.ts";

const folder = mkdtempSync(path.join(tmpdir(), "daneward-anchors-"));
const NOW = instant(Date.UTC(2026, 10, 22));
const ROOT_DS = ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n";

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, text: string | Uint8Array): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

function refusal(file: string): { readonly code: string; readonly message: string } {
  try {
    readTrustAnchorFile(file, NOW);
  } catch (error) {
    if (error instanceof OperationalError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error("the file was accepted");
}

describe("a trust anchor file", () => {
  test("is read, and named as the source of its anchors", () => {
    const file = write("root.key", ROOT_DS);
    const anchor = readTrustAnchorFile(file, NOW).get(ROOT);
    expect(anchor?.source).toBe(file);
    expect(anchor?.ds.map((ds) => ds.keyTag)).toEqual([20326]);
  });

  test("that is missing says so", () => {
    const file = path.join(folder, "none");
    expect(refusal(file)).toEqual({ code: "FILE_NOT_FOUND", message: `the trust anchor file ${file} is missing` });
  });

  test.skipIf(process.getuid?.() === 0)("that this user may not read says so", () => {
    const file = write("closed", ROOT_DS);
    chmodSync(file, 0o000);
    expect(refusal(file)).toMatchObject({
      code: "PERMISSION_DENIED",
      message: expect.stringContaining(file) as string,
    });
  });

  test("that is a directory says so", () => {
    const { code, message } = refusal(folder);
    expect(code).toBe("FILE_UNREADABLE");
    expect(message).toBe(`the trust anchor file ${folder} cannot be read: it is a directory`);
  });

  test("that is a pipe which nobody writes to is not waited for", () => {
    const pipe = path.join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    expect(refusal(pipe)).toEqual({
      code: "FILE_UNREADABLE",
      message: `the trust anchor file ${pipe} cannot be read: it is a pipe, not a file`,
    });
  });

  test("with a fault names path, line and column", () => {
    const file = write("wrong.key", `; comment\n${ROOT_DS}. IN DS 20326 8 2 E06D\n`);
    const { code, message } = refusal(file);
    expect(code).toBe("TRUST_ANCHOR_INVALID");
    expect(message).toBe(`${file}:3:9: the digest has 2 octets, but SHA-256 makes 32`);
  });

  test.each([
    { name: "no text at all", octets: new Uint8Array(0), message: "it is empty" },
    { name: "octets that are no text", octets: new Uint8Array(64).fill(0xff), message: "" },
    { name: "more than anybody needs", octets: new Uint8Array(3_000_000).fill(0x3b), message: "it is too large" },
  ])("of $name is refused", ({ octets, message }) => {
    const found = refusal(write("odd", octets));
    expect(found.code).toBe("TRUST_ANCHOR_INVALID");
    expect(found.message).toContain(message);
  });

  test.skipIf(process.platform !== "linux")("that never ends is refused, too", () => {
    expect(refusal("/dev/zero")).toMatchObject({
      code: "FILE_UNREADABLE",
      message: expect.stringContaining("it is a device, not a file") as string,
    });
  });
});
