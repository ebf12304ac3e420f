"""AuthorizedApi: an HTTP API that only signed-in users reach."""

import re
from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.api._alarms import add_api_alarms
from cdp_constructs.api._checks import check_issuer, checked_scopes
from cdp_constructs.api.sign_in_user_pool import SignInUserPool, TokenIssuer
from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.cdk import lambda_, sns
from cdp_constructs.core.http_apis import (
    LARGEST_BURST,
    MOST_REQUESTS,
    add_access_logs,
    check_throttle,
    name_of,
    throttle_routes,
    use_scopes,
)
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.origins import check_origins
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute
from cdp_constructs.core.places import Allowed, elsewhere
from cdp_constructs.core.validation import InvalidOptionError

# All HTTP APIs of an account share the quota of a Region: by default one leaves half of it to the others.
_HALF = apigatewayv2.ThrottleSettings(rate_limit=MOST_REQUESTS / 2, burst_limit=LARGEST_BURST / 2)

_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
# Parameters in braces are whole parts of a path, and a greedy one is the last part.
_PARAMETER = r"\{[A-Za-z0-9._-]+\}"
_ROUTE = re.compile(
    rf"(?:{'|'.join((*_METHODS, 'OPTIONS', 'ANY'))}) "
    rf"/(?:(?:[^\s?#{{}}/]+|{_PARAMETER})/)*(?:[^\s?#{{}}/]*|{_PARAMETER}|{{[A-Za-z0-9._-]+\+}})"
)


