"""TopicRule: the thin typed layer over AWS::IoT::TopicRule, in which nothing that fails is lost."""

import re
from typing import TYPE_CHECKING

from aws_cdk import Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from constructs import Construct

from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minute
from cdp_constructs.core.queues import add_dead_letter_queue
from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.iot.topics import InvalidTopicError, check_filter

if TYPE_CHECKING:
    from aws_cdk import aws_kinesis as kinesis
    from aws_cdk import aws_kinesisfirehose as firehose
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs

_QUOTAS = "https://docs.aws.amazon.com/general/latest/gr/iot-core.html"
_MOST_ACTIONS = 10
_SQL = re.compile(r"\s*SELECT\s.+\sFROM\s+'(?P<filter>[^']*)'", re.IGNORECASE | re.DOTALL)
# Reserved topics that a rule may listen to.
_RESERVED = ("$aws/events/", "$aws/things/")
_USE_KEY = ("kms:Decrypt", "kms:GenerateDataKey")

Action = iot.CfnTopicRule.ActionProperty


class TopicRule(Construct):
    """Send the messages of a topic filter on to other services, and what could not be sent to an error queue.

    Each rule has a role of its own that may do what its actions do, and an error action: the message of an action that
    failed, with the reason and the original payload (``base64OriginalPayload``), waits in ``error_queue`` for 14 days.
    An error action that fails itself loses the message, which AWS counts in ``ErrorActionFailure``.

    Limits: 10 actions per rule, 1,000 rules per account, payloads of 128 KB, and 20,000 rule evaluations a second (all
    but the payload soft). Source: https://docs.aws.amazon.com/general/latest/gr/iot-core.html.

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        sql: ``SELECT … FROM '<topic filter>' WHERE …``, SQL version 2016-03-23.
        description: What the rule is for, as shown in the console.
        error_queue: Receives what actions failed on; by default one is made. The policy of a brought queue is not
            changed: the rule's role is allowed to send. It must not be encrypted with a customer-managed key, unless
            you let ``role`` use that key.
        alarm_topic: Receives the alarms; by default there are none.

    Attributes:
        rule: The L1.
        rule_name: Its name, which CloudFormation chooses.
        role: What its actions may do.
        error_queue: Keeps what failed.

    Raises:
        InvalidOptionError: for SQL without a topic filter that AWS IoT takes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        sql: str,
        description: str,
        error_queue: "sqs.IQueue | None" = None,
        alarm_topic: "sns.ITopic | None" = None,
    ) -> None:
        super().__init__(scope, construct_id)
        _check_sql(self, sql)
        self._sql = sql
        self._description = description
        self._actions: list[Action] = []
        rules = stack_of(self).format_arn(service="iot", resource="rule", resource_name="*")
        service = iam.ServicePrincipal("iot.amazonaws.com").with_conditions(
            {"StringEquals": {"aws:SourceAccount": stack_of(self).account}, "ArnLike": {"aws:SourceArn": rules}}
        )
        self.role = iam.Role(self, "Role", assumed_by=service)
        self.error_queue: sqs.IQueue = error_queue or add_dead_letter_queue(
            self, "ErrorQueue", alarm_topic=alarm_topic, holds="messages that actions of the rule failed on"
        )
        self._allow(["sqs:SendMessage"], self.error_queue.queue_arn)
        self.rule = iot.CfnTopicRule(self, "Rule", topic_rule_payload=self._payload())
        self.rule.node.add_dependency(self.role)
        self.rule_name = self.rule.ref
        self._count_lost_messages(alarm_topic)

    def add_queue(self, queue: "sqs.IQueue", *, encryption_key: "kms.IKey | None" = None) -> None:
        """Send each message to a queue, as JSON.

        Args:
            queue: A standard queue of this account and Region.
            encryption_key: The key that it is encrypted with; by default the queue's own if that is known.
        """
        self._allow(["sqs:SendMessage"], queue.queue_arn, encryption_key or queue.encryption_master_key)
        self._add(Action(sqs=self._queue_action(queue)))

    def add_topic(self, topic: "sns.ITopic", *, encryption_key: "kms.IKey | None" = None) -> None:
        """Publish each message to an SNS topic, as JSON, so that subscribers filter on its body.

        Args:
            topic: A standard topic.
            encryption_key: The key that it is encrypted with; by default the topic's own if that is known.
        """
        self._allow(["sns:Publish"], topic.topic_arn, encryption_key or topic.master_key)
        sns_action = iot.CfnTopicRule.SnsActionProperty(
            target_arn=topic.topic_arn, role_arn=self.role.role_arn, message_format="RAW"
        )
        self._add(Action(sns=sns_action))

    def add_stream(self, stream: "kinesis.IStream", *, partition_key: str) -> None:
        """Put each message into a Kinesis stream.

        Args:
            stream: The stream.
            partition_key: What keeps its order, as a substitution template such as ``${topic(4)}`` for the thing.
        """
        self._allow(["kinesis:PutRecord"], stream.stream_arn, stream.encryption_key)
        kinesis_action = iot.CfnTopicRule.KinesisActionProperty(
            stream_name=stream.stream_name, role_arn=self.role.role_arn, partition_key=partition_key
        )
        self._add(Action(kinesis=kinesis_action))

    def add_delivery_stream(
        self, delivery_stream: "firehose.IDeliveryStream", *, separator: str = "\n", batch: bool = False
    ) -> None:
        r"""Put each message into a Firehose delivery stream.

        Args:
            delivery_stream: The delivery stream.
            separator: What ends a record: ``\n``, ``\t``, ``\r\n`` or ``,``.
            batch: Whether a payload is a JSON array of records.
        """
        actions = ["firehose:PutRecord", *(["firehose:PutRecordBatch"] if batch else [])]
        self._allow(actions, delivery_stream.delivery_stream_arn)
        firehose_action = iot.CfnTopicRule.FirehoseActionProperty(
            delivery_stream_name=delivery_stream.delivery_stream_name,
            role_arn=self.role.role_arn,
            separator=separator,
            batch_mode=batch or None,
        )
        self._add(Action(firehose=firehose_action))

    def add_function(self, function: "lambda_.IFunction") -> None:
        """Invoke a function with each message, asynchronously: its own failures need a destination of its own."""
        from aws_cdk import aws_lambda as lambda_

        function_permission = lambda_.CfnPermission(
            self,
            f"Invoke{len(self._actions)}",
            action="lambda:InvokeFunction",
            function_name=function.function_arn,
            principal="iot.amazonaws.com",
            source_account=stack_of(self).account,
            source_arn=self.rule.attr_arn,
        )
        del function_permission
        self._add(Action(lambda_=iot.CfnTopicRule.LambdaActionProperty(function_arn=function.function_arn)))

    def add_action(self, action: iot.CfnTopicRule.ActionProperty, *, allow: iam.PolicyStatement) -> None:
        """Add an action that has no method here.

        Args:
            action: The L1's action; its role is ``role.role_arn``.
            allow: What the action has to be allowed.
        """
        self.role.add_to_policy(allow)
        self._add(action)

    def basic_ingest_topic(self, topic: str) -> str:
        """Return where to publish a topic's messages for this rule only, at no messaging charge.

        Args:
            topic: What ``topic()`` is in the rule. Its 7 slashes and 256 bytes do not count the prefix.
        """
        return f"$aws/rules/{self.rule_name}/{topic}"

    def _add(self, action: Action) -> None:
        if len(self._actions) == _MOST_ACTIONS:
            raise InvalidOptionError(
                self,
                "actions",
                f"get number {_MOST_ACTIONS + 1}",
                f"A rule has at most {_MOST_ACTIONS}; add a second rule on the same topics ({_QUOTAS})",
            )
        self._actions.append(action)
        self.rule.topic_rule_payload = self._payload()

    def _payload(self) -> iot.CfnTopicRule.TopicRulePayloadProperty:
        return iot.CfnTopicRule.TopicRulePayloadProperty(
            sql=self._sql,
            aws_iot_sql_version="2016-03-23",
            description=self._description,
            actions=self._actions,
            error_action=Action(sqs=self._queue_action(self.error_queue)),
        )

    def _queue_action(self, queue: "sqs.IQueue") -> iot.CfnTopicRule.SqsActionProperty:
        return iot.CfnTopicRule.SqsActionProperty(
            queue_url=queue.queue_url, role_arn=self.role.role_arn, use_base64=False
        )

    def _allow(self, actions: list[str], resource: str, key: "kms.IKey | None" = None) -> None:
        self.role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
        if key is not None:
            key.grant(self.role, *_USE_KEY)

    def _count_lost_messages(self, alarm_topic: "sns.ITopic | None") -> None:
        if alarm_topic is None:
            return
        from aws_cdk import aws_cloudwatch as cloudwatch

        from cdp_constructs.core.alarms import add_alarm

        lost = cloudwatch.Metric(
            namespace="AWS/IoT",
            metric_name="ErrorActionFailure",
            dimensions_map={"RuleName": self.rule_name},
            period=minute(),
            statistic="sum",
        )
        add_alarm(
            self,
            "LostMessagesAlarm",
            lost,
            alarm_topic=alarm_topic,
            description=f"{path_of(self)}: messages were lost: neither an action nor the error queue took them. Look "
            "at that queue's policy and at the rule's role.",
        )


def select(expressions: str, topic_filter: str, where: str = "") -> str:
    """Return the SQL of a rule.

    Args:
        expressions: What to send on, such as ``*, topic(4) AS thing``.
        topic_filter: The messages that matter.
        where: Which of them; by default all.
    """
    sql = f"SELECT {expressions} FROM '{topic_filter}'"  # noqa: S608 - written by the author of the stack
    return f"{sql} WHERE {where}" if where else sql


def _check_sql(construct: Construct, sql: str) -> None:
    if Token.is_unresolved(sql):
        return
    match = _SQL.match(sql)
    if match is None:
        raise InvalidOptionError(
            construct, "sql", f"is {sql!r}", "Write SELECT … FROM '<topic filter>', such as SELECT * FROM 'dt/home/#'"
        )
    if match["filter"].startswith(_RESERVED):
        return
    try:
        check_filter(match["filter"])
    except InvalidTopicError as error:
        raise InvalidOptionError(
            construct, "sql", f"selects from a topic that cannot be: {error}", "Mend it"
        ) from error
