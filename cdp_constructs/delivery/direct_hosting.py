"""DirectHosting: a web site of files, served from a bucket through CloudFront, without a server."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aws_cdk import Annotations, Duration, RemovalPolicy
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as s3_deployment
from constructs import Construct

from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.cdk import apigatewayv2, certificatemanager, cloudwatch, route53, sns
from cdp_constructs.core.json_values import checked_json
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.places import Allowed, elsewhere
from cdp_constructs.core.validation import InvalidOptionError, check_exclusive
from cdp_constructs.delivery._checks import check_bucket
from cdp_constructs.delivery._site_deployment import acknowledge_deployments, deploy_files, deployment_logs
from cdp_constructs.delivery._site_origin import (
    WELL_KNOWN,
    add_page_function,
    keep_files,
    reading_statement,
    site_origin,
)
from cdp_constructs.delivery.cache_distribution import CacheDistribution

# Devices take it as JSON only, and it has no extension to say so:
# https://developer.apple.com/documentation/xcode/supporting-associated-domains
_APP_LINKS = f"{WELL_KNOWN}/apple-app-site-association"
_INDEX = "index.html"
_YEAR = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
# Without the characters that an address would have to encode.
_FILE = re.compile(r"[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*")


@checks_options
class DirectHosting(Construct):
    """A web site of files in a private bucket, served through CloudFront, without a server.

    CDP: Direct Hosting / ダイレクトホスティング パターン, with Cache Distribution.

    Browsers keep files whose names change with their content for a year, and ask for the index and the configuration
    again each time, so that a release is seen at once. Paths of a single-page application get the index.

        web = DirectHosting(self, "Web")
        web.add_site("web/dist")
        web.add_configuration({"client": client_id})
        web.add_api(api)

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        bucket: An existing bucket of the files, of the same stack or imported by name or ARN. An imported bucket is not
            changed: add ``origin_access_statements`` to its policy. By default a private, versioned one is made.
        failover_bucket: An existing bucket of another Region that gets the same files and is read when the first one
            answers 5xx; its policy must let CloudFront of this account read it. By default there is none.
        domain_names: See ``CacheDistribution``.
        certificate: See ``CacheDistribution``. Default: none.
        zone: See ``CacheDistribution``. Default: no record is made.
        content_security_policy: See ``CacheDistribution``: the hosts that the pages call beside their own. Default: no
            others.
        single_page: Whether every path without an extension is the index of the site (``/rooms/7`` gets
            ``/index.html``); otherwise it is the index of its folder. True by default.
        alarm_topic: See ``CacheDistribution``: only in a stack of us-east-1. Default: no alarm.
        removal_policy: What happens to the bucket when the stack is deleted; it is kept by default. An error with an
            existing bucket.

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

    @elsewhere(bucket=Allowed.ANYWHERE, failover_bucket=Allowed.ANYWHERE, certificate=Allowed.ANY_REGION)
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
        alarm_topic: "sns.ITopic | None" = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        check_bucket(self, bucket)
        check_exclusive(self, {"bucket": bucket}, {"removal_policy": removal_policy})
        self.bucket = bucket or add_private_bucket(self, "Bucket", removal_policy=removal_policy)
        self._buckets = [self.bucket] if failover_bucket is None else [self.bucket, failover_bucket]
        self._copies: list[s3.IBucket] = []
        self._pages: list[s3_deployment.BucketDeployment] = []
        self._configurations: dict[str, s3_deployment.ISource] = {}
        self._single_page = single_page
        self._page_function = add_page_function(self, single_page=single_page)
        self.cache = CacheDistribution(
            self,
            "Cache",
            origin=site_origin(self._buckets),
            viewer_request=self._page_function,
            domain_names=domain_names,
            certificate=certificate,
            zone=zone,
            content_security_policy=content_security_policy,
            alarm_topic=alarm_topic,
        )
        self.distribution = self.cache.distribution
        Annotations.of(self.distribution).acknowledge_warning(
            "@aws-cdk/aws-cloudfront-origins:listBucketSecurityRisk",
            "The function Pages gives every request a key, so none asks for a list; query strings do not reach S3.",
        )
        self.domain_name = self.cache.domain_name
        self.url = self.cache.url
        self.origin_access_statements = self._statements()

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this pattern, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def add_site(
        self, folder: str | Path, *, immutable: str = "assets/*"
    ) -> tuple[s3_deployment.BucketDeployment, ...]:
        """Put the files of a folder into the bucket at deployment.

        Files that match ``immutable`` are uploaded first and are never removed, because pages that are open still load
        them. Then the others are uploaded, and those that the folder no longer has are removed. So a reader sees the
        old site or the new one, whole.

        Args:
            folder: The built site with its ``index.html``; it exists when the app is synthesised.
            immutable: Files whose names change with their content, as build tools make them; browsers keep them for a
                year. ``*`` is any text, also slashes.

        Returns:
            The deployments of the pages, one for each bucket; depend on them to act after a release.

        Raises:
            InvalidOptionError: when the folder has no index, or the site has its files already.
        """
        folder = Path(folder)
        if not (folder / _INDEX).is_file():
            fix = f"Build the site before the app is synthesised, and name the folder with its {_INDEX}"
            raise InvalidOptionError(self, "folder", f"is {str(folder)!r}, which has no {_INDEX}", fix)
        if self._pages:
            raise InvalidOptionError(self, "folder", f"is {str(folder)!r}, a second one", "Give a site one folder")
        keep_files(self._page_function, folder, single_page=self._single_page)
        source = s3_deployment.Source.asset(str(folder))
        log_group = deployment_logs(self)
        links = (folder / _APP_LINKS).is_file()
        placed: s3_deployment.BucketDeployment | None = None
        for suffix, bucket in self._places():
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
            if placed is not None and self._copies:
                assets.node.add_dependency(placed)
            pages = deploy_files(
                self,
                f"Site{suffix}",
                bucket=bucket,
                source=source,
                log_group=log_group,
                cache_control=_ASK_AGAIN,
                prune=True,
                without=[immutable, _APP_LINKS] if links else [immutable],
            )
            pages.node.add_dependency(assets)
            placed = pages
            if links:
                placed = deploy_files(
                    self,
                    f"AppLinks{suffix}",
                    bucket=bucket,
                    source=source,
                    log_group=log_group,
                    cache_control=_ASK_AGAIN,
                    prune=False,
                    only=_APP_LINKS,
                    content_type="application/json",
                )
                placed.node.add_dependency(pages)
            self._pages.append(pages)
        acknowledge_deployments(self, self._pages[0].handler_role, [bucket for _, bucket in self._places()])
        for configuration in self._configurations.values():
            self._write(configuration)
        return tuple(self._pages)

    def copy_to(self, bucket: s3.IBucket) -> None:
        """Put the files of the site into another bucket, too, at each deployment before they are in the site's own.

        Args:
            bucket: A bucket that is not served: a copy to compare with, as ``SelfHealingSite`` does.

        Raises:
            InvalidOptionError: after ``add_site``, and for a second bucket.
        """
        if self._pages:
            raise InvalidOptionError(
                self, "bucket", "was given together with pages that are there already", "Call this before add_site"
            )
        if self._copies:
            raise InvalidOptionError(self, "bucket", "was given for the second time", "Use one copy")
        self._copies.append(bucket)

    @property
    def deployment_role(self) -> iam.IRole | None:
        """Who puts the files into the buckets; None before ``add_site``."""
        return self._pages[0].handler_role if self._pages else None

    def add_configuration(self, values: Mapping[str, Any], *, name: str = "config.json") -> s3_deployment.ISource:
        """Put a JSON file beside the index with what is known only at deployment, such as addresses of APIs.

        Everybody can read it.

        Args:
            values: Its content; tokens become values. None is refused as the value of a key: leave the key out.
            name: Path of the file in the site.

        Raises:
            InvalidOptionError: for what is no path of a file or no JSON, and when the file was added before.
        """
        if not _FILE.fullmatch(name) or ".." in name.split("/"):
            fix = "Use the path of a file in the site without a slash in front, such as config.json"
            raise InvalidOptionError(self, "name", f"is {name!r}", fix)
        if name in self._configurations:
            fix = "Put everything into one call"
            raise InvalidOptionError(self, "name", f"is {name!r}, which was added before", fix)
        content = checked_json(self, "values", values)
        configuration = self._configurations[name] = s3_deployment.Source.json_data(name, content)
        self._write(configuration)
        return configuration

    @elsewhere(api=Allowed.ANYWHERE)
    def add_api(
        self,
        api: "apigatewayv2.IHttpApi",
        *,
        path: str = "/api",
        region: str | None = None,
        domain_name: str | None = None,
    ) -> cloudfront.BehaviorOptions:
        """Let an HTTP API answer below a path of the site; see ``CacheDistribution.add_api``."""
        return self.cache.add_api(api, path=path, region=region, domain_name=domain_name)

    @elsewhere(bucket=Allowed.ANYWHERE)
    def add_uploads(self, bucket: s3.IBucket, *, path: str = "/uploads") -> cloudfront.BehaviorOptions:
        """Let pages post forms of ``DirectObjectUpload`` below a path; see ``CacheDistribution.add_uploads``."""
        return self.cache.add_uploads(bucket, path=path)

    def attach_web_acl(self, web_acl_arn: str) -> None:
        """Let AWS WAF inspect every request before it is answered; see ``CacheDistribution.attach_web_acl``."""
        self.cache.attach_web_acl(web_acl_arn)

    def metric_requests(self, *, period: "Duration | None" = None) -> "cloudwatch.Metric":
        """Requests; see ``CacheDistribution.metric_requests``."""
        return self.cache.metric_requests(period=period)

    def metric_server_errors(self, *, period: "Duration | None" = None) -> "cloudwatch.Metric":
        """Answers 5xx, in percent; see ``CacheDistribution.metric_server_errors``."""
        return self.cache.metric_server_errors(period=period)

    def _places(self) -> list[tuple[str, s3.IBucket]]:
        """Where the files go, in order, with what ids of deployments end with."""
        copies = [("Copy", bucket) for bucket in self._copies]
        return copies + list(zip(("", "Failover"), self._buckets, strict=False))

    def _statements(self) -> tuple[iam.PolicyStatement, ...]:
        reads = {"s3:GetObject": self.bucket.arn_for_objects("*"), "s3:ListBucket": self.bucket.bucket_arn}
        return tuple(reading_statement(self.distribution, action, resource) for action, resource in reads.items())

    def _write(self, configuration: s3_deployment.ISource) -> None:
        for pages in self._pages:
            pages.add_source(configuration)
