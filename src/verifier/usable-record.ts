import type { TlsaRdata } from "../dns/rdata.ts";
import { readCertificate } from "../pki/certificate.ts";
import { sliceSpki } from "../pki/der.ts";
import { usability } from "../tlsa/usable.ts";
import type { Usability } from "../tlsa/usable.ts";

/**
 * Whether a client would use a record (RFC 6698 §4.1). Beyond the numbers and lengths, a Full(0) record has to hold one
 * certificate or one key, whole and alone, of which all fields that matter can be read.
 */
export function recordUsability(record: TlsaRdata, context: { readonly smtp: boolean }): Usability {
  const outline = usability(record, context);
  if (!outline.usable || record.matchingType !== 0) return outline;
  const content = record.selector === 0 ? readCertificate(record.data) : sliceSpki(record.data);
  if (content.ok) return outline;
  return { usable: false, reason: "malformed", detail: `the association data: ${content.fault.message}` };
}
