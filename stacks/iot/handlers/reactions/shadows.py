"""The shadows of things, changed only as they were read."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

if TYPE_CHECKING:
    from mypy_boto3_iot_data import IoTDataPlaneClient

_TRIES = 5


class Shadows:
    """Desired states of things."""

    def __init__(self, data: "IoTDataPlaneClient") -> None:
        """Use a client of AWS IoT's data plane."""
        self._data = data

    def desire(self, thing: str, state: Callable[[], Mapping[str, Any]]) -> bool:
        """Set a part of the desired state, and return whether that changed it.

        The shadow is read before the state is asked for, and written with its version. Of two calls at a time the one
        whose state is older fails to write, and asks again.

        Args:
            thing: Name of the thing.
            state: Returns what is to be desired, as it is now.

        Raises:
            TimeoutError: others wrote the shadow all the time.
        """
        for _ in range(_TRIES):
            shadow = self._read(thing)
            wanted = dict(state())
            desired = shadow["state"].get("desired", {})
            if all(name in desired and desired[name] == value for name, value in wanted.items()):
                return False
            if self._write(thing, {"state": {"desired": wanted}, "version": shadow["version"]}):
                return True
        raise TimeoutError(f"the shadow of {thing} is written by others all the time")

    def _read(self, thing: str) -> dict[str, Any]:
        try:
            answer = self._data.get_thing_shadow(thingName=thing)["payload"]
        except self._data.exceptions.ResourceNotFoundException:
            # A device that has never reported anything; its first shadow has nothing in it.
            answer = self._data.update_thing_shadow(thingName=thing, payload=json.dumps({"state": {"desired": {}}}))[
                "payload"
            ]
        return dict(from_json(answer.read()))

    def _write(self, thing: str, document: Mapping[str, Any]) -> bool:
        try:
            self._data.update_thing_shadow(thingName=thing, payload=json.dumps(document))
        except self._data.exceptions.ConflictException:
            return False
        return True
