/** The names of the members of a room, each as a signal of its own. */

import { computed, type ReadonlySignal } from "@preact/signals";
import type { Member } from "../core/model.ts";
import { t } from "../text/i18n.ts";

export class Names {
  readonly #members: ReadonlySignal<readonly Member[]>;
  readonly #names = new Map<string, ReadonlySignal<string>>();

  constructor(members: ReadonlySignal<readonly Member[]>) {
    this.#members = members;
  }

  of(user: string): string {
    let name = this.#names.get(user);
    if (name === undefined) {
      name = computed(() => this.#members.value.find((one) => one.user === user)?.name ?? t("somebody"));
      this.#names.set(user, name);
    }
    return name.value;
  }
}
