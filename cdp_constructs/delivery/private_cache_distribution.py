"""PrivateCacheDistribution: CloudFront over a private bucket, for those who hold a signed URL or signed cookies."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import Duration, Token
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, minutes
from cdp_constructs.delivery._checks import (
    check_bucket,
    check_domain,
    check_origin_path,
    check_rotation,
    check_user_prefix,
    check_web_acl,
)
from cdp_constructs.delivery._distributions import add_distribution, add_security_headers
from cdp_constructs.delivery._signing_keys import SigningKeys

if TYPE_CHECKING:
    from aws_cdk import aws_apigatewayv2 as apigatewayv2
    from aws_cdk import aws_certificatemanager as certificatemanager
    from aws_cdk import aws_sns as sns

# A rotation keeps the previous key live, so a function may sign with what it read minutes ago.
_SECRET_CACHE = Duration.minutes(5)


class PrivateCacheDistribution(Construct):
    """Serve objects of a private bucket from edge locations, to those who were given a signed URL or signed cookies.

    **Problem.** Files must reach users fast anywhere in the world, but only the users who may see them; a public bucket
    shows them to everybody, and a server that checks every download is slow and dear.

    **Solution.** A CloudFront distribution reads the bucket through origin access control, which nobody else can. It
    serves only requests that are signed with a key of a key group. The private key is made in the account and stays in
    Secrets Manager; rotation keeps the new and the previous public key live, so that URLs given out before it still
    work. A function signs for users of an HTTP API and for other functions.

    **When not.** Public content needs no signatures. A handful of downloads near the bucket's Region are simpler with
    S3 presigned URLs. Content that must be revoked at once does not fit: a signed URL works until it expires.

    CDP: Private Cache Distribution / プライベートキャッシュディストリビューション パターン.

    Args:
        scope: The stack or construct that owns the distribution.
        construct_id: Id inside ``scope``.
        bucket: The bucket to serve, of the same stack or imported by name or ARN. By default a private, versioned one
            is made. An imported bucket is not changed: add ``origin_access_statement`` to its policy yourself.
        origin_path: Folder of the bucket that viewers see as the root, such as ``/accepted``; the whole bucket by
            default.
        domain_names: Own host names of the distribution, with ``certificate``; by default it has only the one that
            CloudFront gives it. Their DNS records are yours. At most 100 (soft;
            https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html).
        certificate: Covers ``domain_names``; in us-east-1. It also raises the oldest protocol from TLS 1.0, which
            cloudfront.net allows, to TLS 1.2.
        user_prefix: What a user of the HTTP API may see: paths that begin with it. ``{sub}`` is the subject of the
            user's token; ``{sub}/`` by default. Direct callers of the function are not bound to it.
        rotate_every: Whole days between two rotations of the key pair, 1 to 1,000; 90 days by default.
        alarm_topic: Receives alarms about rotations and signatures that failed; without it there are no alarms.

    Raises:
        InvalidOptionError: for a bucket of another stack of the app, an ``origin_path`` or ``user_prefix`` of the wrong
            form, domain names without a certificate or the other way round, a certificate outside us-east-1, or a
            rotation out of range.

    Limits: 10 key groups per account (soft; one per instance), 5 public keys per key group (at most 3 are used, during
    a rotation), see
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html#limits-key-groups.
    """

    bucket: s3.IBucket
    """The bucket that is served."""
    distribution: cloudfront.Distribution
    """The distribution; its metrics are in us-east-1."""
    domain_name: str
    """The host name of signed URLs: the first own one, or that of CloudFront."""
    signing_secret: secretsmanager.ISecret
    """JSON with ``key_pair_id``, ``private_key`` (PEM), ``usable_from`` (epoch seconds) and ``key_group_id``."""
    signing_function: lambda_.IFunction
    """Signs: called by an HTTP API with a JWT authorizer, or directly with ``{"path": …, "expires_in": seconds}``."""
    rotation_function: lambda_.IFunction
    """Makes, rotates and deletes the key pairs."""
    origin_access_statement: iam.PolicyStatement
    """What the bucket's policy must allow; already there unless the bucket was imported."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket | None = None,
        origin_path: str | None = None,
        domain_names: Sequence[str] = (),
        certificate: "certificatemanager.ICertificate | None" = None,
        user_prefix: str = "{sub}/",
        rotate_every: Duration | None = None,
        alarm_topic: "sns.ITopic | None" = None,
    ) -> None:
        super().__init__(scope, construct_id)
        check_bucket(self, bucket)
        check_origin_path(self, origin_path)
        check_domain(self, domain_names, certificate)
        check_user_prefix(self, user_prefix)
        rotate_every = rotate_every or days(90)
        check_rotation(self, rotate_every)

        self.bucket = bucket if bucket is not None else add_private_bucket(self, "Bucket")
        keys = SigningKeys(self, "SigningKeys", rotate_every_days=int(rotate_every.to_days()), alarm_topic=alarm_topic)
        self.signing_secret = keys.secret
        self.rotation_function = keys.rotation_function
        self.distribution = self._add_distribution(keys.key_group, origin_path, domain_names, certificate)
        self.domain_name = domain_names[0] if domain_names else self.distribution.distribution_domain_name
        self.origin_access_statement = iam.PolicyStatement(
            principals=[iam.ServicePrincipal("cloudfront.amazonaws.com")],
            actions=["s3:GetObject"],
            resources=[self.bucket.arn_for_objects(f"{(origin_path or '').lstrip('/')}/*".lstrip("/"))],
            conditions={"StringEquals": {"AWS:SourceArn": self.distribution.distribution_arn}},
        )
        self.signing_function = self._add_signing_function(domain_names, user_prefix)
        add_alarm(
            self,
            "SigningAlarm",
            self.signing_function.metric_errors(period=minutes(5), statistic="sum"),
            alarm_topic=alarm_topic,
            description=f"{path_of(self)}: downloads could not be signed. Read the log of the signing function.",
        )

    def grant_sign(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal read the private key and so sign URLs and cookies itself.

        Whoever only needs a few URLs is better off with permission to invoke ``signing_function``.
        """
        return self.signing_secret.grant_read(grantee)

    def add_route(
        self,
        api: "apigatewayv2.IHttpApi",
        *,
        authorizer: "apigatewayv2.IHttpRouteAuthorizer",
        path: str = "/downloads",
    ) -> "apigatewayv2.HttpRoute":
        """Let signed-in users have their own paths signed by ``POST <path>``.

        Args:
            api: An HTTP API.
            authorizer: A JWT authorizer; the user is the claim ``sub``.
            path: Path of the route.
        """
        # Imported here: many distributions are signed for without an API of their own.
        from aws_cdk import aws_apigatewayv2 as apigatewayv2
        from aws_cdk import aws_apigatewayv2_integrations as integrations

        return apigatewayv2.HttpRoute(
            self,
            f"Route{path}",
            http_api=api,
            route_key=apigatewayv2.HttpRouteKey.with_(path, apigatewayv2.HttpMethod.POST),
            integration=integrations.HttpLambdaIntegration("Signing", self.signing_function),
            authorizer=authorizer,
        )

    def add_web_acl(self, web_acl_arn: str) -> None:
        """Let AWS WAF judge every request before it is served.

        Args:
            web_acl_arn: ARN of a web ACL of scope CLOUDFRONT, which lives in us-east-1; ``acl.attr_arn`` of a
                ``CfnWebACL``.

        Raises:
            InvalidOptionError: for a web ACL of scope REGIONAL or of another Region.
        """
        check_web_acl(self, web_acl_arn)
        self.distribution.attach_web_acl_id(web_acl_arn)

    def _add_distribution(
        self,
        key_group: cloudfront.IKeyGroup,
        origin_path: str | None,
        domain_names: Sequence[str],
        certificate: "certificatemanager.ICertificate | None",
    ) -> cloudfront.Distribution:
        return add_distribution(
            self,
            cloudfront.BehaviorOptions(
                origin=origins.S3BucketOrigin.with_origin_access_control(self.bucket, origin_path=origin_path),
                allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
                # Neither cookies nor the query string reach the cache key, so a signature does not split the cache.
                cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
                compress=True,
                response_headers_policy=add_security_headers(
                    self,
                    # The query string is the permission: no other site may learn it from a Referer header.
                    referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER,
                    # An uploaded HTML or SVG file opens without scripts and in an origin of its own.
                    content_security_policy="default-src 'none'; img-src 'self'; media-src 'self'; "
                    "style-src 'unsafe-inline'; sandbox",
                ),
                trusted_key_groups=[key_group],
                # Not a redirect: the first request would already have shown the signature to everyone on the way.
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            ),
            domain_names=domain_names,
            certificate=certificate,
            any_country="Every request is signed for one user, whichever country it comes from.",
            without_web_acl="Only GET and HEAD requests with a valid signature reach the origin, a bucket; "
            "add_web_acl() adds more.",
        )

    def _add_signing_function(self, domain_names: Sequence[str], user_prefix: str) -> lambda_.Function:
        environment = {
            "DOMAIN_NAME": self.domain_name,
            "SIGNING_SECRET": self.signing_secret.secret_arn,
            "USER_PREFIX": user_prefix,
            "POWERTOOLS_PARAMETERS_MAX_AGE": str(_SECRET_CACHE.to_seconds()),
        }
        if domain_names and not Token.is_unresolved(domain_names[0]):
            # files.example.com gets cookies that api.example.com sets for example.com.
            environment["COOKIE_DOMAIN"] = domain_names[0].partition(".")[2]
        function = add_function(
            self,
            "SigningFunction",
            handler="delivery/url_signing",
            description="Signs CloudFront URLs and cookies for those who may see the objects",
            invocation=Invocation.REQUEST,
            environment=environment,
            memory_size=512,
        )
        self.grant_sign(function)
        return function
