export { createNodeHost } from "./host.ts";
export type { NodeHost, NodeHostOptions } from "./host.ts";
export { openPlugins } from "./plugins.ts";
export type { OpenPluginsOptions } from "./plugins.ts";
export { createFileStore } from "./store.ts";
export { openJackin } from "./open.ts";
export type { OpenedJackin, OpenOptions } from "./open.ts";
