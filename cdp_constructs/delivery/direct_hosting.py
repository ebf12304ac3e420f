"""DirectHosting: a web site of files, served from a bucket through CloudFront, without a server."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_cdk import Annotations
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as s3_deployment
from constructs import Construct

from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.delivery._checks import check_bucket
from cdp_constructs.delivery._site_deployment import acknowledge_deployments, deploy_files, deployment_logs
from cdp_constructs.delivery.cache_distribution import CacheDistribution

if TYPE_CHECKING:
    from aws_cdk import aws_apigatewayv2 as apigatewayv2
    from aws_cdk import aws_certificatemanager as certificatemanager
    from aws_cdk import aws_route53 as route53

_INDEX = "index.html"
_YEAR = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"

# Only what has no extension is a page: a missing file stays missing, and answers of an API are not touched, as error
# pages of the distribution would.
_SINGLE_PAGE = """\
function handler(event) {
  var request = event.request;
  var name = request.uri.slice(request.uri.lastIndexOf("/") + 1);
  if (name.indexOf(".") < 0) request.uri = "/index.html";
  return request;
}
"""
_FOLDERS = """\
function handler(event) {
  var request = event.request;
  var name = request.uri.slice(request.uri.lastIndexOf("/") + 1);
  if (name === "") request.uri += "index.html";
  else if (name.indexOf(".") < 0) request.uri += "/index.html";
  return request;
}
"""


class DirectHosting(Construct):
    """Serve a web site straight from a bucket: no server to run, to patch, or to fall over.

    **Problem.** A web client is a folder of files; a server for them is work, is far from most readers, and is down
    when everybody comes at once.

    **Solution.** The files are in a private bucket that only a CloudFront distribution reads. Files whose name changes
    with their content are kept by browsers for a year; the index and the configuration are asked for again each time,
    so that a release is seen at once. Paths of a single-page application get the index. The pages come with security
    headers, and calls to an API can go through the same name.

    **When not.** Pages that a server makes for each request; content for some readers only
    (``PrivateCacheDistribution``).

    CDP: Direct Hosting / ダイレクトホスティング パターン, with Cache Distribution.

    Args:
        scope: The stack or construct that owns the site.
        construct_id: Id inside ``scope``.
        bucket: The bucket of the files, of the same stack or imported by name or ARN. By default a private, versioned
            one is made. An imported bucket is not changed: add ``origin_access_statements`` to its policy yourself.
        failover_bucket: A bucket of another Region that gets the same files and is read when the first one answers
            5xx. It exists before this stack, and its policy lets CloudFront of this account read it.
        domain_names: See ``CacheDistribution``.
        certificate: See ``CacheDistribution``.
        zone: See ``CacheDistribution``.
        content_security_policy: See ``CacheDistribution``: the hosts that the pages call beside their own.
        single_page: Whether every path without an extension is the index of the site (``/rooms/7`` gets
            ``/index.html``); otherwise it is the index of its folder. True by default.

    Raises:
        InvalidOptionError: for a bucket of another stack of the app; for what ``CacheDistribution`` refuses.
    """

    bucket: s3.IBucket
    """The files."""
    cache: CacheDistribution
    """What serves them, for ``add_behavior`` and metrics."""
    distribution: cloudfront.Distribution
    """The distribution of ``cache``."""
    domain_name: str
    """The first own host name, or that of CloudFront."""
    url: str
    """``https://<domain_name>``."""
    origin_access_statements: tuple[iam.PolicyStatement, ...]
    """What the bucket's policy must allow; already there unless the bucket was imported."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket | None = None,
        failover_bucket: s3.IBucket | None = None,
        domain_names: Sequence[str] = (),
        certificate: "certificatemanager.ICertificate | None" = None,
        zone: "route53.IHostedZone | None" = None,
        content_security_policy: Mapping[str, Sequence[str]] | None = None,
        single_page: bool = True,
    ) -> None:
        super().__init__(scope, construct_id)
        check_bucket(self, bucket)
        self.bucket = bucket if bucket is not None else add_private_bucket(self, "Bucket")
        self._buckets = [self.bucket] if failover_bucket is None else [self.bucket, failover_bucket]
        self._pages: list[s3_deployment.BucketDeployment] = []
        self._configurations: dict[str, Mapping[str, Any]] = {}
        self.cache = CacheDistribution(
            self,
            "Cache",
            origin=self._origin(failover_bucket),
            viewer_request=cloudfront.Function(
                self,
                "Pages",
                comment=path_of(self)[-128:],
                code=cloudfront.FunctionCode.from_inline(_SINGLE_PAGE if single_page else _FOLDERS),
                runtime=cloudfront.FunctionRuntime.JS_2_0,
            ),
            domain_names=domain_names,
            certificate=certificate,
            zone=zone,
            content_security_policy=content_security_policy,
        )
        self.distribution = self.cache.distribution
        Annotations.of(self.distribution).acknowledge_warning(
            "@aws-cdk/aws-cloudfront-origins:listBucketSecurityRisk",
            "The function Pages gives every request a key, so none asks for a list; query strings do not reach S3.",
        )
        self.domain_name = self.cache.domain_name
        self.url = self.cache.url
        self.origin_access_statements = self._statements()

    def add_site(self, folder: str | Path, *, immutable: str = "assets/*") -> None:
        """Put the files of a folder into the bucket at deployment.

        Files that match ``immutable`` go first and are never removed, because pages that are open load them still; then
        go the others, and of those what the folder has no longer is removed. So a reader sees the old site or the new
        one, whole.

        Args:
            folder: The built site with its ``index.html``; it exists when the app is synthesised.
            immutable: Files whose names change with their content, as build tools make them; browsers keep them for a
                year. ``*`` is any text, also slashes.

        Raises:
            InvalidOptionError: when the folder has no index, or the site has its files already.
        """
        folder = Path(folder)
        if not (folder / _INDEX).is_file():
            fix = f"Build the site before the app is synthesised, and name the folder with its {_INDEX}"
            raise InvalidOptionError(self, "folder", f"{str(folder)!r} has no {_INDEX}", fix)
        if self._pages:
            raise InvalidOptionError(self, "folder", f"is {str(folder)!r}, a second one", "Give a site one folder")
        source = s3_deployment.Source.asset(str(folder))
        log_group = deployment_logs(self)
        for number, bucket in enumerate(self._buckets):
            suffix = "Failover" if number else ""
            assets = deploy_files(
                self,
                f"Assets{suffix}",
                bucket=bucket,
                source=source,
                log_group=log_group,
                cache_control=_YEAR,
                prune=False,
                only=immutable,
            )
            pages = deploy_files(
                self,
                f"Site{suffix}",
                bucket=bucket,
                source=source,
                log_group=log_group,
                cache_control=_ASK_AGAIN,
                prune=True,
                without=immutable,
            )
            pages.node.add_dependency(assets)
            self._pages.append(pages)
        acknowledge_deployments(self, self._pages[0].handler_role, self._buckets)
        for name, values in self._configurations.items():
            self._write(name, values)

    def add_configuration(self, values: Mapping[str, Any], *, name: str = "config.json") -> None:
        """Put a JSON file beside the index with what is known only at deployment, such as addresses of APIs.

        Everybody can read it.

        Args:
            values: Its content; tokens become values.
            name: Path of the file in the site.

        Raises:
            InvalidOptionError: when the file was added before.
        """
        if name in self._configurations:
            raise InvalidOptionError(self, "name", f"{name!r} was added before", "Put everything into one call")
        self._configurations[name] = values
        self._write(name, values)

    def add_api(
        self,
        api: "apigatewayv2.IHttpApi",
        *,
        path: str = "/api",
        region: str | None = None,
        domain_name: str | None = None,
    ) -> None:
        """Let an HTTP API answer below a path of the site; see ``CacheDistribution.add_api``."""
        self.cache.add_api(api, path=path, region=region, domain_name=domain_name)

    def add_web_acl(self, web_acl_arn: str) -> None:
        """Let AWS WAF judge every request before it is answered; see ``CacheDistribution.add_web_acl``."""
        self.cache.add_web_acl(web_acl_arn)

    def _origin(self, failover_bucket: s3.IBucket | None) -> cloudfront.IOrigin:
        def read(bucket: s3.IBucket) -> cloudfront.IOrigin:
            # Without the permission to list, S3 answers 403 for a file that is not there, and 404 would be no answer.
            levels = [cloudfront.AccessLevel.READ, cloudfront.AccessLevel.LIST]
            return origins.S3BucketOrigin.with_origin_access_control(bucket, origin_access_levels=levels)

        if failover_bucket is None:
            return read(self.bucket)
        return origins.OriginGroup(
            primary_origin=read(self.bucket),
            fallback_origin=read(failover_bucket),
            fallback_status_codes=[500, 502, 503, 504],
        )

    def _statements(self) -> tuple[iam.PolicyStatement, ...]:
        by_us = {"StringEquals": {"AWS:SourceArn": self.distribution.distribution_arn}}
        reads = {"s3:GetObject": self.bucket.arn_for_objects("*"), "s3:ListBucket": self.bucket.bucket_arn}
        cloudfront_service = iam.ServicePrincipal("cloudfront.amazonaws.com")
        return tuple(
            iam.PolicyStatement(
                principals=[cloudfront_service], actions=[action], resources=[resource], conditions=by_us
            )
            for action, resource in reads.items()
        )

    def _write(self, name: str, values: Mapping[str, Any]) -> None:
        for pages in self._pages:
            pages.add_source(s3_deployment.Source.json_data(name, dict(values)))
