"""One measurement, followed by the id that AWS IoT gave it."""

import asyncio

from demo.follow import followed, shown
from demo.iot.operator import STACK
from demo.iot.stage import Stage
from demo.report import expect

_THING, _THRESHOLD = "home-01", "TooHot"
_FUNCTIONS = ("TelemetrySpeedFunction", "AlertsArchiver", "AlertsTicketsFunction")


async def follow_the_alert(stage: Stage) -> str:
    """Follow the measurement that crossed a threshold: speed layer, alert, archive, ticket, and batch layer."""
    operator = stage.operator
    [alert] = [
        found
        for found in await asyncio.to_thread(operator.alerts)
        if (found["thing"], found["threshold"], found["state"]) == (_THING, _THRESHOLD, "crossed")
    ]
    identity = alert["traceparent"].split("-")[1]
    way = await asyncio.to_thread(followed, operator.cloud, [STACK], [operator.region], identity)
    names = {line["name"] for line in way["lines"]}
    expect(names.issuperset(_FUNCTIONS), f"only {sorted(names)} have it")
    expect(not way["stopped"], f"{way['stopped']}")
    things = await asyncio.to_thread(operator.batch_things, identity)
    expect(things == [_THING], f"the batch layer has it of {things}")
    return f"{shown(way)}; and its row in the batch layer"
