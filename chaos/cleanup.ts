const undos = new Set<() => void>();
let listening = false;

/** Runs `undo` when this process ends early, so that no child, mount or directory is left behind. Returns how to call it off. */
export function atExit(undo: () => void): () => void {
  if (!listening) process.once("exit", undoAll);
  listening = true;
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
