import type { IncomingMessage, ServerResponse } from "node:http";
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Authority, Refusal, Renewed } from "./authority.ts";
import type { SeenKind, SeenRecord } from "./record.ts";

/** How turns are answered; a test may change it at any moment. */
export interface Turns {
  /** The assistant's text for what the user said last. */
  reply: (prompt: string) => string;
  /** Pause between the start of an answer and its text, in ms. */
  delayMs: number;
  /** While this is pending no answer goes past its start. */
  held: Promise<void> | undefined;
  /** A turn of a good token for which this answers something is refused with it. */
  refuse: (prompt: string, account: string) => ApiError | undefined;
}

/** What the API answers instead of a turn, e.g. `403`, `permission_error` and its text. */
export interface ApiError {
  readonly status: number;
  readonly type: string;
  readonly message: string;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

// The texts that the real API sends.
const refusals: Record<Refusal, string> = {
  malformed: "Invalid bearer token",
  unknown: "Invalid authentication credentials",
  expired: "OAuth token has expired. Please obtain a new token or refresh your existing token.",
  revoked: "OAuth token has been revoked. Please obtain a new token.",
};

/** The stand-in for platform.claude.com and api.anthropic.com, one handler for both names. */
export function createApi(authority: Authority, record: SeenRecord, turns: Turns) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url ?? "/", "http://lab").pathname;
    const method = request.method ?? "GET";
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    const body = parseBody(await readAll(request));
    const note = (
      kind: SeenKind,
      status: number,
      more: { bearer?: string; account?: string; prompt?: string } = {},
    ) => record.add({ kind, method, path, status, ...(bearer ? { bearer } : {}), ...more });

    if (path === "/v1/oauth/token" && method === "POST") {
      const { answer, kind, presented, account } = exchange(authority, body);
      note(kind, answer.status, { bearer: presented, ...(account ? { account } : {}) });
      return send(response, answer);
    }
    if (method === "HEAD" || path === "/api/hello") {
      note("other", 200);
      return send(response, { status: 200, body: {} });
    }

    const checked = authority.check(bearer);
    const prompt = path === "/v1/messages" && method === "POST" ? lastPrompt(body) : undefined;
    const kind =
      prompt !== undefined
        ? "message"
        : path in minimal || path === countTokens
          ? "other"
          : "unknown";
    const who = {
      ...(checked.ok ? { account: checked.account } : {}),
      ...(prompt !== undefined ? { prompt } : {}),
    };
    if (!checked.ok) {
      note(kind, 401, who);
      return send(response, {
        status: 401,
        body: apiError(
          "authentication_error",
          "x-api-key" in request.headers && !bearer ? "invalid x-api-key" : refusals[checked.why],
        ),
      });
    }
    if (prompt !== undefined) {
      const refused = turns.refuse(prompt, checked.account);
      note(kind, refused?.status ?? 200, who);
      if (refused) return send(response, toAnswer(refused));
      return answerTurn(response, turns, prompt, body);
    }
    if (path === countTokens) {
      note(kind, 200, who);
      return send(response, { status: 200, body: { input_tokens: 1 } });
    }
    const known = minimal[path];
    note(kind, known ? 200 : 404, who);
    return send(
      response,
      known
        ? { status: 200, body: known(checked.account) }
        : { status: 404, body: apiError("not_found_error", "Not found") },
    );
  };
}

const countTokens = "/v1/messages/count_tokens";

// What Claude Code 2.1.330 asks beside its turns, answered with as little as it accepts.
const minimal: Record<string, (account: string) => unknown> = {
  "/api/oauth/profile": (account) => ({
    account: {
      uuid: accountId(account),
      email: account,
      full_name: "Lab Operator",
      display_name: "Operator",
      has_claude_max: true,
      has_claude_pro: false,
    },
    organization: {
      uuid: accountId(`org ${account}`),
      name: "Lab",
      organization_type: "claude_max",
      rate_limit_tier: "default_claude_max_5x",
    },
  }),
  "/api/oauth/claude_cli/roles": (account) => ({
    organization_uuid: accountId(`org ${account}`),
    organization_name: "Lab",
    organization_role: "admin",
    workspace_role: null,
  }),
  "/api/claude_cli/bootstrap": () => ({}),
  "/api/oauth/account/settings": () => ({}),
  "/api/claude_code/settings": () => ({}),
  "/api/claude_code/policy_limits": () => ({ restrictions: {} }),
  "/api/claude_code_grove": () => ({}),
  "/api/claude_code_penguin_mode": () => ({ enabled: false }),
  "/api/oauth/usage": () => ({ five_hour: null, seven_day: null }),
};

