"""PrivateCacheDistribution: CloudFront over a private bucket, for those who hold a signed URL or signed cookies."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.cdk import apigatewayv2, certificatemanager, cloudwatch, route53, sns
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, minutes
from cdp_constructs.core.places import Allowed, elsewhere
from cdp_constructs.core.validation import check_exclusive
from cdp_constructs.delivery._checks import (
    check_bucket,
    check_content_security_policy,
    check_domain,
    check_first_web_acl,
    check_origin_path,
    check_remove_headers,
    check_rotation,
    check_user_prefix,
    check_web_acl,
    check_zone,
)
from cdp_constructs.delivery._content_security_policy import OF_FILES, write_policy
from cdp_constructs.delivery._distributions import (
    add_distribution,
    add_records,
    add_security_headers,
    metric_requests,
    metric_server_errors,
)
from cdp_constructs.delivery._signing_keys import SigningKeys, add_signing_function
from cdp_constructs.delivery._site_origin import reading_statement


@checks_options
class PrivateCacheDistribution(Construct):
    """A CloudFront distribution over a private bucket that serves only signed URLs and signed cookies.

    CDP: Private Cache Distribution / プライベートキャッシュディストリビューション パターン.

    The private key is made in the account and rotated; a function signs for users of an HTTP API, each for paths below
    the own prefix, and for other functions. A signed URL works until it expires: it cannot be revoked.

        files = PrivateCacheDistribution(self, "Files", bucket=upload.bucket, origin_path="/accepted")
        files.add_routes(api, path="/downloads")

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        bucket: An existing bucket to serve, of the same stack or imported by name or ARN. An imported bucket is not
            changed: add ``origin_access_statements`` to its policy. By default a private, versioned one is made.
        origin_path: Folder of the bucket that viewers see as the root, such as ``/accepted``; the whole bucket by
            default.
        domain_names: Own host names of the distribution, with ``certificate``; by default it has only the one that
            CloudFront gives it. At most 100 (soft;
            https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html).
        certificate: Covers ``domain_names``; in us-east-1. It also raises the oldest protocol from TLS 1.0, which
            cloudfront.net allows, to TLS 1.2. Default: none, with the name that CloudFront gives.
        zone: The public hosted zone of ``domain_names``, for their A and AAAA records. By default no record is made.
        content_security_policy: Sources by directive that served files may use **beside** the defaults; see
            ``CacheDistribution``. By default a file loads its own images and media, and runs no scripts.
        remove_headers: Headers of the bucket's answers that viewers do not get, at most 10 (soft), such as
            ``x-amz-meta-owner`` for the metadata ``owner``; by default they get all
            (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/understanding-response-headers-policies.html).
        user_prefix: What a user of the HTTP API may see: paths that begin with it. ``{sub}`` is the subject of the
            user's token; ``{sub}/`` by default. Direct callers of the function are not bound to it.
        rotate_every: Whole days between two rotations of the key pair, 1 to 1,000
            (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotationRulesType.html). Default: 90
            days.
        alarm_topic: Receives alarms about rotations and signatures that failed; by default there are none.
        log_retention: How long the functions' logs are kept; 3 months by default.
        removal_policy: What happens to the bucket and the log groups when the stack is deleted; they are kept by
            default. An error with an existing bucket.

    Raises:
        InvalidOptionError: for a bucket of another stack of the app, an ``origin_path`` or ``user_prefix`` of the wrong
            form, domain names without a certificate or the other way round, a certificate outside us-east-1, names
            outside the zone, a source like ``'unsafe-inline'``, headers that CloudFront does not remove, or a rotation
            out of range.
    """

    bucket: s3.IBucket
    """The bucket that is served."""
    distribution: cloudfront.Distribution
    """The distribution; its metrics are in us-east-1."""
    domain_name: str
    """The host name of signed URLs: the first own one, or that of CloudFront."""
    url: str
    """``https://<domain_name>``."""
    signing_secret: secretsmanager.ISecret
    """JSON with ``key_pair_id``, ``private_key`` (PEM), ``usable_from`` (epoch seconds) and ``key_group_id``."""
    signing_function: lambda_.Function
    """Signs: called by an HTTP API with a JWT authorizer, or directly with ``{"path": …, "expires_in": seconds}``."""
    rotation_function: lambda_.Function
    """Makes, rotates and deletes the key pairs."""
    origin_access_statements: tuple[iam.PolicyStatement, ...]
    """What the bucket's policy must allow; already there unless the bucket was imported."""

    @elsewhere(bucket=Allowed.ANYWHERE, certificate=Allowed.ANY_REGION)
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket | None = None,
        origin_path: str | None = None,
        domain_names: Sequence[str] = (),
        certificate: "certificatemanager.ICertificate | None" = None,
        zone: "route53.IHostedZone | None" = None,
        content_security_policy: Mapping[str, Sequence[str]] | None = None,
        remove_headers: Sequence[str] = (),
        user_prefix: str = "{sub}/",
        rotate_every: Duration | None = None,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        check_bucket(self, bucket)
        check_exclusive(self, {"bucket": bucket}, {"removal_policy": removal_policy})
        check_origin_path(self, origin_path)
        check_domain(self, domain_names, certificate)
        check_zone(self, domain_names, zone)
        check_content_security_policy(self, content_security_policy or {})
        check_remove_headers(self, remove_headers)
        check_user_prefix(self, user_prefix)
        rotate_every = rotate_every or days(90)
        check_rotation(self, rotate_every)

        self.bucket = bucket or add_private_bucket(self, "Bucket", removal_policy=removal_policy)
        keys = SigningKeys(
            self,
            "SigningKeys",
            rotate_every_days=int(rotate_every.to_days()),
            alarm_topic=alarm_topic,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        self.signing_secret = keys.secret
        self.rotation_function = keys.rotation_function
        headers = add_security_headers(
            self,
            # The query string is the permission: no other site may learn it from a Referer header.
            referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER,
            content_security_policy=write_policy(self, OF_FILES, content_security_policy),
            remove_headers=remove_headers,
        )
        self.distribution = self._add_distribution(keys.key_group, origin_path, domain_names, certificate, headers)
        self.domain_name = domain_names[0] if domain_names else self.distribution.distribution_domain_name
        self.url = f"https://{self.domain_name}"
        add_records(self, self.distribution, zone, domain_names)
        self.origin_access_statements = (
            reading_statement(
                self.distribution,
                "s3:GetObject",
                self.bucket.arn_for_objects(f"{(origin_path or '').lstrip('/')}/*".lstrip("/")),
            ),
        )
        self.signing_function = add_signing_function(
            self,
            self.signing_secret,
            domain_name=self.domain_name,
            user_prefix=user_prefix,
            own_name=bool(domain_names),
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        add_alarm(
            self,
            "SigningAlarm",
            self.signing_function.metric_errors(period=minutes(5), statistic="sum"),
            alarm_topic=alarm_topic,
            description=f"{path_of(self)}: downloads could not be signed. Read the log of the signing function.",
        )

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this pattern, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def grant_sign(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal read the private key and so sign URLs and cookies itself.

        Whoever only needs a few URLs is better off with permission to invoke ``signing_function``.
        """
        return self.signing_secret.grant_read(grantee)

    def add_routes(
        self,
        api: "apigatewayv2.IHttpApi",
        *,
        path: str = "/downloads",
        authorizer: "apigatewayv2.IHttpRouteAuthorizer | None" = None,
    ) -> "list[apigatewayv2.HttpRoute]":
        """Let signed-in users have their own paths signed by ``POST <path>``.

        Args:
            api: An HTTP API.
            path: Path of the route.
            authorizer: A JWT authorizer; the user is the claim ``sub``. The API's default authorizer by default.

        Raises:
            InvalidOptionError: when neither an authorizer was given nor the API has a default one.
        """
        # Imported here: many distributions are signed for without an API of their own.
        from cdp_constructs.core.http_apis import add_function_routes

        routes = {f"Route{path}": f"POST {path}"}
        return add_function_routes(
            self, api, self.signing_function, routes, integration_id="Signing", authorizer=authorizer
        )

    def attach_web_acl(self, web_acl_arn: str) -> None:
        """Let AWS WAF inspect every request before it is served.

        Args:
            web_acl_arn: ARN of a web ACL of scope CLOUDFRONT, which lives in us-east-1; ``acl.attr_arn`` of a
                ``CfnWebACL``.

        Raises:
            InvalidOptionError: for a web ACL of scope REGIONAL or of another Region.
        """
        check_web_acl(self, web_acl_arn)
        check_first_web_acl(self)
        self.distribution.attach_web_acl_id(web_acl_arn)

    def metric_requests(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Requests. Sum over 5 minutes by default; CloudFront's metrics exist in us-east-1 only."""
        return metric_requests(self.distribution, period)

    def metric_server_errors(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Answers 5xx, in percent. Average over 5 minutes by default; see ``metric_requests``."""
        return metric_server_errors(self.distribution, period)

    def _add_distribution(
        self,
        key_group: cloudfront.IKeyGroup,
        origin_path: str | None,
        domain_names: Sequence[str],
        certificate: "certificatemanager.ICertificate | None",
        headers: cloudfront.ResponseHeadersPolicy,
    ) -> cloudfront.Distribution:
        return add_distribution(
            self,
            cloudfront.BehaviorOptions(
                origin=origins.S3BucketOrigin.with_origin_access_control(self.bucket, origin_path=origin_path),
                allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
                # Neither cookies nor the query string reach the cache key, so a signature does not split the cache.
                cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
                compress=True,
                response_headers_policy=headers,
                trusted_key_groups=[key_group],
                # Not a redirect: the first request would already have shown the signature to everyone on the way.
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            ),
            domain_names=domain_names,
            certificate=certificate,
            any_country="Every request is signed for one user, whichever country it comes from.",
            without_web_acl="Only GET and HEAD requests with a valid signature reach the origin, a bucket; "
            "attach_web_acl() adds more.",
        )
