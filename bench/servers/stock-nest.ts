import "reflect-metadata";
import { Controller, Headers, HttpCode, Module, Post, type RawBodyRequest, Req, UnauthorizedException } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { Request } from "express";
import type { NestExpressApplication } from "@nestjs/platform-express";
import { signingSecret } from "../../src/intake/signature.js";
import { SECRET } from "../payloads.js";

@Controller("webhook")
class StockController {
  @Post()
  @HttpCode(202)
  receive(@Req() request: RawBodyRequest<Request>, @Headers("x-hub-signature-256") signature: string) {
    if (signingSecret([SECRET], signature, request.rawBody ?? Buffer.alloc(0)) === -1) throw new UnauthorizedException();
    return { status: "accepted" };
  }
}

@Module({ controllers: [StockController] })
class StockModule {}

// Nest on Express, set up for webhooks like in its documentation; no database.
const application = await NestFactory.create<NestExpressApplication>(StockModule, { rawBody: true, logger: false });
application.useBodyParser("json", { limit: "25mb" });
await application.listen(0, "127.0.0.1");
console.log(JSON.stringify({ port: Number(new URL(await application.getUrl()).port) }));
