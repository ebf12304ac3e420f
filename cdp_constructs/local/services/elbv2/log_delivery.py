"""Load balancers: whether access logs may be written to a bucket, which is checked when they are turned on.

The bucket's policy must allow it to Elastic Load Balancing: to its service, or to its account of the Region.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import before
from cdp_constructs.local.kit.types import Properties
from cdp_constructs.local.services.elbv2 import definitions, records
from cdp_constructs.local.services.iam.evaluation import policy_allows_account, policy_allows_service

__all__ = ["folder", "problem"]

_alb: Any = ministack.module("services.alb", "_error", "_p")
_responses: Any = ministack.module("core.responses")
_s3: Any = ministack.module(
    "services.s3", "_bucket_owner_account", "_bucket_policies", "_ensure_bucket", "bucket_region"
)

_SERVICE = "logdelivery.elasticloadbalancing.amazonaws.com"
_ACCOUNTS = {
    "af-south-1": "098369216593",
    "ap-east-1": "754344448648",
    "ap-northeast-1": "582318560864",
    "ap-northeast-2": "600734575887",
    "ap-northeast-3": "383597477331",
    "ap-south-1": "718504428378",
    "ap-southeast-1": "114774131450",
    "ap-southeast-2": "783225319266",
    "ap-southeast-3": "589379963580",
    "ca-central-1": "985666609251",
    "eu-central-1": "054676820928",
    "eu-north-1": "897822967062",
    "eu-south-1": "635631232127",
    "eu-west-1": "156460612806",
    "eu-west-2": "652711504416",
    "eu-west-3": "009996457667",
    "me-south-1": "076674570225",
    "sa-east-1": "507241528517",
    "us-east-1": "127311923021",
    "us-east-2": "033677994240",
    "us-west-1": "027434742980",
    "us-west-2": "797873946194",
}
"""Accounts of Elastic Load Balancing; Regions that are newer have the service only."""


def folder(attributes: Mapping[str, str], account: str) -> str:
    """Return the folder of a load balancer's logs."""
    prefix = attributes.get("access_logs.s3.prefix") or ""
    return f"{prefix}/AWSLogs/{account}/" if prefix else f"AWSLogs/{account}/"


def problem(attributes: Mapping[str, str]) -> str | None:
    """Return why access logs cannot be written, if they are turned on; in the load balancer's account and Region."""
    if attributes.get("access_logs.s3.enabled") != "true":
        return None
    bucket, region, account = (
        attributes.get("access_logs.s3.bucket"),
        _responses.get_region(),
        _responses.get_account_id(),
    )
    if not bucket:
        return "The value of 'access_logs.s3.bucket' cannot be empty when 'access_logs.s3.enabled' is true"
    if _s3._ensure_bucket(bucket) is None:
        return f"The bucket '{bucket}' does not exist"
    if _s3.bucket_region(bucket) not in {region, None}:
        return f"The bucket '{bucket}' must be in the Region of the load balancer, {region}"
    policy = _s3._bucket_policies.get_scoped(_s3._bucket_owner_account(bucket), None, bucket)
    resource = f"arn:aws:s3:::{bucket}/{folder(attributes, account)}ELBAccessLogTestFile"
    conditions = {
        "aws:sourceaccount": account,
        "aws:sourcearn": f"arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/app/any/0",
        "s3:x-amz-acl": "bucket-owner-full-control",
    }
    known = _ACCOUNTS.get(region)
    request = (resource, region, conditions)
    allowed = policy_allows_service(policy, _SERVICE, "s3:PutObject", *request) or (
        known is not None and policy_allows_account(policy, known, "s3:PutObject", *request)
    )
    return None if allowed else f"Access Denied for bucket: {bucket}. Please check S3bucket permission"


@before("AWS::ElasticLoadBalancingV2::LoadBalancer")
def _checked(properties: Properties) -> None:
    given = properties.get("LoadBalancerAttributes") or []
    if found := problem({each["Key"]: str(each.get("Value", "")) for each in given}):
        raise ValueError(f"{found} (Service: ElasticLoadBalancingV2, Status Code: 400)")


@patch("ministack.services.alb:_ACTION_MAP[ModifyLoadBalancerAttributes]")
def _modify(original: Callable[[Any], Any], parameters: Any) -> Any:
    arn = _alb._p(parameters, "LoadBalancerArn")
    given = definitions.members(parameters, "Attributes", "Key", "Value")
    changed = {each["Key"]: each.get("Value", "") for each in given if "Key" in each}
    if found := problem(records.balancer_attributes(arn) | changed):
        return _alb._error("InvalidConfigurationRequest", found)
    return original(parameters)
