"""Uploads of S3: forms and URLs that are signed for one object, and the completion of uploads in parts."""

import re
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from .environment import Environment
from .names import is_owner, new_id, safe_name
from .requests import CompletionRequest, FormRequest, UploadRefusedError, read_request

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


def answer(owner: object, request: dict[str, Any], environment: Environment) -> dict[str, Any]:
    """Issue a form, or complete the upload that the request names.

    Raises:
        UploadRefusedError: when the request breaks a rule.
    """
    if not isinstance(owner, str) or not is_owner(owner):
        raise UploadRefusedError("owner: needs 1 to 128 letters, digits or _.:=@+-, and no slash")
    asked = read_request(request, environment)
    if isinstance(asked, CompletionRequest):
        return complete(owner, asked, environment)
    return issue(owner, asked, environment)


def issue(owner: str, request: FormRequest, environment: Environment) -> dict[str, Any]:
    """Return a form for the owner's own prefix, or the URLs of all parts of a large file."""
    upload_id = new_id()
    key = f"{environment.incoming_prefix}{owner}/{upload_id}/{safe_name(request.name)}"
    answer: dict[str, Any] = {"upload_id": upload_id, "key": key, "expires_in": environment.expires_in}
    if request.size is not None and request.size > LARGEST_POST:
        return answer | _parts(key, request, request.size, environment)
    return answer | _form(key, request, environment)


def _form(key: str, request: FormRequest, environment: Environment) -> dict[str, Any]:
    fields = {"Content-Type": request.content_type}
    fields |= {f"x-amz-meta-{name}": value for name, value in request.metadata.items()}
    largest = request.size or min(environment.max_bytes, LARGEST_POST)
    # The key is a condition too: boto3 adds it, the bucket, the credential and the expiry.
    conditions: list[Any] = [{name: value} for name, value in fields.items()]
    conditions.append(["content-length-range", 1, largest])
    return s3.generate_presigned_post(
        environment.bucket, key, Fields=fields, Conditions=conditions, ExpiresIn=environment.expires_in
    )


def _parts(key: str, request: FormRequest, size: int, environment: Environment) -> dict[str, Any]:
    target: dict[str, Any] = {"Bucket": environment.bucket, "Key": key}
    upload = s3.create_multipart_upload(**target, ContentType=request.content_type, Metadata=request.metadata)
    target["UploadId"] = upload["UploadId"]
    parts = []
    for number, start in enumerate(range(0, size, PART_SIZE), start=1):
        length = min(PART_SIZE, size - start)
        # The length is signed: S3 refuses a longer or a shorter part.
        parameters = {**target, "PartNumber": number, "ContentLength": length}
        url = s3.generate_presigned_url("upload_part", Params=parameters, ExpiresIn=environment.expires_in)
        parts.append({"part_number": number, "size": length, "url": url})
    return {"multipart_upload_id": upload["UploadId"], "parts": parts}


def complete(owner: str, request: CompletionRequest, environment: Environment) -> dict[str, Any]:
    """Put the parts of the owner's own upload together; the confirmation then checks the whole."""
    folder = re.escape(f"{environment.incoming_prefix}{owner}/")
    key = re.fullmatch(rf"{folder}(?P<upload_id>[0-9a-f-]{{36}})/(?P<name>[^/]+)", request.key)
    # The name is one that `safe_name` has made: S3 refuses others in ways that are no mistake of this function.
    if key is None or safe_name(key["name"]) != key["name"]:
        raise UploadRefusedError("key: is not one of your uploads")
    parts = sorted(request.parts, key=lambda part: part.part_number)
    try:
        s3.complete_multipart_upload(
            Bucket=environment.bucket,
            Key=request.key,
            UploadId=request.multipart_upload_id,
            MultipartUpload={"Parts": [{"PartNumber": part.part_number, "ETag": part.etag} for part in parts]},
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in {"NoSuchUpload", "InvalidPart", "InvalidPartOrder", "EntityTooSmall"}:
            raise UploadRefusedError(f"parts: S3 answers {code}; send every part, then complete once") from error
        raise
    return {"upload_id": key["upload_id"], "key": request.key}
