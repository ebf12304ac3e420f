"""The devices of a fleet: the allow-list, their command topics and their shadows."""

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pydantic_core import from_json

from .documents import document

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_iot_data import IoTDataPlaneClient


class Devices:
    """The devices that can be commanded."""

    def __init__(self, table: "Table", data: "IoTDataPlaneClient", app: str) -> None:
        """Use the allow-list, and a client of AWS IoT's data plane."""
        self._table = table
        self._data = data
        self._app = app

    def context(self, thing: str) -> str | None:
        """Return the context of a device, None for one that is not on the allow-list."""
        # A key cannot be empty, and no serial number is a question mark.
        item = self._table.get_item(Key={"serial_number": thing or "?"}).get("Item")
        return None if item is None else str(item["context"])

    def command(self, context: str, thing: str, request: dict[str, Any]) -> None:
        """Publish a command for a device."""
        self._data.publish(topic=f"cmd/{self._app}/{context}/{thing}/req", qos=1, payload=json.dumps(request))

    def desire(self, thing: str, payload: str) -> int | None:
        """Set the desired state of a device's shadow, and return the shadow's version, None when it refuses it."""
        try:
            answer = self._data.update_thing_shadow(thingName=thing, payload=payload)
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidRequestException":
                raise
            return None
        return int(from_json(answer["payload"].read())["version"])

    def state(self, thing: str) -> dict[str, Any] | None:
        """Return the state of a device's shadow, empty when there is none yet; None for one that is no JSON."""
        try:
            shadow = document(self._data.get_thing_shadow(thingName=thing)["payload"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return {}
        except ValueError:  # half a surrogate pair, which a device can report
            return None
        return dict(shadow.get("state", {}))
