"""Shared Files: one file system for servers and functions of several zones."""

import re

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_efs as efs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.compute._file_policies import access_policy, grant_folder
from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.isolated_networks import add_isolated_vpc, data_subnets
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.security_groups import described
from cdp_constructs.core.validation import InvalidOptionError, check_range

__all__ = ["SharedFiles"]

_ACCESS_POINTS = "https://docs.aws.amazon.com/efs/latest/ug/efs-access-points.html"
_FUNCTIONS = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-filesystem.html"
_FOLDER = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}){1,4}")
_MOUNT = re.compile(r"/mnt/[A-Za-z0-9._-]{1,155}")
_LARGEST_ID = 4_294_967_295
_IO_PERCENT = 95
_PORT = 2049


@checks_options
class SharedFiles(Construct):
    """Keeps files that servers and functions share, on a file system that grows and shrinks with what is in it.

    CDP: NFS Sharing / NFSシェアリング パターン, with Ondemand Disk / オンデマンドディスク パターン.

    Amazon EFS in several zones, encrypted, backed up, mounted over TLS with IAM and through access points only, so that
    each client sees the folder that it was given and nothing above it::

        files = SharedFiles(self, "Files", vpc=network.vpc)
        images = files.add_folder("Images", path="/images")
        files.mount_to_service(shop_service, images, path="/mnt/images")
    """

    vpc: ec2.IVpc
    """The network."""
    file_system: efs.FileSystem
    """The file system."""
    security_group: ec2.SecurityGroup
    """Of its mount targets; it lets in whoever mounts."""
    encryption_key: kms.IKey | None
    """The given customer-managed key; None where a key of AWS encrypts."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the file system.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            vpc: An existing network with isolated or private subnets. Default: a new one with isolated subnets, flow
                logs, and no NAT.
            encryption_key: A customer-managed key for files and logs; changing it later replaces the file system.
                Default: a key of AWS.
            alarm_topic: Receives the alarm. Default: no alarm.
            log_retention: How long flow logs of a new network are kept. Default: 3 months.
            removal_policy: What happens to the files when the stack is deleted. Default: they are kept.

        Raises:
            InvalidOptionError: for a network without such subnets, or resources of another Region.
        """
        super().__init__(scope, construct_id)
        self.encryption_key = encryption_key
        self.vpc = vpc or add_isolated_vpc(
            self,
            subnet_name="Files",
            encryption_key=encryption_key,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        subnets = data_subnets(
            self, self.vpc, fewest=1, source="https://docs.aws.amazon.com/efs/latest/ug/accessing-fs.html"
        )
        self.security_group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=self.vpc,
            description=described(f"Files of {path_of(self)}"),
            allow_all_outbound=False,
        )
        self.file_system = efs.FileSystem(
            self,
            "FileSystem",
            vpc=self.vpc,
            vpc_subnets=ec2.SubnetSelection(subnets=subnets),
            security_group=self.security_group,
            encrypted=True,
            kms_key=encryption_key,
            file_system_policy=access_policy(),
            # Else the CDK adds a statement that allows every principal; with this policy nobody is anonymous.
            allow_anonymous_access=True,
            enable_automatic_backups=True,
            throughput_mode=efs.ThroughputMode.ELASTIC,
            lifecycle_policy=efs.LifecyclePolicy.AFTER_30_DAYS,
            out_of_infrequent_access_policy=efs.OutOfInfrequentAccessPolicy.AFTER_1_ACCESS,
            removal_policy=removal_policy,
        )
        add_alarm(
            self,
            "IoLimitAlarm",
            self.metric_io_limit(),
            alarm_topic=alarm_topic,
            threshold=_IO_PERCENT,
            evaluation_periods=3,
            description=f"{path_of(self)}: the file system has been at the limit of its operations for 15 minutes.",
        )

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarm of this file system; none without ``alarm_topic``."""
        return alarms_of(self)

    def add_folder(self, construct_id: str, *, path: str, owner: int = 1000) -> efs.AccessPoint:
        """Add a folder that clients can mount: an access point that makes it when it is used first.

        Args:
            construct_id: Id inside this construct.
            path: Where it is in the file system: one to four names, such as ``/images``.
            owner: The POSIX user and group that every client of the folder works as, 1 to 4,294,967,295; not root.
                Default: 1000.

        Raises:
            InvalidOptionError: for the root, or no path of such names.
        """
        if not _FOLDER.fullmatch(path):
            fix = f"Use one to four names of letters, digits, ., _ and -, such as /images ({_ACCESS_POINTS})"
            raise InvalidOptionError(self, "path", f"is {path!r}", fix)
        check_range(self, "owner", owner, low=1, high=_LARGEST_ID, unit="as a POSIX id", source=_ACCESS_POINTS)
        return self.file_system.add_access_point(
            construct_id,
            path=path,
            create_acl=efs.Acl(owner_uid=str(owner), owner_gid=str(owner), permissions="750"),
            posix_user=efs.PosixUser(uid=str(owner), gid=str(owner)),
        )

    def mount_to_service(
        self, service: ecs.FargateService, folder: efs.AccessPoint, *, path: str, read_only: bool = False
    ) -> iam.Grant:
        """Mount a folder into the first container of a service's tasks, and let the tasks do so.

        Args:
            service: In the same network; its tasks start after the mount targets are there.
            folder: Of ``add_folder``.
            path: Where the container sees it: ``/mnt/`` and a name.
            read_only: Whether the tasks may only read.

        Raises:
            InvalidOptionError: for another path, or a task definition without a container.
        """
        self._check_mount(folder, path)
        definition = service.task_definition
        container = definition.default_container
        if container is None:
            raise InvalidOptionError(
                self, "service", f"is {service.node.path}, which has no container", "Add a container to its task first"
            )
        name = f"{folder.node.id}-{folder.node.addr[-8:]}"
        definition.add_volume(
            name=name,
            efs_volume_configuration=ecs.EfsVolumeConfiguration(
                file_system_id=self.file_system.file_system_id,
                transit_encryption="ENABLED",
                authorization_config=ecs.AuthorizationConfig(access_point_id=folder.access_point_id, iam="ENABLED"),
            ),
        )
        container.add_mount_points(ecs.MountPoint(container_path=path, source_volume=name, read_only=read_only))
        self._let_in(service)
        service.node.add_dependency(self.file_system.mount_targets_available)
        return grant_folder(definition.task_role, self.file_system, folder, read_only=read_only)

    def mount_to_function(
        self, function: lambda_.Function, folder: efs.AccessPoint, *, path: str, read_only: bool = False
    ) -> iam.Grant:
        """Mount a folder into a function, and let the function do so.

        Args:
            function: In the same network; it has no other file system, which Lambda allows one of.
            folder: Of ``add_folder``.
            path: Where the function sees it: ``/mnt/`` and a name.
            read_only: Whether it may only read.

        Raises:
            InvalidOptionError: for another path, or a function that is in no network.
        """
        self._check_mount(folder, path)
        if not function.is_bound_to_vpc:
            fix = f"Give a function with vpc={path_of(self)}'s network ({_FUNCTIONS})"
            raise InvalidOptionError(self, "function", f"is {function.node.path}, which is in no network", fix)
        resource: lambda_.CfnFunction = function.node.default_child  # type: ignore[assignment]  # its only L1
        resource.file_system_configs = [
            lambda_.CfnFunction.FileSystemConfigProperty(arn=folder.access_point_arn, local_mount_path=path)
        ]
        self._let_in(function)
        function.node.add_dependency(self.file_system.mount_targets_available)
        return grant_folder(function, self.file_system, folder, read_only=read_only)

    def metric_io_limit(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Share of the operations that the file system allows, in percent. Maximum over 5 minutes by default."""
        return cloudwatch.Metric(
            namespace="AWS/EFS",
            metric_name="PercentIOLimit",
            dimensions_map={"FileSystemId": self.file_system.file_system_id},
            statistic="max",
            period=period or minutes(5),
        )

    def _let_in(self, client: ec2.IConnectable) -> None:
        self.security_group.connections.allow_from(client, ec2.Port.tcp(_PORT), "NFS over TLS")

    def _check_mount(self, folder: efs.AccessPoint, path: str) -> None:
        if folder.node.scope is not self.file_system:
            fix = "Give one that add_folder of this construct has made"
            raise InvalidOptionError(self, "folder", f"is {folder.node.path}, of another file system", fix)
        if not _MOUNT.fullmatch(path):
            raise InvalidOptionError(
                self, "path", f"is {path!r}", f"Use /mnt/ and a name, such as /mnt/images ({_FUNCTIONS})"
            )
