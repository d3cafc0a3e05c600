/** The labels of a series in exposition text, without braces: `owner="o",repo="r"`. The text is also the key of the row. */
export function renderLabels(names: readonly string[], values: readonly string[]): string {
  let text = "";
  for (let index = 0; index < names.length; index += 1) {
    text += `${index === 0 ? "" : ","}${names[index]}="${escapeLabel(values[index] ?? "")}"`;
  }
  return text;
}

const SPECIAL = /[\\"\n]/;

/** Prometheus text format: backslash, double quote and line feed are escaped. */
export function escapeLabel(value: string): string {
  if (!SPECIAL.test(value)) return value;
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

const LABEL = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g;
const UNESCAPED: Readonly<Record<string, string>> = { "\\\\": "\\", '\\"': '"', "\\n": "\n" };

/** Parses exposition text into label values by name. */
export function parseLabels(text: string): Readonly<Record<string, string>> {
  const pairs = [...text.matchAll(LABEL)].map(([, name = "", value = ""]) => [
    name,
    value.replaceAll(/\\./g, (escape) => UNESCAPED[escape] ?? escape),
  ]);
  return Object.fromEntries(pairs) as Record<string, string>;
}
