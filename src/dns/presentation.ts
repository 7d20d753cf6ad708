/** Zone-file text of records (RFC 1035 §5.1), one a line, names absolute. */
import { className, typeName } from "./iana.ts";
import { formatRdata, formatUnknown } from "./rdata.ts";
import type { ResourceRecord } from "./rrset.ts";

/** `_25._tcp.mx.example. 3600 IN TLSA 3 1 1 …`; types that we do not know in the generic form. */
export function formatRecord(record: ResourceRecord): string {
  const data = formatRdata(record.type, record.rdata);
  return `${record.name} ${String(record.ttl)} ${className(record.class)} ${typeName(record.type)} ${data}`;
}

/** The form that any name server understands (RFC 3597 §5): `_25._tcp.mx.example. 3600 CLASS1 TYPE52 \# 35 …`. */
export function formatGeneric(record: ResourceRecord): string {
  const codes = `CLASS${String(record.class)} TYPE${String(record.type)}`;
  return `${record.name} ${String(record.ttl)} ${codes} ${formatUnknown(record.rdata)}`;
}
