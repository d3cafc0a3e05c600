import { Controller, Get, Header } from "@nestjs/common";
import { HealthCheck, HealthCheckService } from "@nestjs/terminus";
import { Readiness } from "./readiness.js";

@Controller("health")
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly readiness: Readiness,
  ) {}

  /** All details. */
  @Get()
  @HealthCheck()
  all() {
    return this.#check();
  }

  /** Checks only the process, not the database, because a restart does not fix a database outage. */
  @Get("live")
  @Header("cache-control", "no-store")
  live() {
    return { status: "ok" };
  }

  @Get("ready")
  @HealthCheck()
  ready() {
    return this.#check();
  }

  #check() {
    return this.health.check([
      () => this.readiness.draining(),
      () => this.readiness.processes(),
      () => this.readiness.schema(),
      () => this.readiness.backlog(),
      () => this.readiness.buffer(),
    ]);
  }
}
