import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from "@nestjs/common";
import { STATUS_CODES } from "node:http";
import type { Response } from "express";
import { logEntry } from "../logging/index.js";

/** Formats errors of the management listener as RFC 9457 problems. Answers of /health keep their own format. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger = new Logger("management");

  catch(error: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    if (response.headersSent) return;
    const status = error instanceof HttpException ? error.getStatus() : 500;
    const body = error instanceof HttpException ? error.getResponse() : undefined;
    if (typeof body === "object" && "details" in body) {
      response.status(status).json(body);
      return;
    }
    if (!(error instanceof HttpException)) this.#logger.error(logEntry("a request failed with an unexpected error", { error }));
    const title = STATUS_CODES[status] ?? "Error";
    const detail = error instanceof HttpException ? error.message : "unexpected error; see the log of this process";
    response
      .status(status)
      .type("application/problem+json")
      .send(JSON.stringify({ type: "about:blank", title, status, detail }));
  }
}
