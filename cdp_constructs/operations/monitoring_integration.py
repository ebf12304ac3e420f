"""MonitoringIntegration: Zabbix knows what the alarms of CloudWatch know, and may read its metrics."""

import re

from aws_cdk import Duration, RemovalPolicy, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge_resources
from cdp_constructs.core.alarms import add_alarm, alarms_of, notifying
from cdp_constructs.core.function_networks import put_into_network
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minutes, seconds
from cdp_constructs.core.permissions import allow_on_prefixes
from cdp_constructs.core.queues import add_dead_letter_queue
from cdp_constructs.core.schedules import add_schedule, add_schedule_role
from cdp_constructs.core.validation import InvalidOptionError, check_range
from cdp_constructs.messaging.queue_consumer import QueueConsumer
from cdp_constructs.messaging.sns_sqs_fanout import SnsSqsFanout
from cdp_constructs.operations.alarm_topic import AlarmTopic

__all__ = ["MonitoringIntegration"]

_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_ADDRESS = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_HOST = re.compile(r"(?=.{1,128}$)[A-Za-z0-9._-]+( +[A-Za-z0-9._-]+)*")
_HOSTS = "https://www.zabbix.com/documentation/6.0/en/manual/config/hosts/host"
_TCP = "https://www.rfc-editor.org/rfc/rfc6335"
_TRAPPER_PORT = 10_051
_CHANGES = {"AlarmName": [{"exists": True}], "NewStateValue": ["ALARM", "INSUFFICIENT_DATA", "OK"]}
_REPORT_MINUTES = 5
_MISSED_REPORTS = 3


