"""Web ACLs of templates, and what they protect."""

from typing import Any

VISIBILITY = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "metric"}
FORWARDED = {"HeaderName": "X-Forwarded-For", "FallbackBehavior": "NO_MATCH"}


def rule(name: str, priority: int, statement: dict[str, Any], **action: Any) -> dict[str, Any]:
    """A rule that blocks, unless another action is given."""
    return {
        "Name": name,
        "Priority": priority,
        "Statement": statement,
        "Action": action or {"Block": {}},
        "VisibilityConfig": VISIBILITY,
    }


def rate(limit: int, *, by: str = "IP", scope: dict[str, Any] | None = None) -> dict[str, Any]:
    """More than so many requests in ten minutes, which no test outlasts."""
    settings = {"Limit": limit, "AggregateKeyType": by, "EvaluationWindowSec": 600}
    settings |= {"ForwardedIPConfig": FORWARDED} if by == "FORWARDED_IP" else {}
    return {"RateBasedStatement": settings | ({"ScopeDownStatement": scope} if scope else {})}


def is_(text: str, field: dict[str, Any], position: str = "EXACTLY", transformation: str = "NONE") -> dict[str, Any]:
    """A part of the request is, or starts with, a text."""
    return {
        "ByteMatchStatement": {
            "FieldToMatch": field,
            "PositionalConstraint": position,
            "SearchString": text,
            "TextTransformations": [{"Priority": 0, "Type": transformation}],
        }
    }


def web_acl(*rules: dict[str, Any], scope: str = "REGIONAL", **properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::WAFv2::WebACL",
        "Properties": {
            "Scope": scope,
            "DefaultAction": {"Allow": {}},
            "VisibilityConfig": VISIBILITY,
            "Rules": list(rules),
            **properties,
        },
    }


def association(arn: Any, acl: str = "Acl") -> dict[str, Any]:
    acl_arn = {"Fn::GetAtt": [acl, "Arn"]}
    return {"Type": "AWS::WAFv2::WebACLAssociation", "Properties": {"ResourceArn": arn, "WebACLArn": acl_arn}}


def distribution(port: int) -> dict[str, Any]:
    """A distribution before a server of this machine, with the web ACL `Acl`."""
    return {
        "Type": "AWS::CloudFront::Distribution",
        "Properties": {
            "DistributionConfig": {
                "Enabled": True,
                "WebACLId": {"Fn::GetAtt": ["Acl", "Arn"]},
                "Origins": [
                    {
                        "Id": "origin",
                        "DomainName": "127.0.0.1",
                        "CustomOriginConfig": {"HTTPPort": port, "OriginProtocolPolicy": "http-only"},
                    }
                ],
                "DefaultCacheBehavior": {
                    "TargetOriginId": "origin",
                    "ViewerProtocolPolicy": "allow-all",
                    "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
                },
            }
        },
    }