function exchange(
  authority: Authority,
  body: Record<string, unknown>,
): { answer: Answer; kind: SeenKind; presented: string; account?: string } {
  const refused = {
    status: 400,
    body: { error: "invalid_grant", error_description: "Refresh token not found or invalid" },
  };
  if (body["grant_type"] === "refresh_token") {
    const presented = String(body["refresh_token"] ?? "");
    const given = authority.renew(presented);
    return given
      ? { answer: granted(given), kind: "renewal", presented, account: given.account }
      : { answer: refused, kind: "renewal", presented };
  }
  if (body["grant_type"] === "authorization_code") {
    const presented = String(body["code"] ?? "");
    const seconds = Number(body["expires_in"] ?? 0);
    const given = body["code_verifier"] ? authority.redeem(presented, seconds * 1000) : undefined;
    return given
      ? { answer: granted(given), kind: "login", presented, account: given.account }
      : { answer: refused, kind: "login", presented };
  }
  return {
    answer: { status: 400, body: { error: "unsupported_grant_type" } },
    kind: "unknown",
    presented: "",
  };
}

function granted(given: Renewed): Answer {
  return {
    status: 200,
    body: {
      token_type: "Bearer",
      access_token: given.accessToken,
      ...(given.refreshToken ? { refresh_token: given.refreshToken } : {}),
      expires_in: Math.ceil(given.lifetimeMs / 1000),
      scope: given.scopes.join(" "),
      account: { uuid: accountId(given.account), email_address: given.account },
      organization: { uuid: accountId(`org ${given.account}`), name: "Lab" },
    },
  };
}

async function answerTurn(
  response: ServerResponse,
  turns: Turns,
  prompt: string,
  body: Record<string, unknown>,
): Promise<void> {
  const message = {
    id: `msg_lab_${Date.now().toString(36)}`,
    type: "message",
    role: "assistant",
    model: body["model"],
    content: [] as unknown[],
    stop_reason: null as string | null,
    stop_sequence: null,
    usage: {
      input_tokens: 1,
      output_tokens: 1,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
    },
  };
  const pause = async () => {
    await sleep(turns.delayMs);
    await turns.held;
  };
  if (body["stream"] !== true) {
    await pause();
    const content = [{ type: "text", text: turns.reply(prompt) }];
    return send(response, { status: 200, body: { ...message, content, stop_reason: "end_turn" } });
  }
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  const emit = (event: { type: string } & Record<string, unknown>) =>
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  emit({ type: "message_start", message });
  emit({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } });
  await pause();
  emit({
    type: "content_block_delta",
    index: 0,
    delta: { type: "text_delta", text: turns.reply(prompt) },
  });
  emit({ type: "content_block_stop", index: 0 });
  emit({
    type: "message_delta",
    delta: { stop_reason: "end_turn", stop_sequence: null },
    usage: { output_tokens: 1 },
  });
  emit({ type: "message_stop" });
  response.end();
}

/** The text of the last user message, without what Claude Code adds in `<system-reminder>`s. */
function lastPrompt(body: Record<string, unknown>): string {
  const messages = Array.isArray(body["messages"])
    ? (body["messages"] as { role?: string; content?: unknown }[])
    : [];
  const content = messages.findLast((message) => message.role === "user")?.content ?? "";
  if (typeof content === "string") return content;
  const texts = (content as { type?: string; text?: string }[])
    .filter((part) => part.type === "text")
    .map((part) => part.text ?? "");
  return texts.filter((text) => !text.startsWith("<system-reminder>")).at(-1) ?? "";
}

function accountId(account: string): string {
  const hex = createHash("sha256").update(account).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function apiError(type: string, message: string): unknown {
  return { type: "error", error: { type, message } };
}

// With the header by which the API tells a client that another try is of no use; 429 and 5xx are tried for minutes else.
function toAnswer({ status, type, message }: ApiError): Answer {
  return { status, body: apiError(type, message), headers: { "x-should-retry": "false" } };
}

function send(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
  response.end(JSON.stringify(answer.body));
}

async function readAll(request: IncomingMessage): Promise<string> {
  let text = "";
  request.setEncoding("utf8");
  for await (const chunk of request) text += chunk as string;
  return text;
}

function parseBody(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return Object.fromEntries(new URLSearchParams(text));
  }
}
