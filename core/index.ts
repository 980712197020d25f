export type * from "./contracts.ts";
export { cancelled, errorCodes, JackinError, throwIfAborted, toJackinError } from "./error.ts";
export type { ErrorCode, JackinErrorInit } from "./error.ts";
export { createRedactor, createSecret } from "./secret.ts";
export type { Redactor, Secret } from "./secret.ts";
