"""UserDataStore: what a user's devices save, kept apart for each user and the same on all of them."""

import json
import re
from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.cdk import apigatewayv2, cloudwatch, kms
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.http_apis import add_function_routes, let_pages_send
from cdp_constructs.core.keys import USE_TABLE_KEY
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute, seconds
from cdp_constructs.core.permissions import allow_on_objects
from cdp_constructs.core.tables import add_table, check_table, key_of, leading_keys, metric_throttled_writes
from cdp_constructs.core.validation import InvalidOptionError, check_no_repetition
from cdp_constructs.data.user_data_limits import UserDataLimits

_INDEX = {"by_change": "change"}
# As long as DynamoDB's point-in-time recovery goes back.
_RECOVERABLE = Duration.days(35)
_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
# A browser would run them under the name of the API.
_ACTIVE = re.compile(r"(text/(html|xml|xsl|javascript|css)|application/(xhtml|xml|javascript).*|image/svg.*|.*\+xml)")
_REJECTED_THAT_ALARM = 100
_THROTTLED_THAT_ALARM = 100


@checks_options
class UserDataStore(Construct):
    """Documents of signed-in users behind an HTTP API, for devices that also work offline and end up equal.

    CDP: none; the mobile backend's "save data".

    Each user has a partition of a table, and objects in S3 for what is large. A write names the version that it
    replaces, so that no device overwrites what it has not seen; a token brings all changes since the last call.

        saves = UserDataStore(self, "Saves", limits=UserDataLimits(largest_kb=256))
        saves.add_routes(shop.api, path="/saves")
    """

    table: dynamodb.ITable
    """Holds documents up to ``inline_kb``, and what is known of the larger ones."""
    bucket: s3.IBucket
    """Holds the larger ones, below ``users/<sub>/``."""
    function: lambda_.Function
    """Answers the routes. Nobody but the API invokes it."""
    encryption_key: "kms.IKey | None"
    """The given customer-managed key; None where keys of AWS encrypt."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        content_types: Sequence[str] = ("application/json",),
        limits: UserDataLimits | None = None,
        table: dynamodb.ITable | None = None,
        bucket: s3.IBucket | None = None,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the store.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            content_types: The types that are accepted; what says that it is JSON must be. Types that run scripts, such
                as HTML and SVG, cannot be among them. Default: JSON.
            limits: Sizes and quotas. Default: ``UserDataLimits()``.
            table: An existing table: partition key ``pk`` and sort key ``sk``, a local secondary index ``by_change``
                with the sort key ``change`` (all strings), time to live by ``expires_at``. Nothing on it is changed.
                Default: a new one, on demand, with point-in-time recovery and deletion protection.
            bucket: An existing bucket; objects are below ``users/``. Nothing on it is changed. Default: a new one:
                private, versioned, what is deleted recoverable for 35 days.
            encryption_key: A customer-managed key for the new table, the new bucket and the log. Default: keys of AWS.
            alarm_topic: Receives the alarms. Default: no alarms.
            log_retention: How long the function's logs are kept. Default: 3 months.
            removal_policy: What happens to the new table, the new bucket and the log when the stack is deleted.
                Default: kept, and the table protected from deletion.

        Raises:
            InvalidOptionError: for no type, one that is none or runs scripts, a table without the keys or the index,
                and resources of another Region.
        """
        super().__init__(scope, construct_id)
        self._check_content_types(content_types)
        if table is not None:
            check_table(self, table, partition_key="pk", sort_key="sk", local_indexes=_INDEX)
        self.encryption_key = encryption_key
        self.table = table or add_table(
            self,
            "Table",
            partition_key="pk",
            sort_key="sk",
            local_indexes=_INDEX,
            encryption_key=encryption_key,
            removal_policy=removal_policy,
        )
        self._table_key = key_of(self.table, encryption_key)
        self.bucket = bucket or add_private_bucket(
            self,
            "Bucket",
            encryption_key=encryption_key,
            removal_policy=removal_policy,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="ExpireDeleted",
                    noncurrent_version_expiration=_RECOVERABLE,
                    expired_object_delete_marker=True,
                )
            ],
        )
        self.function = add_function(
            self,
            "Function",
            handler="data/user_data",
            description="Keeps documents of users",
            invocation=Invocation.REQUEST,
            publishes_metrics=True,
            correlates=True,
            environment={
                "BUCKET": self.bucket.bucket_name,
                "TABLE_NAME": self.table.table_name,
                "CONTENT_TYPES": json.dumps(sorted(content_types)),
                **(limits or UserDataLimits()).environment(),
            },
            memory_size=512,
            timeout=seconds(20),
            log_retention=log_retention,
            log_encryption_key=encryption_key,
            removal_policy=removal_policy,
        )
        self._allow_documents()
        self._add_alarms(alarm_topic)

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this pattern, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def add_routes(
        self,
        api: "apigatewayv2.IHttpApi",
        *,
        path: str = "/documents",
        authorizer: "apigatewayv2.IHttpRouteAuthorizer | None" = None,
    ) -> "list[apigatewayv2.HttpRoute]":
        """Let signed-in users read and write their documents; without a valid token the API answers 401.

        Pages of origins that the API allows may send the headers of conditional requests, unless it is imported.

        Args:
            api: The HTTP API.
            path: ``GET`` returns what changed; ``<path>/{key}`` is a document.
            authorizer: A JWT authorizer; the token's ``sub`` is the user. Default: the API's default authorizer.

        Raises:
            InvalidOptionError: for a malformed or repeated path, and when there is no authorizer.
        """
        routes = {f"Route{path}": f"GET {path}"}
        routes |= {f"{method}{path}": f"{method} {path}/{{key}}" for method in ("GET", "PUT", "DELETE")}
        added = add_function_routes(self, api, self.function, routes, integration_id="Documents", authorizer=authorizer)
        let_pages_send(api, ["if-match", "if-none-match", "idempotency-key"], shown=["etag"])
        return added

    def metric_written(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Documents that were written or deleted. Sum over 5 minutes by default."""
        return function_metric(self.function, "WrittenDocuments", period=period)

    def metric_conflicts(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Writes of what another device had changed, which clients merge. Sum over 5 minutes by default."""
        return function_metric(self.function, "Conflicts", period=period)

    def metric_rejected(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Requests that break a rule or exceed a quota. Sum over 5 minutes by default."""
        return function_metric(self.function, "RejectedRequests", period=period)

    def metric_throttled_writes(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Writes that DynamoDB refused, of everything that writes to the table. Sum per minute by default."""
        return metric_throttled_writes(self.table, period=period)

    def _check_content_types(self, content_types: Sequence[str]) -> None:
        if not content_types:
            raise InvalidOptionError(self, "content_types", "is []", 'Give types, such as ["application/json"]')
        check_no_repetition(self, "content_types", content_types)
        for one in content_types:
            if not _CONTENT_TYPE.fullmatch(one):
                fix = "Give a type in lower case without parameters, such as application/json"
                raise InvalidOptionError(self, "content_types", f"contains {one!r}", fix)
            if _ACTIVE.fullmatch(one):
                fix = "Leave it out: a browser would run it under the name of the API"
                raise InvalidOptionError(self, "content_types", f"contains {one!r}", fix)

    def _allow_documents(self) -> None:
        self.function.add_to_role_policy(
            iam.PolicyStatement(
                actions=[f"dynamodb:{name}" for name in ("BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query")],
                resources=[self.table.table_arn],
                conditions=leading_keys("USER"),
            )
        )
        self.function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["dynamodb:Query"],
                resources=[f"{self.table.table_arn}/index/by_change"],
                conditions=leading_keys("USER"),
            )
        )
        if self._table_key is not None:
            self._table_key.grant(self.function, *USE_TABLE_KEY)
        allow_on_objects(
            self.function,
            "Documents",
            self.bucket,
            {"users/": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]},
            # Without it S3 answers "denied" instead of "not found" for an object that was replaced meanwhile.
            iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self.bucket.bucket_arn]),
            reason="Users are not known before they sign up. The function works below users/, and takes the user's "
            "folder from the token that the API has verified.",
        )

    def _add_alarms(self, alarm_topic: sns.ITopic | None) -> None:
        add_alarm(
            self,
            "RejectedAlarm",
            self.metric_rejected(),
            alarm_topic=alarm_topic,
            threshold=_REJECTED_THAT_ALARM,
            description=f"{path_of(self)}: many requests were rejected within 5 minutes. Look in the API's access log "
            "by status: 413 and 415 are clients that send what is not accepted, 403 users who keep too much, 429 who "
            "write too often, 410 who were away for 90 days.",
        )
        add_alarm(
            self,
            "ThrottledAlarm",
            self.metric_throttled_writes(),
            alarm_topic=alarm_topic,
            threshold=_THROTTLED_THAT_ALARM,
            evaluation_periods=3,
            description=f"{path_of(self)}: DynamoDB refuses writes. Nothing is lost, clients keep what they could not "
            "send. Look for a table that grew from nothing within minutes, or for a lower limit of the account.",
        )
        add_alarm(
            self,
            "ThrottlesAlarm",
            self.function.metric_throttles(period=minute(), statistic="sum"),
            alarm_topic=alarm_topic,
            description=f"{path_of(self)}: Lambda throttles requests. Raise the account's concurrency in this Region.",
        )
