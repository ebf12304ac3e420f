"""Batch Warehouse: the batch layer's records in Redshift, loaded every five minutes."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_redshiftserverless as redshift
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.names import lower_case_name
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.queues import add_dead_letter_queue, metric_dead_letters
from cdp_constructs.core.security_groups import described
from cdp_constructs.core.validation import InvalidOptionError, check_range
from cdp_constructs.data._warehouse_loads import (
    add_copy_role,
    add_load_function,
    add_load_schedule,
    divide_failed_loads,
)
from cdp_constructs.data._warehouse_network import add_vpc, subnet_ids

_CAPACITY = "https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-capacity.html"
_CAPACITY_STEP = 8
_DATABASE = "telemetry"


@checks_options
class BatchWarehouse(Construct):
    """Loads the records of a ``BatchLayer`` into Redshift Serverless every five minutes, for joins and dashboards.

    CDP: none; it stands behind ``BatchLayer`` (バッチレイヤー). A function copies the hours that
    may have grown into a staging table and merges them by thing, time and message id, in one transaction: loading again
    changes nothing twice, the next load makes up for one that failed, and an unreadable object costs only itself.

        batch = BatchLayer(self, "Batch", columns={"temperature": "double"})
        warehouse = BatchWarehouse(self, "Warehouse", batch=batch, max_capacity=32)
        warehouse.grant_read(analysts)
    """

    vpc: ec2.IVpc
    """The network."""
    security_group: ec2.SecurityGroup
    """Of the workgroup; it allows no connections until you add a rule (port 5439)."""
    namespace: redshift.CfnNamespace
    """Holds the data; its administrator's password is a secret that Redshift makes and rotates."""
    workgroup: redshift.CfnWorkgroup
    """The compute."""
    function: lambda_.Function
    """Starts loads; invoke it with ``{"hours": ["2027-01-15-06"]}`` to load hours again."""
    dead_letter_queue: sqs.Queue
    """Keeps loads of objects that failed, with the key and Redshift's error."""
    encryption_key: kms.IKey | None
    """The given customer-managed key; None where keys of AWS encrypt."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        batch: "cdp_constructs.BatchLayer",
        vpc: ec2.IVpc | None = None,
        base_capacity: int = 8,
        max_capacity: int | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the warehouse.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            batch: The layer whose records are loaded.
            vpc: An existing network with three isolated or private subnets in three zones and a gateway endpoint of S3.
                Default: a new one with isolated subnets, the endpoint, flow logs, and no NAT.
            base_capacity: RPU with which queries start, 8 to 512 in steps of 8
                (https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-capacity.html). Default: 8.
            max_capacity: RPU at most, which bounds the cost of an hour. Default: ``base_capacity``.
            encryption_key: A customer-managed key for what is made here: namespace, its password, queue and logs.
                Default: keys of AWS.
            alarm_topic: Receives the alarm. Default: no alarm.
            log_retention: How long flow logs and the function's logs are kept. Default: 3 months.
            removal_policy: What happens to the namespace (the data) and to the logs when the stack is deleted.
                Default: they are kept.

        Raises:
            InvalidOptionError: for a capacity that does not exist, a network with fewer than three subnets, or a
                resource of another Region.
        """
        super().__init__(scope, construct_id)
        most = base_capacity if max_capacity is None else max_capacity
        for option, value, low in (
            ("base_capacity", base_capacity, _CAPACITY_STEP),
            ("max_capacity", most, base_capacity),
        ):
            check_range(self, option, value, low=low, high=512, unit="RPU", source=_CAPACITY)
            if value % _CAPACITY_STEP:
                fix = f"Use a multiple of {_CAPACITY_STEP} ({_CAPACITY})"
                raise InvalidOptionError(self, option, f"is {value} RPU", fix)
        self.encryption_key = encryption_key
        self.vpc = vpc or add_vpc(
            self, encryption_key=encryption_key, log_retention=log_retention, removal_policy=removal_policy
        )
        subnets = subnet_ids(self, self.vpc)
        self.security_group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=self.vpc,
            description=described(f"Warehouse of {path_of(self)}"),
            # Redshift fetches objects through the endpoint of S3.
            allow_all_outbound=True,
        )
        copy_role = add_copy_role(self, batch)
        name = lower_case_name(self, max_length=60)
        self.namespace = self._make_namespace(name, copy_role, removal_policy)
        self.workgroup = self._make_workgroup(name, subnets, base_capacity, most)
        self.dead_letter_queue = add_dead_letter_queue(
            self,
            "DeadLetterQueue",
            alarm_topic=alarm_topic,
            holds="loads of objects that failed, each with its key",
            encryption_key=encryption_key,
        )
        self.function = add_load_function(
            self,
            batch=batch,
            workgroup=self.workgroup,
            database=_DATABASE,
            copy_role=copy_role,
            dead_letter_queue=self.dead_letter_queue,
            encryption_key=encryption_key,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        queue = self.dead_letter_queue
        add_load_schedule(
            self, batch=batch, function=self.function, dead_letter_queue=queue, encryption_key=encryption_key
        )
        divide_failed_loads(
            self,
            workgroup=self.workgroup,
            function=self.function,
            dead_letter_queue=queue,
            encryption_key=encryption_key,
        )

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms of this warehouse; none without ``alarm_topic``."""
        return alarms_of(self)

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal query the table with the Redshift Data API, as a database user of its own.

        Results and states of statements have no resource to name (``*``); a condition limits them to the principal's
        own statements. cdk-nag asks for an acknowledgment of that where you grant.
        """
        workgroup = iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["redshift-data:ExecuteStatement", "redshift-serverless:GetCredentials"],
            resource_arns=[self.workgroup.attr_workgroup_workgroup_arn],
        )
        own_statements = iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["redshift-data:DescribeStatement", "redshift-data:GetStatementResult"],
            resource_arns=["*"],
            conditions={"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}},
        )
        return workgroup.combine(own_statements)

    def metric_dead_letters(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Failed loads that wait in ``dead_letter_queue``, per minute by default."""
        return metric_dead_letters(self.dead_letter_queue, period=period)

    def _make_namespace(self, name: str, copy_role: iam.Role, removal_policy: RemovalPolicy) -> redshift.CfnNamespace:
        key = self.encryption_key.key_arn if self.encryption_key is not None else None
        namespace = redshift.CfnNamespace(
            self,
            "Namespace",
            namespace_name=name,
            db_name=_DATABASE,
            kms_key_id=key,
            manage_admin_password=True,
            admin_password_secret_kms_key_id=key,
            iam_roles=[copy_role.role_arn],
            log_exports=["userlog", "connectionlog", "useractivitylog"],
        )
        namespace.apply_removal_policy(removal_policy)
        return namespace

    def _make_workgroup(self, name: str, subnets: list[str], base_capacity: int, most: int) -> redshift.CfnWorkgroup:
        workgroup = redshift.CfnWorkgroup(
            self,
            "Workgroup",
            workgroup_name=name,
            namespace_name=name,
            base_capacity=base_capacity,
            max_capacity=most,
            enhanced_vpc_routing=True,
            publicly_accessible=False,
            subnet_ids=subnets,
            security_group_ids=[self.security_group.security_group_id],
            config_parameters=[
                redshift.CfnWorkgroup.ConfigParameterProperty(parameter_key=key, parameter_value="true")
                for key in ("require_ssl", "enable_user_activity_logging")
            ],
        )
        workgroup.node.add_dependency(self.namespace)
        return workgroup
