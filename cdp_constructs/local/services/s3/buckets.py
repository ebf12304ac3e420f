"""S3: settings of a bucket from CloudFormation, which MiniStack drops.

Tags, lifecycle rules, encryption, ownership and logging are stored and returned; no object expires or changes its
storage class, and nothing is logged. Objects are replicated as the rules say.
"""

from collections.abc import Callable, Sequence
from typing import Any

import botocore.session
from botocore.serialize import create_serializer

from cdp_constructs.local.kit import ministack, sdk
from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.types import Attributes, Properties

_s3: Any = ministack.module(
    "services.s3",
    "_put_bucket_encryption",
    "_put_bucket_lifecycle",
    "_put_bucket_logging",
    "_put_bucket_ownership_controls",
    "_put_bucket_replication",
    "_put_bucket_tagging",
)


def _lifecycle(configuration: Properties) -> Properties:
    return {"LifecycleConfiguration": {"Rules": [_lifecycle_rule(rule) for rule in configuration["Rules"]]}}


def _lifecycle_rule(rule: Properties) -> Properties:
    """Return a rule of a template under the names of the API."""
    adapted: Properties = {
        name: rule[name]
        for name in ("Status", "AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration")
        if name in rule
    }
    adapted["ID"] = rule.get("Id", "")
    expiration = {
        api: rule[name]
        for name, api in (
            ("ExpirationInDays", "Days"),
            ("ExpirationDate", "Date"),
            ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"),
        )
        if name in rule
    }
    if expiration:
        adapted["Expiration"] = expiration
    if "NoncurrentVersionExpirationInDays" in rule:
        adapted["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    for name in ("Transitions", "NoncurrentVersionTransitions"):
        if name in rule:
            adapted[name] = [_transition(transition) for transition in rule[name]]
    adapted["Filter"] = _filter(rule)
    return adapted


def _transition(transition: Properties) -> Properties:
    names = {"TransitionInDays": "NoncurrentDays" if "NewerNoncurrentVersions" in transition else "Days"}
    names |= {"TransitionDate": "Date"}
    return {names.get(name, name): value for name, value in transition.items()}


def _filter(rule: Properties) -> Properties:
    names = ("Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan")
    parts: Properties = {name: rule[name] for name in names if name in rule}
    tags = rule.get("TagFilters", [])
    if len(parts) + len(tags) > 1:
        return {"And": {**parts, "Tags": tags}}
    return parts or ({"Tag": tags[0]} if tags else {"Prefix": ""})


def _encryption(configuration: Properties) -> Properties:
    rules = [
        {**rule, "ApplyServerSideEncryptionByDefault": rule.get("ServerSideEncryptionByDefault", {})}
        for rule in configuration["ServerSideEncryptionConfiguration"]
    ]
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def _ownership(configuration: Properties) -> Properties:
    return {"OwnershipControls": configuration}


def _tags(configuration: Sequence[Properties]) -> Properties:
    return {"Tagging": {"TagSet": [{"Key": tag["Key"], "Value": str(tag["Value"])} for tag in configuration]}}


def _logging(configuration: Properties) -> Properties:
    enabled = {"TargetBucket": configuration["DestinationBucketName"]}
    enabled["TargetPrefix"] = configuration.get("LogFilePrefix", "")
    return {"BucketLoggingStatus": {"LoggingEnabled": enabled}}


def _replication(configuration: Properties) -> Properties:
    return {
        "ReplicationConfiguration": {**configuration, "Rules": list(map(_replication_rule, configuration["Rules"]))}
    }


def _replication_rule(rule: Properties) -> Properties:
    """Return a rule of a template under the names of the API; one of the first version has a prefix and no filter."""
    named = {**rule, "ID": rule["Id"]} if "Id" in rule else rule
    if "Filter" not in rule:
        return named
    given = rule["Filter"]
    both = given.get("And") or {}
    tags = [*([given["TagFilter"]] if "TagFilter" in given else []), *both.get("TagFilters", [])]
    prefix = {"Prefix": both.get("Prefix", given.get("Prefix"))}
    return {**named, "Filter": _filter({**(prefix if prefix["Prefix"] else {}), "TagFilters": tags})}


_CONFIGURATIONS: tuple[tuple[str, str, Callable[[Any], Properties]], ...] = (
    ("LifecycleConfiguration", "put_bucket_lifecycle_configuration", _lifecycle),
    ("BucketEncryption", "put_bucket_encryption", _encryption),
    ("OwnershipControls", "put_bucket_ownership_controls", _ownership),
    ("LoggingConfiguration", "put_bucket_logging", _logging),
    ("ReplicationConfiguration", "put_bucket_replication", _replication),
    ("Tags", "put_bucket_tagging", _tags),
)
"""Property of the template, method of the client, and how one becomes the parameters of the other."""


def _body(method: str, parameters: Properties) -> bytes:
    """Return the XML that a client sends."""
    model = botocore.session.get_session().get_service_model("s3")
    operation = model.operation_model(sdk.client("s3").meta.method_to_api_mapping[method])
    request = sdk.request("s3", method, {"Bucket": "any", **parameters})
    body: bytes = create_serializer("rest-xml").serialize_to_request(request, operation)["body"]
    return body


@after("AWS::S3::Bucket")
def _configure(bucket: str, properties: Properties, _attributes: Attributes) -> None:
    for name, method, adapt in _CONFIGURATIONS:
        if name in properties:
            put = getattr(_s3, f"_{method.removesuffix('_configuration')}")
            configuration = properties[name]
            if isinstance(configuration, dict):
                # A bucket whose logging names no destination logs into itself; the others drop the name.
                configuration = {"DestinationBucketName": bucket, **configuration}
            answer = put(bucket, _body(method, adapt(configuration)))
            if answer[0] >= 400:  # noqa: PLR2004 - HTTP
                raise ValueError(f"{name} of {bucket}: {answer[2]!r}")
