/** As much of JSON Schema (draft 2020-12) as the schema of the configuration uses; a word it does not know is an error. */

type Node = Readonly<Record<string, unknown>>;

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
const nodesOf = (value: unknown): readonly Node[] => (Array.isArray(value) ? value.filter(isNode) : []);
const textsOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isNode,
  array: Array.isArray,
  string: (value) => typeof value === "string",
  integer: Number.isInteger,
  boolean: (value) => typeof value === "boolean",
};
const IGNORED = new Set(["$schema", "$id", "$defs", "title", "description", "default"]);

/** Where and by which word a value is refused; empty: it is valid. */
export function check(schema: Node, value: unknown, root: Node = schema, at = ""): readonly string[] {
  return Object.entries(schema).flatMap(([word, rule]) => {
    if (IGNORED.has(word)) return [];
    const apply = WORDS[word];
    if (apply === undefined) throw new Error(`the checker does not know "${word}"`);
    return apply(rule, value, { schema, root, at });
  });
}

interface Place {
  readonly schema: Node;
  readonly root: Node;
  readonly at: string;
}
type Word = (rule: unknown, value: unknown, place: Place) => readonly string[];

/** A word that is about one kind of values and lets all others through. */
function about(word: string, holds: (rule: unknown, value: unknown) => boolean): Word {
  return (rule, value, { at }) => (holds(rule, value) ? [] : [`${at}: ${word}`]);
}

const entriesOf = (value: unknown): readonly (readonly [string, unknown])[] =>
  isNode(value) ? Object.entries(value) : [];

/** The definition that a `$ref` names. */
export function definition(root: Node, ref: unknown): Node {
  const defs = root["$defs"];
  const found = isNode(defs) && typeof ref === "string" ? defs[ref.replace("#/$defs/", "")] : undefined;
  if (!isNode(found)) throw new Error(`the schema has no ${String(ref)}`);
  return found;
}

const WORDS: Readonly<Record<string, Word>> = {
  $ref: (rule, value, { root, at }) => check(definition(root, rule), value, root, at),
  type: about("type", (rule, value) => TYPES[String(rule)]?.(value) ?? false),
  const: about("const", same),
  enum: about("enum", (rule, value) => textsOf(rule).some((one) => one === value)),
  anyOf: (rule, value, { root, at }) =>
    nodesOf(rule).some((one) => check(one, value, root, at).length === 0) ? [] : [`${at}: anyOf`],
  oneOf: (rule, value, { root, at }) =>
    nodesOf(rule).filter((one) => check(one, value, root, at).length === 0).length === 1 ? [] : [`${at}: oneOf`],
  required: (rule, value, { at }) =>
    isNode(value) ? textsOf(rule).flatMap((key) => (key in value ? [] : [`${at}.${key}: required`])) : [],
  properties: (rule, value, { root, at }) =>
    entriesOf(value).flatMap(([key, one]) => {
      const node = isNode(rule) ? rule[key] : undefined;
      return isNode(node) ? check(node, one, root, `${at}.${key}`) : [];
    }),
  additionalProperties: (rule, value, { schema, root, at }) =>
    entriesOf(value)
      .filter(([key]) => !(isNode(schema["properties"]) && key in schema["properties"]))
      .flatMap(([key, one]) => (isNode(rule) ? check(rule, one, root, `${at}.${key}`) : [`${at}.${key}: unknown key`])),
  propertyNames: (rule, value, { root, at }) =>
    isNode(rule) ? entriesOf(value).flatMap(([key]) => check(rule, key, root, `${at}.${key}`)) : [],
  items: (rule, value, { root, at }) =>
    isNode(rule) && Array.isArray(value)
      ? value.flatMap((one: unknown, index) => check(rule, one, root, `${at}[${String(index)}]`))
      : [],
  pattern: about("pattern", (rule, value) => typeof value !== "string" || new RegExp(String(rule), "u").test(value)),
  minLength: about("minLength", (rule, value) => typeof value !== "string" || value.length >= Number(rule)),
  minItems: about("minItems", (rule, value) => !Array.isArray(value) || value.length >= Number(rule)),
  minimum: about("minimum", (rule, value) => typeof value !== "number" || value >= Number(rule)),
  maximum: about("maximum", (rule, value) => typeof value !== "number" || value <= Number(rule)),
  uniqueItems: about(
    "uniqueItems",
    (_, value) => !Array.isArray(value) || new Set(value.map((one) => JSON.stringify(one))).size === value.length,
  ),
};
