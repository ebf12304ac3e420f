"""What the templates of AuthorizedApi and SignInUserPool promise."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template
from constructs import Construct
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import AuthorizedApi, InvalidOptionError, SignInUserPool, TokenIssuer
from cdp_constructs.testing import Synthesis, architecture
from docs.examples import authorized_api as example
from docs.examples import sign_in_user_pool as users_example

ORIGIN = "https://shop.example.com"
POOL_ARN = "arn:aws:cognito-idp:ap-northeast-1:111122223333:userpool/ap-northeast-1_Example"
FUNCTION_ARN = "arn:aws:lambda:us-west-2:111122223333:function:orders"


def imported_function(stack: Stack) -> lambda_.IFunction:
    return lambda_.Function.from_function_attributes(
        stack, "Orders", function_arn=FUNCTION_ARN, same_environment=True, skip_permissions=False
    )


@architecture
def defaults(stack: Stack) -> AuthorizedApi:
    return AuthorizedApi(stack, "Shop", allowed_origins=[ORIGIN])


@architecture
def ten_lines(stack: Stack) -> AuthorizedApi:
    return example.build(stack, imported_function(stack))


@architecture(env=Environment(region="us-west-2"))
def existing_resources(stack: Stack) -> AuthorizedApi:
    """All options; the users are in another Region, and known by ARN and id only."""
    pool = cognito.UserPool.from_user_pool_arn(stack, "Users", POOL_ARN)
    client = cognito.UserPoolClient.from_user_pool_client_id(stack, "Client", "web")
    api = AuthorizedApi(
        stack,
        "Shop",
        allowed_origins=[ORIGIN, "http://localhost:5173"],
        issuer=TokenIssuer.of_user_pool(pool, client),
        throttle=apigatewayv2.ThrottleSettings(rate_limit=200, burst_limit=100),
        log_retention=logs.RetentionDays.ONE_YEAR,
        alarm_topic=sns.Topic.from_topic_arn(stack, "Operations", "arn:aws:sns:us-west-2:111122223333:operations"),
    )
    orders = imported_function(stack)
    limits = apigatewayv2.ThrottleSettings(rate_limit=5, burst_limit=10)
    api.add_routes(["GET /orders/{order}"], orders)
    api.add_routes(["PUT /orders/v1.0"], orders, throttle=limits)
    api.add_routes(["ANY /admin/{path+}"], orders, authorization_scopes=["shop/admin"])
    return api


@architecture
def access_tokens_only(stack: Stack) -> AuthorizedApi:
    api = AuthorizedApi(stack, "Shop", allowed_origins=[ORIGIN], authorization_scopes=["aws.cognito.signin.user.admin"])
    orders = imported_function(stack)
    api.add_routes(["GET /orders"], orders)
    api.add_routes(["DELETE /orders"], orders, authorization_scopes=["shop/admin"])
    api.add_routes(["GET /me"], orders, authorization_scopes=[])
    return api


@architecture
def two_in_one_stack(stack: Stack) -> None:
    users = SignInUserPool(stack, "Users")
    AuthorizedApi(stack, "Shop", allowed_origins=[ORIGIN], issuer=users.issuer)
    AuthorizedApi(stack, "Stock", allowed_origins=[ORIGIN], issuer=users.issuer)


@architecture
def inside_a_stage(app: App) -> None:
    AuthorizedApi(Stack(Stage(app, "AuthorizedProd"), "Front"), "Shop", allowed_origins=[ORIGIN])


@architecture
def users_alone(stack: Stack) -> SignInUserPool:
    return SignInUserPool(
        stack,
        "Users",
        self_sign_up=False,
        auth_flows=cognito.AuthFlow(user_password=True),
        access_token_validity=Duration.minutes(30),
        refresh_token_validity=Duration.days(30),
        rotate_refresh_tokens=False,
        feature_plan=cognito.FeaturePlan.LITE,
        email=cognito.UserPoolEmail.with_cognito("help@example.com"),
        removal_policy=RemovalPolicy.DESTROY,
    )


@architecture
def users_with_a_rate_limit(stack: Stack) -> SignInUserPool:
    return SignInUserPool(stack, "Users", rate_limit=100)


@architecture
def users_of_an_api(stack: Stack) -> SignInUserPool:
    return users_example.build(stack, imported_function(stack))


def only(of: Any, resource_type: str) -> dict[str, Any]:
    (resource,) = of.resources(resource_type).values()
    properties: dict[str, Any] = resource["Properties"]
    return properties


@pytest.mark.parametrize("build", [defaults, existing_resources, users_alone, users_with_a_rate_limit])
def test_template(build: Any, synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", [defaults, existing_resources, users_alone, users_with_a_rate_limit])
def test_card(build: Any, synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_pages(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(AuthorizedApi, synthesis(ten_lines))
    assert_page(SignInUserPool, synthesis(users_of_an_api))


@pytest.mark.parametrize(
    "build",
    [
        defaults,
        ten_lines,
        existing_resources,
        access_tokens_only,
        two_in_one_stack,
        inside_a_stage,
        users_alone,
        users_with_a_rate_limit,
        users_of_an_api,
    ],
)
def test_no_finding_is_open(build: Any, synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


# --- Users -----------------------------------------------------------------------------------------------------------


def test_passwords_are_strong_and_lost_ones_are_recovered_by_mail(synthesis: Synthesis) -> None:
    pool = only(synthesis(defaults), "AWS::Cognito::UserPool")
    policy = pool["Policies"]["PasswordPolicy"]
    assert policy["MinimumLength"] >= 12
    assert all(policy[f"Require{kind}"] for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols"))
    assert (pool["MfaConfiguration"], pool["EnabledMfas"]) == ("OPTIONAL", ["SOFTWARE_TOKEN_MFA"])
    assert [item["Name"] for item in pool["AccountRecoverySetting"]["RecoveryMechanisms"]] == ["verified_email"]
    assert pool["UsernameConfiguration"] == {"CaseSensitive": False}


def test_sessions_outlast_an_outage_and_can_be_revoked(synthesis: Synthesis) -> None:
    client = only(synthesis(defaults), "AWS::Cognito::UserPoolClient")
    minutes = {"minutes": 1, "hours": 60, "days": 1440}
    units = client["TokenValidityUnits"]
    assert client["AccessTokenValidity"] * minutes[units["AccessToken"]] > 60, "longer than the recovery goal"
    assert client["RefreshTokenValidity"] * minutes[units["RefreshToken"]] >= 30 * 1440
    assert client["EnableTokenRevocation"]
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert client["GenerateSecret"] is False
    assert "ALLOW_USER_PASSWORD_AUTH" not in client["ExplicitAuthFlows"]


def test_a_refresh_token_is_good_for_one_renewal(synthesis: Synthesis) -> None:
    client = only(synthesis(defaults), "AWS::Cognito::UserPoolClient")
    assert client["RefreshTokenRotation"] == {"Feature": "ENABLED", "RetryGracePeriodSeconds": 60}
    assert "ALLOW_REFRESH_TOKEN_AUTH" not in client["ExplicitAuthFlows"], "Cognito refuses both together"
    kept = only(synthesis(users_alone), "AWS::Cognito::UserPoolClient")
    assert "RefreshTokenRotation" not in kept
    assert "ALLOW_REFRESH_TOKEN_AUTH" in kept["ExplicitAuthFlows"]


def test_one_address_is_limited_in_everything_but_renewals(synthesis: Synthesis) -> None:
    of = synthesis(users_with_a_rate_limit)
    acl = only(of, "AWS::WAFv2::WebACL")
    assert (acl["Scope"], acl["DefaultAction"]) == ("REGIONAL", {"Allow": {}})
    (rule,) = acl["Rules"]
    rate = rule["Statement"]["RateBasedStatement"]
    assert (rule["Action"], rate["Limit"], rate["EvaluationWindowSec"], rate["AggregateKeyType"]) == (
        {"Block": {}},
        100,
        300,
        "IP",
    )
    renewal = rate["ScopeDownStatement"]["NotStatement"]["Statement"]["ByteMatchStatement"]
    assert renewal["FieldToMatch"] == {"SingleHeader": {"Name": "x-amzn-cognito-operation-name"}}
    assert (renewal["PositionalConstraint"], renewal["SearchString"]) == ("EXACTLY", "GetTokensFromRefreshToken")
    (pool,), (acl_id,) = of.resources("AWS::Cognito::UserPool"), of.resources("AWS::WAFv2::WebACL")
    assert only(of, "AWS::WAFv2::WebACLAssociation") == {
        "ResourceArn": {"Fn::GetAtt": [pool, "Arn"]},
        "WebACLArn": {"Fn::GetAtt": [acl_id, "Arn"]},
    }
    assert synthesis(defaults).resources("AWS::WAFv2::WebACL") == {}


def test_accounts_are_kept_unless_told_otherwise(synthesis: Synthesis) -> None:
    (kept,) = synthesis(defaults).resources("AWS::Cognito::UserPool").values()
    (gone,) = synthesis(users_alone).resources("AWS::Cognito::UserPool").values()
    assert (kept["DeletionPolicy"], kept["Properties"]["DeletionProtection"]) == ("Retain", "ACTIVE")
    assert (gone["DeletionPolicy"], gone["Properties"]["DeletionProtection"]) == ("Delete", "INACTIVE")


# --- The API ---------------------------------------------------------------------------------------------------------


def test_every_route_wants_a_token_of_the_own_pool(synthesis: Synthesis) -> None:
    of = synthesis(ten_lines)
    routes = of.resources("AWS::ApiGatewayV2::Route").values()
    assert [route["Properties"]["AuthorizationType"] for route in routes] == ["JWT", "JWT"]
    (pool,), (client,) = of.resources("AWS::Cognito::UserPool"), of.resources("AWS::Cognito::UserPoolClient")
    tokens = only(of, "AWS::ApiGatewayV2::Authorizer")["JwtConfiguration"]
    assert tokens["Audience"] == [{"Ref": client}]
    assert tokens["Issuer"]["Fn::Join"][1] == [
        "https://cognito-idp.",
        {"Ref": "AWS::Region"},
        ".",
        {"Ref": "AWS::URLSuffix"},
        "/",
        {"Ref": pool},
    ]


def test_a_pool_of_another_region_is_known_by_its_tokens(synthesis: Synthesis) -> None:
    of = synthesis(existing_resources)
    tokens = only(of, "AWS::ApiGatewayV2::Authorizer")["JwtConfiguration"]
    assert tokens["Audience"] == ["web"]
    assert "https://cognito-idp.ap-northeast-1." in json.dumps(tokens["Issuer"])
    assert not of.resources("AWS::Cognito::UserPool")


def test_functions_may_be_called_by_their_routes_only(synthesis: Synthesis) -> None:
    permissions = synthesis(ten_lines).resources("AWS::Lambda::Permission").values()
    assert len(permissions) == 2
    for permission in permissions:
        assert permission["Properties"]["Principal"] == "apigateway.amazonaws.com"
        assert "/orders" in json.dumps(permission["Properties"]["SourceArn"])
    assert len(synthesis(ten_lines).resources("AWS::ApiGatewayV2::Integration")) == 1, "one for both routes"


def test_routes_are_throttled_each_by_its_own_limit(synthesis: Synthesis) -> None:
    stage = only(synthesis(existing_resources), "AWS::ApiGatewayV2::Stage")
    default = stage["DefaultRouteSettings"]
    assert (default["ThrottlingRateLimit"], default["ThrottlingBurstLimit"]) == (200, 100)
    assert default["DetailedMetricsEnabled"]
    limits = {"ThrottlingRateLimit": 5, "ThrottlingBurstLimit": 10}
    assert stage["RouteSettings"] == {"PUT /orders/v1.0": limits}, "a dot in a path starts no new level"


def test_an_api_leaves_half_of_the_quota_to_the_others(synthesis: Synthesis) -> None:
    default = only(synthesis(defaults), "AWS::ApiGatewayV2::Stage")["DefaultRouteSettings"]
    assert (default["ThrottlingRateLimit"], default["ThrottlingBurstLimit"]) == (5000, 2500)


def test_only_named_origins_may_call_from_a_browser(synthesis: Synthesis) -> None:
    cors = only(synthesis(existing_resources), "AWS::ApiGatewayV2::Api")["CorsConfiguration"]
    assert cors["AllowOrigins"] == [ORIGIN, "http://localhost:5173"]
    assert cors["AllowHeaders"] == ["authorization", "content-type", "traceparent"]
    assert "AllowCredentials" not in cors, "tokens travel in a header, not in cookies"


def test_who_called_what_is_logged(synthesis: Synthesis) -> None:
    stage = only(synthesis(existing_resources), "AWS::ApiGatewayV2::Stage")
    logged = json.loads(stage["AccessLogSettings"]["Format"])
    assert (logged["user"], logged["route"]) == ("$context.authorizer.claims.sub", "$context.routeKey")
    (group,) = synthesis(existing_resources).resources("AWS::Logs::LogGroup").values()
    assert (group["Properties"]["RetentionInDays"], group["DeletionPolicy"]) == (365, "Retain")


def test_scopes_are_for_their_route(synthesis: Synthesis) -> None:
    routes = synthesis(existing_resources).resources("AWS::ApiGatewayV2::Route").values()
    scopes = {route["Properties"]["RouteKey"]: route["Properties"].get("AuthorizationScopes") for route in routes}
    assert scopes == {
        "ANY /admin/{path+}": ["shop/admin"],
        "GET /orders/{order}": None,
        "PUT /orders/v1.0": None,
    }


def test_scopes_of_the_api_are_for_the_routes_that_name_none(synthesis: Synthesis) -> None:
    routes = synthesis(access_tokens_only).resources("AWS::ApiGatewayV2::Route").values()
    scopes = {route["Properties"]["RouteKey"]: route["Properties"].get("AuthorizationScopes") for route in routes}
    assert scopes == {
        "GET /orders": ["aws.cognito.signin.user.admin"],
        "DELETE /orders": ["shop/admin"],
        "GET /me": None,
    }


@pytest.mark.parametrize(
    ("scopes", "problem"),
    [
        ("shop/admin", "is 'shop/admin'"),
        (["shop admin"], "contains 'shop admin'"),
        ([""], "contains ''"),
        (["shop/ädmin"], "contains 'shop/ädmin'"),
    ],
)
def test_malformed_scopes_are_refused(scopes: Any, problem: str) -> None:
    with pytest.raises(InvalidOptionError, match=f"authorization_scopes {problem}"):
        api(authorization_scopes=scopes)
    front = api()
    with pytest.raises(InvalidOptionError, match=f"authorization_scopes {problem}"):
        front.add_routes(["GET /a"], imported_function(Stack(App(), "Other")), authorization_scopes=scopes)


def test_errors_and_slow_answers_raise_alarms_when_somebody_listens(synthesis: Synthesis) -> None:
    alarms = synthesis(existing_resources).resources("AWS::CloudWatch::Alarm").values()
    assert {alarm["Properties"]["MetricName"] for alarm in alarms} == {"5xx", "Latency"}
    assert all(alarm["Properties"]["AlarmActions"] for alarm in alarms)
    assert not synthesis(defaults).resources("AWS::CloudWatch::Alarm")


# --- What is refused -------------------------------------------------------------------------------------------------

ISSUER = TokenIssuer("https://login.example.com", ["web"])


def api(**options: Any) -> AuthorizedApi:
    return AuthorizedApi(Stack(App(), "Stack"), "Shop", **{"allowed_origins": [ORIGIN], "issuer": ISSUER, **options})


def limits(rate: float, burst: float) -> apigatewayv2.ThrottleSettings:
    return apigatewayv2.ThrottleSettings(rate_limit=rate, burst_limit=burst)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"allowed_origins": ORIGIN}, r"allowed_origins is 'https://shop\.example\.com'\. Give a list"),
        ({"allowed_origins": ["*"]}, r"allowed_origins contains '\*'"),
        ({"issuer": TokenIssuer("https://login.example.com", [])}, r"issuer\.audience is \[\]"),
        ({"issuer": TokenIssuer("http://login.example.com", ["web"])}, r"issuer\.url is 'http://login"),
        ({"throttle": limits(10_001, 100)}, r"throttle\.rate_limit is 10,001 requests\. Use 1 to 10,000"),
        ({"throttle": limits(100, 5_001)}, r"throttle\.burst_limit is 5,001 requests\. Use 1 to 5,000"),
        ({"throttle": limits(0, 100)}, r"throttle\.rate_limit is 0 requests"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        api(**options)


def test_an_audience_that_is_no_list_is_refused_where_it_is_given() -> None:
    with pytest.raises(InvalidOptionError, match=r"TokenIssuer: audience is 'web'\. Give a list: \['web'\]"):
        TokenIssuer("https://login.example.com", "web")


def test_without_an_origin_no_page_of_another_site_may_call() -> None:
    template = Template.from_stack(Stack.of(api(allowed_origins=[])))
    (made,) = template.find_resources("AWS::ApiGatewayV2::Api").values()
    assert "CorsConfiguration" not in made["Properties"]


@pytest.mark.parametrize("route", ["/orders", "FETCH /orders", "GET orders", "GET /orders?all", "get /orders", "GET /"])
def test_malformed_and_repeated_routes_are_refused(route: str) -> None:
    front = api()
    function = imported_function(Stack(front.node.root, "Other"))
    front.add_routes(["GET /"], function)
    with pytest.raises(InvalidOptionError, match=r"Write a method, a space and a path that no other route has"):
        front.add_routes([route], function)


def test_throttling_of_a_route_is_checked_too() -> None:
    front = api()
    with pytest.raises(InvalidOptionError, match=r"throttle\.rate_limit is 20,000"):
        front.add_routes(
            ["GET /orders"], imported_function(Stack(front.node.root, "Other")), throttle=limits(20_000, 1)
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"access_token_validity": Duration.days(2)}, r"access_token_validity is 2 days. Use 5 minutes to 1 day"),
        ({"access_token_validity": Duration.minutes(1)}, r"access_token_validity is 1 minute"),
        (
            {"refresh_token_validity": Duration.minutes(59)},
            r"refresh_token_validity is 59 minutes. Use 1 hour to",
        ),
        ({"refresh_token_validity": Duration.hours(4)}, r"Give a longer session than the tokens"),
        ({"rate_limit": 9}, r"rate_limit is 9 requests\. Use 10 to 2,000,000,000 requests"),
    ],
)
def test_what_cognito_does_not_have_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        SignInUserPool(Stack(App(), "Stack"), "Users", **options)


# --- Options that every pattern has, and names in the console --------------------------------------------------------


@architecture
def short_lived(stack: Stack) -> AuthorizedApi:
    return AuthorizedApi(
        stack,
        "Shop",
        allowed_origins=[ORIGIN],
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        removal_policy=RemovalPolicy.DESTROY,
    )


def test_names_in_the_console_tell_the_system(synthesis: Synthesis) -> None:
    apis = synthesis(two_in_one_stack).resources("AWS::ApiGatewayV2::Api").values()
    assert {item["Properties"]["Name"] for item in apis} == {
        "AuthorizedApiTwoInOneStack-Shop",
        "AuthorizedApiTwoInOneStack-Stock",
    }
    # An authorizer is made with the first route.
    (authorizer,) = synthesis(existing_resources).resources("AWS::ApiGatewayV2::Authorizer").values()
    assert authorizer["Properties"]["Name"] == "AuthorizedApiExistingResources-Shop-SignedIn"


def test_name_of_an_api_that_is_all_of_another_construct_is_that_constructs() -> None:
    stack = Stack(App(), "Chat")
    whole = AuthorizedApi(Construct(stack, "Front"), "Default", allowed_origins=[ORIGIN])
    assert whole.api.http_api_name == "Chat-Front"


def test_users_and_logs_go_with_the_stack_when_told_so(synthesis: Synthesis) -> None:
    for build, policy in ((defaults, "Retain"), (short_lived, "Delete")):
        for kind in ("AWS::Cognito::UserPool", "AWS::Logs::LogGroup"):
            assert [item["DeletionPolicy"] for item in synthesis(build).resources(kind).values()] == [policy]


def test_throttled_sign_ins_raise_an_alarm(synthesis: Synthesis) -> None:
    of = synthesis(short_lived)
    ((pool_id, _),) = of.resources("AWS::Cognito::UserPool").items()
    ((client_id, _),) = of.resources("AWS::Cognito::UserPoolClient").items()
    (alarm,) = [
        item["Properties"]
        for item in of.resources("AWS::CloudWatch::Alarm").values()
        if item["Properties"]["MetricName"] == "SignInThrottles"
    ]
    dimensions = {item["Name"]: item["Value"] for item in alarm["Dimensions"]}
    assert dimensions == {"UserPool": {"Ref": pool_id}, "UserPoolClient": {"Ref": client_id}}
    assert (alarm["Namespace"], alarm["Threshold"], alarm["Statistic"]) == ("AWS/Cognito", 1, "Sum")
    assert of.findings("AwsSolutions", "Serverless") == []


def test_alarms_are_found() -> None:
    front = short_lived(Stack())
    assert {alarm.node.id for alarm in front.alarms} == {"ServerErrorsAlarm", "LatencyAlarm", "ThrottledSignInsAlarm"}
    assert front.users is not None
    assert [alarm.node.id for alarm in front.users.alarms] == ["ThrottledSignInsAlarm"]


def test_a_string_of_routes_is_refused() -> None:
    front = api()
    with pytest.raises(InvalidOptionError, match=r"routes is 'GET /orders'\. Give a list"):
        front.add_routes("GET /orders", imported_function(Stack(front.node.root, "Other")))


def test_an_alarm_topic_of_another_region_is_refused() -> None:
    stack = Stack(App(), "Tokyo", env=Environment(region="ap-northeast-1"))
    topic = sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:us-east-1:111122223333:alarms")
    with pytest.raises(InvalidOptionError, match="alarm_topic is in us-east-1, but the stack is in ap-northeast-1"):
        AuthorizedApi(stack, "Shop", allowed_origins=[ORIGIN], alarm_topic=topic)
    with pytest.raises(InvalidOptionError, match="alarm_topic is in us-east-1, but the stack is in ap-northeast-1"):
        SignInUserPool(stack, "Users", alarm_topic=topic)


def test_the_plan_that_costs_a_third_does_not_rotate_refresh_tokens(cdk_app: App, synthesis: Synthesis) -> None:
    assert only(synthesis(users_alone), "AWS::Cognito::UserPool")["UserPoolTier"] == "LITE"
    assert only(synthesis(users_of_an_api), "AWS::Cognito::UserPool")["UserPoolTier"] == "ESSENTIALS"
    message = r"Stack/Users: feature_plan is LITE and rotate_refresh_tokens True, which that plan does not have\. Give"
    with pytest.raises(InvalidOptionError, match=message):
        SignInUserPool(Stack(cdk_app, "Stack"), "Users", feature_plan=cognito.FeaturePlan.LITE)
