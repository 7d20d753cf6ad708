/** A configuration that was read, held against the host: what `check-config` and `doctor` share. */
import { readTsigKeyFile } from "../config/key-file.ts";
import type { Reading } from "../config/load.ts";
import type { Problem } from "../config/problem.ts";
import { serviceManagerOf } from "../config/reload-advice.ts";
import { checkSurroundings } from "../config/surroundings.ts";
import { readTokenFile } from "../config/token-file.ts";
import { readTrustAnchorFile } from "../config/trust-anchor-file.ts";
import { searchPath } from "../driver/command.ts";
import { clashOf } from "../driver/companions.ts";
import { groupIdOf } from "../driver/group.ts";
import { indexSharers } from "../driver/sharers.ts";
import { findDeadlines, misfitsOf } from "./deadline-advice.ts";
import type { DeadlineFinding } from "./deadline-advice.ts";
import type { Io } from "./io.ts";

/** What is wrong or doubtful outside the files themselves, and how the waits fit into the certificates' lives. */
export interface Surroundings {
  readonly problems: readonly Problem[];
  readonly lives: readonly DeadlineFinding[];
}

/** Looks at everything that the configuration names; nothing when it has faults. */
export function lookAround({ configuration, locate }: Reading, io: Io): Surroundings {
  if (configuration === null) return { problems: [], lives: [] };
  const sharers = indexSharers({ certificates: configuration.certificates });
  const lives = configuration.certificates.flatMap((certificate) => findDeadlines(certificate) ?? []);
  const problems = checkSurroundings(configuration, {
    readKey: ({ keyFile, keyName, keyAlgorithm }) =>
      readTsigKeyFile(keyFile, keyName, { algorithm: keyAlgorithm }).warnings,
    readToken: readTokenFile,
    readAnchors: (file) => readTrustAnchorFile(file, io.clock()),
    findGroup: groupIdOf,
    searchPath: searchPath(io.env["PATH"]),
    serviceManager: serviceManagerOf(process.platform),
    locate,
    findClash: (certificate) => clashOf(certificate, sharers(certificate)),
    findMisfit: misfitsOf(lives),
  });
  return { problems, lives };
}
