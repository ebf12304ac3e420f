"""IoT Core: messages over HTTP have the limits of the broker."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"topic": "/".join("abcdefghi"), "payload": b"x"}, "InvalidRequestException"),
        ({"topic": "$aws/rules/own/" + "/".join("abcdefghi"), "payload": b"x"}, "InvalidRequestException"),
        ({"topic": "a/b", "payload": b"x" * (128 * 1024 + 1)}, "RequestEntityTooLargeException"),
    ],
)
def test_what_the_broker_does_not_take_is_refused(cloud: LocalCloud, request_: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        cloud.client("iot-data").publish(**request_)
    assert caught.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    "request_",
    [
        {"topic": "/".join("abcdefgh"), "payload": b"x"},
        {"topic": "$aws/rules/own/" + "/".join("abcdefgh"), "payload": b"x"},
        {"topic": "a/b", "payload": b"x" * 128 * 1024},
    ],
)
def test_the_limits_themselves_are_taken(cloud: LocalCloud, request_: dict[str, Any]) -> None:
    cloud.client("iot-data").publish(**request_)
