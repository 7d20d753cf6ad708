/** What was built, filled in by the bundler. */
declare const __DANEWARD_VERSION__: string;
declare const __DANEWARD_BUILD__: string;

/** The version that was built; `0.0.0` when the sources run unbundled. */
export const VERSION: string = typeof __DANEWARD_VERSION__ === "string" ? __DANEWARD_VERSION__ : "0.0.0";

/** Tells one build from another, also of one version; `unbundled` when the sources run as they are. */
export const BUILD: string = typeof __DANEWARD_BUILD__ === "string" ? __DANEWARD_BUILD__ : "unbundled";
