"""Issues forms with which a user uploads one file straight to S3, and completes uploads in parts.

Two kinds of callers:

- **A user, through an HTTP API with a JWT authorizer**: the request is the JSON body, the owner is the token's ``sub``.
  Answers 201 for a form, 200 for a completed upload, 400 or 401.
- **Another function, by direct invocation**: the request also names the ``owner``, and may carry ``metadata`` that is
  kept with the object. A request that is refused raises ``UploadRefusedError``.

Ask for a form: ``{"name": "cat.jpg", "content_type": "image/jpeg", "size": 123456}``. Up to 100 MB the answer is
``{"upload_id", "key", "url", "fields", "expires_in"}``: post ``fields`` and then ``file`` to ``url`` as
multipart/form-data. Above, it is ``{"upload_id", "key", "multipart_upload_id", "parts", "expires_in"}``: put the bytes
of each part, ``{"part_number", "size", "url"}``, to its URL, keep the ``ETag`` headers, and complete with
``{"key", "multipart_upload_id", "parts": [{"part_number", "etag"}]}``.
"""

import json
import os
import re
import secrets
import time
import unicodedata
from pathlib import PurePosixPath
from typing import Annotated, Any
from uuid import UUID

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from botocore.config import Config
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

logger = Logger()
tracer = Tracer()
# Without these, boto3 signs forms for S3's global host, which only redirects to other Regions than the first.
s3 = boto3.client(
    "s3",
    config=Config(
        signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
    ),
)

MEGABYTE = 1_000_000
# AWS advises parts from about this size; a single post ends at 5 GiB.
LARGEST_POST = 100 * MEGABYTE
# S3 takes parts of 5 MiB to 5 GiB; 5,000 MB make 100 of these.
PART_SIZE = 50 * MEGABYTE
OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:=@+-]{0,127}")
LONGEST_NAME = 100
LONGEST_EXTENSION = 16
# S3 takes 2 KB of metadata names and values; the confirmation adds some of its own.
MOST_METADATA = 1_800

MetadataName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
MetadataValue = Annotated[str, Field(pattern=r"^[!-~](?:[ -~]*[!-~])?$", max_length=1024)]


class UploadRefusedError(Exception):
    """The request breaks a rule of the upload; the message names the field and is meant for the user."""


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FormRequest(_Request):
    """A file that somebody wants to upload; the size, in bytes, is needed above 100 MB."""

    name: str = Field(min_length=1, max_length=1024)
    content_type: str
    size: int | None = Field(default=None, ge=1)
    metadata: dict[MetadataName, MetadataValue] = Field(default_factory=dict)

    @field_validator("content_type")
    @classmethod
    def _is_allowed(cls, content_type: str) -> str:
        allowed = json.loads(os.environ["CONTENT_TYPES"])
        if content_type not in allowed:
            raise ValueError(f"{content_type!r} is not accepted; use one of {', '.join(allowed)}")
        return content_type

    @field_validator("size")
    @classmethod
    def _is_not_too_large(cls, size: int | None) -> int | None:
        largest = int(os.environ["MAX_BYTES"])
        if size is not None and size > largest:
            raise ValueError(f"{size:,} bytes are more than the {largest:,} that are accepted")
        return size

    @field_validator("metadata")
    @classmethod
    def _fits(cls, metadata: dict[str, str]) -> dict[str, str]:
        if "source" in metadata:
            raise ValueError("'source' is kept for the confirmation")
        if sum(len(name) + len(value) for name, value in metadata.items()) > MOST_METADATA:
            raise ValueError(f"is longer than {MOST_METADATA:,} bytes")
        return metadata


class Part(_Request):
    """A part that S3 has taken, with the ETag that it answered."""

    part_number: int = Field(ge=1, le=10_000)
    etag: str = Field(min_length=1, max_length=128)


