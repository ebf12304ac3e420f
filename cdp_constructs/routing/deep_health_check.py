"""DeepHealthCheck: a health route that asks what the service depends on, and answers 503 when it cannot serve."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aws_cdk import Duration, RemovalPolicy, Token
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.cdk import cloudwatch, dynamodb, lambda_, s3, sns, sqs
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.http_apis import check_throttle, throttle_routes
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.periods import minute, seconds
from cdp_constructs.core.places import elsewhere
from cdp_constructs.core.tables import check_item_key
from cdp_constructs.core.validation import InvalidOptionError, check_duration
from cdp_constructs.routing._health_alarms import add_health_alarms
from cdp_constructs.routing._health_routes import add_route, check_paths

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
# Every dependency is a variable of the function, and all variables together may have 4 KB
# (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
_MOST_DEPENDENCIES = 16
_PROBE_KEY = {"pk": "health-check", "sk": "health-check"}
_BUCKET_PREFIX = "health-check/"


@dataclass(frozen=True)
class HealthDependency:
    """What a health check asks."""

    name: str
    """Its name in the answer."""
    kind: str
    """``table``, ``bucket``, ``queue``, ``topic`` or ``http``."""
    hard: bool
    """Whether the Region is of no use without it."""


_IN_ITS_REGION = "Check it in its own Region: a shared dependency that fails would take every Region out at once"


@checks_options
class DeepHealthCheck(Construct):
    """Two public health routes of an API: one that asks what the Region depends on, and one that asks nothing.

    CDP: Deep Health Check / ディープヘルスチェック パターン.

    The deep route answers 503 when a *hard* dependency fails; a failing *soft* one, and an error of the checker itself,
    are reported with 200, counted and alarmed. Give load balancers the shallow route.

        health = DeepHealthCheck(self, "Health", api=api, alarm_topic=operators)
        health.add_table(orders, name="orders", probe_key={"order_id": "health-check"})
        health.add_queue(mails, name="mails", hard=False)

    Args:
        scope: The stack or construct of the Region's API.
        construct_id: Id inside ``scope``.
        api: The HTTP API that gets the two routes, of this app or imported.
        path: The deep route; it starts with /.
        shallow_path: The shallow route.
        time_budget: 100 to 1,500 milliseconds until what has not answered counts as failing; 1 second by default.
            Route 53 wants the whole answer within 2 seconds after it has connected
            (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html).
        cache_for: 0 to 60 seconds for which an answer is given again; 5 seconds by default.
        throttle: Requests per second and burst that each of the routes takes. Beyond, API Gateway answers 429, which
            Route 53 counts as failed; all checkers together send a few. An imported API keeps the throttling of its
            stage. Default: 100 and 200.
        alarm_topic: Receives alarms for failing hard dependencies, failing soft ones, and errors of the checker; by
            default there are none.
        log_retention: How long the function's logs are kept; 3 months by default.
        removal_policy: What happens to the log group when the stack is deleted; it is kept by default.

    Raises:
        InvalidOptionError: when a path, the budget or the cache time is out of range, a dependency's name is taken or
            malformed, there are more than 16, or one is in another Region.
    """

    api: apigatewayv2.IHttpApi
    """The API that has the routes."""
    path: str
    """The deep route."""
    shallow_path: str
    """The shallow route."""
    function: "lambda_.Function"
    """Answers both routes."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        api: apigatewayv2.IHttpApi,
        path: str = "/health/deep",
        shallow_path: str = "/health",
        time_budget: Duration | None = None,
        cache_for: Duration | None = None,
        throttle: apigatewayv2.ThrottleSettings | None = None,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        budget = time_budget or seconds(1)
        remembered = cache_for if cache_for is not None else seconds(5)
        check_paths(self, path, shallow_path)
        limits = throttle or apigatewayv2.ThrottleSettings(rate_limit=100, burst_limit=200)
        check_throttle(self, limits)
        self._check_times(budget, remembered)
        self.api = api
        self.path = path
        self.shallow_path = shallow_path
        self._names: list[str] = []
        self.function = add_function(
            self,
            "Function",
            handler="routing/deep_health_check",
            description="Asks what this Region depends on and answers 200 or 503",
            invocation=Invocation.REQUEST,
            publishes_metrics=True,
            environment={
                "TIME_BUDGET_MS": str(round(budget.to_milliseconds())),
                "CACHE_MS": str(round(remembered.to_milliseconds())),
                "SHALLOW_ROUTE": f"GET {shallow_path}",
            },
            memory_size=512,  # half a virtual CPU: a cold start must fit into Route 53's two seconds too
            timeout=seconds(5),
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        routes = [add_route(self, "ShallowRoute", shallow_path), add_route(self, "DeepRoute", path)]
        throttle_routes(api, {f"GET {shallow_path}": limits, f"GET {path}": limits}, after=routes)
        add_health_alarms(self, alarm_topic)

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this pattern, for a composite alarm or a dashboard."""
        return alarms_of(self)

    @elsewhere(table=_IN_ITS_REGION)
    def add_table(
        self,
        table: "dynamodb.ITable",
        *,
        name: str = "table",
        hard: bool = True,
        probe_key: "Mapping[str, str | int] | None" = None,
    ) -> HealthDependency:
        """Depend on a table: it must answer a strongly consistent read of one key, which need not exist.

        Args:
            table: A table of this Region; of a global table, this Region's replica.
            name: Its name in the answer: lower-case letters, digits and hyphens; must be unique.
            hard: Whether the Region is of no use without it.
            probe_key: The key to read, each attribute of the table's primary key with a string or number, of an
                imported table the partition key first; ``{"pk": "health-check", "sk": "health-check"}`` by default.
                The function may read this partition only.

        Raises:
            InvalidOptionError: see the class.
        """
        key = dict(_PROBE_KEY if probe_key is None else probe_key)
        if not 1 <= len(key) <= len(_PROBE_KEY):
            fix = "Give the partition key and, when the table has one, the sort key"
            raise InvalidOptionError(self, "probe_key", f"has {len(key)} attributes", fix)
        partition_key = check_item_key(self, table, key, option="probe_key", is_default=probe_key is None)
        marshalled = {
            attribute: {"N": str(value)} if isinstance(value, int) else {"S": value} for attribute, value in key.items()
        }
        added = self._add_dependency(name, "table", table.table_name, hard=hard, key=marshalled)
        partition = str(key[partition_key])
        only_the_probe = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [partition]}}
        self._allow("dynamodb:GetItem", table.table_arn, only_the_probe)
        if table.encryption_key is not None:
            table.encryption_key.grant_decrypt(self.function)
        return added

    @elsewhere(bucket=_IN_ITS_REGION)
    def add_bucket(self, bucket: "s3.IBucket", *, name: str = "bucket", hard: bool = True) -> HealthDependency:
        """Depend on a bucket: it must answer a listing of the prefix ``health-check/``, which need not exist.

        Args:
            bucket: A bucket of this Region. The function may list that prefix only and read nothing.
            name: Its name in the answer; see ``add_table``.
            hard: Whether the Region is of no use without it.
        """
        added = self._add_dependency(name, "bucket", bucket.bucket_name, hard=hard)
        self._allow("s3:ListBucket", bucket.bucket_arn, {"StringEquals": {"s3:prefix": _BUCKET_PREFIX}})
        return added

    @elsewhere(queue=_IN_ITS_REGION)
    def add_queue(self, queue: "sqs.IQueue", *, name: str = "queue", hard: bool = True) -> HealthDependency:
        """Depend on a queue: it must answer a request for its attributes.

        Args:
            queue: A queue of this Region.
            name: Its name in the answer; see ``add_table``.
            hard: Whether the Region is of no use without it.
        """
        added = self._add_dependency(name, "queue", queue.queue_url, hard=hard)
        self._allow("sqs:GetQueueAttributes", queue.queue_arn)
        return added

    @elsewhere(topic=_IN_ITS_REGION)
    def add_topic(self, topic: "sns.ITopic", *, name: str = "topic", hard: bool = True) -> HealthDependency:
        """Depend on a topic: it must answer a request for its attributes.

        Args:
            topic: A topic of this Region.
            name: Its name in the answer; see ``add_table``.
            hard: Whether the Region is of no use without it.
        """
        added = self._add_dependency(name, "topic", topic.topic_arn, hard=hard)
        self._allow("sns:GetTopicAttributes", topic.topic_arn)
        return added

    def add_http(self, url: str, *, name: str = "http", hard: bool = True) -> HealthDependency:
        """Depend on an HTTPS endpoint: a GET must answer 2xx or 3xx (redirects are not followed).

        Args:
            url: The address; plain http for ``localhost`` and ``127.0.0.1`` only.
            name: Its name in the answer; see ``add_table``.
            hard: Whether the Region is of no use without it.

        Raises:
            InvalidOptionError: when the address is no https address; see the class for the rest.
        """
        if not Token.is_unresolved(url):
            parts = urlsplit(url)
            local = parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1"}
            if not parts.hostname or (parts.scheme != "https" and not local):
                raise InvalidOptionError(
                    self, "url", f"is {url!r}", "Use an address like https://api.example.com/status"
                )
        return self._add_dependency(name, "http", url, hard=hard)

    def metric_hard_failures(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Failing hard dependencies; remembered answers are not counted. Sum per minute by default."""
        return function_metric(self.function, "HardFailures", period=period or minute())

    def metric_soft_failures(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Failing soft dependencies; remembered answers are not counted. Sum per minute by default."""
        return function_metric(self.function, "SoftFailures", period=period or minute())

    def metric_checker_errors(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Errors of the checker, such as lost permissions, which it answers with 200. Sum per minute by default."""
        return function_metric(self.function, "CheckerErrors", period=period or minute())

    def _add_dependency(self, name: str, kind: str, target: str, *, hard: bool, **more: Any) -> HealthDependency:
        if not _NAME.fullmatch(name) or name in self._names:
            problem = f"is {name!r}, which was added before" if name in self._names else f"is {name!r}"
            fix = "Use a unique name of lower-case letters, digits and hyphens, at most 32; it is public"
            raise InvalidOptionError(self, "name", problem, fix)
        if len(self._names) == _MOST_DEPENDENCIES:
            fix = f"Use at most {_MOST_DEPENDENCIES}: leave out what the others depend on, or add a second check"
            raise InvalidOptionError(self, "name", f"is {name!r}, dependency number {_MOST_DEPENDENCIES + 1}", fix)
        self._names.append(name)
        entry = {"name": name, "kind": kind, "target": target, "hard": hard, **more}
        self.function.add_environment(f"DEPENDENCY_{len(self._names):02}", stack_of(self).to_json_string(entry))
        return HealthDependency(name, kind, hard)

    def _allow(self, action: str, resource: str, conditions: "Mapping[str, Any] | None" = None) -> None:
        self.function.add_to_role_policy(
            iam.PolicyStatement(actions=[action], resources=[resource], conditions=conditions)
        )

    def _check_times(self, time_budget: Duration, cache_for: Duration) -> None:
        for option, value, low, high, source in (
            ("time_budget", time_budget, 100, 1500, "Route 53 waits 2 seconds for the whole answer"),
            ("cache_for", cache_for, 0, 60_000, "an older answer would delay the failover"),
        ):
            shortest, longest, unit = Duration.millis(low), Duration.millis(high), Duration.millis(1)
            check_duration(self, option, value, low=shortest, high=longest, source=source, unit=unit)
