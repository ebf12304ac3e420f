"""The bucket, as ``ClaimCheck.share_with`` names it."""

import os

import boto3
from botocore.config import Config

from .store import PayloadStore

__all__ = ["connect"]


def connect(variable: str = "CLAIM_CHECK") -> PayloadStore:
    """Return the payloads that ``ClaimCheck.share_with`` named in the environment.

    Calls end within half a minute, so that a step fails instead of waiting for a bucket that does not answer.
    """
    config = Config(connect_timeout=1, read_timeout=8, retries={"mode": "standard", "max_attempts": 3})
    bucket, _, prefix = os.environ[variable].partition("/")
    return PayloadStore(
        boto3.client("s3", config=config),
        bucket=bucket,
        prefix=prefix,
        inline_bytes=int(os.environ[f"{variable}_INLINE_BYTES"]),
    )
