import { Controller, Get, Headers, Req, Res, UseGuards } from "@nestjs/common";
import type { Request, Response } from "express";
import { CONTENT_TYPES, negotiate } from "./exposition.js";
import { gzipped } from "./gzip.js";
import { MetricsTokenGuard } from "./metrics-token.guard.js";
import { Scrape } from "./scrape.js";
import { sendPages } from "./send-pages.js";

/** Fleet-wide metrics, the same from every replica. Scrape once, through the Service. */
@Controller("metrics")
@UseGuards(MetricsTokenGuard)
export class MetricsController {
  constructor(private readonly scrape: Scrape) {}

  @Get()
  async fleet(@Headers("accept") accept: string | undefined, @Req() request: Request, @Res() response: Response): Promise<void> {
    const format = negotiate(accept);
    const pages = await this.scrape.pages(format);
    response.vary("accept, accept-encoding");
    if (request.acceptsEncodings("gzip") !== "gzip") return sendPages(response, CONTENT_TYPES[format], pages);
    const compressed = await gzipped(pages);
    // Set after compression: an error response is not compressed.
    response.setHeader("content-encoding", "gzip");
    await sendPages(response, CONTENT_TYPES[format], compressed);
  }
}
