"""Batch Warehouse: the batch layer's records in Redshift, loaded every five minutes."""

import json
from typing import TYPE_CHECKING

from aws_cdk import Fn, Names, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_redshiftserverless as redshift
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge_resources
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.object_events import let_rule_send
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.queues import add_dead_letter_queue
from cdp_constructs.core.validation import InvalidOptionError, check_range
from cdp_constructs.data._parquet import RECORDS
from cdp_constructs.data._records import ABOUT

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns

    from cdp_constructs.data.batch_layer import BatchLayer

_CAPACITY = "https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-capacity.html"
_SUBNETS = "https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-usage-considerations.html"
_FEWEST_SUBNETS = 3
_DATABASE = "telemetry"


class BatchWarehouse(Construct):
    """Join telemetry with what else a warehouse knows, minutes after it was stored.

    CDP: no chapter of its own; it stands behind ``BatchLayer``.

    Problem: analysts work in a warehouse, all day, with joins and dashboards that would cost much as single queries of
    Athena; and a load that runs every five minutes must load nothing twice and lose nothing when it fails. Solution:
    Redshift Serverless in a private network without a way out; a schedule starts a function that copies the hours which
    may have grown into a staging table and merges them by thing, time and message id, in one transaction. Whatever
    happened to earlier loads, the next one makes it good. A load that fails goes to ``dead_letter_queue``.

    Template only: the embedded cloud has no Redshift. Its SQL has not been run on AWS.

    Do not use it for a few questions a day (Athena does that for cents): loading every five minutes keeps the smallest
    warehouse awake, 8 RPU at $0.375 an hour each are $2,190 a month.

    Limits: 8 to 512 RPU in steps of 8 (https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-capacity.html);
    three subnets in three zones. The table is made with the first load: a column that comes later has to be added to it
    (``ALTER TABLE telemetry ADD COLUMN``), and hours that have objects with and without it cannot be loaded at once.

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        batch: Whose records are loaded.
        vpc: A network with three isolated or private subnets in three zones, and a gateway endpoint to S3. By default
            one is made: isolated subnets, no NAT, the endpoint, flow logs.
        base_capacity: RPU to begin a query with, 8 to 512 in steps of 8.
        max_capacity: RPU at most, which bounds the cost of an hour; by default the base.
        alarm_topic: Receives the alarm; by default there is none.
        removal_policy: What happens to the namespace, which holds the data; it is kept by default. The batch layer has
            everything anyway.

    Attributes:
        vpc: The network.
        security_group: Of the workgroup; lets nobody in until you allow it (port 5439).
        namespace: The data; its administrator's password is a secret that Redshift rotates.
        workgroup: The compute.
        function: Starts loads; invoke it with ``{"hours": ["2027-01-15-06"]}`` to load hours again.
        dead_letter_queue: Loads that failed, with Redshift's error.

    Raises:
        InvalidOptionError: for a capacity that does not exist, or a network with fewer than three subnets.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        batch: "BatchLayer",
        vpc: ec2.IVpc | None = None,
        base_capacity: int = 8,
        max_capacity: int | None = None,
        alarm_topic: "sns.ITopic | None" = None,
        removal_policy: RemovalPolicy | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._batch = batch
        most = base_capacity if max_capacity is None else max_capacity
        for option, value, low in (("base_capacity", base_capacity, 8), ("max_capacity", most, base_capacity)):
            check_range(self, option, value, low=low, high=512, unit="RPU", source=_CAPACITY)
            if value % 8:
                raise InvalidOptionError(self, option, f"is {value} RPU", f"Use a multiple of 8 ({_CAPACITY})")
        self.vpc: ec2.IVpc = vpc or self._make_vpc()
        subnets = (self.vpc.isolated_subnets or self.vpc.private_subnets)[:_FEWEST_SUBNETS]
        if len(subnets) < _FEWEST_SUBNETS:
            problem = f"has {len(subnets)} isolated or private subnets"
            raise InvalidOptionError(
                self, "vpc", problem, f"Give one with {_FEWEST_SUBNETS} in three zones ({_SUBNETS})"
            )
        self.security_group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=self.vpc,
            description=f"Warehouse of {path_of(self)}",
            # Redshift fetches objects through the endpoint of S3.
            allow_all_outbound=True,
        )
        name = Names.unique_resource_name(self, max_length=60, separator="-", allowed_special_characters="-").lower()
        self._copy_role = self._make_copy_role()
        self.namespace = redshift.CfnNamespace(
            self,
            "Namespace",
            namespace_name=name,
            db_name=_DATABASE,
            manage_admin_password=True,
            iam_roles=[self._copy_role.role_arn],
            log_exports=["userlog", "connectionlog", "useractivitylog"],
        )
        self.namespace.apply_removal_policy(removal_policy or RemovalPolicy.RETAIN)
        self.workgroup = redshift.CfnWorkgroup(
            self,
            "Workgroup",
            workgroup_name=name,
            namespace_name=name,
            base_capacity=base_capacity,
            max_capacity=most,
            enhanced_vpc_routing=True,
            publicly_accessible=False,
            subnet_ids=[subnet.subnet_id for subnet in subnets],
            security_group_ids=[self.security_group.security_group_id],
            config_parameters=[
                redshift.CfnWorkgroup.ConfigParameterProperty(parameter_key=key, parameter_value="true")
                for key in ("require_ssl", "enable_user_activity_logging")
            ],
        )
        self.workgroup.node.add_dependency(self.namespace)
        self.dead_letter_queue = add_dead_letter_queue(
            self, "DeadLetterQueue", alarm_topic=alarm_topic, holds="loads that failed; the next one repeats their work"
        )
        self.function: lambda_.Function = self._make_function()
        self._schedule()
        self._watch()

    def _make_vpc(self) -> ec2.Vpc:
        vpc = ec2.Vpc(
            self,
            "Vpc",
            # Named one by one: a stack without an environment would get two.
            availability_zones=[Fn.select(zone, Fn.get_azs()) for zone in range(_FEWEST_SUBNETS)],
            nat_gateways=0,
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Warehouse", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24)
            ],
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
            },
        )
        log_group = logs.LogGroup(self, "FlowLogs", retention=logs.RetentionDays.THREE_MONTHS)
        vpc.add_flow_log("FlowLog", destination=ec2.FlowLogDestination.to_cloud_watch_logs(log_group))
        return vpc

    def _make_copy_role(self) -> iam.Role:
        # Redshift Serverless assumes it under both names.
        services = (iam.ServicePrincipal(f"{name}.amazonaws.com") for name in ("redshift", "redshift-serverless"))
        role = iam.Role(self, "CopyRole", assumed_by=iam.CompositePrincipal(*services))
        bucket = self._batch.bucket
        objects = bucket.arn_for_objects(f"{RECORDS}*")
        statements = [
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[objects]),
            iam.PolicyStatement(actions=["s3:ListBucket", "s3:GetBucketLocation"], resources=[bucket.bucket_arn]),
        ]
        policy = iam.Policy(self, "CopyPolicy", roles=[role], statements=statements)
        acknowledge_resources(policy, [objects], "Redshift loads every record of the batch layer, and nothing else.")
        if bucket.encryption_key is not None:
            bucket.encryption_key.grant_decrypt(role)
        return role

    def _make_function(self) -> "lambda_.Function":
        batch = self._batch
        function = add_function(
            self,
            "Function",
            handler="data/warehouse_load",
            description="Starts loads of the batch layer's records into Redshift",
            invocation=Invocation.EVENT,
            dead_letter_queue=self.dead_letter_queue,
            environment={
                "WORKGROUP": self.workgroup.workgroup_name,
                "DATABASE": _DATABASE,
                "TABLE": batch.table_name,
                "COLUMNS": json.dumps({**ABOUT, **batch.columns}),
                "BUCKET": batch.bucket.bucket_name,
                "PREFIX": RECORDS,
                "COPY_ROLE": self._copy_role.role_arn,
            },
        )
        workgroup = self.workgroup.attr_workgroup_workgroup_arn
        for statement in (
            iam.PolicyStatement(
                actions=["redshift-data:BatchExecuteStatement", "redshift-serverless:GetCredentials"],
                resources=[workgroup],
            ),
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[batch.bucket.bucket_arn],
                conditions={"StringLike": {"s3:prefix": f"{RECORDS}*"}},
            ),
        ):
            function.add_to_role_policy(statement)
        return function

    def _schedule(self) -> None:
        role = iam.Role(
            self,
            "ScheduleRole",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack_of(self).account}}
            ),
        )
        for action, resource in (
            ("lambda:InvokeFunction", self.function.function_arn),
            ("sqs:SendMessage", self.dead_letter_queue.queue_arn),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
        schedule = scheduler.CfnSchedule(
            self,
            "Schedule",
            description=f"Loads the records of {self._batch.node.path}",
            schedule_expression="rate(5 minutes)",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=self.function.function_arn,
                role_arn=role.role_arn,
                input="{}",
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=self.dead_letter_queue.queue_arn),
                # The next load does what a missed one would have done.
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=minutes(5).to_seconds(), maximum_retry_attempts=2
                ),
            ),
        )
        schedule.node.add_dependency(role)

    def _watch(self) -> None:
        """Put loads that Redshift began and did not finish into the dead-letter queue."""
        rule = events.CfnRule(
            self,
            "FailedLoads",
            description=f"Loads of {path_of(self)} that failed",
            event_pattern={
                "source": ["aws.redshift-data"],
                "detail-type": ["Redshift Data Statement Status Change"],
                "detail": {"statementName": [self.workgroup.workgroup_name], "state": ["FAILED", "ABORTED"]},
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="Queue",
                    arn=self.dead_letter_queue.queue_arn,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self.dead_letter_queue.queue_arn),
                )
            ],
        )
        let_rule_send(rule, self.dead_letter_queue)
