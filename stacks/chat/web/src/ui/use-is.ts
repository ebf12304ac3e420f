/** Whether a signal names something, for a view that is rendered again only when that changes. */

import { computed, type ReadonlySignal } from "@preact/signals";
import { useMemo } from "preact/hooks";

export function useIs(named: ReadonlySignal<string | undefined>, id: string | undefined): boolean {
  return useMemo(() => computed(() => id !== undefined && named.value === id), [named, id]).value;
}
