"""The issue tracker's webhook."""

import asyncio

from demo.iot.stage import Stage
from demo.report import eventually_async, expect


class Tracker:
    """What the issue tracker sends."""

    def __init__(self, stage: Stage) -> None:
        """Prepare."""
        self._operator = stage.operator

    async def deliver_twice(self) -> str:
        """Deliver a webhook twice, then the event that closes its ticket."""
        opened = {"action": "opened", "issue": {"id": 4711, "title": "The chair of desk 7 creaks"}}
        statuses = [await asyncio.to_thread(self._operator.webhook, "delivery-1", opened) for _ in range(2)]
        ticket = await eventually_async(
            lambda: self._operator.tickets().get("issue/4711"), within=40, what="the ticket"
        )
        expect(ticket["status"] == "open" and ticket["changes"] == "1", f"{ticket}")
        closed = {**opened, "action": "closed"}
        statuses.append(await asyncio.to_thread(self._operator.webhook, "delivery-2", closed))
        await eventually_async(
            lambda: self._operator.tickets()["issue/4711"]["status"] == "closed", within=40, what="the closed ticket"
        )
        ticket = (await asyncio.to_thread(self._operator.tickets))["issue/4711"]
        expect((statuses, ticket["changes"]) == ([202, 200, 202], "2"), f"{statuses}, {ticket}")
        return f"answers {statuses}; one ticket, opened once, closed once"
