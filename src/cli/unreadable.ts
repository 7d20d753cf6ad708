import { OperationalError } from "../base/errors.ts";

/** A file of the command line that cannot be read, in our own words. */
export function unreadable(file: string, error: unknown): OperationalError {
  const errno = error instanceof Error && "code" in error ? error.code : undefined;
  const options = { retry: "never", cause: error } as const;
  if (errno === "ENOENT") return new OperationalError("FILE_NOT_FOUND", `${file}: no such file`, options);
  if (errno === "EACCES") return new OperationalError("PERMISSION_DENIED", `${file}: permission denied`, options);
  if (errno === "EISDIR") {
    const hint = "name the file in it, for example fullchain.pem";
    return new OperationalError("FILE_UNREADABLE", `${file} is a directory`, { ...options, hint });
  }
  const why = error instanceof Error ? error.message : String(error);
  return new OperationalError("FILE_UNREADABLE", `${file}: ${why}`, options);
}
