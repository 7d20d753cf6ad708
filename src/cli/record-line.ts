/** TLSA records as `daneward tlsa`, dig and zone files print them. */

/** What stands before the data (owner, TTL, class, type) may be pasted too: the data, and all of any other text. */
export function recordData(text: string): string {
  return text.replace(/^\s*(?:\S+\s+)?(?:\d+\s+)?(?:IN\s+)?(?:\d+\s+)?TLSA\s+/i, "");
}
