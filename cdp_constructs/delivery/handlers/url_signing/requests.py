"""What callers may ask for."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

LONGEST_KEY_BYTES = 1024  # of an S3 key


class SigningRequest(BaseModel):
    """What is to be signed, and for how many seconds (1 to 3,600)."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(min_length=1)
    expires_in: int = Field(default=300, ge=1, le=3600)

    @field_validator("path")
    @classmethod
    def _is_an_object_or_a_folder(cls, path: str) -> str:
        if len(path.encode()) > LONGEST_KEY_BYTES:
            raise ValueError(f"is longer than {LONGEST_KEY_BYTES} bytes")
        segments = path.removesuffix("/*").split("/")
        if any(segment in {"", ".", ".."} for segment in segments):
            raise ValueError("has an empty, '.' or '..' segment; write it without a leading slash")
        if "*" in "".join(segments):
            raise ValueError("has a * that is not its end; sign a folder as folder/*")
        return path
