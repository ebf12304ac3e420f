"""What is deployed can be removed, and is."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import ClientError, WaiterError

from cdp_constructs.testing.nag import REPORT

__all__ = ["make_removable", "removable_copy", "remove_stack"]

_ATTEMPTS = 2
_LOG_GROUPS = {"AWS::Lambda::Function": "/aws/lambda/{}", "AWS::Logs::LogGroup": "{}"}


class Clients(Protocol):
    """Makes clients of an account."""

    def client(self, service: str, region: str) -> Any:
        """Return a client."""


def make_removable(template: dict[str, Any]) -> dict[str, Any]:
    """Let nothing of a template outlive its stack: nothing is kept, and nothing protected."""
    for resource in template.get("Resources", {}).values():
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if str(resource.get(policy, "")).startswith("Retain"):
                resource[policy] = "Delete"
        properties = resource.get("Properties", {})
        for member in [properties, *(one for one in properties.get("Replicas", []) if isinstance(one, dict))]:
            if member.get("DeletionProtectionEnabled"):
                member["DeletionProtectionEnabled"] = False
    return template


def removable_copy(assembly: Path, folder: Path) -> Path:
    """Copy an assembly, with templates that can be removed, and under hashes of their own."""
    copy = folder / "assembly"
    # The tests judge cdk-nag's findings; the CLI would refuse to deploy what they are about.
    shutil.copytree(assembly, copy, ignore=shutil.ignore_patterns(REPORT))
    for file in copy.glob("*.template.json"):
        before = file.read_bytes()
        file.write_text(json.dumps(make_removable(json.loads(before))))
        old, new = (hashlib.sha256(content).hexdigest() for content in (before, file.read_bytes()))
        # Templates are uploaded by their hash: else that of another deployment would be taken.
        for naming in (copy / "manifest.json", *copy.glob("*.assets.json")):
            naming.write_text(naming.read_text().replace(old, new))
    return copy


def remove_stack(account: Clients, name: str, region: str) -> str | None:
    """Delete a stack with what is in its buckets and the logs of its functions; return why it is left, if it is."""
    cloudformation = account.client("cloudformation", region)
    resources = list(_resources(cloudformation, name))
    for attempt in range(_ATTEMPTS):
        for bucket in (physical for kind, physical in resources if kind == "AWS::S3::Bucket"):
            _empty(account.client("s3", region), bucket)
        cloudformation.delete_stack(StackName=name)
        try:
            cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 5})
        except WaiterError as error:
            # Logs may have come to a bucket after it was emptied.
            if attempt + 1 == _ATTEMPTS:
                return f"stack {name} in {region}: {error}"
        else:
            break
    for kind, physical in resources:
        # Log groups of the stack, too: what a function still logs may bring one back.
        if kind in _LOG_GROUPS:
            _delete_log_group(account.client("logs", region), _LOG_GROUPS[kind].format(physical))
    return None


def _resources(cloudformation: Any, stack: str) -> Iterator[tuple[str, str]]:
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for one in page["StackResourceSummaries"]:
            if one.get("PhysicalResourceId"):
                yield one["ResourceType"], one["PhysicalResourceId"]


def _empty(s3: Any, bucket: str) -> None:
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
    except s3.exceptions.NoSuchBucket:
        return


def _delete_log_group(logs: Any, name: str) -> None:
    try:
        logs.delete_log_group(logGroupName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
