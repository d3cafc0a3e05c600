import protobuf from "protobufjs";

/** A received span with its resource and scope. */
export interface ReceivedSpan {
  /** Hex. */
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root span. */
  readonly parentSpanId: string;
  readonly name: string;
  /** OTLP's numbers: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  /** Nanoseconds since 1970. */
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly time: bigint; readonly attributes: Attributes }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string; readonly attributes: Attributes }[];
  /** Code 0 unset, 1 ok, 2 error. */
  readonly status: { readonly code: number; readonly message: string };
  /** The low byte contains the W3C flags. */
  readonly flags: number;
  readonly resource: Attributes;
  readonly scope: { readonly name: string; readonly version: string };
}

export type Attributes = Readonly<Record<string, unknown>>;

// The part of OTLP that tests read, with its field numbers: https://github.com/open-telemetry/opentelemetry-proto, v1.
const PROTO = `
  syntax = "proto3";
  message Request { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
  message Scope { string name = 1; string version = 2; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; fixed32 flags = 16; string name = 5; int32 kind = 6;
    fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
    repeated Event events = 11; repeated Link links = 13; Status status = 15;
  }
  message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; }
  message Link { bytes trace_id = 1; bytes span_id = 2; repeated KeyValue attributes = 4; }
  message Status { string message = 2; int32 code = 3; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue {
    oneof value {
      string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
      ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7;
    }
  }
  message ArrayValue { repeated AnyValue values = 1; }
  message KeyValueList { repeated KeyValue values = 1; }`;

const REQUEST = protobuf.parse(PROTO).root.lookupType("Request");

type Fields = Readonly<Record<string, unknown>>;

/** @throws if the bytes are not a request */
export function fromProtobuf(body: Buffer): ReceivedSpan[] {
  return spansOf(REQUEST.toObject(REQUEST.decode(body), { longs: String }), (id) => Buffer.from(id as Uint8Array).toString("hex"));
}

/** OTLP's JSON has hex ids, unlike ordinary protobuf JSON. */
export function fromJson(body: Buffer): ReceivedSpan[] {
  return spansOf(JSON.parse(body.toString("utf8")) as Fields, String);
}

function spansOf(request: Fields, hex: (id: unknown) => string): ReceivedSpan[] {
  const id = (value: unknown): string => (value === undefined ? "" : hex(value));
  return many(request["resourceSpans"]).flatMap((under) =>
    many(under["scopeSpans"]).flatMap(({ scope, spans }) =>
      many(spans).map((span) => ({
        traceId: id(span["traceId"]),
        spanId: id(span["spanId"]),
        parentSpanId: id(span["parentSpanId"]),
        name: text(span["name"]),
        kind: Number(span["kind"] ?? 0),
        start: nanoseconds(span["startTimeUnixNano"]),
        end: nanoseconds(span["endTimeUnixNano"]),
        attributes: attributesOf(span["attributes"]),
        events: many(span["events"]).map((event) => ({
          name: text(event["name"]),
          time: nanoseconds(event["timeUnixNano"]),
          attributes: attributesOf(event["attributes"]),
        })),
        links: many(span["links"]).map((link) => ({
          traceId: id(link["traceId"]),
          spanId: id(link["spanId"]),
          attributes: attributesOf(link["attributes"]),
        })),
        status: { code: Number(one(span["status"])["code"] ?? 0), message: text(one(span["status"])["message"]) },
        flags: Number(span["flags"] ?? 0),
        resource: attributesOf(one(under["resource"])["attributes"]),
        scope: { name: text(one(scope)["name"]), version: text(one(scope)["version"]) },
      })),
    ),
  );
}

const many = (value: unknown): readonly Fields[] => (Array.isArray(value) ? (value as Fields[]) : []);
const one = (value: unknown): Fields => (value ?? {}) as Fields;
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const nanoseconds = (value: unknown): bigint => BigInt(String(value ?? 0));

function attributesOf(pairs: unknown): Attributes {
  return Object.fromEntries(many(pairs).map(({ key, value }) => [text(key), valueOf(one(value))]));
}

/** Reads 64-bit integers as numbers, because those of the tests are small. */
function valueOf(any: Fields): unknown {
  if (any["arrayValue"] !== undefined) return many(one(any["arrayValue"])["values"]).map(valueOf);
  if (any["kvlistValue"] !== undefined) return attributesOf(one(any["kvlistValue"])["values"]);
  if (any["intValue"] !== undefined) return Number(any["intValue"]);
  return any["stringValue"] ?? any["boolValue"] ?? any["doubleValue"] ?? any["bytesValue"];
}
