import { BlockList, isIP } from "node:net";

export const NETWORK_FORMS = "addresses or networks separated by commas, such as 192.30.252.0/22 or 2606:50c0::/32";

/** A set of networks. */
export class Networks {
  readonly #members = new BlockList();

  constructor(readonly entries: readonly { readonly address: string; readonly prefix: number }[]) {
    for (const { address, prefix } of entries) this.#members.addSubnet(address, prefix, familyOf(address));
  }

  /** @param address IPv4, IPv6, or IPv4 mapped to IPv6 as from a dual-stack socket; other text is in no network */
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
