"""CloudFront: origin access identities in the policies of buckets.

A policy may name an identity by its canonical user. S3 keeps its ARN instead, and so does this; MiniStack evaluates
ARNs only.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.types import Attributes, Properties

_s3: Any = ministack.module("services.s3", "_bucket_policies")

_arns: dict[str, str] = {}
"""Of identities, by canonical user."""


@after("AWS::CloudFront::CloudFrontOriginAccessIdentity")
def _remember(identity: str, _properties: Properties, attributes: Attributes) -> None:
    user = f"arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity {identity}"
    _arns[attributes["S3CanonicalUserId"]] = user


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _with_arns(policy: str) -> str:
    """Return the policy with the ARNs of identities in place of their canonical users."""
    document = json.loads(policy)
    for statement in _listed(document.get("Statement", [])):
        principal = statement.get("Principal")
        if not isinstance(principal, Mapping) or "CanonicalUser" not in principal:
            continue
        users = _listed(principal["CanonicalUser"])
        others = [user for user in users if user not in _arns]
        named = [*_listed(principal.get("AWS", [])), *(_arns[user] for user in users if user in _arns)]
        kept = {name: value for name, value in principal.items() if name not in {"AWS", "CanonicalUser"}}
        statement["Principal"] = kept | {
            name: values for name, values in (("AWS", named), ("CanonicalUser", others)) if values
        }
    return json.dumps(document)


def _rewrite(bucket: str) -> None:
    policy = _s3._bucket_policies.get(bucket)
    if policy and "CanonicalUser" in policy:
        _s3._bucket_policies[bucket] = _with_arns(policy)


@after("AWS::S3::BucketPolicy")
def _of_template(_policy: str, properties: Properties, _attributes: Attributes) -> None:
    _rewrite(properties["Bucket"])


@patch("ministack.services.s3:_put_bucket_policy")
def _by_api(original: Callable[..., Any], bucket: str, body: bytes) -> Any:
    answer = original(bucket, body)
    _rewrite(bucket)
    return answer
