"""Files of messages: browsers send them straight to S3, and get them from there."""

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import BotoCoreError, ClientError

from stacks.dojo.app.model import NewFile
from stacks.dojo.app.ports import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

__all__ = ["BucketFiles", "NoFiles"]

_ACCEPTED = "accepted/"
_LINK_SECONDS = 300
_BY_OWNER = "ByOwner"
"""The index of `StorageIndex` by owner."""


class NoFiles:
    """This board has no files."""

    async def form(self, owner: str, file: NewFile) -> dict[str, Any]:  # noqa: ARG002 - a port
        """Refuse a file.

        Raises:
            ValueError: always.
        """
        raise ValueError("this chat takes no files")

    async def link(self, key: str) -> str | None:  # noqa: ARG002 - a port
        """Return nothing."""
        return None

    async def of_owner(self, owner: str, limit: int) -> list[dict[str, Any]]:  # noqa: ARG002 - a port
        """Refuse.

        Raises:
            ValueError: always.
        """
        raise ValueError("this chat takes no files")


@dataclass(frozen=True)
class BucketFiles:
    """The bucket and the function of a `DirectObjectUpload`.

    Args:
        s3: Client of the bucket's Region.
        functions: Client of the function's Region.
        bucket: The bucket.
        form_function: The function.
        link_function: The function of a `PrivateCacheDistribution` over the accepted files; None for links of S3.
        index: The table of a `StorageIndex`, if there is one.
    """

    s3: "S3Client"
    functions: "LambdaClient"
    bucket: str
    form_function: str
    link_function: str | None = None
    index: "Table | None" = None

    async def form(self, owner: str, file: NewFile) -> dict[str, Any]:
        """Return the form of a new file, and the key that it will have once it is accepted.

        Raises:
            ValueError: such a file is not accepted.
            UnavailableError: the function does not answer.
        """
        found, failed = await self._invoke(self.form_function, {"owner": owner, **file.model_dump()}, "forms")
        if failed:
            if found.get("errorType") == "UploadRefusedError":
                raise ValueError(found.get("errorMessage", "refused"))
            raise UnavailableError("forms")
        return {**found, "attachment": _ACCEPTED + found["key"].split("/", 1)[1]}

    async def link(self, key: str) -> str | None:
        """Return an address of the file; None when it is not accepted."""
        if not key.startswith(_ACCEPTED):
            return None
        try:
            await asyncio.to_thread(self.s3.head_object, Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in {403, 404}:
                return None
            raise UnavailableError("files") from error
        except BotoCoreError as error:
            raise UnavailableError("files") from error
        if self.link_function is not None:
            asked = {"path": key.removeprefix(_ACCEPTED), "expires_in": _LINK_SECONDS}
            signed, failed = await self._invoke(self.link_function, asked, "links")
            if failed:
                raise UnavailableError("links")
            url: str = signed["url"]
            return url
        # The name of the file is the uploader's: it is saved, and not shown as a page.
        parameters = {"Bucket": self.bucket, "Key": key, "ResponseContentDisposition": "attachment"}
        return self.s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=_LINK_SECONDS)

    async def _invoke(self, function: str, payload: dict[str, Any], what: str) -> tuple[dict[str, Any], bool]:
        """Return what a function answers, and whether it failed.

        Raises:
            UnavailableError: it does not answer.
        """
        try:
            answer = await asyncio.to_thread(
                self.functions.invoke,
                FunctionName=function,
                Payload=json.dumps(payload).encode(),
                InvocationType="RequestResponse",
            )
            found: dict[str, Any] = json.loads(await asyncio.to_thread(answer["Payload"].read))
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError(what) from error
        return found, bool(answer.get("FunctionError"))

    async def of_owner(self, owner: str, limit: int) -> list[dict[str, Any]]:
        """Return the accepted files of an owner, the newest first; the index is a second or two behind.

        Raises:
            ValueError: there is no index.
            UnavailableError: the index does not answer.
        """
        if self.index is None:
            raise ValueError("this chat has no list of files")
        request = {
            "IndexName": _BY_OWNER,
            "KeyConditionExpression": Key("owner").eq(owner),
            "ScanIndexForward": False,
            "Limit": limit,
        }
        try:
            answer = await asyncio.to_thread(self.index.query, **request)  # type: ignore[arg-type]
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("file index") from error
        return [
            {"attachment": item["key"], "size": int(item["size"]), "modified_at": item["modified_at"]}  # type: ignore[arg-type]
            for item in answer["Items"]
        ]
