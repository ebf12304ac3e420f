"""CacheDistribution: what is read often is answered near the reader; the API answers under the same name."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from constructs import Construct

from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.delivery._checks import (
    check_content_security_policy,
    check_domain,
    check_path_prefix,
    check_web_acl,
    check_zone,
)
from cdp_constructs.delivery._distributions import add_distribution, add_security_headers

if TYPE_CHECKING:
    from aws_cdk import Duration
    from aws_cdk import aws_apigatewayv2 as apigatewayv2
    from aws_cdk import aws_certificatemanager as certificatemanager
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_route53 as route53

# The zone of every distribution, in all Regions
# (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-route53-recordset-aliastarget.html).
_CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
_METRICS_REGION = "us-east-1"

# What a page may do by default: load from its own origin, and nothing inline.
_POLICY: Mapping[str, tuple[str, ...]] = {
    "default-src": ("'none'",),
    "script-src": ("'self'",),
    "style-src": ("'self'",),
    "img-src": ("'self'", "data:", "blob:"),
    "font-src": ("'self'",),
    "media-src": ("'self'",),
    "connect-src": ("'self'",),
    "manifest-src": ("'self'",),
    "worker-src": ("'self'",),
    "form-action": ("'self'",),
    "base-uri": ("'none'",),
    "frame-ancestors": ("'none'",),
}

_STRIP_PREFIX = """\
function handler(event) {
  var request = event.request;
  request.uri = request.uri.slice(%d);
  return request;
}
"""


class CacheDistribution(Construct):
    """Answer readers near them, from a cache, and take their load off the servers.

    **Problem.** Readers all over the world wait for a distant server, and many readers at once are too many for it.

    **Solution.** A CloudFront distribution in front of any origin: a bucket, a load balancer, an API. It answers from
    the edge location near the reader, compressed, over HTTP/3, with security headers, under a name of one's own. Paths
    can have origins of their own (``add_behavior``), and an API answers under the same name (``add_api``): no CORS, one
    certificate, one place for AWS WAF.

    **When not.** Content for some readers only wants signatures: ``PrivateCacheDistribution``. A site of files in a
    bucket is ``DirectHosting``, which makes one of these.

    CDP: Cache Distribution / キャッシュディストリビューション パターン.

    Args:
        scope: The stack or construct that owns the distribution.
        construct_id: Id inside ``scope``.
        origin: Where answers come from that are not in the cache, such as ``origins.HttpOrigin("www.example.com")``
            or ``origins.S3BucketOrigin.with_origin_access_control(bucket)``.
        cache_policy: What makes two requests the same, and for how long an answer lives when the origin does not say.
            By default the path alone, and a day (the managed policy CachingOptimized).
        viewer_request: A CloudFront Function that sees, and may change, each request for ``origin`` before the cache.
        domain_names: Own host names, with ``certificate``; by default only the one that CloudFront gives. At most 100
            (soft; https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html).
        certificate: Covers ``domain_names``; in us-east-1. It also raises the oldest protocol from TLS 1.0, which
            cloudfront.net allows, to TLS 1.2.
        zone: The public hosted zone of ``domain_names``; their A and AAAA records are made in it. Without it they are
            yours to make.
        content_security_policy: Sources by directive that pages may use **beside** the defaults, such as
            ``{"connect-src": ["https://api.example.com"]}``; tokens are taken. By default everything comes from the own
            origin (images also from ``data:`` and ``blob:``), nothing is inline, nobody may frame a page.

    Raises:
        InvalidOptionError: for domain names without a certificate or the other way round, a certificate outside
            us-east-1, names outside the zone, a source like ``'unsafe-inline'`` or ``*``, or a path that is taken.
    """

    distribution: cloudfront.Distribution
    """The distribution; its metrics are in us-east-1."""
    domain_name: str
    """The first own host name, or that of CloudFront."""
    url: str
    """``https://<domain_name>``."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        origin: cloudfront.IOrigin,
        cache_policy: cloudfront.ICachePolicy | None = None,
        viewer_request: cloudfront.IFunction | None = None,
        domain_names: Sequence[str] = (),
        certificate: "certificatemanager.ICertificate | None" = None,
        zone: "route53.IHostedZone | None" = None,
        content_security_policy: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        check_domain(self, domain_names, certificate)
        check_zone(self, domain_names, zone)
        check_content_security_policy(self, content_security_policy or {})
        self._headers = add_security_headers(
            self,
            referrer_policy=cloudfront.HeadersReferrerPolicy.STRICT_ORIGIN_WHEN_CROSS_ORIGIN,
            content_security_policy=_policy(content_security_policy or {}),
        )
        self._paths: set[str] = set()
        self.distribution = add_distribution(
            self,
            cloudfront.BehaviorOptions(
                origin=origin,
                function_associations=None if viewer_request is None else [_on_request(viewer_request)],
                **self._reading(cache_policy),
            ),
            domain_names=domain_names,
            certificate=certificate,
            any_country="What is public is for readers of every country.",
            without_web_acl="What is served is public and cached; add_web_acl() adds AWS WAF, as for an API.",
        )
        self.domain_name = domain_names[0] if domain_names else self.distribution.distribution_domain_name
        self.url = f"https://{self.domain_name}"
        if zone is not None:
            self._add_records(zone, domain_names)

    def add_behavior(
        self,
        path_pattern: str,
        origin: cloudfront.IOrigin,
        *,
        cache_policy: cloudfront.ICachePolicy | None = None,
    ) -> None:
        """Let some paths be read from another origin; patterns are tried in the order in which they were added.

        Args:
            path_pattern: Such as ``/media/*``; ``*`` is any text, ``?`` one character. 75 patterns at most (soft).
            origin: Where answers come from.
            cache_policy: See the class.

        Raises:
            InvalidOptionError: when the pattern was added before.
        """
        self._take(path_pattern)
        self.distribution.add_behavior(path_pattern, origin, **self._reading(cache_policy))

    def add_api(
        self,
        api: "apigatewayv2.IHttpApi",
        *,
        path: str = "/api",
        region: str | None = None,
        domain_name: str | None = None,
    ) -> None:
        """Let an HTTP API answer below a path: never cached, with the caller's ``Authorization``, without the path.

        ``GET /api/orders?open=1`` reaches the API as ``GET /orders?open=1``; all methods pass. The API's own address
        stays open beside this one, since API Gateway cannot close it to everybody but CloudFront.

        Args:
            api: The API, served from its default stage.
            path: Begins with a slash and ends without one.
            region: Region of the API when it is not that of its stack, as for an imported one.
            domain_name: A name of the API's own at which it is asked instead, such as the one that
                ``MultiRegionLatencyRouting`` gives it in every Region.

        Raises:
            InvalidOptionError: when the path is malformed or was added before.
        """
        check_path_prefix(self, path)
        self._take(f"{path}/*")
        host = domain_name or f"{api.api_id}.execute-api.{region or api.env.region}.{stack_of(self).url_suffix}"
        strip = cloudfront.Function(
            self,
            f"Strip{path.replace('/', '-')}",
            comment=f"{path_of(self)}: {path}"[-128:],
            code=cloudfront.FunctionCode.from_inline(_STRIP_PREFIX % len(path)),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
        )
        self.distribution.add_behavior(
            f"{path}/*",
            origins.HttpOrigin(host),
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            # Every header but Host, by which API Gateway finds the API.
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            response_headers_policy=self._headers,
            function_associations=[_on_request(strip)],
            # Not a redirect: the first request would already have shown the token to everyone on the way.
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
        )

    def add_web_acl(self, web_acl_arn: str) -> None:
        """Let AWS WAF judge every request before it is answered.

        Args:
            web_acl_arn: ARN of a web ACL of scope CLOUDFRONT, which lives in us-east-1; ``acl.attr_arn`` of a
                ``CfnWebACL``.

        Raises:
            InvalidOptionError: for a web ACL of scope REGIONAL or of another Region.
        """
        check_web_acl(self, web_acl_arn)
        self.distribution.attach_web_acl_id(web_acl_arn)

    def metric_requests(self, *, period: "Duration | None" = None) -> "cloudwatch.Metric":
        """Requests; CloudFront's metrics exist in us-east-1 only, so make alarms on them there."""
        return self.distribution.metric_requests(period=period, region=_METRICS_REGION)

    def metric_server_errors(self, *, period: "Duration | None" = None) -> "cloudwatch.Metric":
        """Percentage of answers 5xx; see ``metric_requests``."""
        return self.distribution.metric5xx_error_rate(period=period, region=_METRICS_REGION)

    def _reading(self, cache_policy: cloudfront.ICachePolicy | None) -> dict[str, Any]:
        return {
            "allowed_methods": cloudfront.AllowedMethods.ALLOW_GET_HEAD_OPTIONS,
            "cache_policy": cache_policy or cloudfront.CachePolicy.CACHING_OPTIMIZED,
            "compress": True,
            "response_headers_policy": self._headers,
            "viewer_protocol_policy": cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
        }

    def _take(self, path_pattern: str) -> None:
        if path_pattern in self._paths:
            fix = "Give each path one origin"
            raise InvalidOptionError(self, "path", f"{path_pattern!r} was added before", fix)
        self._paths.add(path_pattern)

    def _add_records(self, zone: "route53.IHostedZone", domain_names: Sequence[str]) -> None:
        # Imported here: most distributions have no zone.
        from aws_cdk import aws_route53 as route53

        target = route53.CfnRecordSet.AliasTargetProperty(
            dns_name=self.distribution.distribution_domain_name, hosted_zone_id=_CLOUDFRONT_ZONE
        )
        for number, name in enumerate(domain_names):
            for kind in ("A", "AAAA"):
                route53.CfnRecordSet(
                    self,
                    f"{kind}Record{number or ''}",
                    hosted_zone_id=zone.hosted_zone_id,
                    name=f"{name}.",
                    type=kind,
                    alias_target=target,
                )


def _policy(more: Mapping[str, Sequence[str]]) -> str:
    """Write the policy: the defaults and, for each directive, what was added; 'none' only where it stays alone."""
    directives: dict[str, list[str]] = {name: list(sources) for name, sources in _POLICY.items()}
    for name, sources in more.items():
        allowed = directives.setdefault(name, [])
        allowed.extend(source for source in sources if source not in allowed)
    for sources in directives.values():
        if len(sources) > 1 and "'none'" in sources:
            sources.remove("'none'")
    return "; ".join(" ".join((name, *sources)) for name, sources in directives.items())


def _on_request(function: cloudfront.IFunction) -> cloudfront.FunctionAssociation:
    return cloudfront.FunctionAssociation(function=function, event_type=cloudfront.FunctionEventType.VIEWER_REQUEST)
