"""Links to files: of S3, or signed by the function of a private distribution."""

import asyncio
import io
import json
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from stacks.dojo.app.files import BucketFiles
from stacks.dojo.app.ports import UnavailableError

KEY = "accepted/ann/1/cat.png"


class S3:
    """A bucket with one file."""

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        if (Bucket, Key) != ("files", KEY):
            answer: Any = {"Error": {"Code": "404"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
            raise ClientError(answer, "HeadObject")
        return {}

    def generate_presigned_url(self, operation: str, **_options: Any) -> str:
        return f"https://files.s3.amazonaws.com/{operation}"


class Functions:
    """The function that signs."""

    def __init__(self, **answer: Any) -> None:
        self.asked: list[Any] = []
        self._answer = answer

    def invoke(self, *, FunctionName: str, Payload: bytes, InvocationType: str) -> dict[str, Any]:  # noqa: N803
        assert (FunctionName, InvocationType) == ("sign", "RequestResponse")
        self.asked.append(json.loads(Payload))
        if "raised" in self._answer:
            raise self._answer["raised"]
        payload = io.BytesIO(json.dumps({"url": "https://d1.cloudfront.net/x"}).encode())
        return {"Payload": payload, **self._answer}


def link(functions: Functions, key: str = KEY, function: str | None = "sign") -> str | None:
    files = BucketFiles(cast("Any", S3()), cast("Any", functions), "files", "form", function)
    return asyncio.run(files.link(key))


def test_a_link_is_signed_for_the_file_below_the_folder_of_the_distribution() -> None:
    functions = Functions()
    assert link(functions) == "https://d1.cloudfront.net/x"
    assert functions.asked == [{"path": "ann/1/cat.png", "expires_in": 300}]


def test_without_a_distribution_it_is_one_of_s3() -> None:
    functions = Functions()
    assert link(functions, function=None) == "https://files.s3.amazonaws.com/get_object"
    assert functions.asked == []


@pytest.mark.parametrize("key", ["accepted/ann/2/dog.png", "incoming/ann/1/cat.png"])
def test_nothing_is_signed_for_a_file_that_is_not_accepted(key: str) -> None:
    functions = Functions()
    assert link(functions, key) is None
    assert functions.asked == []


@pytest.mark.parametrize(
    "answer", [{"FunctionError": "Unhandled"}, {"raised": EndpointConnectionError(endpoint_url="https://lambda")}]
)
def test_a_function_that_fails_or_is_away_is_said_so(answer: dict[str, Any]) -> None:
    with pytest.raises(UnavailableError, match="links"):
        link(Functions(**answer))
