"""The actions of AWS IoT rules, as the L1 has them."""

from collections.abc import Sequence

import jsii
from aws_cdk import Annotations
from aws_cdk import aws_iot as iot
from constructs import Construct, IValidation

from cdp_constructs.core.cdk import iam, kinesis, lambda_, sns, sqs

Action = iot.CfnTopicRule.ActionProperty


def queue_action(role: "iam.Role", queue: "sqs.IQueue", *, base64: bool = False) -> Action:
    """Send a message to an SQS queue."""
    return Action(
        sqs=iot.CfnTopicRule.SqsActionProperty(queue_url=queue.queue_url, role_arn=role.role_arn, use_base64=base64)
    )


def topic_action(role: "iam.Role", topic: "sns.ITopic") -> Action:
    """Publish a message to an SNS topic."""
    return Action(
        sns=iot.CfnTopicRule.SnsActionProperty(target_arn=topic.topic_arn, role_arn=role.role_arn, message_format="RAW")
    )


def stream_action(role: "iam.Role", stream: "kinesis.IStream", partition_key: str) -> Action:
    """Put a message into a Kinesis stream."""
    return Action(
        kinesis=iot.CfnTopicRule.KinesisActionProperty(
            stream_name=stream.stream_name, role_arn=role.role_arn, partition_key=partition_key
        )
    )


def delivery_stream_action(role: "iam.Role", name: str, *, separator: str, batch: bool = False) -> Action:
    """Put a message into a Firehose delivery stream of this name."""
    return Action(
        firehose=iot.CfnTopicRule.FirehoseActionProperty(
            delivery_stream_name=name,
            role_arn=role.role_arn,
            separator=separator,
            batch_mode=batch or None,
        )
    )


def function_action(function: "lambda_.IFunction") -> Action:
    """Invoke a function asynchronously."""
    return Action(lambda_=iot.CfnTopicRule.LambdaActionProperty(function_arn=function.function_arn))


@jsii.implements(IValidation)
class HasAction:
    """Warns at synthesis of a rule without an action, which AWS IoT accepts: its messages go nowhere."""

    def __init__(self, rule: Construct, actions: Sequence[Action]) -> None:
        """Watch a rule.

        Args:
            rule: The pattern.
            actions: Its actions, also those that are added later.
        """
        self._rule = rule
        self._actions = actions

    def validate(self) -> list[str]:
        """Annotate the rule; there is nothing that would end the synthesis."""
        if not self._actions:
            Annotations.of(self._rule).add_warning_v2(
                "cdp-constructs:RuleWithoutAction",
                "The rule has no action, so that its messages go nowhere. Call one of its add_ methods.",
            )
        return []