@checks_options
class AuthorizedApi(Construct):
    """An HTTP API that only signed-in users call, with throttling, CORS and an access log.

    CDP: none; the mobile backend's "allowed users only": a token of Cognito, then API Gateway, then Lambda.

    The default authorizer takes JSON web tokens of one issuer: of a user pool that is made here, or of any other, also
    in another Region. Callers with AWS credentials are simpler with IAM authorization.

        shop = AuthorizedApi(self, "Shop", allowed_origins=["https://shop.example.com"])
        shop.add_routes(["GET /orders", "POST /orders"], orders)

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        allowed_origins: Web origins whose pages may call, such as ``["https://chat.example.com"]``. A page that a
            distribution serves together with this API (``add_api``) is of the same origin and needs no entry.
        issuer: Whose tokens are taken: ``users.issuer`` of a ``SignInUserPool``, ``TokenIssuer.of_user_pool(…)``, or
            ``TokenIssuer(url, audience)`` of any OpenID Connect provider. By default a ``SignInUserPool`` is made.
        authorization_scopes: A token must have one of these for the routes that name none of their own, those of
            patterns included (``saves.add_routes(shop.api)``). Default: every token of the issuer will do, an ID token
            too, which has no scope; with ``["aws.cognito.signin.user.admin"]`` only access tokens of a Cognito user's
            own sign-in.
        throttle: Requests per second and burst of each route that has no own limit, for all callers together; at most
            10,000 and 5,000, which all HTTP APIs of an account share in a Region (the rate is soft). 5,000 and 2,500
            by default. Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html.
        alarm_topic: Receives alarms about answers 5xx and slow answers, and about throttled sign-ins of a pool that is
            made here; by default there are none.
        log_retention: How long access logs are kept; 3 months by default.
        removal_policy: What happens to the access log, and to a user pool that is made here, when the stack is deleted;
            they are kept by default.

    Raises:
        InvalidOptionError: for origins that are no https origins, an issuer without audience or that is no https
            address, throttling out of range, an alarm topic of another Region, or a malformed or repeated route.
    """

    api: apigatewayv2.HttpApi
    """The API with its default stage and default authorizer; the library's ``add_routes`` methods take it."""
    authorizer: apigatewayv2.IHttpRouteAuthorizer
    """Takes the issuer's tokens; every route has it unless another one is given."""
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
        authorization_scopes: "Sequence[str]" = (),
        throttle: apigatewayv2.ThrottleSettings | None = None,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        origins = check_origins(self, allowed_origins)
        limits = throttle or _HALF
        check_throttle(self, limits)
        self._scopes = checked_scopes(self, authorization_scopes)
        use_scopes(self, self._scopes)
        if issuer is None:
            self.users = SignInUserPool(self, "Users", alarm_topic=alarm_topic, removal_policy=removal_policy)
            self.issuer = self.users.issuer
        else:
            check_issuer(self, issuer)
            self.users, self.issuer = None, issuer
        self.authorizer = authorizers.HttpJwtAuthorizer(
            "SignedIn",
            self.issuer.url,
            jwt_audience=list(self.issuer.audience),
            authorizer_name=name_of(self, "-SignedIn"),
        )
        self.api = self._add_api(origins)
        self._integrations: dict[lambda_.IFunction, integrations.HttpLambdaIntegration] = {}
        self._routes: set[str] = set()
        stage = add_access_logs(self, self.api, log_retention=log_retention, removal_policy=removal_policy)
        stage.default_route_settings = apigatewayv2.CfnStage.RouteSettingsProperty(
            throttling_rate_limit=limits.rate_limit,
            throttling_burst_limit=limits.burst_limit,
            detailed_metrics_enabled=True,
        )
        add_api_alarms(
            self,
            server_errors=self.metric_server_errors(),
            latency=self.metric_latency(),
            alarm_topic=alarm_topic,
            after_errors="Look at the access log, then at the function's log.",
            after_latency="Look at the function's traces.",
        )

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms of this pattern, for a composite alarm or a dashboard."""
        return alarms_of(self)

    @elsewhere(
        function=Allowed.ANYWHERE
    )  # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-cross-account-lambda-integrations.html
    def add_routes(
        self,
        routes: "Sequence[str]",
        function: "lambda_.IFunction",
        *,
        throttle: apigatewayv2.ThrottleSettings | None = None,
        authorization_scopes: "Sequence[str] | None" = None,
    ) -> list[apigatewayv2.HttpRoute]:
        """Let a function answer routes; it finds the caller in ``requestContext.authorizer.jwt.claims``.

        Args:
            routes: Methods and paths, such as ``["GET /orders/{order}", "ANY /files/{path+}"]``.
            function: Answers within 30 seconds, the longest that an HTTP API waits.
            throttle: Requests per second and burst that each of these routes takes, for all callers together; the API's
                own by default.
            authorization_scopes: A token must have one of these; the API's own by default. An empty list: every token
                of the issuer will do.

        Raises:
            InvalidOptionError: for a malformed or repeated route, malformed scopes, or throttling out of range.
        """
        scopes = self._scopes if authorization_scopes is None else checked_scopes(self, authorization_scopes)
        if throttle is not None:
            check_throttle(self, throttle)
        if not routes:
            fix = 'Give methods and paths, such as ["GET /orders/{order}"]'
            raise InvalidOptionError(self, "routes", "is []", fix)
        added = [self._add_route(route, function, scopes) for route in routes]
        if throttle is not None:
            throttle_routes(self.api, dict.fromkeys(routes, throttle), after=added)
        return added

    def metric_requests(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Requests. Sum per minute by default."""
        return self.api.metric_count(period=period or minute(), statistic="sum")

    def metric_client_errors(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Answers 4xx, throttled and unauthorized ones included. Sum per minute by default."""
        return self.api.metric_client_error(period=period or minute(), statistic="sum")

    def metric_server_errors(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Answers 5xx. Sum per minute by default."""
        return self.api.metric_server_error(period=period or minute(), statistic="sum")

    def metric_latency(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Milliseconds from request to answer. 99th percentile per minute by default."""
        return self.api.metric_latency(period=period or minute(), statistic="p99")

    def _add_route(self, route: str, function: "lambda_.IFunction", scopes: "Sequence[str]") -> apigatewayv2.HttpRoute:
        if not _ROUTE.fullmatch(route) or route in self._routes:
            problem = f"contains {route!r}, which was added before" if route in self._routes else f"contains {route!r}"
            fix = "Write a method, a space and a path that no other route has, such as GET /orders/{order}"
            raise InvalidOptionError(self, "routes", problem, fix)
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
            api_name=name_of(self),
            description=path_of(self).removesuffix("/Default")[-1024:],
            default_authorizer=self.authorizer,
            cors_preflight=None
            if not origins
            else apigatewayv2.CorsPreflightOptions(
                allow_origins=origins,
                # Each route allows the methods that it has.
                allow_methods=[apigatewayv2.CorsHttpMethod[method] for method in _METHODS],
                # W3C Trace Context, by which a request is followed, and the id that the answer names.
                allow_headers=["authorization", "content-type", "traceparent"],
                expose_headers=["retry-after", "x-correlation-id"],
                max_age=Duration.hours(1),
            ),
        )
