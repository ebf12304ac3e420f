"""What the IoT system's template promises."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from aws_cdk import App, Stage
from syrupy.assertion import SnapshotAssertion

from cdp_constructs.testing import Synthesis, architecture
from cdp_device.gathering import read_limits
from stacks.iot import system
from stacks.iot.iot_stack import IotStack
from tests.stacks.exposure import exposed
from tests.stacks.iot.architectures import as_configured
from tests.stacks.runbooks import resources

EVERYTHING = {
    "claim_certificate_arns": [f"arn:aws:iot:ap-northeast-1:111122223333:cert/{'0a' * 32}"],
    "tracker_url": "https://tracker.example.com/api",
    "backlog_url": "https://example.backlog.com",
    "warehouse_capacity": 8,
    "gather_minutes": 10,
    "speed_window_minutes": 10,
    "operator_email": "operators@example.com",
    "alarm_email": "ops@example.com",
}

LARGE_FLEET = {
    # Chooses that devices gather, no windows, that Firehose reads the stream, and 5 shards.
    "fleet_size": 50_000,
    "table_capacity": {"min_writes": 1_000, "max_writes": 4_000, "min_reads": 200, "max_reads": 800},
}


@architecture
def everything(app: App) -> IotStack:
    """The system with everything that can be switched on."""
    return system.add_to(app, {**app.node.try_get_context("iot"), **EVERYTHING}, name="WholeIot")


@architecture
def least_in_a_stage(app: App) -> IotStack:
    """The least there can be, in a stage, where stacks have longer names."""
    context = {
        "region": "eu-west-1",
        "sites": ["attic"],
        "thresholds": [],
        "account_settings": False,
        "operator_email": None,
        "alarm_email": None,
    }
    return system.add_to(Stage(app, "Production"), context)


@architecture
def for_a_large_fleet(app: App) -> IotStack:
    """The system as docs/systems/iot-scale.md recommends it from 50,000 devices on."""
    return system.add_to(app, {**app.node.try_get_context("iot"), **LARGE_FLEET}, name="LargeIot")


@pytest.fixture(scope="module")
def template(synthesis: Synthesis) -> dict[str, Any]:
    return synthesis(as_configured).templates["Iot"]


@pytest.fixture(scope="module")
def whole(synthesis: Synthesis) -> dict[str, Any]:
    return synthesis(everything).templates["WholeIot"]


def statements(template: dict[str, Any], role: str) -> Iterator[dict[str, Any]]:
    """Yield what the one role whose logical id begins with a text is allowed to do."""
    (role_id,) = [logical_id for logical_id in resources(template, "AWS::IAM::Role") if logical_id.startswith(role)]
    for policy in resources(template, "AWS::IAM::Policy").values():
        if {"Ref": role_id} in policy["Roles"]:
            yield from policy["PolicyDocument"]["Statement"]


def allowed(template: dict[str, Any], role: str) -> set[str]:
    actions = (statement["Action"] for statement in statements(template, role))
    found = {one for action in actions for one in ([action] if isinstance(action, str) else action)}
    return {action for action in found if not action.startswith(("logs:", "xray:"))}


PEOPLE = ("Operators", "Tickets", "Archive")


def subscription_of(template: dict[str, Any], subscriber: str) -> dict[str, Any]:
    """Return the one subscription whose logical id begins with a subscriber's."""
    (found,) = [
        properties
        for logical_id, properties in resources(template, "AWS::SNS::Subscription").items()
        if logical_id.startswith(subscriber)
    ]
    return found


CONSUMING = {
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
}


