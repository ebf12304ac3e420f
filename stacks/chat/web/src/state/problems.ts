/** Why the chat's API did not do something, in the language of the page. */

import { ApiError } from "../net/requests.ts";
import { t } from "../text/i18n.ts";

/** Whether the API refused what was entered, and not the service or the moment. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && error.status < 500 && error.status !== 429;
}

/** @param refusal what an answer 4xx means here; by default the reason that it gives */
export function explain(error: unknown, refusal?: string): string {
  if (!(error instanceof ApiError)) return t("errorUnavailable");
  if (error.status >= 500) return withId(t("errorUnavailable"), error);
  if (error.retryAfter !== undefined) return t("errorBusy", { seconds: error.retryAfter });
  return refusal ?? withId(t("errorOther", { reason: error.message }), error);
}

/** Add what an operator needs to find out why. */
function withId(text: string, { traceId }: ApiError): string {
  return traceId === undefined ? text : `${text} ${t("reportId", { id: traceId })}`;
}
