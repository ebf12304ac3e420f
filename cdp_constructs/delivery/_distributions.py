"""What the distributions of this library have in common: protocols, logs, headers, names, metrics, findings."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_cloudfront as cloudfront
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge_each
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.buckets import access_log_bucket
from cdp_constructs.core.cdk import certificatemanager, cloudwatch, route53, sns
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, minutes

# CloudFront publishes its metrics there and nowhere else
# (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html).
_METRICS_REGION = "us-east-1"
# The hosted zone of every distribution, in all Regions
# (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-route53-recordset-aliastarget.html).
_CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
_SERVER_ERRORS_THAT_ALARM = 5  # percent
# CloudFront chooses the behavior by the normalised path, and gives the function the path as the viewer sent it, such as
# /x/../api/orders: cut off there, it would be no path.
_STRIP_PREFIX = """\
function handler(event) {
  var request = event.request;
  if (request.uri.indexOf("%s/") === 0) request.uri = request.uri.slice(%d);
  return request;
}
"""


def add_distribution(
    scope: Construct,
    default_behavior: cloudfront.BehaviorOptions,
    *,
    domain_names: Sequence[str],
    certificate: "certificatemanager.ICertificate | None",
    any_country: str,
    without_web_acl: str,
    **options: Any,
) -> cloudfront.Distribution:
    """Add a distribution with HTTP/3, IPv6, TLS 1.2 on its own names, and logs in the stack's log bucket.

    Args:
        scope: The pattern that owns it; its id inside is ``Distribution``.
        default_behavior: What answers when no other behaviour matches.
        domain_names: Own names; only that of CloudFront when empty.
        certificate: Covers ``domain_names``.
        any_country: Why viewers of every country are served (AwsSolutions-CFR1).
        without_web_acl: Why there is no web ACL by default (AwsSolutions-CFR2).
        options: More properties of the distribution.
    """
    distribution = cloudfront.Distribution(
        scope,
        "Distribution",
        comment=path_of(scope)[-128:],
        default_behavior=default_behavior,
        http_version=cloudfront.HttpVersion.HTTP2_AND_3,
        minimum_protocol_version=None if certificate is None else cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
        domain_names=list(domain_names) or None,
        certificate=certificate,
        enable_logging=True,
        log_bucket=access_log_bucket(scope),
        log_file_prefix=f"cloudfront/{scope.node.addr[-8:]}/",
        **options,
    )
    findings = {"AwsSolutions-CFR1": any_country, "AwsSolutions-CFR2": without_web_acl}
    if certificate is None:
        findings["AwsSolutions-CFR4"] = (
            "The certificate of cloudfront.net fixes the oldest protocol; with a certificate of one's own it is TLS "
            "1.2."
        )
    acknowledge_each(distribution, findings)
    return distribution


def add_security_headers(
    scope: Construct,
    *,
    referrer_policy: cloudfront.HeadersReferrerPolicy,
    content_security_policy: str,
    remove_headers: Sequence[str] = (),
    custom_headers: Mapping[str, str] | None = None,
) -> cloudfront.ResponseHeadersPolicy:
    """Add the headers that every answer of a distribution carries, whatever its origin says.

    Args:
        scope: The pattern that owns the distribution; their id inside is ``SecurityHeaders``.
        referrer_policy: What other sites learn of a page's address.
        content_security_policy: What a page may load and call, and who may frame it.
        remove_headers: Headers of the origin that viewers do not get.
        custom_headers: More headers by name, in place of the origin's.
    """
    custom = [
        cloudfront.ResponseCustomHeader(header=name, value=value, override=True)
        for name, value in (custom_headers or {}).items()
    ]
    return cloudfront.ResponseHeadersPolicy(
        scope,
        "SecurityHeaders",
        comment=path_of(scope)[-128:],
        security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
            strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                access_control_max_age=days(365), include_subdomains=True, override=True
            ),
            content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
            frame_options=cloudfront.ResponseHeadersFrameOptions(
                frame_option=cloudfront.HeadersFrameOption.DENY, override=True
            ),
            referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(referrer_policy=referrer_policy, override=True),
            content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                content_security_policy=content_security_policy, override=True
            ),
        ),
        remove_headers=list(remove_headers) or None,
        custom_headers_behavior=cloudfront.ResponseCustomHeadersBehavior(custom_headers=custom) if custom else None,
    )


def add_strip_function(scope: Construct, path: str) -> cloudfront.Function:
    """Add a function that takes a path off the front of requests; its id inside ``scope`` is ``Strip<path>``."""
    return cloudfront.Function(
        scope,
        f"Strip{path.replace('/', '-')}",
        comment=f"{path_of(scope)}: {path}"[-128:],
        code=cloudfront.FunctionCode.from_inline(_STRIP_PREFIX % (path, len(path))),
        runtime=cloudfront.FunctionRuntime.JS_2_0,
    )


def add_records(
    scope: Construct,
    distribution: cloudfront.Distribution,
    zone: "route53.IHostedZone | None",
    domain_names: Sequence[str],
) -> None:
    """Add A and AAAA records of a distribution's own names to their zone, when there is one."""
    if zone is None:
        return
    # Imported here: most distributions have no zone.
    from aws_cdk import aws_route53 as route53

    target = route53.CfnRecordSet.AliasTargetProperty(
        dns_name=distribution.distribution_domain_name, hosted_zone_id=_CLOUDFRONT_ZONE
    )
    for number, name in enumerate(domain_names):
        for kind in ("A", "AAAA"):
            route53.CfnRecordSet(
                scope,
                f"{kind}Record{number or ''}",
                hosted_zone_id=zone.hosted_zone_id,
                name=f"{name}.",
                type=kind,
                alias_target=target,
            )


def metric_requests(distribution: cloudfront.Distribution, period: "Duration | None") -> "cloudwatch.Metric":
    """Requests to a distribution."""
    return distribution.metric_requests(**_metric_options(distribution, period))


def metric_server_errors(distribution: cloudfront.Distribution, period: "Duration | None") -> "cloudwatch.Metric":
    """Percentage of answers 5xx."""
    return distribution.metric5xx_error_rate(**_metric_options(distribution, period))


def _metric_options(distribution: cloudfront.Distribution, period: "Duration | None") -> dict[str, Any]:
    # The CDK leaves out the dimension Region, without which CloudFront publishes nothing.
    dimensions = {"DistributionId": distribution.distribution_id, "Region": "Global"}
    return {"dimensions_map": dimensions, "period": period or minutes(5), "region": _METRICS_REGION}


def add_server_errors_alarm(
    scope: Construct, distribution: cloudfront.Distribution, alarm_topic: "sns.ITopic | None"
) -> None:
    """Add an alarm for many answers 5xx, or nothing when there is nobody to notify."""
    add_alarm(
        scope,
        "ServerErrorsAlarm",
        metric_server_errors(distribution, None),
        alarm_topic=alarm_topic,
        threshold=_SERVER_ERRORS_THAT_ALARM,
        evaluation_periods=2,
        description=f"{path_of(scope)}: {_SERVER_ERRORS_THAT_ALARM} % of the answers are 5xx. Look whether the origin "
        "answers, and at the distribution's log.",
    )
