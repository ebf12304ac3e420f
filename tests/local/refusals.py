"""What tests of refused values ask: the error code of a request, and the reason of a resource."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.assembly.assemblies import template


def refusal(call: Callable[[], Any]) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response
    assert len(error["Error"]["Message"]) > 10, "the message says what is wrong"
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]


def fails(stacks: Any, resource_type: str, properties: Mapping[str, Any], *, says: str, **others: Any) -> None:
    resources = {"Refused": {"Type": resource_type, "Properties": properties}, **others}
    with pytest.raises(AssertionError, match=f"Refused: .*{says}"):
        stacks.deploy(template(resources))
