/** An account on which the app is installed. */
export interface Installation {
  readonly id: number;
  readonly account: string;
  readonly accountId: number;
}

/** Organizations (and users), each with the app installed until somebody uninstalls it. */
export class Accounts {
  readonly #installations = new Map<string, Installation>();
  readonly #uninstalled = new Set<string>();

  /** Makes an account known; again changes nothing. */
  add(account: string, accountId?: number): Installation {
    const key = account.toLowerCase();
    const number = this.#installations.size + 1;
    const installation = this.#installations.get(key) ?? { id: 1_000 + number, account, accountId: accountId ?? 9_000 + number };
    this.#installations.set(key, installation);
    return installation;
  }

  has(account: string): boolean {
    return this.#installations.has(account.toLowerCase());
  }

  /** The app's installation on an account; undefined when there is none. */
  of(account: string): Installation | undefined {
    return this.#uninstalled.has(account.toLowerCase()) ? undefined : this.#installations.get(account.toLowerCase());
  }

  get installations(): Installation[] {
    return [...this.#installations.values()].filter(({ account }) => this.of(account));
  }

  uninstall(account: string): void {
    this.#uninstalled.add(account.toLowerCase());
  }
}
