/** An account with an installation of the App. */
export interface Installation {
  readonly id: number;
  readonly account: string;
  readonly accountId: number;
}

/** Organizations and users. Each has the App installed until a test uninstalls it. */
export class Accounts {
  readonly #installations = new Map<string, Installation>();
  readonly #uninstalled = new Set<string>();

  /** Adds an account. Idempotent. */
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

  /** The App's installation on an account, or undefined. */
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
