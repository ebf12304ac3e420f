"""Checks of the distributions' options; each raises InvalidOptionError."""

import re
from collections.abc import Mapping, Sequence

from aws_cdk import Duration, Resource, Stack, Token
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdp_constructs.core.cdk import certificatemanager, route53, sns
from cdp_constructs.core.hosted_zones import is_in_zone
from cdp_constructs.core.meanings import note_zone
from cdp_constructs.core.paths import path_of, region_of, stack_of
from cdp_constructs.core.periods import days
from cdp_constructs.core.places import check_arn
from cdp_constructs.core.tree import keep, kept
from cdp_constructs.core.validation import InvalidOptionError, check_duration

# Where CloudFront takes certificates and web ACLs from and publishes metrics, whatever the stack's Region is.
_CLOUDFRONT_REGION = "us-east-1"
_CERTIFICATE_SOURCE = (
    "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html"
)
_ROTATION_SOURCE = "https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotationRulesType.html"


def check_bucket(scope: Construct, bucket: s3.IBucket | None) -> None:
    """Refuse a bucket whose policy and this distribution would wait for each other across stacks."""
    if bucket is None or not Resource.is_owned_resource(bucket):
        return
    theirs, ours = path_of(Stack.of(bucket)), path_of(stack_of(scope))
    if theirs != ours:
        raise InvalidOptionError(
            scope,
            "bucket",
            f"is made in stack {theirs} and the distribution in stack {ours}; the bucket's policy and the distribution "
            "would each wait for the other",
            "Make both in one stack, or import a bucket that is already deployed: Bucket.from_bucket_name()",
        )


def check_origin_path(scope: Construct, origin_path: str | None) -> None:
    """Refuse a folder that CloudFront would not take."""
    if origin_path is None or Token.is_unresolved(origin_path):
        return
    if not origin_path.startswith("/") or origin_path.endswith("/") or "*" in origin_path:
        raise InvalidOptionError(
            scope, "origin_path", f"is {origin_path!r}", "Begin with a slash and end without one, such as /accepted"
        )


def check_rotation(scope: Construct, rotate_every: Duration) -> None:
    """Refuse an interval that Secrets Manager does not have."""
    low, high, unit = days(1), days(1000), days(1)
    check_duration(scope, "rotate_every", rotate_every, low=low, high=high, source=_ROTATION_SOURCE, unit=unit)


def check_domain(
    scope: Construct, domain_names: Sequence[str], certificate: "certificatemanager.ICertificate | None"
) -> None:
    """Refuse names without a certificate, a certificate without names, and one of another Region than us-east-1."""
    if bool(domain_names) != (certificate is not None):
        given, missing = ("domain_names", "certificate") if domain_names else ("certificate", "domain_names")
        raise InvalidOptionError(scope, given, f"was given without {missing}", "Give both, or neither")
    if certificate is None:
        return
    # An imported certificate has its stack's env, whatever its ARN says; one that is made here has no ARN yet.
    arn = certificate.certificate_arn
    region = certificate.env.region if Token.is_unresolved(arn) else arn.split(":")[3]
    if not Token.is_unresolved(region) and region != _CLOUDFRONT_REGION:
        raise InvalidOptionError(
            scope,
            "certificate",
            f"is in {region}, but CloudFront takes certificates of us-east-1 only",
            "Make it in a stack of us-east-1, with cross_region_references=True on both stacks "
            f"({_CERTIFICATE_SOURCE})",
        )


def check_user_prefix(scope: Construct, user_prefix: str) -> None:
    """Refuse a prefix that would match other users' objects, or none."""
    plain = user_prefix.replace("{sub}", "")
    if user_prefix.startswith("/") or any(mark in plain for mark in "{}*") or not f"/{user_prefix}".endswith("/"):
        raise InvalidOptionError(
            scope,
            "user_prefix",
            f"is {user_prefix!r}",
            'Begin without a slash and end with one, such as "accepted/{sub}/"; "" lets every user see every object',
        )


def check_alarm_topic(scope: Construct, alarm_topic: "sns.ITopic | None") -> None:
    """Refuse alarms on CloudFront's metrics where there are none."""
    region = region_of(stack_of(scope))
    if alarm_topic is not None and not Token.is_unresolved(region) and region != _CLOUDFRONT_REGION:
        raise InvalidOptionError(
            scope,
            "alarm_topic",
            f"is in {region}, but CloudFront publishes its metrics in {_CLOUDFRONT_REGION} only",
            f"Leave it out, and make an alarm on metric_server_errors() in a stack of {_CLOUDFRONT_REGION}",
        )


