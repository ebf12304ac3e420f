"""Board D6: the queue accepts a message whatever the database does, and workers store it in order, and once."""

from aws_cdk import App, Environment
from aws_cdk.assertions import Template
from syrupy.assertion import SnapshotAssertion

from cdp_constructs.testing import Synthesis
from stacks.dojo.anonymous.stack import AnonymousStack
from stacks.dojo.config import DojoConfiguration
from tests.stacks.dojo.architectures import boards
from tests.stacks.dojo.permissions import allowed
from tests.stacks.dojo.resources import findings, resources, settings

STACK = "Anonymous"
TASK_ROLE = "{}TaskDefinitionTaskRole"


def test_stack(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).normalised[STACK] == template_snapshot


def test_card(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(boards).cards[STACK] == card_snapshot


def test_nag_finds_nothing_that_is_not_acknowledged(synthesis: Synthesis) -> None:
    assert findings(synthesis, STACK) == []


def test_messages_go_to_a_fifo_queue_first_and_fail_into_another_one(synthesis: Synthesis) -> None:
    fifo = {
        logical_id: one["Properties"]
        for logical_id, one in synthesis(boards).templates[STACK]["Resources"].items()
        if one["Type"] == "AWS::SQS::Queue" and one["Properties"].get("FifoQueue")
    }
    [(queue, taken)] = [(name, one) for name, one in fifo.items() if "RedrivePolicy" in one]
    [failed] = set(fifo) - {queue}
    assert taken["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [failed, "Arn"]}
    assert taken["RedrivePolicy"]["maxReceiveCount"] == 20
    # Otherwise two messages with the same text would be one.
    assert "ContentBasedDeduplication" not in taken
    assert fifo[failed]["MessageRetentionPeriod"] == taken["MessageRetentionPeriod"] == 14 * 86400
    chosen = settings(synthesis, STACK)
    assert chosen["CHAT_INTAKE"] == "queue"
    assert (chosen["CHAT_QUEUE_URL"], chosen["CHAT_DEAD_LETTER_QUEUE_URL"]) == ({"Ref": queue}, {"Ref": failed})


def test_servers_send_and_workers_receive_and_neither_does_more(synthesis: Synthesis) -> None:
    servers = allowed(synthesis, STACK, TASK_ROLE.format("Servers"))
    workers = allowed(synthesis, STACK, TASK_ROLE.format("Workers"))
    of_database = {"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"}
    of_files_and_notices = {
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "lambda:InvokeFunction",
        "s3:GetObject",
        "sns:Publish",
    }
    sending = {"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
    assert set(servers) == of_database | of_files_and_notices | sending
    assert all("DeadLetter" not in resource for resource in servers["sqs:SendMessage"])
    receiving = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:SendMessage"}
    assert set(workers) == of_database | receiving | {"ecs:GetTaskProtection", "ecs:UpdateTaskProtection"}
    assert all("DeadLetter" in resource for resource in workers["sqs:SendMessage"])
    assert all("DeadLetter" not in resource for resource in workers["sqs:ReceiveMessage"])


def test_there_are_two_of_everything_in_two_zones(synthesis: Synthesis) -> None:
    targets = [one["Properties"] for one in resources(synthesis, STACK, "AWS::ApplicationAutoScaling::ScalableTarget")]
    assert sorted((one["MinCapacity"], one["MaxCapacity"]) for one in targets) == [(2, 6), (2, 8)]
    services = [one["Properties"] for one in resources(synthesis, STACK, "AWS::ECS::Service")]
    subnets = [set(map(str, one["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"])) for one in services]
    assert subnets[0] == subnets[1]
    assert len(subnets[0]) == 2
    for kind in ("AWS::RDS::DBInstance", "AWS::EC2::NatGateway"):
        assert len(resources(synthesis, STACK, kind)) == 2


def test_workers_may_be_none_while_nobody_writes() -> None:
    environment = Environment(region="eu-west-1")
    stack = AnonymousStack(
        App(), "Quiet", env=environment, configuration=DojoConfiguration(alarm_email=None), min_workers=0
    )
    found = Template.from_stack(stack).find_resources("AWS::ApplicationAutoScaling::ScalableTarget")
    assert sorted(one["Properties"]["MinCapacity"] for one in found.values()) == [0, 2]


def test_what_waits_too_long_or_is_set_aside_raises_an_alarm(synthesis: Synthesis) -> None:
    alarms = [one["Properties"] for one in resources(synthesis, STACK, "AWS::CloudWatch::Alarm")]
    told = [one["AlarmDescription"] for one in alarms if "AlarmsFanoutTopic" in str(one.get("AlarmActions"))]
    assert any("a job of Messages has waited for 5 minutes" in text for text in told)
    assert any("holds messages that nobody can store" in text for text in told)
    assert any("no task runs" in text for text in told)
