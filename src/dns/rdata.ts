/** TLSA RDATA (RFC 6698 §2.1) with registry codes as numbers: unknown values travel, print and are never usable. */
export interface TlsaRdata {
  readonly usage: number;
  readonly selector: number;
  readonly matchingType: number;
  readonly data: Uint8Array;
}
