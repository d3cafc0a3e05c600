import { expect, it } from "vitest";
import { negotiate } from "../../src/metrics/exposition.js";

it.each([
  [undefined, "text"],
  ["*/*", "text"],
  [
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "openmetrics",
  ],
  ["application/openmetrics-text;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.5", "text"],
  ["application/openmetrics-text;q=0, text/plain", "text"],
  ["application/openmetrics-text;q=0", "text"],
  ["text/*, application/openmetrics-text; q=0.9", "text"],
  ["Application/OpenMetrics-Text; version=1.0.0; q=1.0", "openmetrics"],
])("Accept: %s selects %s", (accept, format) => {
  expect(negotiate(accept)).toBe(format);
});
