/** The matrix on Knot DNS. */
import { matrixSuite } from "./lab/matrix.ts";

matrixSuite("knot", "Knot DNS");
