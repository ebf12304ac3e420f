"""CacheDistribution: answers from edge locations near the reader, and an API under the same name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.cdk import apigatewayv2, certificatemanager, cloudwatch, route53, sns
from cdp_constructs.core.meanings import note_region
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.places import Allowed, elsewhere
from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.delivery._checks import (
    check_alarm_topic,
    check_content_security_policy,
    check_domain,
    check_first_web_acl,
    check_path_pattern,
    check_path_prefix,
    check_web_acl,
    check_zone,
)
from cdp_constructs.delivery._content_security_policy import OF_PAGES, write_policy
from cdp_constructs.delivery._distributions import (
    add_distribution,
    add_records,
    add_security_headers,
    add_server_errors_alarm,
    add_strip_function,
    metric_requests,
    metric_server_errors,
)


@checks_options
class CacheDistribution(Construct):
    """A CloudFront distribution in front of any origin, with security headers, own names and APIs below a path.

    CDP: Cache Distribution / キャッシュディストリビューション パターン.

    Readers get what is in the cache from the edge location near them, compressed, over HTTP/3. For content that only
    some readers may see there is ``PrivateCacheDistribution``, for a site of files ``DirectHosting``.

        site = CacheDistribution(self, "Site", origin=origins.HttpOrigin("www.example.com"))
        site.add_behavior("/pictures/*", origins.S3BucketOrigin.with_origin_access_control(pictures))
        site.add_api(api, path="/api")

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        origin: Where answers come from that are not in the cache, such as ``origins.HttpOrigin("www.example.com")``
            or ``origins.S3BucketOrigin.with_origin_access_control(bucket)``.
        cache_policy: What makes two requests the same, and for how long an answer lives when the origin does not say.
            By default the path alone, and a day (the managed policy CachingOptimized).
        viewer_request: A CloudFront Function that may change each request for ``origin`` before the cache; by default
            none. At most 10 KB of code.
        domain_names: Own host names, with ``certificate``; by default only the one that CloudFront gives. At most 100
            (soft; https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html).
        certificate: Covers ``domain_names``; in us-east-1. It also raises the oldest protocol from TLS 1.0, which
            cloudfront.net allows, to TLS 1.2. Default: none, with the name that CloudFront gives.
        zone: The public hosted zone of ``domain_names``, for their A and AAAA records. By default no record is made.
        content_security_policy: Sources by directive that pages may use **beside** the defaults, such as
            ``{"connect-src": ["https://api.example.com"]}``; tokens are taken. By default everything comes from the own
            origin (images also from ``data:`` and ``blob:``), nothing is inline, nobody may frame a page.
        alarm_topic: Receives an alarm when 5 % of the answers are 5xx for 10 minutes; by default there is none. Only in
            a stack of us-east-1, where CloudFront publishes its metrics.

    Raises:
        InvalidOptionError: for domain names without a certificate or the other way round, a certificate outside
            us-east-1, names outside the zone, a source like ``'unsafe-inline'`` or ``*``, an alarm topic in a stack of
            another Region than us-east-1, or a path that was added before.
    """

    distribution: cloudfront.Distribution
    """The distribution; its metrics are in us-east-1."""
    domain_name: str
    """The first own host name, or that of CloudFront."""
    url: str
    """``https://<domain_name>``."""

    @elsewhere(certificate=Allowed.ANY_REGION)
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
        alarm_topic: "sns.ITopic | None" = None,
    ) -> None:
        super().__init__(scope, construct_id)
        check_alarm_topic(self, alarm_topic)
        check_domain(self, domain_names, certificate)
        check_zone(self, domain_names, zone)
        check_content_security_policy(self, content_security_policy or {})
        self._headers = add_security_headers(
            self,
            referrer_policy=cloudfront.HeadersReferrerPolicy.STRICT_ORIGIN_WHEN_CROSS_ORIGIN,
            content_security_policy=write_policy(self, OF_PAGES, content_security_policy),
        )
        self._paths: list[str] = []
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
            without_web_acl="What is served is public and cached; attach_web_acl() adds AWS WAF, as for an API.",
        )
        self.domain_name = domain_names[0] if domain_names else self.distribution.distribution_domain_name
        self.url = f"https://{self.domain_name}"
        add_records(self, self.distribution, zone, domain_names)
        add_server_errors_alarm(self, self.distribution, alarm_topic)

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this pattern, for a composite alarm or a dashboard."""
        return alarms_of(self)

    @property
    def path_patterns(self) -> tuple[str, ...]:
        """Patterns of the paths that have an origin of their own, in the order in which they are tried."""
        return tuple(self._paths)

    def add_behavior(
        self,
        path_pattern: str,
        origin: cloudfront.IOrigin,
        *,
        cache_policy: cloudfront.ICachePolicy | None = None,
        response_headers_policy: cloudfront.IResponseHeadersPolicy | None = None,
    ) -> cloudfront.BehaviorOptions:
        """Let some paths be read from another origin; patterns are tried in the order in which they were added.

        Args:
            path_pattern: Such as ``/media/*``; ``*`` is any text, ``?`` one character. 75 patterns at most (soft).
            origin: Where answers come from.
            cache_policy: See the class.
            response_headers_policy: Headers of the answers, in place of the security headers of the class. Default:
                those.

        Raises:
            InvalidOptionError: when CloudFront takes no such pattern, or it was added before.
        """
        check_path_pattern(self, path_pattern)
        reading = self._reading(cache_policy)
        if response_headers_policy is not None:
            reading["response_headers_policy"] = response_headers_policy
        return self._add(path_pattern, origin, **reading)

    def add_uncached_behavior(self, path_pattern: str, origin: cloudfront.IOrigin) -> cloudfront.BehaviorOptions:
        """Let an origin answer some paths each time: every method, with the caller's headers, cookies and query.

        For dynamic pages and APIs of servers, WebSockets too. The origin gets its own name as ``Host``, for which its
        certificate is. Plain HTTP is refused. Patterns are tried in the order in which they were added, so that what is
        kept for a moment is added first, and ``/*`` last.

        Args:
            path_pattern: Such as ``/messages/*``; ``*`` is any text, ``?`` one character. 75 patterns at most (soft).
            origin: Where answers come from.

        Raises:
            InvalidOptionError: when CloudFront takes no such pattern, or it was added before.
        """
        check_path_pattern(self, path_pattern)
        return self._add(path_pattern, origin, **self._calling())

    @elsewhere(api=Allowed.ANYWHERE)
    def add_api(
        self,
        api: "apigatewayv2.IHttpApi",
        *,
        path: str = "/api",
        region: str | None = None,
        domain_name: str | None = None,
    ) -> cloudfront.BehaviorOptions:
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
        if region is not None:
            note_region(self, "region", region)
        host = domain_name or f"{api.api_id}.execute-api.{region or api.env.region}.{stack_of(self).url_suffix}"
        return self._add_below(path, lambda: origins.HttpOrigin(host))

    @elsewhere(bucket=Allowed.ANYWHERE)
    def add_uploads(self, bucket: s3.IBucket, *, path: str = "/uploads") -> cloudfront.BehaviorOptions:
        """Let pages post forms of ``DirectObjectUpload`` below a path, for a site whose name is not known beforehand.

        The form goes to ``<path>/`` instead of to the bucket's own address. It is then of the page's own origin, so the
        bucket needs no CORS rule for it. S3 checks the form as ever: signature, key, type and size. CloudFront charges
        for what it sends to an origin; where the page's origin is known, name it in ``allowed_origins`` instead.

        Args:
            bucket: Where forms upload to. One of another Region is imported with its Region.
            path: Begins with a slash and ends without one.

        Raises:
            InvalidOptionError: when the path is malformed or was added before.
        """
        # Without an origin access control: what is signed is the form.
        return self._add_below(path, lambda: origins.S3BucketOrigin.with_bucket_defaults(bucket))

    def attach_web_acl(self, web_acl_arn: str) -> None:
        """Let AWS WAF inspect every request before it is answered.

        Args:
            web_acl_arn: ARN of a web ACL of scope CLOUDFRONT, which lives in us-east-1; ``acl.attr_arn`` of a
                ``CfnWebACL``.

        Raises:
            InvalidOptionError: for a web ACL of scope REGIONAL or of another Region.
        """
        check_web_acl(self, web_acl_arn)
        check_first_web_acl(self)
        self.distribution.attach_web_acl_id(web_acl_arn)

    def metric_requests(self, *, period: "Duration | None" = None) -> "cloudwatch.Metric":
        """Requests. Sum over 5 minutes by default; CloudFront's metrics exist in us-east-1 only."""
        return metric_requests(self.distribution, period)

    def metric_server_errors(self, *, period: "Duration | None" = None) -> "cloudwatch.Metric":
        """Answers 5xx, in percent. Average over 5 minutes by default; see ``metric_requests``."""
        return metric_server_errors(self.distribution, period)

    def _reading(self, cache_policy: cloudfront.ICachePolicy | None) -> dict[str, Any]:
        return {
            "allowed_methods": cloudfront.AllowedMethods.ALLOW_GET_HEAD_OPTIONS,
            "cache_policy": cache_policy or cloudfront.CachePolicy.CACHING_OPTIMIZED,
            "compress": True,
            "response_headers_policy": self._headers,
            "viewer_protocol_policy": cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
        }

    def _add_below(self, path: str, origin: Callable[[], cloudfront.IOrigin]) -> cloudfront.BehaviorOptions:
        check_path_prefix(self, path)
        self._check_free(f"{path}/*", "path")
        strip = _on_request(add_strip_function(self, path))
        return self._add(f"{path}/*", origin(), function_associations=[strip], **self._calling())

    def _calling(self) -> dict[str, Any]:
        return {
            "allowed_methods": cloudfront.AllowedMethods.ALLOW_ALL,
            "cache_policy": cloudfront.CachePolicy.CACHING_DISABLED,
            # Every header but Host, by which API Gateway finds the API, S3 the bucket, and a server its certificate.
            "origin_request_policy": cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            "response_headers_policy": self._headers,
            # Not a redirect: the first request would already have shown the token to everyone on the way.
            "viewer_protocol_policy": cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
        }

    def _check_free(self, path_pattern: str, option: str) -> None:
        if path_pattern in self._paths:
            fix = "Give each path one origin"
            raise InvalidOptionError(self, option, f"is {path_pattern!r}, which was added before", fix)

    def _add(self, path_pattern: str, origin: cloudfront.IOrigin, **options: Any) -> cloudfront.BehaviorOptions:
        self._check_free(path_pattern, "path_pattern")
        self._paths.append(path_pattern)
        self.distribution.add_behavior(path_pattern, origin, **options)
        return cloudfront.BehaviorOptions(origin=origin, **options)


def _on_request(function: cloudfront.IFunction) -> cloudfront.FunctionAssociation:
    return cloudfront.FunctionAssociation(function=function, event_type=cloudfront.FunctionEventType.VIEWER_REQUEST)
