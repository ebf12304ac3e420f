"""What is done to a board whose servers keep nothing: sessions are in a table, logs in S3, notices go by device."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta

from demo.athena import rows_of
from demo.dojo.faults import Allowed, Faults
from demo.dojo.notified import phone_of
from demo.dojo.people import Person
from demo.report import eventually_async, expect

__all__ = ["end_a_session", "find_the_logs", "kill_a_server", "push_to_a_phone"]

_ASKED = 20
"""Requests after which each server has answered some."""


async def kill_a_server(on: Faults, *, allowed: Allowed, within: float) -> str:
    """Kill a task; everybody must be known to the others without signing in again.

    Args:
        on: The board.
        allowed: What may go wrong.
        within: Seconds until there are as many as before.
    """
    seen = await on.kill_a_task(allowed=allowed, within=within)
    people = list(on.crowd.people.values())
    answers = await asyncio.gather(*(person.ask("GET", f"/rooms/{on.crowd.room}/messages") for person in people))
    known = [answer for answer in answers if answer.status_code == 200]
    expect(len(known) == len(people), f"{len(known)} of {len(people)} are signed in")
    return f"all {len(known)} are signed in with the tokens that they had; {seen}"


async def end_a_session(on: Faults) -> str:
    """Sign somebody out at one server; no other may know the token any more."""
    guest = Person(f"guest-{secrets.token_hex(4)}", on.crowd)
    await guest.enter()
    await guest.ask("DELETE", "/sessions")
    answers = [await guest.ask("GET", f"/rooms/{on.crowd.room}/messages") for _ in range(_ASKED)]
    codes = {answer.status_code for answer in answers}
    expect(codes == {401}, f"answered with {codes}")
    return f"{len(answers)} of {len(answers)} requests refused"


async def push_to_a_phone(on: Faults) -> str:
    """Mention somebody who has a phone and is away; the notice must be a push, and no mail."""
    away = Person(f"noa-{secrets.token_hex(4)}", on.crowd)
    await away.enter()
    answer = await away.ask("PUT", "/device", json={"kind": "phone"})
    expect(answer.status_code == 204, f"PUT /device: {answer.status_code} {answer.text}")
    phone = await phone_of(on.stage, away)
    cloud, region = on.stage.cloud, on.stage.region
    mails = len(await asyncio.to_thread(cloud.sent_mails, region))
    await on.crowd.present[0].say(f"@{away.name}, are you there?")
    await eventually_async(phone.received, within=60, what="a push")
    await asyncio.sleep(1.5)  # a second one, or a mail, would be here by then
    pushes = await asyncio.to_thread(phone.received)
    expect(len(pushes) == 1, f"{len(pushes)} pushes")
    more = len(await asyncio.to_thread(cloud.sent_mails, region)) - mails
    expect(more == 0, f"{more} mails")
    return f"one push, for {pushes[0]['person']}, by {pushes[0]['author']}; no mail"


async def find_the_logs(on: Faults, *, servers: int) -> str:
    """Ask for the lines of all servers by SQL, also of those that are gone.

    Args:
        on: The board.
        servers: How many there have been at least.
    """
    outputs = on.stage.outputs
    yesterday = datetime.now(UTC) - timedelta(days=1)
    sql = (
        "SELECT log_stream, count(DISTINCT id) FROM lines "  # noqa: S608 - a date
        f"WHERE service = 'chat' AND day >= '{yesterday:%Y-%m-%d}' GROUP BY log_stream"
    )

    def ask() -> dict[str, int] | None:
        on.stage.cloud.flush_delivery_stream(outputs["LogDeliveries"], on.stage.region)
        athena = on.stage.client("athena")
        rows = rows_of(athena, sql, database=outputs["LogDatabase"], workgroup=outputs["LogWorkgroup"])
        found = {stream.rpartition("/")[2]: int(lines) for stream, lines in rows}
        return found if len(found) >= servers else None

    found = await eventually_async(ask, within=60, what=f"lines of {servers} servers")
    running = {task.arn.rpartition("/")[2] for task in await asyncio.to_thread(on.stage.tasks)}
    gone = found.keys() - running
    expect(running <= found.keys(), f"no lines of {running - found.keys()}")
    expect(bool(gone), "no lines of a server that is gone")
    return f"{sum(found.values())} lines of {len(found)} servers, {len(gone)} of which are gone"
