"""AuthorizedApi: an HTTP API that only signed-in users reach."""

import re
from typing import TYPE_CHECKING

from aws_cdk import Duration, Token
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.api.sign_in_user_pool import SignInUserPool, TokenIssuer
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.http_apis import add_access_logs, throttle_routes
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute
from cdp_constructs.core.validation import InvalidOptionError, check_origins, check_range

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns

_LIMITS = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"
_MOST_REQUESTS, _LARGEST_BURST = 10_000, 5_000
# All HTTP APIs of an account share the quota of a Region, so by default one leaves half of it to the others.
_HALF = apigatewayv2.ThrottleSettings(rate_limit=_MOST_REQUESTS / 2, burst_limit=_LARGEST_BURST / 2)

_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_ROUTE = re.compile(rf"(?:{'|'.join((*_METHODS, 'OPTIONS', 'ANY'))}) /[^\s?#]*")


class AuthorizedApi(Construct):
    """Let signed-in users, and only them, call functions over HTTPS.

    CDP: none of its own; the mobile backend's "allowed users only": a token of Cognito, then API Gateway, then Lambda.

    **Problem.** Every service needs the same front door: who is calling is proven before any code of ours runs, a page
    of another site cannot call with a user's browser, one caller cannot take everything, and afterwards one can see who
    did what.

    **Solution.** An HTTP API whose default authorizer takes JSON web tokens of one issuer: a user pool that is made
    here, or any other, also of another Region, known by its issuer and audience only. CORS names the origins, the
    stage and each route are throttled, every request is logged with the user's ``sub``.

    **When not.** Callers that have AWS credentials are simpler with IAM authorization. AWS WAF cannot be attached to an
    HTTP API; it judges what comes through a ``CacheDistribution`` in front (``add_api``).

    Args:
        scope: The stack or construct that owns the API.
        construct_id: Id inside ``scope``.
        allowed_origins: Web origins whose pages may call, such as ``["https://chat.example.com"]``. A page that a
            distribution serves together with this API (``add_api``) is of the same origin and needs no entry.
        issuer: Whose tokens are taken: ``users.issuer`` of a ``SignInUserPool``, ``TokenIssuer.of_user_pool(…)``, or
            ``TokenIssuer(url, audience)`` of any OpenID Connect provider. By default a ``SignInUserPool`` is made.
        throttle: Requests per second and burst of each route that has no own limit, for all callers together; at most
            10,000 and 5,000, which all HTTP APIs of an account share in a Region (the rate is soft). 5,000 and 2,500
            by default. Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html.
        log_retention: How long access logs are kept; three months by default.
        alarm_topic: Receives alarms about answers 5xx and slow answers; without it there are no alarms.

    Raises:
        InvalidOptionError: for origins that are no https origins, an issuer without audience or that is no https
            address, throttling out of range, or a malformed or repeated route.
    """

    api: apigatewayv2.HttpApi
    """The API with its default stage and default authorizer; the library's ``add_route`` methods take it."""
    authorizer: apigatewayv2.IHttpRouteAuthorizer
    """Takes the issuer's tokens; every route has it unless told otherwise."""
    issuer: TokenIssuer
    """Whose tokens are taken."""
    users: SignInUserPool | None
    """The users, unless an issuer was given."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        allowed_origins: "Sequence[str]",
        issuer: TokenIssuer | None = None,
        throttle: apigatewayv2.ThrottleSettings | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        alarm_topic: "sns.ITopic | None" = None,
    ) -> None:
        super().__init__(scope, construct_id)
        if isinstance(allowed_origins, str):
            fix = 'Give a list, such as ["https://chat.example.com"]'
            raise InvalidOptionError(self, "allowed_origins", f"is the string {allowed_origins!r}", fix)
        origins = check_origins(self, allowed_origins)
        limits = throttle or _HALF
        self._check_throttle(limits)
        if issuer is not None:
            self._check_issuer(issuer)
        # Another construct that is an API and more keeps this one under the id Default, which says nothing to people.
        self._name = path_of(self).removesuffix("/Default")
        self.users = SignInUserPool(self, "Users") if issuer is None else None
        self.issuer = issuer if self.users is None else self.users.issuer  # type: ignore[assignment]  # one of them is
        self.authorizer = authorizers.HttpJwtAuthorizer(
            "SignedIn", self.issuer.url, jwt_audience=list(self.issuer.audience)
        )
        self.api = self._add_api(origins)
        self._integrations: dict[lambda_.IFunction, integrations.HttpLambdaIntegration] = {}
        self._routes: set[str] = set()
        self._configure_stage(limits, log_retention)
        self._add_alarms(alarm_topic)

    def add_route(
        self,
        route: str,
        function: "lambda_.IFunction",
        *,
        throttle: apigatewayv2.ThrottleSettings | None = None,
        scopes: "Sequence[str]" = (),
    ) -> apigatewayv2.HttpRoute:
        """Let a function answer a route; it finds the caller in ``requestContext.authorizer.jwt.claims``.

        Args:
            route: Method and path, such as ``GET /orders/{order}`` or ``ANY /files/{path+}``.
            function: Answers within 30 seconds, the longest that an HTTP API waits.
            throttle: Requests per second and burst that this route takes, for all callers together.
            scopes: A token must have one of these; by default every token of the issuer will do.

        Raises:
            InvalidOptionError: for a malformed or repeated route, or throttling out of range.
        """
        added = self._add_route(route, function, throttle=throttle, scopes=scopes)
        if throttle is not None:
            throttle_routes(self.api, {route: throttle}, after=[added])
        return added

    def add_routes(
        self,
        routes: "Mapping[str, apigatewayv2.ThrottleSettings | None]",
        function: "lambda_.IFunction",
    ) -> list[apigatewayv2.HttpRoute]:
        """Let one function answer several routes, each with its throttling or None for the API's own.

        Raises:
            InvalidOptionError: see ``add_route``.
        """
        added = {route: self._add_route(route, function, throttle=throttle) for route, throttle in routes.items()}
        throttled = {route: throttle for route, throttle in routes.items() if throttle is not None}
        if throttled:
            throttle_routes(self.api, throttled, after=[added[route] for route in throttled])
        return list(added.values())

    def metric_requests(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Requests; per minute by default."""
        return self.api.metric_count(period=period or minute(), statistic="sum")

    def metric_client_errors(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Answers 4xx, throttled and unauthorized ones included; per minute by default."""
        return self.api.metric_client_error(period=period or minute(), statistic="sum")

    def metric_server_errors(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Answers 5xx; per minute by default."""
        return self.api.metric_server_error(period=period or minute(), statistic="sum")

    def metric_latency(self, statistic: str = "p99", *, period: Duration | None = None) -> cloudwatch.Metric:
        """Milliseconds from request to answer; per minute by default."""
        return self.api.metric_latency(period=period or minute(), statistic=statistic)

    def _add_route(
        self,
        route: str,
        function: "lambda_.IFunction",
        *,
        throttle: apigatewayv2.ThrottleSettings | None,
        scopes: "Sequence[str]" = (),
    ) -> apigatewayv2.HttpRoute:
        """Add a route whose throttling, checked here, is yet to be set."""
        if not _ROUTE.fullmatch(route) or route in self._routes:
            problem = f"is {route!r}, which is there already" if route in self._routes else f"is {route!r}"
            fix = "Write a method, a space and a path that no other route has, such as GET /orders/{order}"
            raise InvalidOptionError(self, "route", problem, fix)
        if throttle is not None:
            self._check_throttle(throttle)
        self._routes.add(route)
        method, _, path = route.partition(" ")
        (added,) = self.api.add_routes(
            path=path,
            methods=[apigatewayv2.HttpMethod[method]],
            integration=self._integration(function),
            authorization_scopes=list(scopes) or None,
        )
        return added

    def _integration(self, function: "lambda_.IFunction") -> integrations.HttpLambdaIntegration:
        """Return the integration of a function, one for all of its routes."""
        made = self._integrations.get(function)
        if made is None:
            made = integrations.HttpLambdaIntegration(function.node.id, function)
            self._integrations[function] = made
        return made

    def _add_api(self, origins: list[str]) -> apigatewayv2.HttpApi:
        return apigatewayv2.HttpApi(
            self,
            "Api",
            description=self._name[-1024:],
            default_authorizer=self.authorizer,
            cors_preflight=apigatewayv2.CorsPreflightOptions(
                allow_origins=origins,
                # Which of them a route takes is the route's own affair.
                allow_methods=[apigatewayv2.CorsHttpMethod[method] for method in _METHODS],
                allow_headers=["authorization", "content-type"],
                expose_headers=["retry-after"],
                max_age=Duration.hours(1),
            ),
        )

    def _configure_stage(self, limits: apigatewayv2.ThrottleSettings, log_retention: logs.RetentionDays) -> None:
        stage = add_access_logs(self, self.api, log_retention=log_retention)
        stage.default_route_settings = apigatewayv2.CfnStage.RouteSettingsProperty(
            throttling_rate_limit=limits.rate_limit,
            throttling_burst_limit=limits.burst_limit,
            detailed_metrics_enabled=True,
        )

    def _add_alarms(self, alarm_topic: "sns.ITopic | None") -> None:
        add_alarm(
            self,
            "ServerErrorsAlarm",
            self.metric_server_errors(),
            alarm_topic=alarm_topic,
            threshold=5,
            evaluation_periods=2,
            description=f"{self._name}: the API answers 5xx. Look at the access log, then at the function's log.",
        )
        add_alarm(
            self,
            "LatencyAlarm",
            self.metric_latency(),
            alarm_topic=alarm_topic,
            threshold=2000,
            evaluation_periods=5,
            description=f"{self._name}: one request in a hundred takes 2 s or longer. Look at the function's traces.",
        )

    def _check_throttle(self, limits: apigatewayv2.ThrottleSettings) -> None:
        for name, value, most in (
            ("rate_limit", limits.rate_limit, _MOST_REQUESTS),
            ("burst_limit", limits.burst_limit, _LARGEST_BURST),
        ):
            check_range(self, f"throttle.{name}", value or 0, low=1, high=most, unit="requests", source=_LIMITS)

    def _check_issuer(self, issuer: TokenIssuer) -> None:
        if isinstance(issuer.audience, str) or not issuer.audience:
            fix = "Name the clients whose tokens are taken, such as TokenIssuer(url, [client_id])"
            raise InvalidOptionError(self, "issuer.audience", f"is {issuer.audience!r}", fix)
        if not Token.is_unresolved(issuer.url) and not issuer.url.startswith("https://"):
            fix = "Use the https address that the claim iss of its tokens has"
            raise InvalidOptionError(self, "issuer.url", f"is {issuer.url!r}", fix)