def test_stack(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(as_configured).normalised == template_snapshot


def test_card(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(as_configured).card == card_snapshot


@pytest.mark.parametrize("build", [as_configured, everything, for_a_large_fleet, least_in_a_stage])
def test_nag_finds_nothing_that_is_not_acknowledged(synthesis: Synthesis, build: Any) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_every_rule_has_a_place_for_failures_and_an_alarm_for_what_is_lost(template: dict[str, Any]) -> None:
    rules = resources(template, "AWS::IoT::TopicRule")
    assert len(rules) == 5
    lost = {
        part["Ref"]
        for alarm in resources(template, "AWS::CloudWatch::Alarm").values()
        for query in alarm.get("Metrics", [])
        if "ErrorActionFailure" in str(query.get("Expression"))
        for part in query["Expression"]["Fn::Join"][1]
        if isinstance(part, dict)
    }
    for rule in rules.values():
        assert "QueueUrl" in rule["TopicRulePayload"]["ErrorAction"]["Sqs"]
        assert not rule["TopicRulePayload"].get("RuleDisabled")
    assert lost == set(rules)


def test_measurements_go_to_both_layers_by_one_rule_each(template: dict[str, Any]) -> None:
    payloads = [rule["TopicRulePayload"] for rule in resources(template, "AWS::IoT::TopicRule").values()]
    telemetry = [payload for payload in payloads if "/climate'" in payload["Sql"] or "/seat'" in payload["Sql"]]
    assert len(telemetry) == 2
    for payload in telemetry:
        assert sorted(next(iter(action)) for action in payload["Actions"]) == ["Firehose", "Kinesis"]
        assert [action["Kinesis"]["PartitionKey"] for action in payload["Actions"] if "Kinesis" in action] == [
            "${topic(4)}"
        ]
        assert "topic(4) AS thing" in payload["Sql"]


def test_devices_publish_straight_to_the_rules_below_their_own_topic_only(template: dict[str, Any]) -> None:
    (policy,) = [
        policy
        for logical_id, policy in resources(template, "AWS::IoT::Policy").items()
        if logical_id.startswith("FleetIngestPolicy")
    ]
    text = json.dumps(policy["PolicyDocument"])
    own = "${iot:Connection.Thing.Attributes[context]}/${iot:Connection.Thing.ThingName}"
    for kind in ("climate", "seat", "certificate"):
        assert f"/dt/sensors/{own}/{kind}" in text
    assert "*" not in text


def test_alerts_reach_operator_ticket_and_archive(template: dict[str, Any]) -> None:
    subscriptions = {name: subscription_of(template, f"AlertsFanout{name}") for name in PEOPLE}
    policies = {json.dumps(one["FilterPolicy"]) for one in subscriptions.values()}
    assert policies == {'{"threshold": [{"anything-but": ["Occupied"]}]}'}
    assert all("deadLetterTargetArn" in one["RedrivePolicy"] for one in subscriptions.values())


def test_thresholds_that_switch_something_reach_the_function_that_does_it(template: dict[str, Any]) -> None:
    subscription = subscription_of(template, "AlertsFanoutReactions")
    assert subscription["FilterPolicy"] == {"threshold": ["Occupied", "TooDry"]}
    assert "deadLetterTargetArn" in subscription["RedrivePolicy"]
    (function,) = [
        function
        for logical_id, function in resources(template, "AWS::Lambda::Function").items()
        if logical_id.startswith("ReactionsFunction")
    ]
    switches = json.loads(function["Environment"]["Variables"]["SWITCHES"])
    assert switches == {"TooDry": "humidifier", "Occupied": "lamp"}


def test_the_reaction_function_reads_states_and_changes_shadows_and_nothing_else(template: dict[str, Any]) -> None:
    reading = {"dynamodb:GetItem", "dynamodb:Query", "kms:Decrypt"}
    changing = {"iot:GetThingShadow", "iot:UpdateThingShadow"}
    assert allowed(template, "ReactionsFunctionRole") == CONSUMING | reading | changing


def test_what_devices_report_reaches_the_operators_of_their_site(template: dict[str, Any]) -> None:
    for site in ("home", "factory"):
        subscription = subscription_of(template, f"SiteOperatorsReportsFanout{site}")
        assert (subscription["FilterPolicy"], subscription["FilterPolicyScope"]) == ({"context": [site]}, "MessageBody")
        (policy,) = [
            policy
            for logical_id, policy in resources(template, "AWS::IAM::ManagedPolicy").items()
            if logical_id.startswith(f"SiteOperatorsPolicy{site}")
        ]
        take, decrypt = policy["PolicyDocument"]["Statement"]
        assert take["Resource"]["Fn::GetAtt"][0].startswith(f"SiteOperatorsReportsFanout{site}Queue")
        assert decrypt["Action"] == "kms:Decrypt"


def test_thresholds_of_the_configuration_are_watched(template: dict[str, Any]) -> None:
    (function,) = [
        function
        for logical_id, function in resources(template, "AWS::Lambda::Function").items()
        if logical_id.startswith("TelemetrySpeedFunction")
    ]
    watched = json.loads(function["Environment"]["Variables"]["THRESHOLDS"])
    assert {one["name"]: one["limit"] for one in watched} == {
        "TooHot": 35,
        "TooDry": 20,
        "TooDark": 50,
        "Occupied": 0.5,
    }


def test_the_ticket_function_writes_tickets_and_nothing_else(template: dict[str, Any]) -> None:
    assert allowed(template, "AlertsTicketsFunctionRole") == CONSUMING | {"dynamodb:UpdateItem", "kms:Decrypt"}


def test_with_a_tracker_the_ticket_function_reads_its_token_and_nothing_else(whole: dict[str, Any]) -> None:
    secret = {"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"}
    assert allowed(whole, "AlertsTicketsFunctionRole") == CONSUMING | secret | {"kms:Decrypt"}
    assert not [one for one in resources(whole, "AWS::DynamoDB::GlobalTable") if one.startswith("AlertsTicketTable")]


def test_secrets_that_trackers_issue_are_retained(whole: dict[str, Any]) -> None:
    issued = {
        key: one
        for key, one in whole["Resources"].items()
        if "put it here after deploying" in str(one.get("Properties", {}).get("Description"))
    }
    assert sorted(key[:-8] for key in issued) == ["AlertsTrackerToken", "RequestsApiKey"]
    assert {(one["DeletionPolicy"], one["UpdateReplacePolicy"]) for one in issued.values()} == {("Retain", "Retain")}


def test_the_archiver_puts_alerts_and_nothing_else(template: dict[str, Any]) -> None:
    assert allowed(template, "AlertsArchiverRole") == CONSUMING | {"s3:PutObject", "kms:Decrypt"}
    (puts,) = [one for one in statements(template, "AlertsArchiverRole") if one["Action"] == "s3:PutObject"]
    assert json.dumps(puts["Resource"]).endswith('"/alerts/*"]]}')


def test_the_history_function_reads_and_changes_nothing_but_query_results(template: dict[str, Any]) -> None:
    changing = {
        action
        for action in allowed(template, "TelemetryHistoryFunctionRole")
        if any(word in action for word in ("Put", "Update", "Delete", "Create", "Write"))
    }
    assert changing <= {"s3:PutObject"}


def test_operators_may_tell_devices_something_and_take_alerts(template: dict[str, Any]) -> None:
    (policy,) = [
        policy
        for logical_id, policy in resources(template, "AWS::IAM::ManagedPolicy").items()
        if logical_id.startswith("OperatorsPolicy")
    ]
    invoke, take, decrypt = policy["PolicyDocument"]["Statement"]
    assert invoke["Action"] == "lambda:InvokeFunction"
    called = sorted(arn["Fn::GetAtt"][0].rstrip("0123456789ABCDEF") for arn in invoke["Resource"])
    assert called == ["BroadcastsFunction", "CommandsCommandFunction", "TelemetryHistoryFunction"]
    assert sorted(take["Action"]) == ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"]
    assert decrypt["Action"] == "kms:Decrypt"


def test_what_cannot_be_made_again_is_retained(template: dict[str, Any]) -> None:
    kept = ("AWS::DynamoDB::GlobalTable", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Kinesis::Stream")
    gone = {
        logical_id
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] in kept and resource["DeletionPolicy"] != "Retain"
    }
    assert gone == set()


def test_account_settings_and_mails_are_optional(
    synthesis: Synthesis, template: dict[str, Any], whole: dict[str, Any]
) -> None:
    least = next(iter(synthesis(least_in_a_stage).templates.values()))
    assert (len(resources(template, "AWS::IoT::Logging")), len(resources(least, "AWS::IoT::Logging"))) == (1, 0)

    def mails(one: dict[str, Any]) -> list[str]:
        found = resources(one, "AWS::SNS::Subscription").values()
        return sorted(subscription["Endpoint"] for subscription in found if subscription["Protocol"] == "email")

    assert mails(least) == []
    assert mails(template) == ["operators@iot.example.com"] * 2
    assert mails(whole) == ["operators@example.com", "ops@example.com"]
    assert len(resources(whole, "AWS::IoT::PolicyPrincipalAttachment")) == 1


def test_everything_that_can_fail_has_a_queue_with_an_alarm(template: dict[str, Any]) -> None:
    watched = {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in resources(template, "AWS::CloudWatch::Alarm").values()
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"
        for dimension in alarm["Dimensions"]
    }
    places = {
        logical_id
        for logical_id, queue in resources(template, "AWS::SQS::Queue").items()
        if "RedrivePolicy" not in queue
    }
    # Any device can fill the queue of rejected records; its alarm counts the devices that do.
    [by_devices] = {place for place in places if place.startswith("TelemetrySpeedErrorQueue")}
    assert watched == places - {by_devices}


def test_one_device_alone_raises_no_alarm_by_what_it_measures(template: dict[str, Any]) -> None:
    alarms = resources(template, "AWS::CloudWatch::Alarm")
    (senders,) = [alarm for name, alarm in alarms.items() if name.startswith("TelemetrySpeedRejectedRecordsAlarm")]
    assert "UniqueContributors" in senders["Metrics"][0]["Expression"]
    assert senders["Threshold"] > 1
    (records,) = [alarm for name, alarm in alarms.items() if name.startswith("TelemetryBatchUnconvertedAlarm")]
    assert (records["MetricName"], records["Period"]) == ("FailedConversion.Records", 300)
    assert records["Threshold"] > 100 * 300, "100 publishes a second of a connection"


@pytest.mark.parametrize("build", [as_configured, everything, least_in_a_stage])
def test_nothing_is_exposed(synthesis: Synthesis, build: Any) -> None:
    assert exposed(synthesis(build).templates) == []


def test_the_stack_cannot_be_deleted_by_mistake(synthesis: Synthesis) -> None:
    assert synthesis(as_configured).result.termination_protection


def test_the_function_of_requests(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    """The one function that no other committed template has; `make bench` reads its settings there."""
    whole = synthesis(everything).normalised["Resources"]
    found = {
        name: one
        for name, one in whole.items()
        if one.get("Properties", {}).get("Handler", "").startswith("handlers.requests")
    }
    assert len(found) == 1
    assert {"Resources": found} == template_snapshot


def test_requests_may_invoke_the_function_of_commands_and_nothing_else(whole: dict[str, Any]) -> None:
    found = [one for one in statements(whole, "RequestsFunctionRole") if "lambda:InvokeFunction" in one["Action"]]
    assert [one["Resource"] for one in found] == [
        {"Fn::GetAtt": [_logical_id(whole, "CommandsCommandFunction"), "Arn"]}
    ]
    assert allowed(whole, "RequestsFunctionRole") == {
        "lambda:InvokeFunction",
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ReceiveMessage",
    }


def _logical_id(template: dict[str, Any], prefix: str) -> str:
    (found,) = (name for name in resources(template, "AWS::Lambda::Function") if name[:-8] == prefix)
    return found


@pytest.fixture(scope="module")
def large(synthesis: Synthesis) -> dict[str, Any]:
    return synthesis(for_a_large_fleet).templates["LargeIot"]


def variables_of(template: dict[str, Any], start: str) -> dict[str, Any]:
    functions = resources(template, "AWS::Lambda::Function").items()
    (found,) = (properties["Environment"]["Variables"] for name, properties in functions if name.startswith(start))
    return found  # type: ignore[no-any-return]


def test_windows_are_left_out_where_they_are_not_wanted_and_readers_know(
    template: dict[str, Any], large: dict[str, Any]
) -> None:
    for each, has_windows in ((template, True), (large, False)):
        assert ("WINDOW_RETENTION_S" in variables_of(each, "TelemetrySpeedFunction")) is has_windows
        readers = ("TelemetryHistoryFunction", "ReactionsFunction")
        knows = ["SPEED_TABLE_HAS_NO_WINDOWS" not in variables_of(each, reader) for reader in readers]
        assert knows == [has_windows, has_windows]


def test_readers_know_how_long_windows_are(synthesis: Synthesis) -> None:
    whole = synthesis(everything).templates["WholeIot"]
    assert variables_of(whole, "TelemetrySpeedFunction")["WINDOW_S"] == "600"
    for reader in ("TelemetryHistoryFunction", "ReactionsFunction"):
        assert variables_of(whole, reader)["SPEED_TABLE_WINDOW_S"] == "600"


def test_firehose_reads_the_stream_and_each_rule_of_telemetry_has_one_action(
    template: dict[str, Any], large: dict[str, Any]
) -> None:
    for each, actions in ((template, {"Firehose", "Kinesis"}), (large, {"Kinesis"})):
        rules = resources(each, "AWS::IoT::TopicRule").items()
        telemetry = [properties["TopicRulePayload"]["Actions"] for name, properties in rules if "Telemetry" in name]
        assert [{kind for action in found for kind in action} for found in telemetry] == [actions, actions]
    (stream,) = resources(large, "AWS::Kinesis::Stream")
    (delivery,) = resources(large, "AWS::KinesisFirehose::DeliveryStream").values()
    source = delivery["KinesisStreamSourceConfiguration"]
    assert source["KinesisStreamARN"] == {"Fn::GetAtt": [stream, "Arn"]}


def test_stream_and_table_have_the_capacity_of_the_configuration(
    template: dict[str, Any], large: dict[str, Any]
) -> None:
    for each, shards in ((template, None), (large, 5)):
        (stream,) = resources(each, "AWS::Kinesis::Stream").values()
        assert stream.get("ShardCount") == shards
    tables = resources(large, "AWS::DynamoDB::GlobalTable").items()
    modes = {name.startswith("TelemetrySpeedTable"): table["BillingMode"] for name, table in tables}
    assert modes == {True: "PROVISIONED", False: "PAY_PER_REQUEST"}


def test_a_warehouse_and_requests_are_there_when_they_are_asked_for(
    template: dict[str, Any], whole: dict[str, Any]
) -> None:
    kind = "AWS::RedshiftServerless::Workgroup"
    assert (len(resources(template, kind)), len(resources(whole, kind))) == (0, 1)
    (workgroup,) = resources(whole, kind).values()
    assert (workgroup["BaseCapacity"], workgroup["MaxCapacity"]) == (8, 8)
    routes = [route["RouteKey"] for route in resources(whole, "AWS::ApiGatewayV2::Route").values()]
    assert "POST /webhooks/backlog/{secret}" in routes


def test_a_large_fleet_gathers_for_ten_minutes_and_knows_the_thresholds_that_do_not_wait(
    template: dict[str, Any], large: dict[str, Any]
) -> None:
    def told(built: dict[str, Any]) -> dict[str, Any]:
        (provisioning,) = resources(built, "AWS::IoT::ProvisioningTemplate").values()
        body = provisioning["TemplateBody"]
        text = body if isinstance(body, str) else "".join(part for part in body["Fn::Join"][1] if isinstance(part, str))
        found: dict[str, Any] = json.loads(text)["DeviceConfiguration"]
        return found

    assert told(large)["gather_seconds"] == "600"
    limits = "temperature>35.0/33.0,humidity<20.0/25.0,illuminance<50.0/80.0,movement>0.5/0.2"
    assert told(large)["limits"] == limits
    assert [limit.measure for limit in read_limits(limits)] == ["temperature", "humidity", "illuminance", "movement"]
    assert "gather_seconds" not in told(template)
    for built, splits in ((template, False), (large, True)):
        functions = resources(built, "AWS::Lambda::Function")
        assert any(name.startswith("TelemetryBatchSplittingFunction") for name in functions) is splits
