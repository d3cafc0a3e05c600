import { Controller, Get, Res, UseGuards } from "@nestjs/common";
import { PrometheusController } from "@willsoto/nestjs-prometheus";
import type { Response } from "express";
import { MetricsTokenGuard } from "./metrics-token.guard.js";

/** This process alone: to be scraped on every replica. */
@Controller("metrics/process")
@UseGuards(MetricsTokenGuard)
export class ProcessMetricsController extends PrometheusController {
  @Get()
  override async index(@Res({ passthrough: true }) response: Response): Promise<string> {
    return super.index(response);
  }
}
