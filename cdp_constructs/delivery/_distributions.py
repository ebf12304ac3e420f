"""What the distributions of this library have in common: protocols, logs, security headers, names, findings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_cloudfront as cloudfront
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge_each
from cdp_constructs.core.buckets import access_log_bucket
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days

if TYPE_CHECKING:
    from aws_cdk import aws_certificatemanager as certificatemanager


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
    scope: Construct, *, referrer_policy: cloudfront.HeadersReferrerPolicy, content_security_policy: str
) -> cloudfront.ResponseHeadersPolicy:
    """Add the headers that every answer of a distribution carries, whatever its origin says.

    Args:
        scope: The pattern that owns the distribution; their id inside is ``SecurityHeaders``.
        referrer_policy: What other sites learn of a page's address.
        content_security_policy: What a page may load and call, and who may frame it.
    """
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
    )
