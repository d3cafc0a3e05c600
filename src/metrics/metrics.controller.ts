import { Controller, Get, Headers, Res, UseGuards } from "@nestjs/common";
import type { Response } from "express";
import { CONTENT_TYPES, negotiate } from "./exposition.js";
import { MetricsTokenGuard } from "./metrics-token.guard.js";
import { Scrape } from "./scrape.js";
import { sendPages } from "./send-pages.js";

/** The fleet, the same from every replica: to be scraped once, through the Service. */
@Controller("metrics")
@UseGuards(MetricsTokenGuard)
export class MetricsController {
  constructor(private readonly scrape: Scrape) {}

  @Get()
  async fleet(@Headers("accept") accept: string | undefined, @Res() response: Response): Promise<void> {
    const format = negotiate(accept);
    await sendPages(response, CONTENT_TYPES[format], await this.scrape.pages(format));
  }
}