def check_web_acl(scope: Construct, web_acl_arn: str) -> None:
    """Refuse a web ACL that AWS WAF would not attach to a distribution."""
    place = web_acl_arn.partition("/")[0]
    if not Token.is_unresolved(web_acl_arn) and not (f":{_CLOUDFRONT_REGION}:" in place and place.endswith(":global")):
        raise InvalidOptionError(
            scope, "web_acl_arn", f"is {web_acl_arn!r}", "Make the web ACL in us-east-1 with scope CLOUDFRONT"
        )
    check_arn(scope, "web_acl_arn", web_acl_arn, region=_CLOUDFRONT_REGION, fix="Give one of us-east-1")


def check_first_web_acl(scope: Construct) -> None:
    """Refuse a second web ACL: a distribution has one."""
    if kept(scope, "WebAcl") is not None:
        fix = "Put the rules of both into one web ACL"
        raise InvalidOptionError(scope, "web_acl_arn", "is a second web ACL", fix)
    keep(scope, "WebAcl", True)


def check_zone(scope: Construct, domain_names: Sequence[str], zone: "route53.IHostedZone | None") -> None:
    """Refuse a zone that cannot hold the records of the names."""
    if zone is None:
        return
    if not domain_names:
        raise InvalidOptionError(scope, "zone", "was given without domain_names", "Give both, or neither")
    note_zone(scope, zone)
    for name in domain_names:
        if not is_in_zone(name, zone):
            fix = "Give the public hosted zone that holds every one of the names, or make their records yourself"
            problem = f"contains {name!r}, which is not in zone {zone.zone_name!r}"
            raise InvalidOptionError(scope, "domain_names", problem, fix)


def check_path_prefix(scope: Construct, path: str) -> None:
    """Refuse a path that is no folder of a site."""
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", path):
        fix = "Begin with a slash, end without one, and use letters, digits and ._~- only, such as /api"
        raise InvalidOptionError(scope, "path", f"is {path!r}", fix)


# https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CacheBehavior.html
_PATH_PATTERN = re.compile(r"[A-Za-z0-9_.*$/~\"'@:+&?-]{1,255}")


def check_path_pattern(scope: Construct, path_pattern: str) -> None:
    """Refuse a pattern that CloudFront would not take."""
    if not _PATH_PATTERN.fullmatch(path_pattern):
        fix = "Use at most 255 letters, digits and _-.*$/~\"'@:+&?, such as /images/*"
        raise InvalidOptionError(scope, "path_pattern", f"is {path_pattern!r}", fix)


_DIRECTIVE = re.compile(r"[a-z]+(?:-[a-z]+)*")
_SOURCE = re.compile(r"'self'|'none'|'(?:sha256|sha384|sha512)-[A-Za-z0-9+/=]+'|data:|blob:|(?:https|wss)://[^\s;,*]+")
_WILD_HOST = re.compile(r"(?:https|wss)://\*\.[^\s;,*]+\.[^\s;,*]+")


def check_content_security_policy(scope: Construct, sources: "Mapping[str, Sequence[str]]") -> None:
    """Refuse sources that would take the point out of a policy: inline code, whole schemes, everything."""
    for directive, names in sources.items():
        if not _DIRECTIVE.fullmatch(directive):
            fix = 'Give lists by directive, such as {"connect-src": ["https://api.example.com"]}'
            raise InvalidOptionError(scope, "content_security_policy", f"contains {directive!r}: {names!r}", fix)
        for source in names:
            if _SOURCE.fullmatch(source) or _WILD_HOST.fullmatch(source) or Token.is_unresolved(source):
                continue
            fix = (
                "Name hosts, such as https://api.example.com or wss://live.example.com; scripts and styles belong into "
                "files of their own (or by hash), so that injected ones do not run"
            )
            raise InvalidOptionError(scope, "content_security_policy", f"contains {source!r} in {directive}", fix)


# What CloudFront writes itself or needs: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/understanding-response-headers-policies.html
_KEPT_HEADERS = re.compile(
    "connection|content-encoding|content-length|expect|host|keep-alive|proxy-(?:authenticate|authorization|connection)|"
    "trailer|transfer-encoding|upgrade|via|warning|x-accel-.*|x-amz-cf-.*|x-amzn-.*|x-cache|x-edge-.*|"
    "x-forwarded-proto|x-real-ip"
)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def check_remove_headers(scope: Construct, names: Sequence[str]) -> None:
    """Refuse names of headers that CloudFront does not remove."""
    for name in names:
        if Token.is_unresolved(name):
            continue
        if not _HEADER.fullmatch(name) or "*" in name:
            fix = "Name each header in full, such as x-amz-meta-owner: CloudFront knows no wildcards here"
            raise InvalidOptionError(scope, "remove_headers", f"contains {name!r}", fix)
        if _KEPT_HEADERS.fullmatch(name.lower()):
            fix = "Leave it out: CloudFront does not remove it"
            raise InvalidOptionError(scope, "remove_headers", f"contains {name!r}", fix)
