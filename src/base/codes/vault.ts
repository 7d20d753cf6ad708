import type { CodeTable } from "./entry.ts";

/** Faults of the vault and of the next keys of ACME clients. */
export const VAULT_CODES = {
  VAULT_UNSAFE: {
    title: "others could read or change keys in the vault",
    hint: "its folders must be real ones of daneward's user with mode 0700, its files plain ones with mode 0600",
  },
  VAULT_DAMAGED: {
    title: "a key in the vault is not the one that its name says",
    hint: "nothing was deployed with it; put the file back from a backup, or move it away",
  },
  NEXT_KEY_UNUSABLE: {
    title: "the next key cannot be read or kept, so that nothing is known ahead of it",
    hint: "mend the file or folder that is named; what is published stays meanwhile",
  },
  KEY_NOT_HELD: {
    title: "nobody has the private key of a certificate",
    hint: "name the client's key in `source` (key = …), or have the request of daneward csr CERT signed",
  },
} as const satisfies CodeTable;
