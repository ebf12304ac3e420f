/** A browser's storage, without the browser. */

import type { ListedStore } from "../src/core/storage.ts";

export class MapStore implements ListedStore {
  readonly #kept = new Map<string, string>();

  get length(): number {
    return this.#kept.size;
  }

  key(index: number): string | null {
    return [...this.#kept.keys()][index] ?? null;
  }

  keys(): string[] {
    return [...this.#kept.keys()].sort();
  }

  getItem(key: string): string | null {
    return this.#kept.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.#kept.set(key, value);
  }

  removeItem(key: string): void {
    this.#kept.delete(key);
  }
}
