/** A node of EXPLAIN's JSON, with the fields that the tests read. */
interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly Strategy?: string;
  readonly "Index Name"?: string;
  readonly "Conflict Arbiter Indexes"?: readonly string[];
  readonly "Shared Hit Blocks"?: number;
  readonly "Shared Read Blocks"?: number;
  readonly Plans?: readonly PlanNode[];
}

/** How the database ran one statement. */
export interface Plan {
  readonly text: string;
  /** Tables with a sequential scan. */
  readonly wholeTables: readonly string[];
  readonly indexes: readonly string[];
  /** Whether it groups by hash, without a sort. */
  readonly hashes: boolean;
  /** Buffers touched, cached or not. Unlike times, they do not depend on the machine. */
  readonly buffers: number;
}

/** @param explained the result of EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) */
export function readPlan(text: string, explained: readonly [{ readonly Plan: PlanNode }]): Plan {
  const [{ Plan: root }] = explained;
  const nodes = allNodes(root);
  const indexes = nodes.flatMap((node) => [
    ...(node["Index Name"] ? [node["Index Name"]] : []),
    ...(node["Conflict Arbiter Indexes"] ?? []),
  ]);
  return {
    text,
    wholeTables: nodes.filter((node) => node["Node Type"] === "Seq Scan").map((node) => node["Relation Name"] ?? ""),
    indexes: [...new Set(indexes)],
    hashes: nodes.some(({ Strategy }) => Strategy === "Hashed"),
    buffers: (root["Shared Hit Blocks"] ?? 0) + (root["Shared Read Blocks"] ?? 0),
  };
}

const allNodes = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(allNodes)];
