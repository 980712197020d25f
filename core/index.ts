export type * from "./contracts.ts";
export type * from "./host.ts";
export {
  configVersion,
  createConfigSchema,
  defaultMode,
  namePattern,
  parseConfig,
  refuseName,
} from "./config.ts";
export type {
  ClaudeScope,
  Config,
  ConfigProblem,
  ParsedConfig,
  Scope,
  WorkspaceConfig,
} from "./config.ts";
export type { Drift, DriftState } from "./drift.ts";
export { cancelled, errorCodes, JackinError, throwIfAborted, toJackinError } from "./error.ts";
export type { ErrorCode, JackinErrorInit } from "./error.ts";
export { looksSecret } from "./environment.ts";
export { credentialsFile, planFirstRun, settleLogin } from "./agent-home.ts";
export { answerFirstRun } from "./first-run.ts";
export type { FirstRunChange, FirstRunFile, FirstRunFiles, FirstRunOptions } from "./first-run.ts";
export {
  detachedCode,
  detachKey,
  envText,
  endedCode,
  failedCommand,
  holdCommand,
  holderFiles,
  quoteShell,
  tellText,
  terminalReset,
} from "./holder.ts";
export type { HolderOptions } from "./holder.ts";
export type { Source } from "./explain.ts";
export type { Explanation, ExplainRequest } from "./explain-target.ts";
export type { AuthFailure, FailureCause } from "./failure.ts";
export { fingerprint, toCredential } from "./credential.ts";
export type { Credential, Fingerprint } from "./credential.ts";
export { createBell } from "./bell.ts";
export type { Bell } from "./bell.ts";
export { bearsOnSignIn, toSettingsLayer } from "./settings-layer.ts";
export type { SettingsLayer } from "./settings-layer.ts";
export type { ConfigChange, EditConfig } from "./edit-config.ts";
export { createJackin } from "./jackin.ts";
export type { CallOptions, Jackin, JackinOptions, Printed, PrintOptions } from "./jackin.ts";
export { outranking, withoutCredentials } from "./outranking.ts";
export type { EventKind, JackinEvent, Journal } from "./journal.ts";
export type { LaunchRequest } from "./launch.ts";
export { migrate } from "./migrate.ts";
export type { Change, Migrated } from "./migrate.ts";
export { didYouMean, nearest } from "./nearest.ts";
export { authHealth, doctor, effectiveModes } from "./overview.ts";
export type { Check, EffectiveMode, ModeHealth } from "./overview.ts";
export type { Refreshed } from "./deliver.ts";
export { classify, schemeOf } from "./reference.ts";
export type { Classified, EnvValue } from "./reference.ts";
export type { Alert, InstanceStatus, KeeperStatus, Status } from "./roster.ts";
export { mergeEnv, modeOptions, scopeName, scopesOf, tableOf } from "./scope.ts";
export type { EnvEntry, NamedScope, TraceLine } from "./scope.ts";
export { createRedactor, createSecret } from "./secret.ts";
export type { Redactor, Secret } from "./secret.ts";
export type { Launched, LoadedConfig } from "./start.ts";
export { isStoredName, toStoredName } from "./stored-name.ts";
export { findTarget } from "./target.ts";
export { toWarning } from "./to-warning.ts";
export { revokePage, tokenVariable } from "./token.ts";
export type { Capture, CaptureState } from "./token-capture.ts";
export { expiryBanner, tokenCommand } from "./token-expiry.ts";
export type { TokenVerb } from "./token-expiry.ts";
export type { TokenEntry, TokenScope } from "./token-ledger.ts";
export { checkTokenlessMode, sameTokenNotice, tokenlessModes } from "./token-release.ts";
export { checkPlace } from "./token-store.ts";
export { checkScope, isSameScope } from "./token-use.ts";
export { toPastedToken, toToken, usualToken } from "./token-text.ts";
export type { TokenText } from "./token-text.ts";
export type {
  Brought,
  Installed,
  InstallRequest,
  PlacesOptions,
  ProbeOptions,
  RestartOptions,
  Released,
  ReleaseRequest,
  Retired,
  TokenPlace,
  TokenReport,
  Tokens,
  TokenStatus,
} from "./tokens.ts";
export { uncancelled } from "./uncancelled.ts";
export { within } from "./within.ts";
export type { Limit } from "./within.ts";
export { clause, toDate } from "./wording.ts";
