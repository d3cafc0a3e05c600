import { type ServerResponse, STATUS_CODES } from "node:http";

/** An answer of the public listener. The reason is a label of the process metrics. */
export interface WebhookAnswer {
  readonly status: number;
  readonly reason: string;
  readonly body: string;
  /** Names and values alternate, as `writeHead` takes them. Frequent answers are built only once. */
  readonly headers: readonly string[];
}

export const ACCEPTED: WebhookAnswer = stored("accepted");
export const DUPLICATE: WebhookAnswer = stored("duplicate");

/** Answers beyond the budgets. */
export const TOO_MANY: WebhookAnswer = unavailable("overload-requests", "too many deliveries at once; send this one again later");
export const TOO_MUCH: WebhookAnswer = unavailable("overload-bytes", "too many bytes at once; send this delivery again later");
export const TOO_SLOW: WebhookAnswer = problem(
  408,
  "slow-body",
  "the body arrived more slowly than BODY_MIN_RATE; send this delivery again later",
  ["connection", "close"],
);
export const NOT_ALLOWED: WebhookAnswer = problem(
  403,
  "sender",
  "deliveries from this address are not allowed; see WEBHOOK_ALLOW and TRUSTED_PROXIES",
  ["connection", "close"],
);
export const NOT_STORED: WebhookAnswer = unavailable("database", "the delivery could not be stored; send it again later");
export const LATE: WebhookAnswer = unavailable("deadline", "the delivery could not be stored in time; send it again later");

function stored(status: string): WebhookAnswer {
  return answer(202, status, "application/json", { status });
}

/** An error in the form of RFC 9457. */
export function problem(status: number, reason: string, detail: string, headers: readonly string[] = []): WebhookAnswer {
  return answer(
    status,
    reason,
    "application/problem+json",
    { type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, detail },
    headers,
  );
}

/** 503: the sender should send again later. GitHub sends again only when a redelivery is requested. */
function unavailable(reason: string, detail: string): WebhookAnswer {
  return problem(503, reason, detail, ["retry-after", "5"]);
}

export function send(response: ServerResponse, { status, headers, body }: WebhookAnswer): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, headers as string[]);
  response.end(body);
}

function answer(status: number, reason: string, type: string, content: object, headers: readonly string[] = []): WebhookAnswer {
  const body = JSON.stringify(content);
  const all = ["content-type", type, "content-length", String(Buffer.byteLength(body)), "x-content-type-options", "nosniff", ...headers];
  return { status, reason, body, headers: all };
}
