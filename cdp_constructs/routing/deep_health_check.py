"""A health route that asks what the service depends on, so that a Region that cannot serve says so."""

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aws_cdk import Duration, Token
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.http_apis import throttle_routes
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minute, seconds
from cdp_constructs.core.validation import InvalidOptionError, check_range

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import IResource
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
# Every dependency is a variable of the function, and all variables together may have 4 KB
# (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
_MOST_DEPENDENCIES = 16
_PROBE_KEY = {"pk": "health-check", "sk": "health-check"}
_BUCKET_PREFIX = "health-check/"
_NAMESPACE = "CdpConstructs/DeepHealthCheck"


class DeepHealthCheck(Construct):
    """Let a Region say by itself whether it can serve, by asking what it depends on.

    CDP: Deep Health Check / ディープヘルスチェック パターン.

    Problem: a front door that answers 200 proves only itself. Route 53 would go on sending users to a Region whose
    database is gone.

    Solution: ``GET path`` asks every dependency at the same time, without waiting longer than ``time_budget``, and
    answers 503 when a *hard* dependency fails; a failing *soft* one is reported with 200. The answer lists each
    dependency with status, hardness and latency, and names no resource. It is remembered for ``cache_for``, so that
    checkers (or anybody: the route is public) do not load what they check. The checker fails open: its own errors,
    such as a lost permission, are answered with 200 and ``unknown``, counted and alarmed, because a broken checker in
    every Region must not take every Region out. ``GET shallow_path`` answers 200 without asking anybody.

    Not for: load balancer targets (give those the shallow path: one shared dependency that fails would take every
    target out), and dependencies in other Regions (their failure would take all Regions out at once).

    Args:
        scope: The stack or construct of the Region's API.
        construct_id: Id inside ``scope``.
        api: The HTTP API that gets the two routes, created or imported.
        path: The deep route; it starts with /.
        shallow_path: The shallow route.
        time_budget: 100 to 1,500 milliseconds until what has not answered counts as failing; 1 second by default.
            Route 53 wants the whole answer within 2 seconds after it has connected
            (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html).
        cache_for: 0 to 60 seconds for which an answer is given again; 5 seconds by default.
        throttle: Requests per second and burst that each of the routes takes. Beyond, API Gateway answers 429, which
            Route 53 counts as failed; 100 and 200 by default, where all checkers together send a few. An imported API
            keeps the throttling of its stage.
        alarm_topic: Receives alarms for failing hard dependencies, failing soft ones, and errors of the checker.

    Raises:
        InvalidOptionError: when a path, the budget or the cache time is out of range, a dependency's name is taken or
            malformed, there are more than 16, or one is in another Region.
    """

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
    ) -> None:
        super().__init__(scope, construct_id)
        budget = time_budget or seconds(1)
        remembered = cache_for if cache_for is not None else seconds(5)
        self._check_paths(path, shallow_path)
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
            environment={
                "TIME_BUDGET_MS": str(round(budget.to_milliseconds())),
                "CACHE_MS": str(round(remembered.to_milliseconds())),
                "SHALLOW_ROUTE": f"GET {shallow_path}",
            },
            memory_size=512,  # half a virtual CPU: a cold start must fit into Route 53's two seconds too
            timeout=seconds(5),
        )
        self._service = self.function.function_name
        limits = throttle or apigatewayv2.ThrottleSettings(rate_limit=100, burst_limit=200)
        routes = [self._add_route("ShallowRoute", shallow_path), self._add_route("DeepRoute", path)]
        throttle_routes(api, {f"GET {shallow_path}": limits, f"GET {path}": limits}, after=routes)
        self._add_alarms(alarm_topic)

    def add_table(
        self,
        table: "dynamodb.ITable",
        *,
        name: str = "table",
        hard: bool = True,
        probe_key: "Mapping[str, str | int] | None" = None,
    ) -> None:
        """Depend on a table: it must answer a strongly consistent read of one key, which need not exist.

        Args:
            table: A table of this Region; of a global table, this Region's replica.
            name: Its name in the answer: lower-case letters, digits and hyphens; must be unique.
            hard: Whether the Region is of no use without it.
            probe_key: The key to read, each attribute of the table's primary key with a string or number;
                ``{"pk": "health-check", "sk": "health-check"}`` by default. The function may read this partition only.

        Raises:
            InvalidOptionError: see the class.
        """
        key = dict(_PROBE_KEY if probe_key is None else probe_key)
        if not 1 <= len(key) <= len(_PROBE_KEY):
            fix = "Give the partition key and, when the table has one, the sort key"
            raise InvalidOptionError(self, "probe_key", f"has {len(key)} attributes", fix)
        marshalled = {
            attribute: {"N": str(value)} if isinstance(value, int) else {"S": value} for attribute, value in key.items()
        }
        self._add_dependency(name, "table", table.table_name, hard=hard, resource=table, key=marshalled)
        # The partition key is the first attribute, as in the table's own definition.
        partition = str(next(iter(key.values())))
        only_the_probe = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [partition]}}
        self._allow("dynamodb:GetItem", table.table_arn, only_the_probe)
        if table.encryption_key is not None:
            table.encryption_key.grant_decrypt(self.function)

    def add_bucket(self, bucket: "s3.IBucket", *, name: str = "bucket", hard: bool = True) -> None:
        """Depend on a bucket: it must answer a listing of the prefix ``health-check/``, which need not exist.

        Args:
            bucket: A bucket of this Region. The function may list that prefix only and read nothing.
            name: Its name in the answer; see ``add_table``.
            hard: Whether the Region is of no use without it.
        """
        self._add_dependency(name, "bucket", bucket.bucket_name, hard=hard, resource=bucket)
        self._allow("s3:ListBucket", bucket.bucket_arn, {"StringEquals": {"s3:prefix": _BUCKET_PREFIX}})

    def add_queue(self, queue: "sqs.IQueue", *, name: str = "queue", hard: bool = True) -> None:
        """Depend on a queue: it must tell its attributes.

        Args:
            queue: A queue of this Region.
            name: Its name in the answer; see ``add_table``.
            hard: Whether the Region is of no use without it.
        """
        self._add_dependency(name, "queue", queue.queue_url, hard=hard, resource=queue)
        self._allow("sqs:GetQueueAttributes", queue.queue_arn)

    def add_topic(self, topic: "sns.ITopic", *, name: str = "topic", hard: bool = True) -> None:
        """Depend on a topic: it must tell its attributes.

        Args:
            topic: A topic of this Region.
            name: Its name in the answer; see ``add_table``.
            hard: Whether the Region is of no use without it.
        """
        self._add_dependency(name, "topic", topic.topic_arn, hard=hard, resource=topic)
        self._allow("sns:GetTopicAttributes", topic.topic_arn)

    def add_http(self, url: str, *, name: str = "http", hard: bool = True) -> None:
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
        self._add_dependency(name, "http", url, hard=hard)

    def metric_hard_failures(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Failing hard dependencies, counted at each check (cached answers are not counted)."""
        return self._metric("HardFailures", period)

    def metric_soft_failures(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Failing soft dependencies, counted at each check (cached answers are not counted)."""
        return self._metric("SoftFailures", period)

    def metric_checker_errors(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Errors of the checker itself, which it answers with 200: lost permissions, wrong probe keys, bugs."""
        return self._metric("CheckerErrors", period)

    def _metric(self, name: str, period: Duration | None) -> "cloudwatch.Metric":
        from aws_cdk import aws_cloudwatch as cloudwatch

        return cloudwatch.Metric(
            namespace=_NAMESPACE,
            metric_name=name,
            dimensions_map={"service": self._service},
            statistic="Sum",
            period=period or minute(),
        )

    def _add_dependency(
        self, name: str, kind: str, target: str, *, hard: bool, resource: "IResource | None" = None, **more: Any
    ) -> None:
        if not _NAME.fullmatch(name) or name in self._names:
            problem = f"is {name!r}, which is taken" if name in self._names else f"is {name!r}"
            fix = "Use a unique name of lower-case letters, digits and hyphens, at most 32; it is public"
            raise InvalidOptionError(self, "name", problem, fix)
        if len(self._names) == _MOST_DEPENDENCIES:
            fix = f"A check takes {_MOST_DEPENDENCIES}: leave out what the others depend on, or add a second check"
            raise InvalidOptionError(self, "name", f"is {name!r}, one dependency too many", fix)
        stack = stack_of(self)
        if resource is not None:
            here, elsewhere = stack.region, resource.env.region
            if elsewhere != here and not Token.is_unresolved(here) and not Token.is_unresolved(elsewhere):
                fix = "Check it in its own Region: a shared dependency that fails would take every Region out at once"
                raise InvalidOptionError(self, kind, f"{name!r} is in {elsewhere}, the check in {here}", fix)
        self._names.append(name)
        entry = {"name": name, "kind": kind, "target": target, "hard": hard, **more}
        self.function.add_environment(f"DEPENDENCY_{len(self._names):02}", stack.to_json_string(entry))

    def _allow(self, action: str, resource: str, conditions: "Mapping[str, Any] | None" = None) -> None:
        self.function.add_to_role_policy(
            iam.PolicyStatement(actions=[action], resources=[resource], conditions=conditions)
        )

    def _add_route(self, construct_id: str, path: str) -> apigatewayv2.HttpRoute:
        from aws_cdk import aws_apigatewayv2_integrations as integrations

        route = apigatewayv2.HttpRoute(
            self,
            construct_id,
            http_api=self.api,
            route_key=apigatewayv2.HttpRouteKey.with_(path, apigatewayv2.HttpMethod.GET),
            integration=integrations.HttpLambdaIntegration(f"{construct_id}Integration", self.function),
            # Explicit, because the API's default authorizer would refuse the checkers.
            authorizer=apigatewayv2.HttpNoneAuthorizer(),
        )
        reason = "Health checkers carry no token. The answer names no resource, is cached, and the route is throttled."
        acknowledge(route, "AwsSolutions-APIG4", reason)
        return route

    def _add_alarms(self, alarm_topic: "sns.ITopic | None") -> None:
        if alarm_topic is None:
            return
        from aws_cdk import aws_cloudwatch as cloudwatch

        where = f"{path_of(self)}: {{}} The log of its function has the details."
        add_alarm(
            self,
            "HardFailureAlarm",
            self.metric_hard_failures(),
            alarm_topic=alarm_topic,
            description=where.format("a hard dependency fails; the deep health route answers 503."),
        )
        add_alarm(
            self,
            "SoftFailureAlarm",
            self.metric_soft_failures(),
            alarm_topic=alarm_topic,
            evaluation_periods=5,
            description=where.format("a soft dependency has been failing for 5 minutes; the Region still serves."),
        )
        add_alarm(
            self,
            "CheckerErrorAlarm",
            cloudwatch.MathExpression(
                expression="FILL(own, 0) + FILL(crashes, 0)",
                using_metrics={"own": self.metric_checker_errors(), "crashes": self.function.metric_errors()},
                period=minute(),
                label="Errors of the checker",
            ),
            alarm_topic=alarm_topic,
            description=where.format("the checker itself fails and answers 200 for what it cannot judge."),
        )

    def _check_paths(self, path: str, shallow_path: str) -> None:
        for option, value in (("path", path), ("shallow_path", shallow_path)):
            if not value.startswith("/") or "{" in value or " " in value:
                fix = "Start it with / and use neither spaces nor path parameters, such as /health/deep"
                raise InvalidOptionError(self, option, f"is {value!r}", fix)
        if path == shallow_path:
            raise InvalidOptionError(self, "shallow_path", f"is {shallow_path!r}, as path is", "Use two paths")

    def _check_times(self, time_budget: Duration, cache_for: Duration) -> None:
        for option, value, low, high, source in (
            ("time_budget", time_budget, 100, 1500, "Route 53 waits 2 seconds for the whole answer"),
            ("cache_for", cache_for, 0, 60_000, "an older answer would delay the failover"),
        ):
            milliseconds = value.to_milliseconds()
            check_range(self, option, milliseconds, low=low, high=high, unit="milliseconds", source=source)
