import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";

/** Labels in an expression, with the metrics that must have them. */
export interface Use {
  readonly label: string;
  /** At least one of these metrics must have the label. */
  readonly metrics: readonly string[];
}

/**
 * The metrics and labels of a PromQL expression, by Prometheus's own grammar.
 * @throws if it is not valid PromQL
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
    // The metrics inside the aggregation, or on both sides of the operator.
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
