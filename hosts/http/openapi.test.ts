import { describe, expect, it } from "vitest";
import { setUp } from "./app-double.ts";
import * as schemas from "./schemas.ts";

describe("/openapi.json", () => {
  it("lists every route, its answers and its failures, in schemas that resolve", async () => {
    const { app } = setUp();
    const answer = await app.request("/openapi.json");
    const document = (await answer.json()) as OpenApi;
    expect(document).toMatchObject({ openapi: "3.1.0", info: { title: "jackin" } });

    const routes = app.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
    const listed = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(listed.toSorted()).toEqual([...new Set(routes)].toSorted());

    const ids = new Set<string>();
    for (const operation of Object.values(document.paths).flatMap((item) => Object.values(item))) {
      ids.add(operation.operationId);
      expect(operation.summary).toMatch(/\w/);
      const codes = Object.keys(operation.responses);
      expect(codes).toContain("500");
      expect(codes.includes("401")).toBe(operation.security?.length !== 0);
      for (const { description, content } of Object.values(operation.responses)) {
        expect(description).toMatch(/\w/);
        for (const { schema } of Object.values(content ?? {})) expect(schema).toBeTypeOf("object");
      }
    }
    expect(ids.size).toBe(listed.length);
    for (const [, reference] of JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)) {
      const found = reference!
        .slice(2)
        .split("/")
        .reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], document);
      expect(found, reference).toBeTypeOf("object");
    }
    const post = document.paths["/v1/instances"]!["post"]!;
    expect(post).toMatchObject({
      requestBody: {
        required: true,
        content: { "application/json": { schema: { $ref: "#/components/schemas/Launch" } } },
      },
      responses: {
        201: {
          content: { "application/json": { schema: { $ref: "#/components/schemas/Launched" } } },
        },
      },
    });
    expect(document.paths["/v1/auth/sync"]!["post"]).toMatchObject({
      requestBody: {
        required: false,
        content: { "application/json": { schema: { $ref: "#/components/schemas/Sync" } } },
      },
    });
    expect(document.paths["/v1/events"]!["get"]).toMatchObject({
      responses: {
        200: {
          content: { "text/event-stream": { schema: { $ref: "#/components/schemas/Event" } } },
        },
      },
    });
    expect(document.paths["/v1/tokens/setups"]!["post"]).toMatchObject({
      requestBody: {
        content: { "application/json": { schema: { $ref: "#/components/schemas/SetUpToken" } } },
      },
      responses: {
        201: {
          content: { "application/json": { schema: { $ref: "#/components/schemas/TokenSetup" } } },
        },
      },
    });
    expect(document.paths["/v1/tokens/setups/{id}"]!["get"]).toMatchObject({
      parameters: expect.arrayContaining([
        expect.objectContaining({ in: "query", name: "after" }),
      ]) as unknown,
    });
    const { Launch } = document.components.schemas;
    expect(Launch).toMatchObject({ type: "object", additionalProperties: false });
    expect(Object.keys(Launch!.properties)).toEqual(Object.keys(schemas.launchBody.entries));
  });

  interface OpenApi {
    readonly paths: Record<
      string,
      Record<
        string,
        {
          readonly operationId: string;
          readonly summary: string;
          readonly security?: readonly unknown[];
          readonly responses: Record<
            string,
            {
              readonly description: string;
              readonly content?: Record<string, { readonly schema: unknown }>;
            }
          >;
        }
      >
    >;
    readonly components: { readonly schemas: Record<string, { readonly properties: object }> };
  }
});
