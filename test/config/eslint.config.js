import { fileURLToPath } from "node:url";
import tseslint from "typescript-eslint";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Folders that see nothing of the outside: no sockets, files, processes, clock or chance. */
const PURE = ["rollover", "dns", "tlsa", "dnssec", "pki", "report", "base"].map((folder) => `src/${folder}/**`);

const clock = [
  { selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']", message: "time is a parameter" },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: "time is a parameter" },
  { selector: "CallExpression[callee.object.name='Math'][callee.property.name='random']", message: "use node:crypto" },
];

export default tseslint.config(
  { ignores: ["dist/**", "coverage/**"] },
  {
    files: ["src/**/*.ts", "test/**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { project: ["./tsconfig.json", "./test/tsconfig.json"], tsconfigRootDir: root },
    },
    rules: {
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-unnecessary-condition": ["error", { allowConstantLoopConditions: true }],
      eqeqeq: "error",
    },
  },
  { files: ["src/**/*.ts"], ignores: ["src/cli/main.ts"], rules: { "no-restricted-syntax": ["error", ...clock] } },
  {
    files: PURE.map((folder) => `${folder}/*.ts`.replace("**/*.ts", "**/*.ts")),
    rules: {
      "no-restricted-imports": [
        "error",
        { paths: ["fs", "net", "tls", "dgram", "dns", "child_process", "timers"].map((name) => `node:${name}`) },
      ],
      "no-restricted-globals": ["error", "process", "setTimeout", "setInterval", "setImmediate", "fetch"],
    },
  },
);
