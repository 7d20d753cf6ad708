/**
 * dehydrated calls one program, `HOOK`, for everything: the first argument is the operation. The one that matters here is
 * `deploy_cert DOMAIN KEYFILE CERTFILE FULLCHAINFILE CHAINFILE TIMESTAMP` (docs/examples/hook.sh; seen with 0.7.0 and
 * 0.7.2).
 *
 * All others are passed over in silence, those of the future too: dehydrated makes sure of that with an operation named
 * `this_hookscript_is_broken__…`, and ends its whole run, other certificates included, at the first exit code that is not
 * 0. What `generate_csr` prints would be taken for a request, so nothing ever goes to standard output. `unchanged_cert`
 * comes for every certificate in every run and says nothing that a tick does not see by itself.
 */
import { renewed } from "./call.ts";
import type { HookCall, HookOutcome } from "./call.ts";

/** Reads dehydrated's arguments. */
export function readDehydratedCall(call: HookCall): HookOutcome {
  const [operation, domain, , certificate] = call.args;
  if (operation === undefined) return { kind: "unclear", reason: 'no operation is given: call it with "$@"' };
  if (operation !== "deploy_cert") return { kind: "ignored" };
  return renewed(call, {
    client: "dehydrated",
    from: "CERTFILE",
    path: certificate,
    base: call.cwd,
    otherwise: 'deploy_cert has too few arguments: call it with "$@"',
    domains: [domain],
  });
}
