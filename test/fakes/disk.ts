/**
 * A disk that loses power. POSIX promises little: what was written to a file is on disk after fsync(2) of the file, a
 * name that was made, moved or removed after fsync(2) of its directory, and each of these may also get there earlier,
 * alone and in any order. What is here keeps both: what is surely on disk, and what may be.
 */
export type Bytes = Uint8Array<ArrayBuffer>;

/** A file operation that was carried out. Paths are relative to the root of the record. */
export type Operation =
  | { readonly kind: "create"; readonly path: string; readonly mode: number }
  | { readonly kind: "mkdir"; readonly path: string; readonly mode: number }
  | { readonly kind: "symlink"; readonly path: string; readonly target: string }
  /** The whole content of the file afterwards. */
  | { readonly kind: "write"; readonly path: string; readonly content: Bytes }
  | { readonly kind: "chmod"; readonly path: string; readonly mode: number }
  | { readonly kind: "sync"; readonly path: string; readonly withMode: boolean }
  | { readonly kind: "link" | "rename"; readonly path: string; readonly to: string }
  | { readonly kind: "remove"; readonly path: string };

/** What is found after the power came back. */
export type Image = ReadonlyMap<string, ImageEntry>;
export type ImageEntry =
  | { readonly kind: "directory"; readonly mode: number }
  | { readonly kind: "file"; readonly mode: number; readonly content: Bytes }
  | { readonly kind: "link"; readonly target: string };

/** Decides what of the un-synced survives: a number from 0 up to, not including, `count`. */
export type Choice = (count: number) => number;

/** How much of what was not synced the power cut spares. */
export type Loss = "all" | "nothing" | Choice;

interface FileNode {
  readonly kind: "file";
  mode: Versions<number>;
  content: Versions<Bytes>;
}
interface DirectoryNode {
  readonly kind: "directory";
  mode: Versions<number>;
  names: Map<string, Node>;
  /** Changes that are not surely on disk, each whole or not at all; null removes the name. */
  pending: (readonly (readonly [string, Node | null])[])[];
}
interface LinkNode {
  readonly kind: "link";
  readonly target: string;
}
type Node = FileNode | DirectoryNode | LinkNode;

/** The version on disk, and those after it that may or may not be. */
interface Versions<T> {
  readonly durable: T;
  readonly later: readonly T[];
}

export interface Disk {
  readonly apply: (operation: Operation) => void;
  readonly crash: (loss: Loss) => Image;
}

export function createDisk(): Disk {
  const root = directory(0o700);
  return {
    apply: (operation) => {
      apply(root, operation);
    },
    crash: (loss) => {
      const image = new Map<string, ImageEntry>();
      collect(root, "", loss, image);
      return image;
    },
  };
}

function directory(mode: number): DirectoryNode {
  return { kind: "directory", mode: surely(mode), names: new Map(), pending: [] };
}

function surely<T>(value: T): Versions<T> {
  return { durable: value, later: [] };
}

function newest<T>({ durable, later }: Versions<T>): T {
  return later.at(-1) ?? durable;
}

function apply(root: DirectoryNode, operation: Operation): void {
  const [parent, name] = placeOf(root, operation.path);
  const node = name === "" ? root : namesNow(parent).get(name);
  switch (operation.kind) {
    case "create":
      parent.pending.push([[name, { kind: "file", mode: surely(operation.mode), content: surely(new Uint8Array()) }]]);
      return;
    case "mkdir":
      parent.pending.push([[name, directory(operation.mode)]]);
      return;
    case "symlink":
      parent.pending.push([[name, { kind: "link", target: operation.target }]]);
      return;
    case "write":
      if (node?.kind !== "file") throw new Error(`${operation.path} is no file`);
      node.content = { ...node.content, later: [...node.content.later, operation.content] };
      return;
    case "chmod":
      if (node === undefined || node.kind === "link") throw new Error(`${operation.path} has no mode`);
      node.mode = { ...node.mode, later: [...node.mode.later, operation.mode] };
      return;
    case "sync":
      if (node === undefined || node.kind === "link") throw new Error(`${operation.path} cannot be synced`);
      sync(node, operation.withMode);
      return;
    case "remove":
      parent.pending.push([[name, null]]);
      return;
    case "link":
    case "rename":
      move(root, operation, [parent, name, node]);
  }
}

function move(
  root: DirectoryNode,
  operation: Extract<Operation, { readonly kind: "link" | "rename" }>,
  [parent, name, node]: readonly [DirectoryNode, string, Node | undefined],
): void {
  const [target, newName] = placeOf(root, operation.to);
  if (target !== parent || node === undefined) throw new Error(`${operation.path} is moved to another directory`);
  const made = [newName, node] as const;
  parent.pending.push(operation.kind === "link" ? [made] : [made, [name, null]]);
}

function sync(node: FileNode | DirectoryNode, withMode: boolean): void {
  if (withMode) node.mode = surely(newest(node.mode));
  if (node.kind === "file") {
    node.content = surely(newest(node.content));
    return;
  }
  node.names = namesNow(node);
  node.pending = [];
}

function placeOf(root: DirectoryNode, path: string): readonly [DirectoryNode, string] {
  const steps = path.split("/");
  const name = steps.pop() ?? "";
  let at = root;
  for (const step of steps) {
    const next = namesNow(at).get(step);
    if (next?.kind !== "directory") throw new Error(`${path}: "${step}" is no directory of the record`);
    at = next;
  }
  return [at, name];
}

function namesNow(node: DirectoryNode): Map<string, Node> {
  return namesAfter(node, () => true);
}

function namesAfter(node: DirectoryNode, survives: () => boolean): Map<string, Node> {
  const names = new Map(node.names);
  for (const change of node.pending) {
    if (!survives()) continue;
    for (const [name, child] of change) {
      if (child === null) names.delete(name);
      else names.set(name, child);
    }
  }
  return names;
}

function collect(node: DirectoryNode, at: string, loss: Loss, image: Map<string, ImageEntry>): void {
  const survives = (): boolean => (typeof loss === "function" ? loss(2) === 1 : loss === "nothing");
  for (const [name, child] of namesAfter(node, survives)) {
    const path = at === "" ? name : `${at}/${name}`;
    if (child.kind === "link") image.set(path, { kind: "link", target: child.target });
    else if (child.kind === "file")
      image.set(path, { kind: "file", mode: pick(child.mode, loss), content: surviving(child.content, loss) });
    else {
      image.set(path, { kind: "directory", mode: pick(child.mode, loss) });
      collect(child, path, loss, image);
    }
  }
}

function pick<T>(versions: Versions<T>, loss: Loss): T {
  if (loss === "all") return versions.durable;
  if (loss === "nothing") return newest(versions);
  return [versions.durable, ...versions.later][loss(versions.later.length + 1)] ?? versions.durable;
}

/** Of data that was not synced, any part may be there, and what is not reads as zeros up to the new length. */
function surviving(content: Versions<Bytes>, loss: Loss): Bytes {
  if (typeof loss !== "function" || content.later.length === 0) return pick(content, loss);
  const chosen = pick(content, loss);
  switch (loss(3)) {
    case 0:
      return chosen;
    case 1:
      return chosen.slice(0, Math.max(common(content.durable, chosen), loss(chosen.length + 1)));
    default: {
      const zeroed = chosen.slice();
      zeroed.fill(0, common(content.durable, chosen));
      return zeroed;
    }
  }
}

/** How many octets two contents begin with alike: those were on disk already. */
function common(left: Bytes, right: Bytes): number {
  const differs = left.findIndex((octet, at) => octet !== right[at]);
  return differs === -1 ? left.length : differs;
}
