"""The shadow of a device: what operators desire, also while it is not connected, and what it reports."""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_device.session import RejectedError, Session, work_alone

Apply = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Applies the parts of a desired state that the device has, and returns the state to report."""


async def follow(session: Session, thing: str, apply: Apply) -> None:
    """Apply the desired state now and whenever it changes, for as long as the connection lasts.

    Args:
        session: The connection.
        thing: Name of the device's thing.
        apply: Called with what is desired: all of it at first, then what differs from what is reported.
    """
    shadow = f"$aws/things/{thing}/shadow"
    reported: dict[str, Any] | None = None

    async def report(state: dict[str, Any]) -> None:
        nonlocal reported
        reported = state
        await session.publish(f"{shadow}/update", {"state": {"reported": state}})

    async def delta(document: Any) -> None:
        state = dict(apply(document.get("state", {})))
        # Each update is answered by what still differs: to report the same again would never end.
        if state != reported:
            await report(state)

    async def whole(document: Any) -> None:
        await report(dict(apply(document.get("state", {}).get("desired", {}))))

    await session.subscribe(f"{shadow}/update/delta", delta)
    try:
        document = await session.ask(f"{shadow}/get", {})
    except RejectedError as error:
        if error.code != "404":
            raise
        await report(dict(apply({})))  # there is no shadow yet
        return
    # All of it: what the device reported before a power failure may not be what its hardware does now. Hardware that
    # refuses it must not keep the device from its commands.
    await work_alone(f"{shadow}/get/accepted", whole, document)
