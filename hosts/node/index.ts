export { createNodeHost } from "./host.ts";
export type { NodeHost, NodeHostOptions } from "./host.ts";
