import { BlockList, isIP } from "node:net";

export const NETWORK_FORMS = "addresses or networks parted by commas, such as 192.30.252.0/22 or 2606:50c0::/32";

/** A set of networks, as it was written. */
export class Networks {
  readonly #members = new BlockList();

  constructor(readonly entries: readonly { readonly address: string; readonly prefix: number }[]) {
    for (const { address, prefix } of entries) this.#members.addSubnet(address, prefix, familyOf(address));
  }

  /** @param address what is none is in no network; an IPv4 address may come as IPv6, as from a dual-stack socket */
  has(address: string): boolean {
    const [plain = ""] = address.split("%", 1);
    return isIP(plain) !== 0 && this.#members.check(plain, familyOf(plain));
  }

  toString(): string {
    return this.entries.map(({ address, prefix }) => `${address}/${prefix}`).join(",");
  }
}

export function readNetworks(value: string): Networks | undefined {
  const entries = value
    .split(/[,\s]+/)
    .filter(Boolean)
    .map((entry) => {
      const [, address = "", digits] = /^([0-9a-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
      const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
      const prefix = digits === undefined ? bits : Number(digits);
      return prefix <= bits ? { address, prefix } : undefined;
    });
  return entries.every((entry) => entry !== undefined && entry.prefix >= 0) ? new Networks(entries as Networks["entries"]) : undefined;
}

const familyOf = (address: string) => (isIP(address) === 4 ? "ipv4" : "ipv6");
