const undos = new Set<() => void>();
let listening = false;

/** Runs `undo` when this process exits, so that no child process, mount or directory stays. @returns a function that cancels it */
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
      // Continue with the others.
    }
  }
}
