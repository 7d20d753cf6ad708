import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes } from "../../src/base/bytes.ts";
import { createFramer, frameMessage } from "../../src/transport/framing.ts";

describe("messages on a stream", () => {
  test("come out the same however the stream was cut", () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 400 })), (sent, cuts) => {
        const stream = concatBytes(...sent.map(frameMessage));
        const received: Uint8Array[] = [];
        const framer = createFramer((message) => received.push(message));
        let at = 0;
        for (const cut of [...cuts, stream.length]) {
          framer(stream.subarray(at, at + cut));
          at += cut;
        }
        expect(received.map((message) => [...message])).toEqual(sent.map((message) => [...message]));
      }),
    );
  });

  test("are not handed out before their last octet", () => {
    let received = 0;
    const framer = createFramer(() => received++);
    const stream = frameMessage(new Uint8Array(65_535));
    for (const octet of stream.subarray(0, -1)) framer(Uint8Array.of(octet));
    expect(received).toBe(0);
    framer(stream.subarray(-1));
    expect(received).toBe(1);
  });

  test("a message of no octets is one too", () => {
    const lengths: number[] = [];
    createFramer((message) => lengths.push(message.length))(Uint8Array.of(0, 0, 0, 1, 7));
    expect(lengths).toEqual([0, 1]);
  });
});
