/** The form in which every failure reaches a person. */
import { expect } from "vitest";
import type { Ended } from "./process.ts";

/** What went wrong, and what to do about it: `hint:` after an error, `do:` in the block of a standing failure. */
export function expectError(ended: Ended, code: number, words: RegExp): void {
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code, stderr: expect.stringMatching(words) as string });
  expect(ended.stderr).toMatch(/^(hint: | {2}do: +)\S/m);
  expect(ended.stderr).not.toMatch(/\n {4}at /); // a stack trace is for bugs
}
