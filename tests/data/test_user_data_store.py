"""What UserDataStore promises in its templates."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, RemovalPolicy, Stack, Stage
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import AuthorizedApi, InvalidOptionError, TokenIssuer, UserDataLimits, UserDataStore
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.user_data_store import build as example

TABLE_ARN = "arn:aws:dynamodb:us-east-1:111122223333:table/existing"
ISSUER = TokenIssuer("https://issuer.example.com", ["game"])


def api_of(stack: Stack, *origins: str) -> AuthorizedApi:
    return AuthorizedApi(stack, "Game", allowed_origins=origins, issuer=ISSUER)


@architecture
def defaults(stack: Stack) -> UserDataStore:
    store = UserDataStore(stack, "Saves")
    store.add_routes(api_of(stack).api)
    return store


@architecture
def all_options(stack: Stack) -> UserDataStore:
    store = UserDataStore(
        stack,
        "Saves",
        content_types=["application/json", "image/png"],
        limits=UserDataLimits(largest_kb=3000, inline_kb=0, documents=10, total_mb=5, writes_per_minute=6),
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )
    store.add_routes(api_of(stack, "https://game.example.com").api, path="/saves")
    return store


@architecture
def existing_in_the_same_app(stack: Stack) -> UserDataStore:
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    table = dynamodb.TableV2(
        stack,
        "Table",
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
        local_secondary_indexes=[
            dynamodb.LocalSecondaryIndexProps(
                index_name="by_change", sort_key=dynamodb.Attribute(name="change", type=dynamodb.AttributeType.STRING)
            )
        ],
        time_to_live_attribute="expires_at",
        encryption=dynamodb.TableEncryptionV2.aws_managed_key(),
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
    )
    logged = s3.Bucket(stack, "Logs", enforce_ssl=True, block_public_access=s3.BlockPublicAccess.BLOCK_ALL)
    bucket = s3.Bucket(
        stack,
        "Bucket",
        enforce_ssl=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        encryption_key=key,
        server_access_logs_bucket=logged,
    )
    return UserDataStore(stack, "Saves", table=table, bucket=bucket)


@architecture
def imported(stack: Stack) -> UserDataStore:
    """Table, bucket, API and topic exist already."""
    store = UserDataStore(
        stack,
        "Saves",
        table=dynamodb.TableV2.from_table_arn(stack, "Table", TABLE_ARN),
        bucket=s3.Bucket.from_bucket_name(stack, "Bucket", "existing"),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:us-east-1:111122223333:alarms"),
    )
    store.add_routes(
        apigatewayv2.HttpApi.from_http_api_attributes(stack, "Api", http_api_id="a1b2c3"),
        authorizer=apigatewayv2.HttpAuthorizer.from_http_authorizer_attributes(
            stack, "SignedIn", authorizer_id="d4e5f6", authorizer_type="JWT"
        ),
    )
    return store


@architecture
def two_in_one_stack(stack: Stack) -> list[UserDataStore]:
    api = api_of(stack, "https://game.example.com")
    stores = [UserDataStore(stack, name) for name in ("Saves", "Settings")]
    for store in stores:
        store.add_routes(api.api, path=f"/{store.node.id.lower()}")
    return stores


@architecture
def inside_a_stage(app: App) -> UserDataStore:
    return defaults(Stack(Stage(app, "UserDataStoreStage"), "Service"))


architecture(example)
REVIEWED = [defaults, all_options, existing_in_the_same_app, imported]
BUILDS = [*REVIEWED, two_in_one_stack, inside_a_stage, example]


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(UserDataStore, synthesis(example))


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    found = [one for one in synthesis(build).findings("AwsSolutions", "Serverless") if "/Logs" not in one]
    assert found == []


def statements(built: Any) -> list[dict[str, Any]]:
    return [
        statement
        for logical_id, policy in built.resources("AWS::IAM::Policy").items()
        if logical_id.startswith("SavesFunction")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def actions(statement: dict[str, Any]) -> set[str]:
    action = statement["Action"]
    return {action} if isinstance(action, str) else set(action)


@pytest.mark.parametrize("build", [defaults, imported], ids=lambda build: build.__name__)
def test_the_function_works_on_partitions_and_folders_of_users_and_nothing_else(
    build: Callable[..., Any], synthesis: Synthesis
) -> None:
    built = synthesis(build)
    of_tables = [one for one in statements(built) if any(name.startswith("dynamodb:") for name in actions(one))]
    for statement in of_tables:
        assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["USER#*"]}}
    assert set().union(*map(actions, of_tables)) == {
        "dynamodb:BatchGetItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
    }
    (objects,) = [one for one in statements(built) if "s3:GetObject" in actions(one)]
    assert actions(objects) == {"s3:DeleteObject", "s3:GetObject", "s3:PutObject"}
    assert json.dumps(objects["Resource"]).endswith('/users/*"]]}')


@pytest.mark.parametrize("build", [defaults, all_options, two_in_one_stack], ids=lambda build: build.__name__)
def test_nobody_but_the_api_invokes_the_function(build: Callable[..., Any], synthesis: Synthesis) -> None:
    built = synthesis(build)
    assert not built.resources("AWS::Lambda::Url")
    permissions = built.resources("AWS::Lambda::Permission").values()
    assert permissions
    for permission in permissions:
        properties = permission["Properties"]
        assert properties["Principal"] == "apigateway.amazonaws.com"
        assert properties["Action"] == "lambda:InvokeFunction"
        # A path of this API, and not every API of the account.
        assert ":execute-api:" in json.dumps(properties["SourceArn"])
        assert not json.dumps(properties["SourceArn"]).endswith('/*/*/*"]]}')
    granted = [action for one in built.resources("AWS::IAM::Policy").values() for action in _all_actions(one)]
    assert not [action for action in granted if action.startswith("lambda:")]


def _all_actions(policy: dict[str, Any]) -> list[str]:
    return [name for one in policy["Properties"]["PolicyDocument"]["Statement"] for name in actions(one)]


def test_each_route_wants_a_token(synthesis: Synthesis) -> None:
    routes = synthesis(all_options).resources("AWS::ApiGatewayV2::Route").values()
    assert {route["Properties"]["RouteKey"] for route in routes} == {
        "GET /saves",
        "GET /saves/{key}",
        "PUT /saves/{key}",
        "DELETE /saves/{key}",
    }
    assert {route["Properties"]["AuthorizationType"] for route in routes} == {"JWT"}


def test_pages_of_allowed_origins_may_send_conditional_requests(synthesis: Synthesis) -> None:
    (api,) = synthesis(two_in_one_stack).resources("AWS::ApiGatewayV2::Api").values()
    cors = api["Properties"]["CorsConfiguration"]
    for name in ("authorization", "if-match", "if-none-match", "idempotency-key"):
        assert cors["AllowHeaders"].count(name) == 1
    assert cors["ExposeHeaders"].count("etag") == 1
    (closed,) = synthesis(defaults).resources("AWS::ApiGatewayV2::Api").values()
    assert "CorsConfiguration" not in closed["Properties"]


def test_the_function_gets_limits_and_types(synthesis: Synthesis) -> None:
    (function,) = synthesis(all_options).resources("AWS::Lambda::Function").values()
    variables = function["Properties"]["Environment"]["Variables"]
    assert json.loads(variables["CONTENT_TYPES"]) == ["application/json", "image/png"]
    expected = {
        "LARGEST_BYTES": "3072000",
        "INLINE_BYTES": "0",
        "DOCUMENTS_PER_USER": "10",
        "BYTES_PER_USER": "5242880",
        "WRITES_PER_MINUTE": "6",
    }
    assert {name: variables[name] for name in expected} == expected


def test_what_is_stored_is_kept_protected_and_recoverable(synthesis: Synthesis) -> None:
    built = synthesis(defaults)
    (table,) = built.resources("AWS::DynamoDB::GlobalTable").values()
    (replica,) = table["Properties"]["Replicas"]
    assert table["DeletionPolicy"] == "Retain"
    assert replica["DeletionProtectionEnabled"] is True
    assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    (bucket,) = [one for name, one in built.resources("AWS::S3::Bucket").items() if name.startswith("Saves")]
    assert bucket["DeletionPolicy"] == "Retain"
    assert bucket["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    # Point-in-time recovery of the table goes back as far.
    assert [rule["NoncurrentVersionExpiration"] for rule in rules if rule["Id"] == "ExpireDeleted"] == [
        {"NoncurrentDays": 35}
    ]


def test_each_failure_raises_an_alarm(synthesis: Synthesis) -> None:
    alarms = synthesis(all_options).result.alarms
    assert sorted(one.node.id for one in alarms) == ["RejectedAlarm", "ThrottledAlarm", "ThrottlesAlarm"]
    assert synthesis(defaults).result.alarms == []


def test_a_customer_managed_key_encrypts_all_of_it(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    key = {"Fn::GetAtt": [next(iter(built.resources("AWS::KMS::Key"))), "Arn"]}
    (bucket,) = [one for name, one in built.resources("AWS::S3::Bucket").items() if name.startswith("Saves")]
    (encryption,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key
    (table,) = built.resources("AWS::DynamoDB::GlobalTable").values()
    assert table["Properties"]["Replicas"][0]["SSESpecification"]["KMSMasterKeyId"] == key
    (group,) = [one for name, one in built.resources("AWS::Logs::LogGroup").items() if name.startswith("Saves")]
    assert group["Properties"]["KmsKeyId"] == key


@pytest.mark.parametrize(
    ("types", "problem"),
    [
        ([], r"content_types is \[\]"),
        (["JSON"], "content_types contains 'JSON'"),
        (["Application/json"], "lower case"),
        (["application/json; charset=utf-8"], "without parameters"),
        (["text/html"], "a browser would run it"),
        (["image/svg+xml"], "a browser would run it"),
        (["application/json", "application/json"], "twice"),
    ],
)
def test_types_that_are_none_or_run_scripts_are_refused(cdk_app: App, types: list[str], problem: str) -> None:
    with pytest.raises(InvalidOptionError, match=problem):
        UserDataStore(Stack(cdk_app, "Shop"), "Saves", content_types=types)


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        ({"largest_kb": 0}, "largest_kb is 0 KB"),
        ({"largest_kb": 3001}, "largest_kb is 3,001 KB"),
        ({"inline_kb": -1}, "inline_kb is -1 KB"),
        ({"inline_kb": 33}, "inline_kb is 33 KB"),
        ({"documents": 0}, "documents is 0 documents"),
        ({"total_mb": 0}, "total_mb is 0 MB"),
        ({"writes_per_minute": 0}, "writes_per_minute is 0 writes"),
        ({"largest_kb": 2000, "total_mb": 1}, "largest_kb is 2000 KB, and total_mb is 1"),
        ({"largest_kb": 1.5}, "whole number"),
    ],
)
def test_limits_out_of_range_are_refused(limits: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidOptionError, match=problem):
        UserDataLimits(**limits)


def test_a_table_without_the_index_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    table = dynamodb.TableV2(
        stack,
        "Table",
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
        time_to_live_attribute="expires_at",
    )
    with pytest.raises(InvalidOptionError, match="index by_change of the table has no such index"):
        UserDataStore(stack, "Saves", table=table)


def test_an_api_without_an_authorizer_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    with pytest.raises(InvalidOptionError, match="authorizer is missing"):
        UserDataStore(stack, "Saves").add_routes(apigatewayv2.HttpApi(stack, "Api"))


def test_metrics_are_those_of_the_function(cdk_app: App) -> None:
    store = UserDataStore(Stack(cdk_app, "Shop"), "Saves")
    for metric in (store.metric_written(), store.metric_conflicts(), store.metric_rejected()):
        assert metric.dimensions["service"] == "Function"  # type: ignore[index]
    assert store.metric_throttled_writes().metric_name == "WriteThrottleEvents"
