"""What callers may ask for. Who owns the upload is not part of it: that is what the caller has proven."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from .content_types import accepted_type
from .environment import Environment

# S3 takes 2 KB of metadata names and values; the confirmation adds some of its own.
MOST_METADATA = 1_800
KEPT_METADATA = "source"  # of the confirmation

MetadataName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
# Printable ASCII without a dollar sign, which S3 takes for a variable of the form's policy.
MetadataValue = Annotated[str, Field(pattern=r"^[!-#%-~](?:[ -#%-~]*[!-#%-~])?$", max_length=1024)]


class UploadRefusedError(Exception):
    """The request breaks a rule of the upload; the message names the field and is meant for the user."""


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FormRequest(_Request):
    """A file that somebody wants to upload; the size, in bytes, is needed above 100 MB."""

    name: str = Field(min_length=1, max_length=1024)
    content_type: str = Field(max_length=255)
    size: int | None = Field(default=None, ge=1)
    metadata: dict[MetadataName, MetadataValue] = Field(default_factory=dict)

    @field_validator("content_type")
    @classmethod
    def _is_allowed(cls, content_type: str, info: ValidationInfo[Environment]) -> str:
        allowed = info.context.content_types
        meant = accepted_type(content_type, info.data.get("name", ""), allowed)
        if meant is None:
            raise ValueError(f"{content_type!r} is not accepted; use one of {', '.join(sorted(allowed))}")
        return meant

    @field_validator("size")
    @classmethod
    def _is_not_too_large(cls, size: int | None, info: ValidationInfo[Environment]) -> int | None:
        largest = info.context.max_bytes
        if size is not None and size > largest:
            raise ValueError(f"{size:,} bytes are more than the {largest:,} that are accepted")
        return size

    @field_validator("metadata")
    @classmethod
    def _fits(cls, metadata: dict[str, str]) -> dict[str, str]:
        if KEPT_METADATA in metadata:
            raise ValueError(f"{KEPT_METADATA!r} is kept for the confirmation")
        if sum(len(name) + len(value) for name, value in metadata.items()) > MOST_METADATA:
            raise ValueError(f"is longer than {MOST_METADATA:,} bytes")
        return metadata


class Part(_Request):
    """A part that S3 has taken, with the ETag that it answered."""

    part_number: int = Field(ge=1, le=10_000)
    etag: str = Field(max_length=128, pattern=r"^[!-~]+$")


class CompletionRequest(_Request):
    """All parts of an upload have arrived."""

    key: str = Field(max_length=1024)
    multipart_upload_id: str = Field(max_length=1024, pattern=r"^[!-~]+$")
    parts: list[Part] = Field(min_length=1, max_length=10_000)


def read_request(request: dict[str, Any], environment: Environment) -> FormRequest | CompletionRequest:
    """Return what is asked for.

    Raises:
        UploadRefusedError: naming each field that breaks a rule.
    """
    kind = CompletionRequest if "multipart_upload_id" in request else FormRequest
    try:
        return kind.model_validate(request, context=environment)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        raise UploadRefusedError("; ".join(problems)) from error
