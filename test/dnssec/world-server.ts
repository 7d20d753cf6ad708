/** A world of zone-builder.ts on loopback, as a recursive resolver. */
import { startDnsServer, reply } from "../fakes/scripted-dns.ts";
import type { FakeDnsServer } from "../fakes/scripted-dns.ts";
import type { Tamper } from "./world-judge.ts";
import type { World } from "./zone-builder.ts";

const honestly: Tamper = (honest) => honest;

/** Answers over UDP and TCP, otherwise than honestly when told. Close it when done. */
export async function startWorldServer(world: World, tamper = honestly): Promise<FakeDnsServer> {
  return startDnsServer((request) => {
    const [question] = request.message.question;
    if (question === undefined) return [];
    const { name, type } = question;
    const { rcode, answer, authority } = tamper(world.answer(name, type), name, type);
    return reply(request, { ra: true, rcode, answer, authority });
  });
}
