/** Warnings about Redis settings that can lose deliveries; empty if Redis does not reveal its settings. */
export async function warnings(ask: (args: readonly string[]) => Promise<unknown>): Promise<string[]> {
  const setting = async (name: string): Promise<string | undefined> => {
    try {
      return String(((await ask(["CONFIG", "GET", name])) as unknown[])[1] ?? "");
    } catch {
      // Managed servers often forbid CONFIG.
      return undefined;
    }
  };
  const [policy, appendOnly] = [await setting("maxmemory-policy"), await setting("appendonly")];
  return [
    ...(policy && policy !== "noeviction"
      ? [`this Redis has maxmemory-policy ${policy}: when its memory is full, it may delete the buffer; set noeviction`]
      : []),
    ...(appendOnly === "no" ? ["this Redis has appendonly no: the buffer is lost when it restarts; set appendonly yes"] : []),
  ];
}
