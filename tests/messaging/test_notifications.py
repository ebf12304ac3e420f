"""What Notifications promises in its templates."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, CfnParameter, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, Notifications, TokenIssuer
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.notifications import build as example
from tests.resources import statements

SETTINGS = Path(__file__).parents[2] / "docs/examples/notice_settings"
FCM = "arn:aws:sns:us-east-1:111122223333:app/GCM/chat"
POOL_ARN = "arn:aws:cognito-idp:ap-northeast-1:111122223333:userpool/ap-northeast-1_abcdefghi"
APNS = "arn:aws:sns:us-east-1:111122223333:app/APNS/chat"


def back_end(stack: Stack) -> lambda_.Function:
    return add_function(stack, "BackEnd", handler=SETTINGS, description="Keeps choices", invocation=Invocation.REQUEST)


def notifications(stack: Stack, construct_id: str = "Notices", **options: Any) -> Notifications:
    given: dict[str, Any] = {"sender": "Chat <notices@example.com>", "unsubscribe_url": "https://example.com/stop"}
    if "identity" not in options:
        identity = f"{construct_id}Identity"
        given["identity"] = ses.EmailIdentity.from_email_identity_name(stack, identity, "example.com")
    return Notifications(stack, construct_id, **{**given, **options})


@architecture
def defaults(stack: Stack) -> Notifications:
    return notifications(stack)


@architecture
def all_options(stack: Stack) -> Notifications:
    made = notifications(
        stack,
        platform_applications={"apns": APNS, "fcm": FCM},
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        removal_policy=RemovalPolicy.DESTROY,
    )
    made.grant_notify(iam.Role(stack, "Sender", assumed_by=iam.AccountRootPrincipal()))
    made.share_with(back_end(stack))
    return made


@architecture(env=Environment(region="us-west-2"))
def users_of_another_region(stack: Stack) -> Notifications:
    pool = cognito.UserPool.from_user_pool_arn(stack, "Users", POOL_ARN)
    client = cognito.UserPoolClient.from_user_pool_client_id(stack, "Client", "web")
    return notifications(stack, issuer=TokenIssuer.of_user_pool(pool, client))


@architecture
def existing_resources(stack: Stack) -> Notifications:
    made = notifications(
        stack,
        identity=ses.EmailIdentity.from_email_identity_arn(
            stack, "Identity", "arn:aws:ses:us-east-1:111122223333:identity/example.com"
        ),
        platform_applications={"fcm": FCM},
        table=dynamodb.TableV2.from_table_arn(stack, "Table", "arn:aws:dynamodb:us-east-1:111122223333:table/existing"),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:us-east-1:111122223333:alarms"),
    )
    made.share_with(back_end(stack))
    return made


@architecture
def with_a_customer_managed_key(stack: Stack) -> Notifications:
    made = notifications(
        stack,
        platform_applications={"fcm": FCM},
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )
    made.grant_notify(iam.Role(stack, "Sender", assumed_by=iam.AccountRootPrincipal()))
    made.share_with(back_end(stack))
    return made


@architecture
def known_at_deployment(stack: Stack) -> Notifications:
    return notifications(
        stack,
        identity=ses.EmailIdentity(stack, "Identity", identity=ses.Identity.domain("example.com")),
        sender=CfnParameter(stack, "From").value_as_string,
        unsubscribe_url=f"{CfnParameter(stack, 'Api').value_as_string}/stop",
        platform_applications={"fcm": CfnParameter(stack, "Fcm").value_as_string},
    )


@architecture
def table_with_a_key(stack: Stack) -> Notifications:
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
    return notifications(stack, table=table)


@architecture
def two_in_one_stack(stack: Stack) -> list[Notifications]:
    return [notifications(stack, "Chat"), notifications(stack, "Shop")]


@architecture
def in_a_stage(app: App) -> Notifications:
    return notifications(Stack(Stage(app, "NotificationsStage"), "Service", env=Environment(region="ap-northeast-1")))


architecture(example)
REVIEWED = [defaults, all_options, existing_resources]
EVERY = [
    *REVIEWED,
    users_of_another_region,
    with_a_customer_managed_key,
    known_at_deployment,
    table_with_a_key,
    two_in_one_stack,
    in_a_stage,
]


def allowed(synthesised: Any, role: str, service: str) -> set[tuple[str, str]]:
    """Actions of a service, each with the keys of items that it is bound to."""
    found = set()
    for statement in statements(synthesised, role):
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        keys = statement.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", "")
        names = [keys] if isinstance(keys, str) else keys
        found |= {(action, name) for action in actions for name in names if action.startswith(service)}
    return found


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(Notifications, synthesis(example))


@pytest.mark.parametrize("build", EVERY, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_documented_example_synthesises(synthesis: Synthesis) -> None:
    assert len(synthesis(example).resources("AWS::SES::ConfigurationSet")) == 1


@pytest.mark.parametrize("build", EVERY, ids=lambda build: build.__name__)
def test_no_failure_is_dropped(build: Callable[..., Any], synthesis: Synthesis) -> None:
    synthesised = synthesis(build)
    queues = synthesised.resources("AWS::SQS::Queue")
    dead_letters = {name for name, queue in queues.items() if "RedrivePolicy" not in queue["Properties"]}
    work = {name: queue["Properties"] for name, queue in queues.items() if name not in dead_letters}
    assert len(work) == len(dead_letters) == (6 if build is two_in_one_stack else 3)
    for properties in work.values():
        assert properties["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] in dead_letters
        # Six times the functions' timeout.
        assert properties["VisibilityTimeout"] == 180
    for rule in synthesised.resources("AWS::Events::Rule").values():
        for target in rule["Properties"]["Targets"]:
            assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] in dead_letters


def test_every_place_for_failures_and_the_reputation_have_alarms(synthesis: Synthesis) -> None:
    alarms = [item["Properties"] for item in synthesis(all_options).resources("AWS::CloudWatch::Alarm").values()]
    assert sorted(alarm["MetricName"] for alarm in alarms if "MetricName" in alarm) == [
        *3 * ["ApproximateNumberOfMessagesVisible"],
        "Reputation.BounceRate",
        "Reputation.ComplaintRate",
    ]
    assert len(alarms) == 6
    assert all(alarm["AlarmActions"] for alarm in alarms)
    assert not synthesis(defaults).resources("AWS::CloudWatch::Alarm")


def test_refused_mail_has_an_alarm_that_a_single_address_does_not_raise(synthesis: Synthesis) -> None:
    synthesised = synthesis(all_options)
    (alarm,) = (
        item["Properties"]
        for item in synthesised.resources("AWS::CloudWatch::Alarm").values()
        if "Metrics" in item["Properties"]
    )
    metrics = {one["Id"]: one.get("MetricStat", {}).get("Metric", {}).get("MetricName") for one in alarm["Metrics"]}
    assert {metrics["refused"], metrics["disabled"]} == {"RejectedMails", "SendingDisabled"}
    (expression,) = (one["Expression"] for one in alarm["Metrics"] if "Expression" in one)
    assert expression == "IF(disabled >= 1 OR refused >= 10, refused, 0)"
    periods = {one["MetricStat"]["Period"] for one in alarm["Metrics"] if "MetricStat" in one}
    assert (periods, alarm["EvaluationPeriods"], alarm["Threshold"]) == ({300}, 1, 1)
    # What it relies on: how often one address is tried within a period.
    (visibility,) = (
        queue["Properties"]["VisibilityTimeout"]
        for name, queue in synthesised.resources("AWS::SQS::Queue").items()
        if name.startswith("NoticesTimerQueue")
    )
    assert 2 * visibility > 300


def test_mail_is_encrypted_on_its_way_and_its_feedback_is_heard(synthesis: Synthesis) -> None:
    synthesised = synthesis(defaults)
    ((name, configuration_set),) = synthesised.resources("AWS::SES::ConfigurationSet").items()
    assert configuration_set["Properties"]["DeliveryOptions"] == {"TlsPolicy": "REQUIRE"}
    assert configuration_set["Properties"]["SuppressionOptions"] == {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}
    ((_, destination),) = synthesised.resources("AWS::SES::ConfigurationSetEventDestination").items()
    assert destination["Properties"]["EventDestination"]["MatchingEventTypes"] == ["bounce", "complaint"]
    ((_, rule),) = synthesised.resources("AWS::Events::Rule").items()
    # Mails of others in the account are none of our business.
    assert rule["Properties"]["EventPattern"]["detail"] == {
        "mail": {"tags": {"ses:configuration-set": [{"Ref": name}]}}
    }


def test_sender_may_only_send_notices(synthesis: Synthesis) -> None:
    (statement,) = statements(synthesis(all_options), "Sender")
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Resource"]["Fn::GetAtt"][0].startswith("NoticesQueue")


def test_back_end_works_on_users_and_devices_and_only_reads_addresses(synthesis: Synthesis) -> None:
    actions = {"GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"}
    expected = {(f"dynamodb:{action}", key) for action in actions for key in ("USER#*", "DEVICE#*")}
    synthesised = synthesis(all_options)
    assert allowed(synthesised, "BackEnd", "dynamodb:") == expected | {("dynamodb:GetItem", "ADDRESS#*")}
    assert not allowed(synthesised, "BackEnd", "sns:")
    assert not allowed(synthesised, "BackEnd", "ses:")


def test_each_function_may_do_its_own_work_only(synthesis: Synthesis) -> None:
    synthesised = synthesis(all_options)
    assert allowed(synthesised, "NoticesFeedback", "dynamodb:") == {("dynamodb:PutItem", "ADDRESS#*")}
    assert allowed(synthesised, "NoticesUnsubscribe", "dynamodb:") == {("dynamodb:UpdateItem", "USER#*")}
    assert {action for action, _ in allowed(synthesised, "NoticesIntake", "dynamodb:")} == {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
    }
    for role in ("NoticesFeedback", "NoticesUnsubscribe", "NoticesIntake"):
        assert not allowed(synthesised, role, "ses:")
        assert not allowed(synthesised, role, "sns:")


def test_delivery_mails_from_the_identity_and_pushes_to_the_applications_only(synthesis: Synthesis) -> None:
    found = statements(synthesis(all_options), "NoticesDelivery")
    (mail,) = (statement for statement in found if statement["Action"] == "ses:SendEmail")
    ends = [resource["Fn::Join"][1][-1] for resource in mail["Resource"]]
    assert len(ends) == 2
    ((configuration_set, _),) = synthesis(all_options).resources("AWS::SES::ConfigurationSet").items()
    assert ":identity/example.com" in ends
    assert {"Ref": configuration_set} in ends
    (push,) = (statement for statement in found if "sns:Publish" in statement["Action"])
    assert push["Resource"] == [
        APNS,
        FCM,
        "arn:aws:sns:us-east-1:111122223333:endpoint/APNS/chat/*",
        "arn:aws:sns:us-east-1:111122223333:endpoint/GCM/chat/*",
    ]
    assert not allowed(synthesis(defaults), "NoticesDelivery", "sns:")


def test_delivery_looks_up_accounts_of_the_given_user_pool_and_can_do_nothing_else_to_it(synthesis: Synthesis) -> None:
    found = statements(synthesis(users_of_another_region), "NoticesDelivery")
    (look,) = (statement for statement in found if "cognito-idp" in json.dumps(statement["Action"]))
    assert look["Action"] == "cognito-idp:AdminGetUser"
    assert json.dumps(look["Resource"]).count("userpool/") == 1
    assert ":cognito-idp:ap-northeast-1:" in json.dumps(look["Resource"])
    assert json.dumps(look["Resource"]).endswith(':userpool/ap-northeast-1_abcdefghi"]]}')
    assert not allowed(synthesis(defaults), "NoticesDelivery", "cognito-idp:")


def test_tables_outlive_mistakes_and_what_waits_is_this_regions_own(synthesis: Synthesis) -> None:
    tables = synthesis(defaults).resources("AWS::DynamoDB::GlobalTable")
    assert len(tables) == 2
    for table in tables.values():
        assert table["DeletionPolicy"] == "Retain"
        assert table["Properties"]["Replicas"][0]["DeletionProtectionEnabled"] is True
        assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    # The table of preferences exists; what waits is still created here, because two Regions must not write one state.
    ((name, _),) = synthesis(existing_resources).resources("AWS::DynamoDB::GlobalTable").items()
    assert name.startswith("NoticesWaitingTable")
    assert {
        table["DeletionPolicy"] for table in synthesis(all_options).resources("AWS::DynamoDB::GlobalTable").values()
    } == {"Delete"}


def test_functions_know_the_platforms(synthesis: Synthesis) -> None:
    functions = synthesis(all_options).resources("AWS::Lambda::Function").values()
    shared = [function["Properties"]["Environment"]["Variables"] for function in functions]
    assert len(shared) == 5
    for variables in shared:
        before, table, after = variables["NOTICES"]["Fn::Join"][1]
        assert table["Ref"].startswith("NoticesTable")
        assert json.loads(f"{before}{after}") == {"table": "", "platforms": {"apns": APNS, "fcm": FCM}}


def test_all_that_is_created_is_encrypted_with_the_given_key(synthesis: Synthesis) -> None:
    synthesised = synthesis(with_a_customer_managed_key)
    key = {"Fn::GetAtt": ["Key961B73FD", "Arn"]}
    queues = synthesised.resources("AWS::SQS::Queue").values()
    assert [queue["Properties"]["KmsMasterKeyId"] for queue in queues] == [key] * 6
    for table in synthesised.resources("AWS::DynamoDB::GlobalTable").values():
        assert table["Properties"]["Replicas"][0]["SSESpecification"] == {"KMSMasterKeyId": key}
    groups = synthesised.resources("AWS::Logs::LogGroup").items()
    own = [group["Properties"] for name, group in groups if name.startswith("Notices")]
    assert [(group["KmsKeyId"], group["RetentionInDays"]) for group in own] == [(key, 7)] * 4


def test_whoever_works_on_what_is_encrypted_may_use_the_key_and_eventbridge_too(synthesis: Synthesis) -> None:
    synthesised = synthesis(with_a_customer_managed_key)
    for role in ("Sender", "BackEnd", "NoticesIntake", "NoticesDelivery", "NoticesFeedback", "NoticesUnsubscribe"):
        assert {("kms:Decrypt", ""), ("kms:GenerateDataKey", "")} <= allowed(synthesised, role, "kms:"), role
    ((_, key),) = synthesised.resources("AWS::KMS::Key").items()
    services = {
        statement["Principal"]["Service"]
        for statement in key["Properties"]["KeyPolicy"]["Statement"]
        if isinstance(statement["Principal"].get("Service"), str)
    }
    assert "events.amazonaws.com" in services


def test_tables_and_logs_follow_the_removal_policy(synthesis: Synthesis) -> None:
    for build, policy in ((with_a_customer_managed_key, "Delete"), (defaults, "Retain")):
        for kind in ("DynamoDB::GlobalTable", "Logs::LogGroup"):
            found = synthesis(build).resources(f"AWS::{kind}").items()
            assert {item["DeletionPolicy"] for name, item in found if name.startswith("Notices")} == {policy}


def test_metrics_and_alarms_are_those_of_these_notifications(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Measured")
    made = notifications(stack, alarm_topic=sns.Topic(stack, "Alarms"))
    assert made.metric_lag().dimensions == {"QueueName": made.queue.queue_name}
    for metric, queue in (
        (made.metric_dead_letters(), made.dead_letter_queue),
        (made.metric_timer_dead_letters(), made.timer_dead_letter_queue),
        (made.metric_feedback_dead_letters(), made.feedback_dead_letter_queue),
    ):
        assert metric.dimensions == {"QueueName": queue.queue_name}
    sent = made.metric_sent("mail")
    assert (sent.namespace, sent.metric_name, set(sent.dimensions or {})) == (
        "CdpConstructs",
        "SentMails",
        {"function_name", "service"},
    )
    assert {alarm.node.id for alarm in made.alarms} == {
        "BounceRateAlarm",
        "ComplaintRateAlarm",
        "DeadLetterQueueAlarm",
        "FeedbackDeadLetterQueueAlarm",
        "RefusedMailAlarm",
        "TimerDeadLetterQueueAlarm",
    }


def test_resources_of_another_region_are_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Tokyo", env=Environment(region="ap-northeast-1"))
    with pytest.raises(InvalidOptionError, match="contains 'fcm' in us-east-1, but the stack is in ap-northeast-1"):
        notifications(stack, platform_applications={"fcm": FCM})
    table = dynamodb.TableV2.from_table_arn(stack, "Table", "arn:aws:dynamodb:us-east-1:111122223333:table/existing")
    with pytest.raises(InvalidOptionError, match="table is in us-east-1, but the stack is in ap-northeast-1"):
        notifications(stack, "Other", table=table)


def test_one_function_may_work_on_two_notifications(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Both")
    function = back_end(stack)
    notifications(stack, "Chat").share_with(function)
    grant = notifications(stack, "Shop").share_with(function, variable="SHOP_NOTICES")
    assert grant.success
    variables = Template.from_stack(stack).find_resources("AWS::Lambda::Function")
    ((_, found),) = [item for item in variables.items() if item[0].startswith("BackEnd")]
    assert {"NOTICES", "SHOP_NOTICES"} <= set(found["Properties"]["Environment"]["Variables"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sender": "Chat"}, "sender is 'Chat'. Use an address"),
        ({"sender": "Chat <通知@example.com>"}, "Use an address in ASCII"),
        ({"sender": "Chat <notices@example.com>\nBcc: x@y.z"}, "sender is"),
        ({"sender": "notices@other.example"}, "is 'notices@other.example', which is not of the identity example.com"),
        ({"sender": "notices@notexample.com"}, "not of the identity"),
        ({"unsubscribe_url": "http://example.com"}, "unsubscribe_url is 'http://example.com'. Use an https address"),
        ({"unsubscribe_url": "https://example.com/?a=b"}, "without query"),
        ({"platform_applications": {"fcm": "arn:aws:sns:us-east-1:111122223333:topic"}}, "Use ARNs of platform"),
        ({"issuer": TokenIssuer("https://login.example.com", ["web"])}, "not known to be a user pool. Give SignInUser"),
        ({"platform_applications": {"adm": FCM.replace("GCM", "ADM")}}, "contains 'arn.*ADM/chat' as 'adm'"),
    ],
)
def test_wrong_option_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        notifications(Stack(), **options)


@pytest.mark.parametrize("sender", ["notices@example.com", "チャット <a@mail.example.com>"])
def test_address_of_the_domain_and_of_its_subdomains_is_taken(sender: str) -> None:
    assert notifications(Stack(), sender=sender).configuration_set_name


def test_back_end_that_shares_already_is_refused() -> None:
    stack = Stack()
    function = back_end(stack)
    notifications(stack, "Chat").share_with(function)
    with pytest.raises(InvalidOptionError, match=r"is 'NOTICES.*shared with .* has already"):
        notifications(stack, "Shop").share_with(function)
