const undos = new Set<() => void>();

/** Runs `undo` when this process ends early, so that no child, mount or directory is left behind. Returns how to call it off. */
export function atExit(undo: () => void): () => void {
  if (undos.size === 0) process.once("exit", undoAll);
  undos.add(undo);
  return () => undos.delete(undo);
}

function undoAll(): void {
  for (const undo of [...undos].toReversed()) {
    try {
      undo();
    } catch {
      // The others still want their turn.
    }
  }
}
