/** What of a Redis' settings lets it lose deliveries, as sentences; nothing where it does not tell. */
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
      ? [`this Redis has maxmemory-policy ${policy}: where its memory is full it may throw the buffer away; set noeviction`]
      : []),
    ...(appendOnly === "no"
      ? ["this Redis has appendonly no: what is in the buffer does not survive its restart; set appendonly yes"]
      : []),
  ];
}
