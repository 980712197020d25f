// @peculiar/x509 reaches tsyringe, which refuses to load without a Reflect metadata API. The certificates made here
// need no injected parameter, so an API that knows nothing is enough. Import this file before the package.
const api = Reflect as unknown as Record<string, unknown>;
api["getMetadata"] ??= () => undefined;
api["getOwnMetadata"] ??= () => undefined;
api["defineMetadata"] ??= () => undefined;

export {};
