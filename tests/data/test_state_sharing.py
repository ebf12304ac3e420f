"""What StateSharing promises in its templates."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, StateSharing
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.state_sharing import build as example

ROOM_PRESENCE = Path(__file__).parents[2] / "docs/examples/room_presence"
TABLE_ARN = "arn:aws:dynamodb:us-east-1:111122223333:table/existing"


def server(stack: Stack, construct_id: str = "Server") -> lambda_.Function:
    return add_function(
        stack,
        construct_id,
        handler=ROOM_PRESENCE,
        description="Keeps who is in which room",
        invocation=Invocation.REQUEST,
    )


@architecture
def defaults(stack: Stack) -> StateSharing:
    state = StateSharing(stack, "State")
    state.share_with(server(stack), groups=["ROOM"])
    return state


@architecture
def all_options(stack: Stack) -> StateSharing:
    state = StateSharing(
        stack,
        "State",
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        removal_policy=RemovalPolicy.DESTROY,
    )
    state.share_with(server(stack), groups=["ROOM", "USER"])
    state.share_with(server(stack, "Reader"), groups=["ROOM"], read_only=True, variable="ROOMS")
    state.grant_read(iam.Role(stack, "Auditor", assumed_by=iam.AccountRootPrincipal()), groups=["USER"])
    state.grant_write(iam.Role(stack, "Gateway", assumed_by=iam.AccountRootPrincipal()), groups=["USER"])
    return state


@architecture
def key_of_ones_own(stack: Stack) -> StateSharing:
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    state = StateSharing(stack, "State", encryption_key=key)
    assert state.encryption_key is key
    state.share_with(server(stack), groups=["ROOM"])
    state.share_with(server(stack, "Reader"), groups=["ROOM"], read_only=True)
    return state


@architecture
def table_with_a_key(stack: Stack) -> StateSharing:
    table = dynamodb.Table(
        stack,
        "Table",
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        time_to_live_attribute="expires_at",
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
    )
    state = StateSharing(stack, "State", table=table)
    state.share_with(server(stack), groups=["ROOM"])
    state.share_with(server(stack, "Reader"), groups=["ROOM"], read_only=True)
    return state


@architecture
def existing_resources(stack: Stack) -> StateSharing:
    state = StateSharing(
        stack,
        "State",
        table=dynamodb.TableV2.from_table_arn(stack, "Table", TABLE_ARN),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:us-east-1:111122223333:alarms"),
    )
    state.share_with(server(stack), groups=["ROOM"])
    return state


@architecture
def two_in_one_stack(stack: Stack) -> list[StateSharing]:
    rooms, sessions = StateSharing(stack, "Rooms"), StateSharing(stack, "Sessions")
    function = server(stack)
    rooms.share_with(function, groups=["ROOM"])
    sessions.share_with(function, groups=["USER"], variable="SESSIONS_TABLE")
    return [rooms, sessions]


@architecture
def function_of_another_stack(app: App) -> StateSharing:
    state = StateSharing(Stack(app, "StateOfAll"), "State")
    state.share_with(server(Stack(app, "StateServers")), groups=["ROOM"])
    return state


@architecture
def inside_a_stage(app: App) -> StateSharing:
    return defaults(Stack(Stage(app, "StateStage"), "Service"))


architecture(example)
MAIN = [defaults, all_options, existing_resources]
EVERY = [*MAIN, table_with_a_key, key_of_ones_own, two_in_one_stack, function_of_another_stack, inside_a_stage]


def statements(synthesised: Any, role: str) -> list[dict[str, Any]]:
    """What a role may do with tables and keys."""
    return [
        statement
        for policy in synthesised.resources("AWS::IAM::Policy").values()
        if any(attached["Ref"].startswith(role) for attached in policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if str(statement["Action"]).strip("['").startswith(("dynamodb:", "kms:"))
    ]


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(StateSharing, synthesis(example))


@pytest.mark.parametrize("build", EVERY, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_documented_example_synthesises(synthesis: Synthesis) -> None:
    assert len(synthesis(example).resources("AWS::Lambda::LayerVersion")) == 1


def test_table_outlives_mistakes_and_its_entries_do_not(synthesis: Synthesis) -> None:
    ((_, table),) = synthesis(defaults).resources("AWS::DynamoDB::GlobalTable").items()
    (replica,) = table["Properties"]["Replicas"]
    assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert replica["DeletionProtectionEnabled"] is True
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert [key["AttributeName"] for key in table["Properties"]["KeySchema"]] == ["pk", "sk"]
    # One query of the table answers: no index that would have to be paid for with each heartbeat.
    assert "GlobalSecondaryIndexes" not in table["Properties"]


def test_table_goes_with_the_stack_only_when_asked(synthesis: Synthesis) -> None:
    ((_, table),) = synthesis(all_options).resources("AWS::DynamoDB::GlobalTable").items()
    assert table["DeletionPolicy"] == "Delete"
    assert table["Properties"]["Replicas"][0]["DeletionProtectionEnabled"] is False


def test_function_gets_module_table_and_permission_for_its_groups_only(synthesis: Synthesis) -> None:
    synthesised = synthesis(defaults)
    ((layer, _),) = synthesised.resources("AWS::Lambda::LayerVersion").items()
    ((table, _),) = synthesised.resources("AWS::DynamoDB::GlobalTable").items()
    ((_, function),) = synthesised.resources("AWS::Lambda::Function").items()
    assert {"Ref": layer} in function["Properties"]["Layers"]
    assert function["Properties"]["Environment"]["Variables"]["STATE_TABLE"] == {"Ref": table}
    (statement,) = statements(synthesised, "ServerRole")
    assert statement["Action"] == ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
    assert statement["Resource"] == {"Fn::GetAtt": [table, "Arn"]}
    assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ROOM#*"]}}


@pytest.mark.parametrize("build", [table_with_a_key, key_of_ones_own], ids=lambda build: build.__name__)
def test_reader_may_neither_write_nor_encrypt(build: Callable[..., Any], synthesis: Synthesis) -> None:
    def granted(role: str) -> dict[str, Any]:
        return {str(each["Action"]).strip("['")[:3]: each["Action"] for each in statements(synthesis(build), role)}

    assert granted("ReaderRole") == {"dyn": ["dynamodb:GetItem", "dynamodb:Query"], "kms": "kms:Decrypt"}
    assert granted("ServerRole")["kms"] == ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]


def test_key_encrypts_the_table(synthesis: Synthesis) -> None:
    built = synthesis(key_of_ones_own)
    ((key, _),) = built.resources("AWS::KMS::Key").items()
    ((_, table),) = built.resources("AWS::DynamoDB::GlobalTable").items()
    (replica,) = table["Properties"]["Replicas"]
    assert replica["SSESpecification"]["KMSMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}


def test_grants_reach_their_groups_only(synthesis: Synthesis) -> None:
    (reading,) = statements(synthesis(all_options), "Auditor")
    (writing,) = statements(synthesis(all_options), "Gateway")
    assert reading["Action"] == ["dynamodb:GetItem", "dynamodb:Query"]
    assert writing["Action"] == ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
    for statement in (reading, writing):
        assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["USER#*"]}}


def test_alarms_are_listed() -> None:
    stack = Stack()
    assert StateSharing(stack, "Quiet").alarms == []
    (alarm,) = StateSharing(stack, "State", alarm_topic=sns.Topic(stack, "Alarms")).alarms
    assert alarm.node.id == "ThrottledAlarm"


def test_alarm_tells_when_heartbeats_are_refused(synthesis: Synthesis) -> None:
    for build in (all_options, existing_resources):
        ((_, alarm),) = synthesis(build).resources("AWS::CloudWatch::Alarm").items()
        assert alarm["Properties"]["MetricName"] == "WriteThrottleEvents"
        assert alarm["Properties"]["AlarmActions"]
    assert not synthesis(defaults).resources("AWS::CloudWatch::Alarm")


def test_nothing_brought_is_made(synthesis: Synthesis) -> None:
    made = {resource["Type"] for resource in synthesis(existing_resources).template_json["Resources"].values()}
    assert not made & {"AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table", "AWS::SNS::Topic"}


def test_layer_is_made_where_the_function_is(synthesis: Synthesis) -> None:
    # CloudFormation could not replace a layer version that another stack imports.
    templates = synthesis(function_of_another_stack).templates
    layers = {
        name
        for name, template in templates.items()
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::LayerVersion"
    }
    assert layers == {"StateServers"}


def test_one_layer_serves_all_functions_of_a_stack(synthesis: Synthesis) -> None:
    assert len(synthesis(all_options).resources("AWS::Lambda::LayerVersion")) == 1
    ((_, function),) = synthesis(two_in_one_stack).resources("AWS::Lambda::Function").items()
    variables = function["Properties"]["Environment"]["Variables"]
    assert variables["STATE_TABLE"] != variables["SESSIONS_TABLE"]
    assert len(function["Properties"]["Layers"]) == len({str(layer) for layer in function["Properties"]["Layers"]})


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([], r"groups is \[\]"),
        ("ROOM", "groups is 'ROOM'. Give a list"),
        (["ROOM#"], "groups contains 'ROOM#'"),
        (["*"], r"groups contains '\*'"),
        ([""], r"groups contains ''\. Give a text that is not empty"),
    ],
)
def test_wrong_groups_are_refused(groups: Any, message: str) -> None:
    stack = Stack()
    with pytest.raises(InvalidOptionError, match=message):
        StateSharing(stack, "State").share_with(server(stack), groups=groups)


def test_options_of_a_new_table_are_refused_with_an_existing_one() -> None:
    stack = Stack()
    table = dynamodb.TableV2.from_table_arn(stack, "Table", TABLE_ARN)
    with pytest.raises(InvalidOptionError, match="removal_policy was given together with table"):
        StateSharing(stack, "State", table=table, removal_policy=RemovalPolicy.DESTROY)
    with pytest.raises(InvalidOptionError, match="encryption_key was given together with table"):
        StateSharing(stack, "Other", table=table, encryption_key=kms.Key(stack, "Key"))
    StateSharing(stack, "Kept", table=table, removal_policy=RemovalPolicy.RETAIN)


def test_function_that_runs_no_python_is_refused() -> None:
    stack = Stack()
    function = lambda_.Function(
        stack,
        "Node",
        runtime=lambda_.Runtime.NODEJS_22_X,
        handler="index.handler",
        code=lambda_.Code.from_inline("exports.handler = async () => 1"),
    )
    with pytest.raises(InvalidOptionError, match=r"runs nodejs22.x. Give a function with a Python runtime"):
        StateSharing(stack, "State").share_with(function, groups=["ROOM"])


def test_second_table_under_the_same_variable_is_refused() -> None:
    stack = Stack()
    function = server(stack)
    StateSharing(stack, "Rooms").share_with(function, groups=["ROOM"])
    with pytest.raises(InvalidOptionError, match=r"is 'STATE_TABLE', which .* has already. Give another variable"):
        StateSharing(stack, "Sessions").share_with(function, groups=["USER"])


def test_resource_of_another_region_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Regional", env=Environment(account="111122223333", region="us-east-1"))
    topic = sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:eu-west-1:111122223333:alarms")
    with pytest.raises(InvalidOptionError, match="alarm_topic is in eu-west-1, but the stack is in us-east-1"):
        StateSharing(stack, "State", alarm_topic=topic)
