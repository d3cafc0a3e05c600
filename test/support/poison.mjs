// Loaded into a replica before its start: these texts end or hang the process that reads them.
const parse = JSON.parse;
JSON.parse = (text, reviver) => {
  if (typeof text === "string" && text.includes("poison that kills")) process.kill(process.pid, "SIGKILL");
  if (typeof text === "string" && text.includes("poison that hangs")) for (;;);
  return parse(text, reviver);
};
