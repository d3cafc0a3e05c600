// Loaded into a replica before it starts: texts that end or hang whoever reads them.
const parse = JSON.parse;
JSON.parse = (text, reviver) => {
  if (typeof text === "string" && text.includes("poison that kills")) process.kill(process.pid, "SIGKILL");
  if (typeof text === "string" && text.includes("poison that hangs")) for (;;);
  return parse(text, reviver);
};
