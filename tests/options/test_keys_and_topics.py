"""Keys and topics with which what is sent is lost: refused, wherever they are given."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template

from cdp_constructs import (
    DirectObjectUpload,
    InvalidOptionError,
    SnsSqsFanout,
    SpeedLayer,
    StateSharing,
    WebhookAutomation,
)
from cdp_constructs.core.meanings import MEANINGS

PATTERNS: dict[str, Callable[..., Any]] = {
    "fanout": SnsSqsFanout,
    "state": StateSharing,
    "speed": lambda *arguments, **options: SpeedLayer(*arguments, measures=["temperature"], **options),
    "upload": lambda *arguments, **options: DirectObjectUpload(
        *arguments, content_types=["image/png"], max_size_mb=5, allowed_origins=["https://a.example"], **options
    ),
}


@pytest.fixture
def stack() -> Stack:
    return Stack(App(), "Shop")


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("alias", ["alias/aws/sns", "alias/aws/s3"])
def test_a_key_that_aws_manages_is_refused(stack: Stack, name: str, alias: str) -> None:
    key = kms.Alias.from_alias_name(stack, "Key", alias)
    with pytest.raises(InvalidOptionError, match=f"Shop/P: encryption_key is {alias}, a key that AWS manages"):
        PATTERNS[name](stack, "P", encryption_key=key)


def test_aliases_of_customers_are_taken(stack: Stack) -> None:
    key = kms.Alias.from_alias_name(stack, "Key", "alias/shop")
    assert SnsSqsFanout(stack, "P", encryption_key=key).encryption_key == key


FIFO_ARN = "arn:aws:sns:us-east-1:111122223333:alarms.fifo"


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        (lambda stack: sns.Topic(stack, "T", fifo=True), "a FIFO topic"),
        (lambda stack: sns.Topic.from_topic_arn(stack, "T", FIFO_ARN), "a FIFO topic"),
        (
            lambda stack: sns.Topic(stack, "T", master_key=kms.Alias.from_alias_name(stack, "Key", "alias/aws/sns")),
            "whose key is alias/aws/sns, a key that AWS manages",
        ),
    ],
    ids=["FIFO", "imported FIFO", "managed key"],
)
@pytest.mark.parametrize("name", ["fanout", "speed", "upload"])
def test_a_topic_that_alarms_cannot_reach_is_refused(
    stack: Stack, name: str, topic: Callable[[Stack], sns.ITopic], reason: str
) -> None:
    with pytest.raises(InvalidOptionError, match=f"Shop/P: alarm_topic is Shop/T, {reason}"):
        PATTERNS[name](stack, "P", alarm_topic=topic(stack))


def test_topics_that_alarms_reach_are_taken(stack: Stack) -> None:
    topics = [
        sns.Topic(stack, "Plain"),
        sns.Topic(stack, "Encrypted", master_key=kms.Key(stack, "Key")),
        sns.Topic.from_topic_arn(stack, "Imported", FIFO_ARN.removesuffix(".fifo")),
        sns.Topic.from_topic_arn(stack, "Elsewhere", stack.format_arn(service="sns", resource="alarms")),
    ]
    for number, topic in enumerate(topics):
        assert len(SnsSqsFanout(stack, f"P{number}", alarm_topic=topic).alarms) > 0


def test_alarms_may_use_the_key_of_their_topic_once(stack: Stack) -> None:
    topic = sns.Topic(stack, "Alarms", master_key=kms.Key(stack, "Key"))
    for number in range(2):
        SnsSqsFanout(stack, f"P{number}", alarm_topic=topic)
    (key,) = [
        key for name, key in Template.from_stack(stack).find_resources("AWS::KMS::Key").items() if name[:3] == "Key"
    ]
    statements = [
        statement
        for statement in key["Properties"]["KeyPolicy"]["Statement"]
        if statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    ]
    assert [statement["Action"] for statement in statements] == [["kms:Decrypt", "kms:GenerateDataKey"]]


def test_every_pattern_checks_them_by_the_name_of_the_option() -> None:
    assert {"alarm_topic", "encryption_key"} <= set(MEANINGS)
    assert WebhookAutomation.__init__.__wrapped__  # checks_options
