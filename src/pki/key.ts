import { createPrivateKey, createPublicKey, generateKeyPair } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { DER_TAG, encodeElement } from "../base/der.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { formatPemBlock, parsePem } from "./pem.ts";
import type { PemBlock } from "./pem.ts";

const PRIVATE_LABELS = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY"];

/** Whether the label is one of a private key that Node can read without a passphrase. */
export function isPrivateKeyLabel(label: string): boolean {
  return PRIVATE_LABELS.includes(label);
}

/** Whether the block is an encrypted private key: PKCS#8 by its label, the older forms by their header lines. */
export function isEncryptedKey(block: PemBlock): boolean {
  return block.label === "ENCRYPTED PRIVATE KEY" || block.headers.some((line) => /^Proc-Type:.*ENCRYPTED/i.test(line));
}

/** The first private key of a PEM text, or DER in PKCS#8. `KEY_ENCRYPTED`, `KEY_MALFORMED`, `CERT_DAMAGED`. */
export function readPrivateKey(key: string | Uint8Array): Result<KeyObject, Fault> {
  if (typeof key !== "string") return importPrivateKey("PRIVATE KEY", key);
  const blocks = parsePem(key);
  if (!blocks.ok) return blocks;
  const found = blocks.value.find((block) => isEncryptedKey(block) || isPrivateKeyLabel(block.label));
  if (found === undefined) return failure(fault("KEY_MALFORMED", "the file holds no private key"));
  if (isEncryptedKey(found)) {
    return failure(fault("KEY_ENCRYPTED", `line ${String(found.line)}: the private key is encrypted`));
  }
  return importPrivateKey(found.label, found.bytes);
}

/** Private key of a PEM block, given by its label and octets. `KEY_MALFORMED`. */
export function importPrivateKey(label: string, bytes: Uint8Array): Result<KeyObject, Fault> {
  try {
    return success(createPrivateKey(formatPemBlock(label, bytes)));
  } catch {
    // The library's own message is left out: it names OpenSSL internals, and says nothing that helps.
    return failure(
      fault("KEY_MALFORMED", `the ${label} block is damaged, or of an algorithm that this Node does not know`),
    );
  }
}

/** SubjectPublicKeyInfo of a private key, as OpenSSL encodes it. */
export function publicKeyOf(privateKey: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(privateKey).export({ type: "spki", format: "der" }));
}

/** The kinds of keys that we make: those for which every public authority issues. */
export type NewKeyType = "ec-p256" | "ec-p384" | "rsa-2048" | "rsa-3072" | "rsa-4096";

const NEW_KEY_TYPES: Readonly<Record<string, NewKeyType>> = {
  "EC P-256": "ec-p256",
  "EC P-384": "ec-p384",
  "RSA 2048": "rsa-2048",
  "RSA 3072": "rsa-3072",
  "RSA 4096": "rsa-4096",
};

/** The kind for a description of {@link keyAlgorithm} (`EC P-256`); null: not one that we make. */
export function newKeyTypeOf(algorithm: string): NewKeyType | null {
  return NEW_KEY_TYPES[algorithm] ?? null;
}

/** Makes a private key, off the main thread: a large RSA key takes seconds. */
export function generatePrivateKey(type: NewKeyType): Promise<KeyObject> {
  const [family, size] = type.split("-");
  return new Promise((done, fail) => {
    const ended = (error: Error | null, _: KeyObject, privateKey: KeyObject): void => {
      if (error === null) done(privateKey);
      else fail(error);
    };
    if (family === "rsa") generateKeyPair("rsa", { modulusLength: Number(size) }, ended);
    else generateKeyPair("ec", { namedCurve: type === "ec-p384" ? "P-384" : "P-256" }, ended);
  });
}

/** AlgorithmIdentifier of rsaEncryption with its NULL (RFC 3279 §2.3.1). */
const RSA_ENCRYPTION = Uint8Array.of(
  ...[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00],
);

/** Wraps an RSAPublicKey (PKCS#1) into the SubjectPublicKeyInfo that certificates of that key carry. */
export function wrapRsaPublicKey(pkcs1: Uint8Array): Uint8Array {
  const bits = encodeElement(DER_TAG.bitString, Uint8Array.of(0), pkcs1);
  return encodeElement(DER_TAG.sequence, RSA_ENCRYPTION, bits);
}
