"""TopicRule: an AWS IoT rule that loses nothing."""

from aws_cdk import Duration, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.cdk import cloudwatch, kinesis, kms, lambda_, sns, sqs
from cdp_constructs.core.cdk import kinesisfirehose as firehose
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minute
from cdp_constructs.core.queues import add_dead_letter_queue, metric_dead_letters
from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.iot._common import check_option
from cdp_constructs.iot._rule_actions import (
    Action,
    HasAction,
    delivery_stream_action,
    function_action,
    queue_action,
    stream_action,
    topic_action,
)
from cdp_constructs.iot.sql import check_sql
from cdp_constructs.iot.topics import check_topic

__all__ = ["TopicRule"]

_QUOTAS = "https://docs.aws.amazon.com/general/latest/gr/iot-core.html"
_MOST_ACTIONS = 10
_SEPARATORS = ("\n", "\t", "\r\n", ",")


@checks_options
class TopicRule(Construct):
    """Sends the messages of an MQTT topic filter to other services, and failed messages to a dead-letter queue.

    AWS: an AWS IoT rule with a role of its own and an error action. When the error action fails, too, the
    message is lost; an alarm on ``ErrorActionFailure`` tells.

        rule = TopicRule(self, "Warm", sql="SELECT * FROM 'dt/home/+/+/climate' WHERE temperature > 30",
                         description="Warm rooms", alarm_topic=operators)
        rule.add_queue(queue)
    """

    rule: iot.CfnTopicRule
    """The L1."""
    rule_name: str
    """The rule's name, which CloudFormation chooses."""
    role: iam.Role
    """What the rule's actions may do."""
    dead_letter_queue: "sqs.IQueue"
    """Keeps failed messages with the reason and the original payload (``base64OriginalPayload``)."""
    encryption_key: "kms.IKey | None"
    """Encrypts the dead-letter queue; None when SQS encrypts with a key of its own."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        sql: str,
        description: str,
        dead_letter_queue: "sqs.IQueue | None" = None,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: "sns.ITopic | None" = None,
    ) -> None:
        """Add the rule; it has no action yet.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            sql: ``SELECT … FROM '<topic filter>' WHERE …``, SQL version 2016-03-23; see ``cdp_constructs.iot.sql``.
            description: What the rule is for, as shown in the console.
            dead_letter_queue: An existing standard queue of this account and Region. Its policy is not changed: the
                rule's role is allowed to send. Default: a new queue that keeps messages 14 days.
            encryption_key: A customer-managed key for the dead-letter queue, or the one that an existing queue is
                encrypted with. Default: the existing queue's, if the CDK knows it; otherwise a key of SQS.
            alarm_topic: Receives the alarms. Default: no alarms.

        Raises:
            InvalidOptionError: for SQL without a topic filter that AWS IoT accepts, a FIFO queue, and resources of
                another Region.
        """
        super().__init__(scope, construct_id)
        check_sql(self, sql)
        self._sql = sql
        self._description = description
        self._actions: list[Action] = []
        stack = stack_of(self)
        rules = stack.format_arn(service="iot", resource="rule", resource_name="*")
        service = iam.ServicePrincipal("iot.amazonaws.com").with_conditions(
            {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": rules}}
        )
        self.role = iam.Role(self, "Role", assumed_by=service)
        if dead_letter_queue is None:
            self.encryption_key = encryption_key
            self.dead_letter_queue = add_dead_letter_queue(
                self,
                "ErrorQueue",
                alarm_topic=alarm_topic,
                holds="messages that actions of the rule failed on",
                encryption_key=encryption_key,
            )
        else:
            self._check_queue("dead_letter_queue", dead_letter_queue)
            self.encryption_key = encryption_key or dead_letter_queue.encryption_master_key
            self.dead_letter_queue = dead_letter_queue
        self._allow(["sqs:SendMessage"], self.dead_letter_queue.queue_arn, self.encryption_key)
        self.rule = iot.CfnTopicRule(self, "Rule", topic_rule_payload=self._payload())
        self.rule.node.add_dependency(self.role)
        self.rule_name = self.rule.ref
        self.node.add_validation(HasAction(self, self._actions))
        add_alarm(
            self,
            "LostMessagesAlarm",
            self.metric_lost(),
            alarm_topic=alarm_topic,
            description=f"{path_of(self)}: messages were lost: neither an action nor the dead-letter queue received "
            "them. Look at that queue's policy and at the rule's role.",
        )

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def add_queue(
        self, queue: "sqs.IQueue", *, base64: bool = False, encryption_key: "kms.IKey | None" = None
    ) -> Action:
        """Send each message to a queue, as JSON.

        Args:
            queue: A standard queue of this account and Region.
            base64: Whether the JSON is encoded as base64. SQS refuses text with characters such as U+FFFF, so without
                it a device can make the action fail.
            encryption_key: The key that the queue is encrypted with. Default: the queue's, if the CDK knows it.
        """
        self._check_queue("queue", queue)
        self._allow(["sqs:SendMessage"], queue.queue_arn, encryption_key or queue.encryption_master_key)
        return self._add(queue_action(self.role, queue, base64=base64))

    def add_topic(self, topic: "sns.ITopic", *, encryption_key: "kms.IKey | None" = None) -> Action:
        """Publish each message to an SNS topic, as JSON, so that subscribers can filter on its body.

        Args:
            topic: A standard topic.
            encryption_key: The key that the topic is encrypted with. Default: the topic's, if the CDK knows it.
        """
        self._check_standard("topic", fifo=topic.fifo)
        self._allow(["sns:Publish"], topic.topic_arn, encryption_key or topic.master_key)
        return self._add(topic_action(self.role, topic))

    def add_stream(self, stream: "kinesis.IStream", *, partition_key: str) -> Action:
        """Put each message into a Kinesis stream.

        Args:
            stream: The stream.
            partition_key: A substitution template such as ``BY_THING`` of ``cdp_constructs.iot.topics``; messages of
                one key stay in order.
        """
        self._allow(["kinesis:PutRecord"], stream.stream_arn, stream.encryption_key)
        return self._add(stream_action(self.role, stream, partition_key))

    def add_delivery_stream(
        self, delivery_stream: "firehose.IDeliveryStream", *, separator: str = "\n", batch: bool = False
    ) -> Action:
        r"""Put each message into a Firehose delivery stream.

        Args:
            delivery_stream: The delivery stream.
            separator: What ends a record: ``\n``, ``\t``, ``\r\n`` or ``,``.
            batch: Whether a payload is a JSON array of records.
        """
        if separator not in _SEPARATORS:
            fix = r"Use \n, \t, \r\n or , (https://docs.aws.amazon.com/iot/latest/developerguide/kinesis-firehose-rule-action.html)"
            raise InvalidOptionError(self, "separator", f"is {separator!r}", fix)
        actions = ["firehose:PutRecord", *(["firehose:PutRecordBatch"] if batch else [])]
        self._allow(actions, delivery_stream.delivery_stream_arn)
        name = delivery_stream.delivery_stream_name
        return self._add(delivery_stream_action(self.role, name, separator=separator, batch=batch))

    def add_function(self, function: "lambda_.IFunction") -> Action:
        """Invoke a function with each message, asynchronously: its failures need a destination of their own."""
        from aws_cdk import aws_lambda as lambda_

        lambda_.CfnPermission(
            self,
            f"Invoke{len(self._actions)}",
            action="lambda:InvokeFunction",
            function_name=function.function_arn,
            principal="iot.amazonaws.com",
            source_account=stack_of(self).account,
            source_arn=self.rule.attr_arn,
        )
        return self._add(function_action(function))

    def add_action(self, action: Action, *, allow: iam.PolicyStatement) -> Action:
        """Add an action that has no method here.

        Args:
            action: The L1's action; its role is ``role.role_arn``.
            allow: What the role must be allowed for it.
        """
        self.role.add_to_policy(allow)
        return self._add(action)

    def basic_ingest_topic(self, topic: str) -> str:
        """Return the topic on which a message reaches this rule only, at no messaging charge (Basic Ingest).

        Args:
            topic: What ``topic()`` returns in the rule's SQL. Its limits, 7 slashes and 256 bytes, do not count the
                prefix.
        """
        if not Token.is_unresolved(topic):
            check_option(self, "topic", topic, lambda _name, value: check_topic(value))
        return f"$aws/rules/{self.rule_name}/{topic}"

    def metric_matched(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Messages that matched the topic filter. Default period: 1 minute."""
        return self._metric("TopicMatch", period)

    def metric_lost(self, *, period: Duration | None = None) -> "cloudwatch.IMetric":
        """Messages that neither an action nor the dead-letter queue received. Default period: 1 minute."""
        from aws_cdk import aws_cloudwatch as cloudwatch

        # It has a dimension ActionType beside RuleName, with values that AWS does not list. A query of Metrics Insights
        # finds it by the rule's name alone: https://docs.aws.amazon.com/iot/latest/developerguide/metrics_dimensions.html
        query = f"SELECT SUM(ErrorActionFailure) FROM \"AWS/IoT\" WHERE RuleName = '{self.rule_name}'"  # noqa: S608
        return cloudwatch.MathExpression(expression=query, label="Lost messages", period=period or minute())

    def metric_dead_letters(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Messages in the dead-letter queue. Default period: 1 minute."""
        return metric_dead_letters(self.dead_letter_queue, period=period)

    def _metric(self, name: str, period: Duration | None) -> "cloudwatch.Metric":
        from aws_cdk import aws_cloudwatch as cloudwatch

        return cloudwatch.Metric(
            namespace="AWS/IoT",
            metric_name=name,
            dimensions_map={"RuleName": self.rule_name},
            period=period or minute(),
            statistic="sum",
        )

    def _add(self, action: Action) -> Action:
        if len(self._actions) == _MOST_ACTIONS:
            fix = f"Use at most {_MOST_ACTIONS}, and a second rule on the same topics ({_QUOTAS})"
            raise InvalidOptionError(self, "actions", f"has {_MOST_ACTIONS + 1} entries", fix)
        self._actions.append(action)
        self.rule.topic_rule_payload = self._payload()
        return action

    def _payload(self) -> iot.CfnTopicRule.TopicRulePayloadProperty:
        return iot.CfnTopicRule.TopicRulePayloadProperty(
            sql=self._sql,
            aws_iot_sql_version="2016-03-23",
            description=self._description,
            actions=self._actions,
            error_action=queue_action(self.role, self.dead_letter_queue),
        )

    def _allow(self, actions: list[str], resource: str, key: "kms.IKey | None" = None) -> None:
        self.role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
        if key is not None:
            key.grant(self.role, *USE_KEY)

    def _check_queue(self, option: str, queue: "sqs.IQueue") -> None:
        self._check_standard(option, fifo=queue.fifo)

    def _check_standard(self, option: str, *, fifo: bool) -> None:
        if fifo:
            # https://docs.aws.amazon.com/iot/latest/developerguide/sqs-rule-action.html and sns-rule-action.html
            raise InvalidOptionError(self, option, "is FIFO, which AWS IoT rules do not support", "Give a standard one")
