import { type CanActivate, type ExecutionContext, Injectable, UnauthorizedException } from "@nestjs/common";
import { createHash, timingSafeEqual } from "node:crypto";
import type { Request } from "express";
import { LiveConfig } from "../config/index.js";

/** Asks for `Authorization: Bearer <METRICS_TOKEN>` where a token is configured. */
@Injectable()
export class MetricsTokenGuard implements CanActivate {
  constructor(private readonly live: LiveConfig) {}

  canActivate(context: ExecutionContext): boolean {
    const token = this.live.metricsToken;
    if (!token) return true;
    const given = context.switchToHttp().getRequest<Request>().headers.authorization ?? "";
    // Hashes are of equal length, so the comparison takes the same time whatever was given.
    if (timingSafeEqual(sha256(given), sha256(`Bearer ${token}`))) return true;
    throw new UnauthorizedException("send the metrics token: Authorization: Bearer <METRICS_TOKEN>");
  }
}

const sha256 = (text: string): Buffer => createHash("sha256").update(text).digest();
