/**
 * Records what the program does to the files below a folder, operation by operation. The real functions of node:fs do
 * the work; those that change anything are replaced by ones that also take notes, in every module at once.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import path from "node:path";
import type { Operation } from "./disk.ts";

/** Functions of node:fs that change something and are recorded. Nothing else that changes anything may be used. */
export const RECORDED: ReadonlySet<string> = new Set([
  "chmodSync",
  "closeSync",
  "fchmodSync",
  "fchownSync",
  "fdatasyncSync",
  "fsyncSync",
  "ftruncateSync",
  "linkSync",
  "mkdirSync",
  "openSync",
  "renameSync",
  "rmSync",
  "symlinkSync",
  "unlinkSync",
  "writeFileSync",
  "writeSync",
]);

export interface Recorder {
  /** Makes recorded calls cheap: nothing is synced, nothing recorded. */
  readonly rest: () => void;
  readonly stop: () => void;
}

/** Calls `note` after each operation on `root` and below these folders of it, until stopped. */
export function recordDisk(root: string, folders: readonly string[], note: (operation: Operation) => void): Recorder {
  const real = { ...fs };
  const handles = new Map<number, string>();
  let resting = false;
  // Functions of node:fs call each other; only what the program called is noted.
  let depth = 0;
  const inside = (file: string): string | null => {
    const relative = path.relative(root, file);
    return relative === "" || folders.includes(relative.split(path.sep)[0] ?? "") ? relative : null;
  };
  const noted = <T>(work: () => T, after: (result: T) => readonly Operation[]): T => {
    depth += 1;
    try {
      const result = work();
      if (depth === 1 && !resting) after(result).forEach(note);
      return result;
    } finally {
      depth -= 1;
    }
  };
  const about = (file: string, make: (path: string) => Operation): readonly Operation[] => {
    const relative = inside(file);
    return relative === null ? [] : [make(relative)];
  };
  const written = (file: string): readonly Operation[] =>
    about(file, (at) => ({ kind: "write", path: at, content: Uint8Array.from(real.readFileSync(file)) }));
  const handleOf = (handle: number): string => handles.get(handle) ?? "/nowhere";
  const modeOf = (file: string): number => real.statSync(file).mode & 0o7777;
  const synced = (handle: number, withMode: boolean): readonly Operation[] =>
    about(handleOf(handle), (at) => ({ kind: "sync", path: at, withMode }));

  Object.assign(fs, {
    openSync: (file: string, flags: string | number, mode?: number): number => {
      const existed = real.lstatSync(file, { throwIfNoEntry: false }) !== undefined;
      return noted(
        () => real.openSync(file, flags, mode),
        (handle) => {
          handles.set(handle, file);
          return existed ? [] : about(file, (at) => ({ kind: "create", path: at, mode: modeOf(file) }));
        },
      );
    },
    closeSync: (handle: number): void => {
      handles.delete(handle);
      real.closeSync(handle);
    },
    writeSync: (handle: number, ...rest: [Uint8Array]): number =>
      noted(
        () => real.writeSync(handle, ...rest),
        () => written(handleOf(handle)),
      ),
    writeFileSync: (file: string | number, ...rest: [Uint8Array]): void => {
      if (!resting && typeof file === "string" && inside(file) !== null) throw new Error("state is written by handle");
      noted(
        () => {
          real.writeFileSync(file, ...rest);
        },
        () => (typeof file === "number" ? written(handleOf(file)) : []),
      );
    },
    ftruncateSync: (handle: number, length?: number): void => {
      noted(
        () => {
          real.ftruncateSync(handle, length);
        },
        () => written(handleOf(handle)),
      );
    },
    fchmodSync: (handle: number, mode: number): void => {
      noted(
        () => {
          real.fchmodSync(handle, mode);
        },
        () => about(handleOf(handle), (at) => ({ kind: "chmod", path: at, mode: modeOf(handleOf(handle)) })),
      );
    },
    chmodSync: (file: string, mode: number): void => {
      noted(
        () => {
          real.chmodSync(file, mode);
        },
        () => about(file, (at) => ({ kind: "chmod", path: at, mode: modeOf(file) })),
      );
    },
    fsyncSync: (handle: number): void => {
      noted(
        () => undefined,
        () => synced(handle, true),
      );
    },
    fdatasyncSync: (handle: number): void => {
      noted(
        () => undefined,
        () => synced(handle, false),
      );
    },
    mkdirSync: (folder: string, options?: fs.MakeDirectoryOptions): string | undefined => {
      const missing: string[] = [];
      for (let at = folder; !real.existsSync(at); at = path.dirname(at)) missing.unshift(at);
      return noted(
        () => real.mkdirSync(folder, options),
        () => missing.flatMap((made) => about(made, (at) => ({ kind: "mkdir", path: at, mode: modeOf(made) }))),
      );
    },
    symlinkSync: (target: string, file: string): void => {
      noted(
        () => {
          real.symlinkSync(target, file);
        },
        () => about(file, (at) => ({ kind: "symlink", path: at, target })),
      );
    },
    linkSync: (file: string, to: string): void => {
      noted(
        () => {
          real.linkSync(file, to);
        },
        () => about(file, (at) => ({ kind: "link", path: at, to: path.relative(root, to) })),
      );
    },
    renameSync: (file: string, to: string): void => {
      noted(
        () => {
          real.renameSync(file, to);
        },
        () => about(file, (at) => ({ kind: "rename", path: at, to: path.relative(root, to) })),
      );
    },
    unlinkSync: (file: string): void => {
      noted(
        () => {
          real.unlinkSync(file);
        },
        () => about(file, (at) => ({ kind: "remove", path: at })),
      );
    },
    rmSync: (file: string, options?: fs.RmOptions): void => {
      const doomed = treeOf(real, file);
      noted(
        () => {
          real.rmSync(file, options);
        },
        () => doomed.flatMap((gone) => about(gone, (at) => ({ kind: "remove", path: at }))),
      );
    },
  });
  syncBuiltinESMExports();
  return {
    rest: () => {
      resting = true;
    },
    stop: () => {
      Object.assign(fs, Object.fromEntries(Object.entries(real).filter(([name]) => RECORDED.has(name))));
      syncBuiltinESMExports();
    },
  };
}

/** What a recursive removal removes one by one, the contents of a folder before it. */
function treeOf(real: Pick<typeof fs, "lstatSync" | "readdirSync">, file: string): readonly string[] {
  const found = real.lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (!found.isDirectory()) return [file];
  return [...real.readdirSync(file).flatMap((name) => treeOf(real, path.join(file, name))), file];
}
