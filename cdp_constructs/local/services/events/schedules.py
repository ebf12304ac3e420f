"""EventBridge rules and EventBridge Scheduler schedules can be triggered at once.

`POST /_cdp/schedules/fire?region=us-west-2&name=<rule or schedule>` does what the next occurrence of a `rate` or `cron`
expression would do. MiniStack itself checks every ten seconds which ones are due.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import admin, ministack

_events: Any = ministack.module("services.eventbridge", "_rule_last_fired", "_rules", "_tick_scheduled_rules")
_scheduler: Any = ministack.module("services.scheduler", "_schedule_last_fired", "_schedules", "_tick_schedules")


@admin.route("POST", "schedules/fire")
def _fire(request: Mapping[str, Any]) -> Mapping[str, Any]:
    region, name = request["region"], request["name"]
    stores: tuple[tuple[Any, dict[Any, Any], Callable[[], None]], ...] = (
        (_events._rules, _events._rule_last_fired, _events._tick_scheduled_rules),
        (_scheduler._schedules, _scheduler._schedule_last_fired, _scheduler._tick_schedules),
    )
    fired = []
    for store, last_fired, tick in stores:
        for key, item in store._data.items():
            expression = item.get("ScheduleExpression", "")
            if key[1] != region or item["Name"] != name or not expression.startswith(("rate(", "cron(")):
                continue
            if item["State"] != "ENABLED":
                raise admin.AdminError(f"{item['Arn']} is disabled; enable it first")
            last_fired[key] = 0  # its last occurrence is long ago, so the next one is due
            fired.append(item["Arn"])
            threading.Thread(target=tick, daemon=True).start()  # targets may call back, so not on the event loop
    if not fired:
        raise admin.AdminError(f"there is no rule or schedule {name} with a rate or cron expression in {region}")
    return {"fired": fired}
