"""What the templates promise: two public routes, a role that may ask and nothing else, alarms for each way to fail."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, CfnParameter, Duration, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations, Match, Template
from constructs import Construct
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import DeepHealthCheck, InvalidOptionError
from cdp_constructs.testing import Synthesis, architecture
from docs.examples import deep_health_check as example

ARN = "arn:aws:{}:us-east-1:111122223333:{}"


def an_api(stack: Stack) -> apigatewayv2.HttpApi:
    """Return an API of a careful owner: signed-in users only, logged and throttled."""
    authorizer = authorizers.HttpJwtAuthorizer("SignedIn", "https://issuer.example.com", jwt_audience=["app"])
    api = apigatewayv2.HttpApi(stack, "Api", default_authorizer=authorizer)
    assert api.default_stage is not None
    stage: Any = api.default_stage.node.default_child
    log_group = logs.LogGroup(stack, "AccessLogs")
    stage.access_log_settings = apigatewayv2.CfnStage.AccessLogSettingsProperty(
        destination_arn=log_group.log_group_arn,
        format=json.dumps({"requestId": "$context.requestId"}),
    )
    stage.default_route_settings = apigatewayv2.CfnStage.RouteSettingsProperty(
        throttling_rate_limit=50, throttling_burst_limit=100
    )
    return api


def a_topic(stack: Stack) -> sns.ITopic:
    return sns.Topic.from_topic_arn(stack, "Operators", ARN.format("sns", "operators"))


@architecture
def defaults(stack: Stack) -> DeepHealthCheck:
    health = DeepHealthCheck(stack, "Health", api=an_api(stack))
    health.add_table(dynamodb.Table.from_table_name(stack, "Table", "orders"))
    return health


@architecture
def all_options(stack: Stack) -> DeepHealthCheck:
    health = DeepHealthCheck(
        stack,
        "Health",
        api=an_api(stack),
        path="/status/deep.json",
        shallow_path="/status",
        time_budget=Duration.millis(750),
        cache_for=Duration.seconds(3),
        throttle=apigatewayv2.ThrottleSettings(rate_limit=20, burst_limit=40),
        alarm_topic=a_topic(stack),
    )
    add_all_kinds(stack, health)
    return health


@architecture
def existing_resources(stack: Stack) -> DeepHealthCheck:
    api = apigatewayv2.HttpApi.from_http_api_attributes(stack, "Api", http_api_id="a1b2c3")
    health = DeepHealthCheck(stack, "Health", api=api, alarm_topic=a_topic(stack))
    add_all_kinds(stack, health)
    return health


def add_all_kinds(stack: Stack, health: DeepHealthCheck) -> None:
    table = dynamodb.Table.from_table_arn(stack, "Table", ARN.format("dynamodb", "table/orders"))
    health.add_table(table, probe_key={"customer": 0, "order": "none"})
    health.add_bucket(s3.Bucket.from_bucket_arn(stack, "Bucket", "arn:aws:s3:::photos"), hard=False)
    health.add_queue(sqs.Queue.from_queue_arn(stack, "Queue", ARN.format("sqs", "work")))
    health.add_topic(sns.Topic.from_topic_arn(stack, "Topic", ARN.format("sns", "news")), name="news", hard=False)
    health.add_http("https://mail.example.com/status", name="mail", hard=False)


@architecture
def two_in_one_stack(stack: Stack) -> list[DeepHealthCheck]:
    api, topic = an_api(stack), a_topic(stack)
    return [
        DeepHealthCheck(stack, name, api=api, path=f"/{name}/deep", shallow_path=f"/{name}", alarm_topic=topic)
        for name in ("orders", "search")
    ]


@architecture
def inside_a_stage(app: App) -> DeepHealthCheck:
    return defaults(Stack(Stage(app, "DeepHealthStage", env=Environment(region="ap-northeast-1")), "Tokyo"))


@architecture
def encrypted_table(stack: Stack) -> DeepHealthCheck:
    health = DeepHealthCheck(stack, "Health", api=apigatewayv2.HttpApi(stack, "Api"))
    key = kms.Key(stack, "Key")
    partition_key = dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
    table = dynamodb.Table(stack, "Table", partition_key=partition_key, encryption_key=key)
    health.add_table(table, probe_key={"pk": "health-check"})
    return health


example_of_the_docs = architecture(example.build)


def test_architecture_for_reviewers(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(defaults).normalised == template_snapshot


def test_card(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(defaults).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(DeepHealthCheck, synthesis(example_of_the_docs))


def test_all_options_for_reviewers(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(all_options).normalised == template_snapshot


def test_card_of_all_options(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(all_options).card == card_snapshot


@pytest.mark.parametrize("build", [defaults, all_options, existing_resources, two_in_one_stack, inside_a_stage])
def test_rule_packs_find_nothing(synthesis: Synthesis, build: Any) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_acknowledgments_are_on_the_narrowest_construct(synthesis: Synthesis) -> None:
    accepted = {
        (found.rule, found.construct_path.partition("/")[2].removeprefix("Health/"))
        for found in synthesis(defaults).acknowledged()
    }
    assert accepted == {
        ("AwsSolutions-APIG4", "DeepRoute/Resource"),
        ("AwsSolutions-APIG4", "ShallowRoute/Resource"),
        ("AwsSolutions-IAM5[Resource::*]", "FunctionTracing/Resource"),
        ("Serverless-LambdaDLQ", "Function/Resource"),
    }


def routes(synthesis: Synthesis, build: Any) -> dict[str, dict[str, Any]]:
    found = synthesis(build).resources("AWS::ApiGatewayV2::Route").values()
    return {route["Properties"]["RouteKey"]: route["Properties"] for route in found}


def test_checkers_need_no_token_even_when_the_api_asks_for_one(synthesis: Synthesis) -> None:
    found = routes(synthesis, defaults)
    assert set(found) == {"GET /health", "GET /health/deep"}
    for properties in found.values():
        assert properties["AuthorizationType"] == "NONE"
        assert "AuthorizerId" not in properties


def test_the_public_routes_are_throttled_once_they_exist(synthesis: Synthesis) -> None:
    (stage,) = synthesis(all_options).resources("AWS::ApiGatewayV2::Stage").values()
    limits = {"ThrottlingRateLimit": 20, "ThrottlingBurstLimit": 40}
    assert stage["Properties"]["RouteSettings"] == {"GET /status": limits, "GET /status/deep.json": limits}
    # API Gateway refuses settings of a route that does not exist yet.
    assert set(synthesis(all_options).resources("AWS::ApiGatewayV2::Route")) <= set(stage["DependsOn"])


def test_an_imported_api_keeps_its_stage(synthesis: Synthesis) -> None:
    assert synthesis(existing_resources).resources("AWS::ApiGatewayV2::Stage") == {}
    assert set(routes(synthesis, existing_resources)) == {"GET /health", "GET /health/deep"}


def environment(synthesis: Synthesis, build: Any) -> dict[str, Any]:
    (function,) = synthesis(build).resources("AWS::Lambda::Function").values()
    variables: dict[str, Any] = function["Properties"]["Environment"]["Variables"]
    return variables


def test_the_function_knows_its_limits_and_its_dependencies(synthesis: Synthesis) -> None:
    variables = environment(synthesis, all_options)
    assert (variables["TIME_BUDGET_MS"], variables["CACHE_MS"]) == ("750", "3000")
    assert variables["SHALLOW_ROUTE"] == "GET /status"
    entries = [
        json.loads(variables[name])
        for name in sorted(variables)
        if isinstance(variables[name], str) and name.startswith("DEPENDENCY_") and name != "DEPENDENCY_03"
    ]
    assert [(entry["name"], entry["kind"], entry["hard"]) for entry in entries] == [
        ("table", "table", True),
        ("bucket", "bucket", False),
        ("news", "topic", False),
        ("mail", "http", False),
    ]
    assert entries[0]["key"] == {"customer": {"N": "0"}, "order": {"S": "none"}}


def test_defaults_answer_within_route_53s_two_seconds(synthesis: Synthesis) -> None:
    variables = environment(synthesis, defaults)
    assert (variables["TIME_BUDGET_MS"], variables["CACHE_MS"]) == ("1000", "5000")


def statements(synthesis: Synthesis, build: Any) -> dict[str, dict[str, Any]]:
    """Return what the function may do beside logging and tracing, by action."""
    found = {}
    for policy in synthesis(build).resources("AWS::IAM::Policy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            if not any(action.startswith(("logs:", "xray:")) for action in actions):
                found[",".join(actions)] = statement
    return found


def test_the_role_may_ask_and_nothing_else(synthesis: Synthesis) -> None:
    found = statements(synthesis, existing_resources)
    assert {action: (s["Resource"], s.get("Condition")) for action, s in found.items()} == {
        "dynamodb:GetItem": (
            ARN.format("dynamodb", "table/orders"),
            {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["0"]}},
        ),
        "s3:ListBucket": ("arn:aws:s3:::photos", {"StringEquals": {"s3:prefix": "health-check/"}}),
        "sqs:GetQueueAttributes": (ARN.format("sqs", "work"), None),
        "sns:GetTopicAttributes": (ARN.format("sns", "news"), None),
    }


def test_a_dependency_adds_its_own_permission_only(synthesis: Synthesis) -> None:
    assert set(statements(synthesis, defaults)) == {"dynamodb:GetItem"}
    assert statements(synthesis, two_in_one_stack) == {}


def test_the_key_of_an_encrypted_table_may_be_used(synthesis: Synthesis) -> None:
    assert set(statements(synthesis, encrypted_table)) == {"dynamodb:GetItem", "kms:Decrypt"}


def test_each_way_to_fail_has_an_alarm(synthesis: Synthesis) -> None:
    (function_id,) = synthesis(all_options).resources("AWS::Lambda::Function")
    alarms = {
        logical_id: alarm["Properties"]
        for logical_id, alarm in synthesis(all_options).resources("AWS::CloudWatch::Alarm").items()
    }
    watched = set()
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [ARN.format("sns", "operators")]
        metrics = [m["MetricStat"]["Metric"] for m in alarm.get("Metrics", []) if "MetricStat" in m] or [alarm]
        for metric in metrics:
            dimensions = {item["Name"]: item["Value"] for item in metric["Dimensions"]}
            assert dimensions.pop("service", "Function") == "Function"
            assert list(dimensions.values()) == [{"Ref": function_id}]
            watched.add((metric["Namespace"], metric["MetricName"], *(item["Name"] for item in metric["Dimensions"])))
    assert watched == {
        ("CdpConstructs", "HardFailures", "function_name", "service"),
        ("CdpConstructs", "SoftFailures", "function_name", "service"),
        ("CdpConstructs", "CheckerErrors", "function_name", "service"),
        ("AWS/Lambda", "Errors", "FunctionName"),
    }


def test_nobody_to_tell_means_no_alarms(synthesis: Synthesis) -> None:
    assert synthesis(defaults).resources("AWS::CloudWatch::Alarm") == {}


def test_two_checks_in_one_stack_count_apart(synthesis: Synthesis) -> None:
    alarms = synthesis(two_in_one_stack).resources("AWS::CloudWatch::Alarm").values()
    functions = {
        alarm["Properties"]["Dimensions"][0]["Value"]["Ref"]
        for alarm in alarms
        if alarm["Properties"].get("MetricName") == "HardFailures"
    }
    assert functions == set(synthesis(two_in_one_stack).resources("AWS::Lambda::Function"))
    assert len(functions) == 2


def test_the_example_of_the_docs_builds(synthesis: Synthesis) -> None:
    assert set(statements(synthesis, example_of_the_docs)) == {"dynamodb:GetItem", "sqs:GetQueueAttributes"}


def _health(app: App, **options: Any) -> DeepHealthCheck:
    stack = Stack(app, "Tokyo", env=Environment(region="ap-northeast-1"))
    api = apigatewayv2.HttpApi.from_http_api_attributes(stack, "Api", http_api_id="a1b2c3")
    return DeepHealthCheck(stack, "Health", api=api, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "health"}, "path is 'health'. Start it with /"),
        ({"path": "/health/{id}"}, "neither spaces nor path parameters"),
        ({"shallow_path": "/health/deep"}, "shallow_path is '/health/deep', as path is"),
        (
            {"time_budget": Duration.millis(99)},
            "time_budget is 99 milliseconds. Use 100 milliseconds to 1,500",
        ),
        ({"time_budget": Duration.seconds(2)}, "Route 53 waits 2 seconds"),
        ({"cache_for": Duration.seconds(61)}, "cache_for is 61 seconds. Use 0 seconds to 1 minute"),
    ],
)
def test_what_cannot_work_is_refused(cdk_app: App, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        _health(cdk_app, **options)


def test_limits_themselves_are_accepted(cdk_app: App) -> None:
    health = _health(cdk_app, time_budget=Duration.millis(1500), cache_for=Duration.seconds(0))
    assert (health.path, health.shallow_path) == ("/health/deep", "/health")


@pytest.mark.parametrize(
    ("url", "problem"),
    [("http://mail.example.com", "is 'http://mail"), ("mail.example.com", "is 'mail"), ("https://", "is 'https://'")],
)
def test_an_address_that_is_not_https_is_refused(cdk_app: App, url: str, problem: str) -> None:
    with pytest.raises(InvalidOptionError, match=f"url {problem}"):
        _health(cdk_app).add_http(url)


def test_names_are_unique_and_plain_because_the_answer_shows_them(cdk_app: App) -> None:
    health = _health(cdk_app)
    health.add_http("https://example.com/a")
    with pytest.raises(InvalidOptionError, match="name is 'http', which was added before"):
        health.add_http("https://example.com/b")
    with pytest.raises(InvalidOptionError, match="name is 'Our Table'"):
        health.add_http("https://example.com/b", name="Our Table")


def test_a_seventeenth_dependency_is_refused(cdk_app: App) -> None:
    health = _health(cdk_app)
    for number in range(16):
        health.add_http("https://example.com", name=f"site{number}")
    with pytest.raises(InvalidOptionError, match="dependency number 17"):
        health.add_http("https://example.com", name="site16")


@pytest.mark.parametrize("key", [{}, {"a": "1", "b": "2", "c": "3"}])
def test_a_probe_key_is_a_primary_key(cdk_app: App, key: dict[str, str]) -> None:
    health = _health(cdk_app)
    with pytest.raises(InvalidOptionError, match=f"probe_key has {len(key)} attributes"):
        health.add_table(dynamodb.Table.from_table_name(health, "Table", "orders"), probe_key=key)


@pytest.mark.parametrize(
    ("key", "problem", "fix"),
    [
        (None, "is missing", "Give {'customer': 'health-check', 'order': 0}."),
        ({"customer": "c"}, "is {'customer': 'c'}", "Give {'customer': 'health-check', 'order': 0}."),
        ({"customer": "c", "order": "o"}, "is {'customer': 'c', 'order': 'o'}", "Give {'customer': "),
        ({"pk": "c", "order": 1}, "is {'pk': 'c', 'order': 1}", "Give {'customer': "),
    ],
)
@pytest.mark.parametrize("kind", ["Table", "TableV2"])
def test_a_probe_key_has_the_names_and_types_of_the_tables_key(
    cdk_app: App, kind: str, key: dict[str, str | int] | None, problem: str, fix: str
) -> None:
    health = _health(cdk_app)
    table = _table_with_a_number(health, kind)
    with pytest.raises(InvalidOptionError) as caught:
        health.add_table(table, probe_key=key)
    keys = "customer (string) and order (number)"
    assert f"probe_key {problem}, while the primary key of {table.node.path} is {keys}. {fix}" in str(caught.value)


def _table_with_a_number(scope: Construct, kind: str) -> dynamodb.ITable:
    make: Any = getattr(dynamodb, kind)
    table: dynamodb.ITable = make(
        scope,
        "Orders",
        partition_key=dynamodb.Attribute(name="customer", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="order", type=dynamodb.AttributeType.NUMBER),
    )
    return table


def test_the_function_may_read_the_partition_of_the_probe_key_in_whichever_order_it_is_given(cdk_app: App) -> None:
    health = _health(cdk_app)
    health.add_table(_table_with_a_number(health, "Table"), probe_key={"order": 7, "customer": "nobody"})
    template = Template.from_stack(Stack.of(health)).to_json()
    assert '"dynamodb:LeadingKeys": ["nobody"]' in json.dumps(template)


def test_a_key_that_cannot_be_written_as_an_option_needs_another_table(cdk_app: App) -> None:
    health = _health(cdk_app)
    binary = dynamodb.Attribute(name="digest", type=dynamodb.AttributeType.BINARY)
    with pytest.raises(InvalidOptionError, match="Use a table whose primary key is of strings and numbers"):
        health.add_table(dynamodb.Table(health, "Files", partition_key=binary), probe_key={"digest": "x"})


def test_the_replica_of_a_global_table_has_its_keys(cdk_app: App) -> None:
    health = _health(cdk_app)
    table = dynamodb.TableV2(
        Stack(cdk_app, "Oregon", env=Environment(region="us-west-2", account="111122223333")),
        "Orders",
        partition_key=dynamodb.Attribute(name="order_id", type=dynamodb.AttributeType.STRING),
        replicas=[dynamodb.ReplicaTableProps(region="ap-northeast-1")],
    )
    with pytest.raises(InvalidOptionError, match=r"is order_id \(string\)"):
        health.add_table(table.replica("ap-northeast-1"))


@pytest.mark.parametrize("named_by_parameter", [False, True])
def test_what_an_imported_table_must_have_is_said(cdk_app: App, named_by_parameter: bool) -> None:
    health = _health(cdk_app)
    table: dynamodb.ITable = dynamodb.Table.from_table_name(health, "Imported", "orders")
    if named_by_parameter:
        name = CfnParameter(Stack.of(health), "Key").value_as_string
        table = dynamodb.Table(
            health, "Named", partition_key=dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
        )
    health.add_table(table, probe_key={"customer": "c", "order": 1})
    must = "has the primary key customer (string) and order (number), the partition key first"
    Annotations.from_stack(Stack.of(health)).has_warning("*", Match.string_like_regexp(re.escape(must)))


def test_a_dependency_in_another_region_is_refused(cdk_app: App) -> None:
    health = _health(cdk_app)
    topic = sns.Topic(Stack(cdk_app, "Oregon", env=Environment(region="us-west-2")), "News")
    with pytest.raises(InvalidOptionError, match="topic is in us-west-2, but the stack is in ap-northeast-1"):
        health.add_topic(topic)


def test_alarms_and_what_was_added_are_found() -> None:
    stack = Stack()
    health = DeepHealthCheck(stack, "Health", api=apigatewayv2.HttpApi(stack, "Api"), alarm_topic=a_topic(stack))
    assert {alarm.node.id for alarm in health.alarms} == {
        "HardFailureAlarm",
        "SoftFailureAlarm",
        "CheckerErrorAlarm",
    }
    table = dynamodb.Table.from_table_name(stack, "Table", "orders")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "files")
    queue = sqs.Queue.from_queue_arn(stack, "Queue", ARN.format("sqs", "mails"))
    topic = sns.Topic.from_topic_arn(stack, "Topic", ARN.format("sns", "events"))
    added = [
        health.add_table(table, name="orders"),
        health.add_bucket(bucket),
        health.add_queue(queue, hard=False),
        health.add_topic(topic),
        health.add_http("https://status.example.com"),
    ]
    assert [(item.name, item.kind, item.hard) for item in added] == [
        ("orders", "table", True),
        ("bucket", "bucket", True),
        ("queue", "queue", False),
        ("topic", "topic", True),
        ("http", "http", True),
    ]


def test_logs_are_kept_as_long_as_asked() -> None:
    stack = Stack()
    DeepHealthCheck(
        stack,
        "Health",
        api=apigatewayv2.HttpApi(stack, "Api"),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )
    ((_, group),) = Template.from_stack(stack).find_resources("AWS::Logs::LogGroup").items()
    assert (group["DeletionPolicy"], group["Properties"]["RetentionInDays"]) == ("Delete", 7)