@checks_options
class MonitoringIntegration(Construct):
    """Lets a Zabbix server see the failures that CloudWatch sees, and read the metrics behind them.

    CDP: Monitoring Integration / モニタリングインテグレーション パターン.

    Alarms that notify the topic have trapper items at one host of Zabbix: each change goes there at once, and again
    until it is taken, and the states of all every five minutes. The given principal may assume a role that reads
    metrics and alarms of this Region, and nothing else::

        monitoring = MonitoringIntegration(self, "Zabbix", vpc=vpc, address="zabbix.corp.example.com", host="shop")
        SnsSqsFanout(self, "Orders", alarm_topic=monitoring.topic)
    """

    topic: sns.ITopic
    """Give it to patterns as ``alarm_topic``: Zabbix gets their alarms."""
    function: lambda_.Function
    """Tells Zabbix."""
    security_group: ec2.SecurityGroup
    """Of the function; the server has to let it in at the port."""
    reader_role: iam.Role | None
    """Reads metrics and alarms; None without ``reader``."""
    dead_letter_queue: sqs.IQueue
    """Keeps changes that Zabbix has not taken after five tries, for 14 days."""
    report_dead_letter_queue: sqs.IQueue
    """Keeps reports that could not be made, for 14 days."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        address: str,
        host: str,
        port: int = _TRAPPER_PORT,
        topic: sns.ITopic | None = None,
        reader: iam.IPrincipal | None = None,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the integration.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            vpc: The network from which Zabbix is reached: its own, or one that a VPN, a peering or a Transit Gateway
                joins to it. The function is in the private subnets, or the isolated ones, which need a way to
                CloudWatch: a NAT, or the interface endpoint ``monitoring``.
            address: Name or IPv4 address of the Zabbix server, or of a proxy.
            host: Technical name of the host in Zabbix, 1 to 128 letters, digits, spaces, dots, hyphens and underscores
                (https://www.zabbix.com/documentation/6.0/en/manual/config/hosts/host).
            port: Where the server listens for trapper items, 1 to 65,535. Default: 10051.
            topic: An existing topic of this Region that alarms notify. Default: a new, encrypted one.
            reader: Who may assume the role that reads metrics and alarms, such as the role that Zabbix runs with. Of
                another company, with the condition ``sts:ExternalId``. Default: nobody; there is no such role.
            encryption_key: A customer-managed key for the new topic, queues and logs. Default: a new key for the topic
                and its queue ($1 a month), and keys of AWS for the rest.
            alarm_topic: Receives the alarms of this integration, which Zabbix would not get when it does not answer;
                not ``topic``. Default: no alarms.
            log_retention: How long the function's logs are kept. Default: 3 months.
            removal_policy: What happens to the new key and the logs when the stack is deleted. Default: kept.

        Raises:
            InvalidOptionError: for a network without private or isolated subnets, what is no name, address or port, a
                reader that is everybody, a FIFO topic, and resources of another Region.
        """
        super().__init__(scope, construct_id)
        _check_place(self, address, host, port)
        _check_resources(self, vpc, topic, reader)
        if topic is None:
            topic = AlarmTopic(
                self,
                "Alarms",
                encryption_key=encryption_key,
                # Of the key that it makes without one.
                removal_policy=removal_policy if encryption_key is None else RemovalPolicy.RETAIN,
            ).topic
        self.topic = topic
        self.report_dead_letter_queue = add_dead_letter_queue(
            self,
            "ReportDeadLetterQueue",
            alarm_topic=alarm_topic,
            holds="reports that could not be made; nothing has to be replayed, since the next one says the same",
            encryption_key=encryption_key,
        )
        self.function = add_function(
            self,
            "Function",
            handler="operations/zabbix",
            description=f"Tells Zabbix the alarms of {path_of(self)}"[:256],
            invocation=Invocation.EVENT,
            dead_letter_queue=self.report_dead_letter_queue,
            publishes_metrics=True,
            environment={
                "ZABBIX_ADDRESS": address,
                "ZABBIX_PORT": str(port),
                "ZABBIX_HOST": host,
                "TOPIC_ARN": topic.topic_arn,
            },
            timeout=seconds(15),
            log_retention=log_retention,
            log_encryption_key=encryption_key,
            removal_policy=removal_policy,
        )
        self.security_group = put_into_network(self.function, vpc, description=f"Tells Zabbix of {path_of(self)}")
        self.security_group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(port), "Zabbix")
        self.security_group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "CloudWatch")
        allow_on_prefixes(
            self.function,
            "ReadAlarms",
            [iam.PolicyStatement(actions=["cloudwatch:DescribeAlarms"], resources=["*"])],
            prefixes=["*"],
            reason="CloudWatch shows composite alarms to those only who may describe all alarms "
            "(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html).",
        )
        subscriber = SnsSqsFanout(self, "Fanout", topic=topic, alarm_topic=alarm_topic).add_subscriber(
            "Changes",
            # One by one: a server that does not answer costs each of them its seconds.
            consumer=QueueConsumer(self.function, batch_size=1, max_concurrency=2),
            filter_policy=_CHANGES,
            filter_on="body",
            encryption_key=encryption_key,
        )
        self.dead_letter_queue = subscriber.dead_letter_queue
        self._report(encryption_key, alarm_topic)
        self.reader_role = self._add_reader(reader) if reader is not None else None

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this integration itself, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def watch(self, alarm: cloudwatch.AlarmBase) -> None:
        """Let an alarm that was made elsewhere notify the topic of each of its states.

        Args:
            alarm: An alarm of this Region.
        """
        action = notifying(self.topic)
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)
        alarm.add_insufficient_data_action(action)

    def metric_changes(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Changes of alarms that Zabbix took, repetitions included. Sum over 5 minutes by default."""
        return function_metric(self.function, "SentChanges", period=period)

    def metric_reported(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Reports of all alarms that Zabbix took whole. Sum over 5 minutes by default."""
        return function_metric(self.function, "TakenReports", period=period)

    def _report(self, encryption_key: "kms.IKey | None", alarm_topic: sns.ITopic | None) -> None:
        add_schedule(
            self,
            "Schedule",
            expression=f"rate({_REPORT_MINUTES} minutes)",
            target=self.function,
            role=add_schedule_role(self, self.function, self.report_dead_letter_queue, encryption_key),
            dead_letter_queue=self.report_dead_letter_queue,
            description=f"Tells Zabbix all alarms of {path_of(self)}",
            # The next report says the same.
            max_event_age=minutes(_REPORT_MINUTES),
            retry_attempts=0,
        )
        add_alarm(
            self,
            "ReportAlarm",
            self.metric_reported(period=minutes(_REPORT_MINUTES)),
            alarm_topic=alarm_topic,
            threshold=1,
            evaluation_periods=_MISSED_REPORTS,
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            # A report that is not made says nothing good.
            missing_data=cloudwatch.TreatMissingData.BREACHING,
            description=f"{path_of(self)}: for {_MISSED_REPORTS * _REPORT_MINUTES} minutes Zabbix has taken no whole "
            "report of the alarms, so it may show old states. The function's log says why: no answer, or no items.",
        )

    def _add_reader(self, reader: iam.IPrincipal) -> iam.Role:
        role = iam.Role(
            self,
            "ReaderRole",
            assumed_by=reader,
            description=f"Zabbix reads metrics and alarms of {path_of(self)}"[:1000],
        )
        here = {"StringEquals": {"aws:RequestedRegion": stack_of(self).region}}
        actions = ["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics"]
        policy = iam.Policy(
            self,
            "ReadMetrics",
            roles=[role],
            statements=[iam.PolicyStatement(actions=actions, resources=["*"], conditions=here)],
        )
        reason = (
            "Metrics have no ARN, so these actions have no resource to name, and composite alarms are shown to those "
            "only who may describe all (service authorization reference of CloudWatch); only this Region's are read."
        )
        acknowledge_resources(policy, ["*"], reason)
        return role


def _check_place(construct: Construct, address: str, host: str, port: int) -> None:
    """Refuse what is no address and port of a server, or no name of a host of Zabbix."""
    if not Token.is_unresolved(address) and not _ADDRESS.fullmatch(address):
        fix = "Give a name such as zabbix.corp.example.com, or an IPv4 address"
        raise InvalidOptionError(construct, "address", f"is {address!r}", fix)
    if not Token.is_unresolved(host) and not _HOST.fullmatch(host):
        fix = f"Use 1 to 128 letters, digits, spaces inside, dots, hyphens and underscores ({_HOSTS})"
        raise InvalidOptionError(construct, "host", f"is {host!r}", fix)
    check_range(construct, "port", port, low=1, high=65_535, unit="as a port", source=_TCP)


def _check_resources(
    construct: Construct, vpc: ec2.IVpc, topic: sns.ITopic | None, reader: iam.IPrincipal | None
) -> None:
    """Refuse a network without a place for the function, a FIFO topic, and a reader that is everybody."""
    if not (vpc.private_subnets or vpc.isolated_subnets):
        problem = f"is {vpc.node.path}, which has neither private nor isolated subnets"
        raise InvalidOptionError(construct, "vpc", problem, "Give one that has some: a function gets no public address")
    if topic is not None and topic.fifo:
        fix = "Give a standard topic: CloudWatch names no message groups"
        raise InvalidOptionError(construct, "topic", f"is {topic.node.path}, a FIFO topic", fix)
    if reader is not None and any("*" in named for named in reader.policy_fragment.principal_json.values()):
        fix = "Give the role that Zabbix runs with, or an account with the condition sts:ExternalId"
        raise InvalidOptionError(construct, "reader", "is everybody", fix)
