"""`Custom::CDKBucketDeployment`: puts the contents of zipped assets into a bucket and removes what they no longer have.

The CDK's own function needs the AWS CLI, which comes as a layer.
"""

import fnmatch
import io
import json
import mimetypes
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from cdp_constructs.local.services.cloudformation.custom_resources.event import Event, is_true

__all__ = ["deploy_to_bucket"]

_OWNER_TAG = "aws-cdk:cr-owned"

_UPLOAD_ARGUMENTS = {
    "acl": "ACL",
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "content-type": "ContentType",
    "expires": "Expires",
    "sse": "ServerSideEncryption",
    "sse-kms-key-id": "SSEKMSKeyId",
    "storage-class": "StorageClass",
    "website-redirect": "WebsiteRedirectLocation",
}
"""System metadata by its name in the template, which is that of an option of the CLI."""


def deploy_to_bucket(event: Event) -> tuple[str, dict[str, Any]]:
    """Handle an event of a bucket deployment."""
    properties, old = event.properties, event.old_properties
    destination, before = _destination(properties), _destination(old)
    retained = is_true(properties.get("RetainOnDelete", "true"))
    if event.request_type == "Delete":
        if not retained and not _owned_by_another(event, *destination):
            _delete(event, *destination, keep=set())
    else:
        if event.request_type == "Update" and not retained and before[0] and before != destination:
            _delete(event, *before, keep=set())
        _deploy(event, *destination)
    if distribution := properties.get("DistributionId"):
        paths = properties.get("DistributionPaths") or [f"/{destination[1]}*"]
        batch = {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": str(uuid.uuid4())}
        event.client("cloudfront").create_invalidation(DistributionId=distribution, InvalidationBatch=batch)
    keys = properties["SourceObjectKeys"] if is_true(properties.get("OutputObjectKeys", "true")) else []
    data = {"DestinationBucketArn": properties.get("DestinationBucketArn"), "SourceObjectKeys": keys}
    return event.physical_id or f"aws.cdk.s3deployment.{uuid.uuid4()}", data


def _destination(properties: Mapping[str, Any]) -> tuple[str, str]:
    """Return bucket and key prefix; the prefix is empty or ends with a slash."""
    prefix = properties.get("DestinationBucketKeyPrefix", "").strip("/")
    return properties.get("DestinationBucketName", ""), f"{prefix}/" if prefix else ""


def _owned_by_another(event: Event, bucket: str, prefix: str) -> bool:
    try:
        tags = event.client("s3").get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError:
        return False
    return any(tag["Key"].startswith(f"{_OWNER_TAG}:{prefix}") for tag in tags)


def _deploy(event: Event, bucket: str, prefix: str) -> None:
    s3 = event.client("s3")
    system = {name.lower(): value for name, value in event.properties.get("SystemMetadata", {}).items()}
    arguments: dict[str, Any] = {_UPLOAD_ARGUMENTS[name]: value for name, value in system.items()}
    if user := event.properties.get("UserMetadata"):
        arguments["Metadata"] = {name.lower(): value for name, value in user.items()}
    deployed = set()
    for name, content in _contents(event):
        deployed.add(prefix + name)
        if _selected(event, name):
            guessed = mimetypes.guess_type(name)[0] or "binary/octet-stream"
            s3.put_object(Bucket=bucket, Key=prefix + name, Body=content, **{"ContentType": guessed, **arguments})
    if is_true(event.properties.get("Prune", "true")):
        _delete(event, bucket, prefix, keep=deployed)


def _contents(event: Event) -> Iterator[tuple[str, bytes]]:
    """Give the files of all sources; of files with the same name the last one remains."""
    properties = event.properties
    keys = properties["SourceObjectKeys"]
    markers = properties.get("SourceMarkers") or [{}] * len(keys)
    settings = properties.get("SourceMarkersConfig") or [{}] * len(keys)
    s3 = event.client("s3")
    for bucket, key, values, setting in zip(properties["SourceBucketNames"], keys, markers, settings, strict=True):
        archive = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        if not is_true(properties.get("Extract", "true")):
            yield key.rpartition("/")[2], archive
            continue
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            for info in files.infolist():
                if not info.is_dir():
                    yield info.filename, _replace(files.read(info), values, escape=is_true(setting.get("jsonEscape")))


def _replace(content: bytes, markers: Mapping[str, str], *, escape: bool) -> bytes:
    """Put the deploy-time values where synthesis left markers."""
    for marker, value in markers.items():
        text = json.dumps(value)[1:-1] if escape else value
        content = content.replace(marker.encode(), text.encode())
    return content


def _selected(event: Event, name: str) -> bool:
    excluded = any(fnmatch.fnmatch(name, pattern) for pattern in event.properties.get("Exclude", []))
    return not excluded or any(fnmatch.fnmatch(name, pattern) for pattern in event.properties.get("Include", []))


def _delete(event: Event, bucket: str, prefix: str, keep: set[str]) -> None:
    s3 = event.client("s3")
    try:
        pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
    except s3.exceptions.NoSuchBucket:
        return
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    for key in keys:
        if key not in keep and _selected(event, key.removeprefix(prefix)):
            s3.delete_object(Bucket=bucket, Key=key)
