/** The matrix on BIND. */
import { matrixSuite } from "./lab/matrix.ts";

matrixSuite("bind", "BIND", { wrongSwap: true });
