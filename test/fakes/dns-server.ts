/** A recursive resolver on loopback (UDP) that answers from a {@link FakeResolver}'s entries, AD set for what is secure. */
import { once } from "node:events";
import { createSocket } from "node:dgram";
import { CLASS, RCODE, TYPE } from "../../src/dns/iana.ts";
import { decodeMessage, encodeMessage } from "../../src/dns/message.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import type { ResourceRecord } from "../../src/dns/rrset.ts";
import { encodeCname } from "../../src/dns/rdata.ts";
import type { Resolve } from "../../src/resolver/resolver.ts";

export interface FakeDnsServer {
  readonly port: number;
  readonly close: () => Promise<void>;
}

export async function startFakeDnsServer(resolve: Resolve): Promise<FakeDnsServer> {
  const socket = createSocket("udp4");
  socket.on("message", (bytes, from) => {
    void replyTo(bytes, resolve).then((reply) => {
      socket.send(reply, from.port, from.address);
    });
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    port: socket.address().port,
    close: () =>
      new Promise((done) => {
        socket.close(() => {
          done();
        });
      }),
  };
}

async function replyTo(bytes: Uint8Array, resolve: Resolve): Promise<Uint8Array> {
  const query = decodeMessage(bytes);
  const question = query.ok ? query.value.question[0] : undefined;
  if (!query.ok || question === undefined) throw new Error("not a query");
  const reply: DnsMessage = { ...query.value, qr: true, ra: true, ad: false };
  const found = await resolve(question.name, question.type);
  if ("reasons" in found) return encodeMessage({ ...reply, rcode: RCODE.SERVFAIL });
  const answer: ResourceRecord[] = found.aliases.map(({ alias, target, ttl }) => {
    return { name: alias, type: TYPE.CNAME, class: CLASS.IN, ttl, rdata: encodeCname(target) };
  });
  const { rrset } = found;
  if (rrset !== null) {
    const { ttl, rdatas } = rrset;
    answer.push(
      ...rdatas.map((rdata) => ({ name: found.finalName, type: question.type, class: CLASS.IN, ttl, rdata })),
    );
  }
  return encodeMessage({ ...reply, ad: found.status === "secure", answer });
}
