/** What the OpenAPI document says beside the schemas. */
import { describeRoute, resolver } from "hono-openapi";
import type { GenericSchema } from "valibot";
import { problem, syncBody } from "./schemas.ts";

export const documentation = {
  openapi: "3.1.0",
  info: {
    title: "jackin",
    version: "1",
    description: "Start Claude Code agents in containers, signed in.",
  },
  components: { securitySchemes: { token: { type: "http" as const, scheme: "bearer" } } },
  security: [{ token: [] }],
};

interface DescribeOptions {
  readonly security?: [];
  /** Of a good answer; JSON without it. */
  readonly type?: string;
  readonly requestBody?: typeof optionalBody;
}

/** A route's entry in the OpenAPI document. Every route may also answer 401, 403 and 500. */
export function describe(
  summary: string,
  answers: Readonly<Record<number, GenericSchema>>,
  failures: readonly string[] = [],
  { type = "application/json", ...more }: DescribeOptions = {},
) {
  const good = Object.entries(answers).map(([code, schema]) => [
    code,
    { description: "Done", content: { [type]: { schema: resolver(schema) } } },
  ]);
  const bad = [...(more.security ? [] : ["401"]), "403", ...failures, "500"].map((code) => [
    code,
    {
      description: "Refused or failed",
      content: { "application/problem+json": { schema: resolver(problem) } },
    },
  ]);
  return describeRoute({ summary, ...more, responses: Object.fromEntries([...good, ...bad]) });
}

export const optionalBody = {
  required: false,
  content: { "application/json": { schema: resolver(syncBody) } },
};
