import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";

/** Labels that an expression speaks of, with the metrics that have to have them. */
export interface Use {
  readonly label: string;
  /** Of the series that come together there, at least one has to have it. */
  readonly metrics: readonly string[];
}

/**
 * What a PromQL expression speaks of, by Prometheus's own grammar.
 * @throws where it is no PromQL
 */
export function readPromql(expression: string): { metrics: string[]; uses: Use[] } {
  const root = parser.parse(expression).topNode;
  const text = ({ from, to }: SyntaxNode) => expression.slice(from, to);
  const wrong = all(root).find(({ type }) => type.isError);
  if (wrong) throw new Error(`no PromQL at ${wrong.from}: ${expression}`);
  const metricOf = (selector: SyntaxNode) => text(selector.getChild("Identifier")!);
  const selectors = all(root).filter(({ name }) => name === "VectorSelector");
  const uses: Use[] = [];
  for (const selector of selectors)
    for (const { name, node } of all(selector).map((node) => ({ name: node.name, node })))
      if (name === "LabelName") uses.push({ label: text(node), metrics: [metricOf(selector)] });
  for (const grouping of all(root).filter(({ name }) => name === "GroupingLabels")) {
    // Of what is aggregated, or of both sides of an operator.
    const owner = grouping.parent!.name === "AggregateModifier" ? grouping.parent!.parent! : expressionAround(grouping);
    const metrics = all(owner)
      .filter(({ name }) => name === "VectorSelector")
      .map(metricOf);
    for (const label of all(grouping).filter(({ name }) => name === "LabelName")) uses.push({ label: text(label), metrics });
  }
  return { metrics: [...new Set(selectors.map(metricOf))], uses };
}

function expressionAround(node: SyntaxNode): SyntaxNode {
  let around = node;
  while (around.name !== "BinaryExpr" && around.parent) around = around.parent;
  return around;
}

function all(node: SyntaxNode): SyntaxNode[] {
  const nodes: SyntaxNode[] = [node];
  for (let child = node.firstChild; child; child = child.nextSibling) nodes.push(...all(child));
  return nodes;
}
