"""Attachments: uploads to this Region, and downloads from the Region that holds the file."""

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from ..domain import table as keys
from .environment import Environment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_lambda import LambdaClient

# How long a download may start after it was asked for.
_URL_SECONDS = 300


class AttachmentNotFoundError(Exception):
    """The room has no such attachment: never uploaded, still being checked, refused, or of another room."""


class UploadRefusedError(Exception):
    """The upload rules refuse the file; the message says why."""


class FunctionFailedError(Exception):
    """A function behind the API did not answer as agreed."""


class Attachments:
    """The functions behind the API that sign uploads and downloads.

    Args:
        environment: Names them.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def request_upload(self, user: str, room: str, name: str, content_type: str, size: int) -> dict[str, Any]:
        """Return a form with which the user may upload one file to this Region's bucket.

        Raises:
            UploadRefusedError: when the type or the size is not allowed.
        """
        file = {"name": name, "content_type": content_type, "size": size}
        request = {"owner": user, **file, "metadata": {"room": room}}
        return _invoke(_functions(self._environment.region), self._environment.upload_function, request)

    def request_download(self, table: "Table", room: str, upload_id: str, variant: str = "original") -> dict[str, Any]:
        """Return a short-lived address of an attachment, or of its thumbnail.

        Raises:
            AttachmentNotFoundError: when the room has no such attachment, or the attachment no (or not yet a)
                thumbnail.
        """
        item = keys.get(table, keys.attachment_key(room, upload_id))
        # Each Region's signing key stays in that Region, so that Region's function signs.
        signing_functions = self._environment.signing_functions
        if item is None or item["region"] not in signing_functions:
            raise AttachmentNotFoundError
        file = item if variant == "original" else item.get("thumbnail_file")
        if file is None:
            raise AttachmentNotFoundError
        region, path = str(item["region"]), str(file["key"]).removeprefix(self._environment.accepted_prefix)
        request = {"path": path, "expires_in": _URL_SECONDS}
        signed = _invoke(_functions(region), signing_functions[region], request)
        return {
            "id": upload_id,
            "name": str(item["name"]),
            "content_type": str(file["content_type"]),
            "size": int(file["size"]),
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
    if answer.get("FunctionError"):
        if payload.get("errorType") == "UploadRefusedError":
            raise UploadRefusedError(payload["errorMessage"])
        message = f"{name}: {payload.get('errorType')}: {payload.get('errorMessage')}"
        raise FunctionFailedError(message)
    return payload
