/** The public library: what the command line is made of, for those who want it inside a program of their own. */
export { success, failure } from "./base/result.ts";
export type { Result } from "./base/result.ts";
