"""Attachments: asking for an upload in this Region, and for a download from the Region that holds the file."""

import json
import os
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from chat_api import table as keys

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_lambda import LambdaClient

# How long a download may start after it was asked for.
_URL_SECONDS = 300
# The distribution shows this folder of the bucket, and nothing beside it.
_ROOT = "accepted/"


class AttachmentNotFoundError(Exception):
    """The room has no such attachment: never uploaded, still being checked, refused, or of another room."""


class UploadRefusedError(Exception):
    """The upload rules refuse the file; the message says why."""


class FunctionFailedError(Exception):
    """A function behind the API did not answer as agreed."""


def request_upload(user: str, room: str, name: str, content_type: str, size: int) -> dict[str, Any]:
    """Return a form with which the user may upload one file to this Region's bucket.

    Raises:
        UploadRefusedError: when the type or the size is not allowed.
    """
    file = {"name": name, "content_type": content_type, "size": size}
    request = {"owner": user, **file, "metadata": {"room": room}}
    return _invoke(_functions(os.environ["AWS_REGION"]), os.environ["UPLOAD_FUNCTION"], request)


def request_download(table: "Table", room: str, upload_id: str) -> dict[str, Any]:
    """Return a short-lived address of an attachment.

    Raises:
        AttachmentNotFoundError: when the room has no such attachment.
    """
    item = keys.get(table, keys.attachment_key(room, upload_id))
    # Each Region's signing key stays in that Region, so that Region's function signs.
    signing_functions: dict[str, str] = json.loads(os.environ["SIGNING_FUNCTIONS"])
    if item is None or item["region"] not in signing_functions:
        raise AttachmentNotFoundError
    region = str(item["region"])
    request = {"path": str(item["key"]).removeprefix(_ROOT), "expires_in": _URL_SECONDS}
    signed = _invoke(_functions(region), signing_functions[region], request)
    return {
        "id": upload_id,
        "name": str(item["name"]),
        "content_type": str(item["content_type"]),
        "size": int(item["size"]),
        "url": signed["url"],
        "expires_at": signed["expires_at"],
    }


@cache
def _functions(region: str) -> "LambdaClient":
    # One try: a second one would not end within the API's time limit.
    config = Config(connect_timeout=2, read_timeout=8, retries={"total_max_attempts": 1})
    return boto3.client("lambda", region_name=region, config=config)


def _invoke(functions: "LambdaClient", name: str, request: dict[str, Any]) -> dict[str, Any]:
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(request).encode())
    payload: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        if payload.get("errorType") == "UploadRefusedError":
            raise UploadRefusedError(payload["errorMessage"])
        message = f"{name}: {payload.get('errorType')}: {payload.get('errorMessage')}"
        raise FunctionFailedError(message)
    return payload
