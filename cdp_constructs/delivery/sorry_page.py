"""SorryPage: while a site's servers do not answer, its readers get a static page from the edge."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as s3_deployment
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.cdk import cloudwatch, sns
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute, seconds
from cdp_constructs.core.places import Allowed, elsewhere
from cdp_constructs.core.validation import check_exclusive
from cdp_constructs.delivery._checks import check_alarm_topic, check_bucket
from cdp_constructs.delivery._content_security_policy import OF_PAGES, write_policy
from cdp_constructs.delivery._distributions import add_security_headers, metric_server_errors
from cdp_constructs.delivery._site_deployment import acknowledge_deployments, deploy_files, deployment_logs
from cdp_constructs.delivery._site_origin import reading_statement
from cdp_constructs.delivery._sorry_checks import (
    INDEX,
    check_folder,
    check_page_path,
    check_retry_after,
    check_status_codes,
)
from cdp_constructs.delivery.cache_distribution import CacheDistribution

_SHOWN_AS = 503
# How long an edge location gives the page without asking the origin. CloudFront's own default is 10 seconds.
_ERROR_CACHING = seconds(5)
_RETRY_AFTER = seconds(30)
_SHARE_THAT_ALARMS = 1  # percent
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta http-equiv="refresh" content="%(retry_after)d">
<title>Back soon / まもなく再開します</title>
<link rel="stylesheet" href="%(path)s/style.css">
</head>
<body>
<main>
<h1>We will be back soon</h1>
<p>This site cannot answer at the moment. This page tries again by itself.</p>
<section lang="ja">
<h2>まもなく再開します</h2>
<p>ただいまサイトに接続できません。このページは自動的に再読み込みされます。</p>
</section>
</main>
</body>
</html>
"""
_STYLE = """\
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.6; }
main { max-width: 36rem; margin: 20vh auto 0; padding: 0 1.5rem; }
h1, h2 { font-size: 1.5rem; margin-bottom: 0; }
section { margin-top: 3rem; }
"""