class CompletionRequest(_Request):
    """All parts of an upload have arrived."""

    key: str
    multipart_upload_id: str = Field(min_length=1, max_length=1024)
    parts: list[Part] = Field(min_length=1, max_length=10_000)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)  # a form in a trace would let its readers upload
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer a user of an HTTP API or a direct caller."""
    if "requestContext" in event:
        return answer_user(APIGatewayProxyEventV2(event))
    return answer(event.get("owner"), {name: value for name, value in event.items() if name != "owner"})


def answer_user(event: APIGatewayProxyEventV2) -> dict[str, Any]:
    """Answer with HTTP status codes; the owner is whoever signed in."""
    authorizer = event.request_context.authorizer
    subject = (authorizer.jwt_claim or {}).get("sub") if authorizer else None
    if not subject:
        return _http(401, {"message": "Sign in first"})
    try:
        body = json.loads(event.decoded_body or "")
    except json.JSONDecodeError:
        body = None
    # Metadata is the application's own: consumers may trust it.
    if not isinstance(body, dict) or "metadata" in body:
        return _http(400, {"message": "Send a JSON object with name, content_type and size"})
    try:
        result = answer(subject, body)
    except UploadRefusedError as error:
        return _http(400, {"message": str(error)})
    return _http(200 if "multipart_upload_id" in body else 201, result)


def answer(owner: object, request: dict[str, Any]) -> dict[str, Any]:
    """Issue a form, or complete the upload that the request names.

    Raises:
        UploadRefusedError: when the request breaks a rule.
    """
    if not isinstance(owner, str) or OWNER.fullmatch(owner) is None:
        raise UploadRefusedError("owner: needs 1 to 128 letters, digits or _.:=@+-, and no slash")
    try:
        if "multipart_upload_id" in request:
            return complete(owner, CompletionRequest.model_validate(request))
        return issue(owner, FormRequest.model_validate(request))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        raise UploadRefusedError("; ".join(problems)) from error


def issue(owner: str, request: FormRequest) -> dict[str, Any]:
    """Return a form for the owner's own prefix, or the URLs of all parts of a large file."""
    upload_id = new_id()
    key = f"incoming/{owner}/{upload_id}/{safe_name(request.name)}"
    expires_in = int(os.environ["EXPIRES_IN"])
    answer: dict[str, Any] = {"upload_id": upload_id, "key": key, "expires_in": expires_in}
    if request.size is not None and request.size > LARGEST_POST:
        return answer | _parts(key, request, request.size, expires_in)
    fields = {"Content-Type": request.content_type}
    fields |= {f"x-amz-meta-{name}": value for name, value in request.metadata.items()}
    largest = request.size or min(int(os.environ["MAX_BYTES"]), LARGEST_POST)
    # The key is a condition too: boto3 adds it, the bucket, the credential and the expiry.
    conditions: list[Any] = [{name: value} for name, value in fields.items()]
    conditions.append(["content-length-range", 1, largest])
    form = s3.generate_presigned_post(
        os.environ["BUCKET"], key, Fields=fields, Conditions=conditions, ExpiresIn=expires_in
    )
    return answer | form


def new_id() -> str:
    """Return a UUID of version 7 (RFC 9562): ids sort by the millisecond in which they were made."""
    milliseconds, more, most = time.time_ns() // 1_000_000, secrets.randbits(12), secrets.randbits(62)
    return str(UUID(int=milliseconds << 80 | 7 << 76 | more << 64 | 0b10 << 62 | most))


def _parts(key: str, request: FormRequest, size: int, expires_in: int) -> dict[str, Any]:
    target: dict[str, Any] = {"Bucket": os.environ["BUCKET"], "Key": key}
    upload = s3.create_multipart_upload(**target, ContentType=request.content_type, Metadata=request.metadata)
    target["UploadId"] = upload["UploadId"]
    parts = []
    for number, start in enumerate(range(0, size, PART_SIZE), start=1):
        length = min(PART_SIZE, size - start)
        # The length is signed: S3 refuses a longer or a shorter part.
        parameters = {**target, "PartNumber": number, "ContentLength": length}
        url = s3.generate_presigned_url("upload_part", Params=parameters, ExpiresIn=expires_in)
        parts.append({"part_number": number, "size": length, "url": url})
    return {"multipart_upload_id": upload["UploadId"], "parts": parts}


def complete(owner: str, request: CompletionRequest) -> dict[str, Any]:
    """Put the parts of the owner's own upload together; the confirmation then checks the whole."""
    key = re.fullmatch(rf"incoming/{re.escape(owner)}/(?P<upload_id>[0-9a-f-]{{36}})/[^/]+", request.key)
    if key is None:
        raise UploadRefusedError("key: is not one of your uploads")
    parts = sorted(request.parts, key=lambda part: part.part_number)
    try:
        s3.complete_multipart_upload(
            Bucket=os.environ["BUCKET"],
            Key=request.key,
            UploadId=request.multipart_upload_id,
            MultipartUpload={"Parts": [{"PartNumber": part.part_number, "ETag": part.etag} for part in parts]},
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in {"NoSuchUpload", "InvalidPart", "EntityTooSmall"}:
            raise UploadRefusedError(f"parts: S3 answers {code}; send every part, then complete once") from error
        raise
    return {"upload_id": key["upload_id"], "key": request.key}


def safe_name(name: str) -> str:
    """Return the last component of a file name without anything that a shell, a header or a browser could mistake.

    Letters and digits of every script stay; everything else but ``. - _`` and space becomes ``_``.
    """
    last = unicodedata.normalize("NFKC", name).replace("\\", "/").rpartition("/")[2]
    clean = re.sub(r"[^\w.\- ]", "_", last).strip(". ")
    extension = PurePosixPath(clean).suffix[:LONGEST_EXTENSION]
    return f"{PurePosixPath(clean).stem[: LONGEST_NAME - len(extension)]}{extension}" or "file"


def _http(status: int, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}
