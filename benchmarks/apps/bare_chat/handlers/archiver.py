"""Keeps the messages of a batch as one object."""

import os
from typing import Any

import boto3

s3 = boto3.client("s3")


def handler(event: dict[str, Any], context: Any) -> None:
    """Write one object of JSON lines."""
    lines = "".join(f"{record['body']}\n" for record in event["Records"])
    s3.put_object(Bucket=os.environ["BUCKET"], Key=f"messages/{context.aws_request_id}.jsonl", Body=lines.encode())