@checks_options
class SorryPage(Construct):
    """A static page in a private bucket, which CloudFront shows with 503 while the origins of a site do not answer.

    CDP: Sorry Page / ソーリーページ パターン.

    Every path and method gets it for an origin's 502, 503 and 504, and when the origin cannot be reached. It says when
    to come back, no browser keeps it, and an edge location asks the origin again after 5 seconds.

        site = CacheDistribution(self, "Site", origin=origins.HttpOrigin("origin.example.com"))
        SorryPage(self, "Sorry", site=site, folder="sorry")

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        site: The distribution whose readers get the page; ``DirectHosting`` has one as ``cache``. One page each.
        folder: The page, ``index.html``, with what it loads from below ``path``; it exists when the app is synthesised.
            By default a page of two sentences in English and Japanese, which loads itself again after ``retry_after``.
        bucket: An existing bucket for the page, of the same stack or imported by name or ARN. An imported bucket is not
            changed: add ``origin_access_statements`` to its policy. By default a private, versioned one is made.
        path: Path of the site, and folder of the bucket, that holds the page; begins with a slash and ends without
            one. ``/sorry`` by default.
        status_codes: Answers of origins that become the page: some of 500, 501, 502, 503 and 504; of an origin that it
            does not reach CloudFront says 502 or 504. By default 502, 503 and 504.
        retry_after: When readers may come back, as the header ``Retry-After`` says: 1 second to 1 day. 30 seconds by
            default.
        alarm_topic: Receives an alarm when 1 % of the answers are 5xx in two minutes in a row, as the page is; by
            default there is none. Only in a stack of us-east-1, where CloudFront publishes its metrics.
        removal_policy: What happens to the bucket when the stack is deleted; it is kept by default. An error with an
            existing bucket.

    Raises:
        InvalidOptionError: for a folder without ``index.html``, a path that another origin of the site answers first,
            a second page of a site, a bucket of another stack of the app, a status code that is not one of those, an
            alarm topic in a stack of another Region than us-east-1.
    """

    bucket: s3.IBucket
    """The page, below ``path``."""
    origin_access_statements: tuple[iam.PolicyStatement, ...]
    """What the bucket's policy must allow; already there unless the bucket was imported."""

    @elsewhere(bucket=Allowed.ANYWHERE)
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: CacheDistribution,
        folder: str | Path | None = None,
        bucket: s3.IBucket | None = None,
        path: str = "/sorry",
        status_codes: Sequence[int] = (502, 503, 504),
        retry_after: Duration = _RETRY_AFTER,
        alarm_topic: "sns.ITopic | None" = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        check_alarm_topic(self, alarm_topic)
        check_bucket(self, bucket)
        check_exclusive(self, {"bucket": bucket}, {"removal_policy": removal_policy})
        check_folder(self, folder)
        check_status_codes(self, status_codes)
        check_retry_after(self, retry_after)
        check_page_path(self, site, path)
        self.bucket = bucket or add_private_bucket(self, "Bucket", removal_policy=removal_policy)
        self._distribution = site.distribution
        self._deploy(folder, path, int(retry_after.to_seconds()))
        site.add_behavior(
            f"{path}/*",
            origins.S3BucketOrigin.with_origin_access_control(self.bucket),
            response_headers_policy=add_security_headers(
                self,
                referrer_policy=cloudfront.HeadersReferrerPolicy.STRICT_ORIGIN_WHEN_CROSS_ORIGIN,
                content_security_policy=write_policy(self, OF_PAGES, None),
                custom_headers={"Retry-After": str(int(retry_after.to_seconds()))},
            ),
        )
        self._answer_errors(path, status_codes)
        self.origin_access_statements = (
            reading_statement(self._distribution, "s3:GetObject", self.bucket.arn_for_objects("*")),
        )
        add_alarm(
            self,
            "SorryPageAlarm",
            metric_server_errors(self._distribution, minute()),
            alarm_topic=alarm_topic,
            threshold=_SHARE_THAT_ALARMS,
            evaluation_periods=2,
            description=f"{path_of(self)}: readers get the sorry page, or other answers 5xx. Look whether the origins "
            "of the site answer, and at the distribution's log.",
        )

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this pattern, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def metric_server_errors(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Answers 5xx, in percent, the page among them; see ``CacheDistribution.metric_server_errors``."""
        return metric_server_errors(self._distribution, period)

    def _deploy(self, folder: str | Path | None, path: str, retry_after: int) -> None:
        page = _PAGE % {"path": path, "retry_after": retry_after}
        sources = (
            [s3_deployment.Source.data(INDEX, page), s3_deployment.Source.data("style.css", _STYLE)]
            if folder is None
            else [s3_deployment.Source.asset(str(folder))]
        )
        deployment = deploy_files(
            self,
            "Page",
            bucket=self.bucket,
            source=sources[0],
            log_group=deployment_logs(self),
            # It is read again each time, so that nobody sees it when the site is back.
            cache_control="no-store",
            prune=True,
            prefix=path.removeprefix("/"),
        )
        for source in sources[1:]:
            deployment.add_source(source)
        acknowledge_deployments(self, deployment.handler_role, [self.bucket])

    def _answer_errors(self, path: str, status_codes: Sequence[int]) -> None:
        # The CDK takes error responses only when a distribution is made.
        resource = cast("cloudfront.CfnDistribution", self._distribution.node.default_child)
        resource.add_property_override(
            "DistributionConfig.CustomErrorResponses",
            [
                {
                    "ErrorCode": code,
                    "ErrorCachingMinTTL": int(_ERROR_CACHING.to_seconds()),
                    "ResponseCode": _SHOWN_AS,
                    "ResponsePagePath": f"{path}/{INDEX}",
                }
                for code in status_codes
            ],
        )
