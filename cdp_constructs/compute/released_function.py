"""ReleasedFunction: an alias that gets new versions of a function by and by, and the former one back when they fail."""

import re
from collections.abc import Sequence

from aws_cdk import Duration, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.compute.traffic_shift import TrafficShift
from cdp_constructs.core.alarms import add_alarm, add_rollback_alarm, alarms_of
from cdp_constructs.core.layers import share_variable
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.periods import minute, minutes
from cdp_constructs.core.permissions import allow_on_prefixes
from cdp_constructs.core.places import check_region
from cdp_constructs.core.validation import InvalidOptionError, check_range

_ALIASES = "https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html"
_CONCURRENCY = "https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html"
_SNAP_START = "https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html"
_GROUPS = "https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html"
_NAME = re.compile(r"(?!^[0-9]+$)[a-zA-Z0-9-_]{1,128}")
_MOST_ALARMS = 10
_SMALLEST_STORAGE = 512


@checks_options
class ReleasedFunction(Construct):
    """An alias of a function that gets a new version by and by, and the former one back when that one fails.

    CDP: none; canary releases of Lambda functions by AWS CodeDeploy.

    A deployment of the stack publishes a version when code or configuration of the function has changed, and waits
    until CodeDeploy has moved the alias. An alarm on errors of the new version, an alarm of yours or a failed hook
    points the alias to the former version, and rolls the stack back. Callers use ``alias`` and never the function.

        release = ReleasedFunction(self, "Release", function=orders, traffic=TrafficShift.canary(5))
        api.add_routes(["POST /orders"], release.alias)
    """

    alias: lambda_.Alias
    """What callers invoke, and what event sources, schedules and subscriptions name."""
    version: lambda_.Version
    """The version that this deployment publishes, or the last one where nothing has changed."""
    deployment_group: codedeploy.LambdaDeploymentGroup
    """How CodeDeploy moves the alias."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function: lambda_.Function,
        alias_name: str = "live",
        traffic: TrafficShift | None = None,
        rollback_alarms: Sequence[cloudwatch.Alarm] = (),
        provisioned_concurrency: int | None = None,
        snap_start: bool = False,
        alarm_topic: sns.ITopic | None = None,
    ) -> None:
        """Make the alias, and what moves it.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            function: A function of the same stack. Its versions are published; the rest of it stays as it is, apart
                from ``snap_start``.
            alias_name: Name of the alias, such as that of the environment: 1 to 128 letters, digits, ``-`` and ``_``,
                and not digits only.
            traffic: How calls move. Default: ``TrafficShift.canary()``, 10 % of them for 5 minutes.
            rollback_alarms: Alarms of this Region that stop a release too, and roll it back; one that is raised before
                does not let it begin. With the pattern's own at most 10. Default: the pattern's own.
            provisioned_concurrency: Execution environments that are kept ready, 1 or more, paid whether they are called
                or not ($2.19 a month for one of 256 MB on arm64): for calls that must never wait for a start. Default:
                none.
            snap_start: Whether versions start from a snapshot of what they were after their initialization, paid by its
                size ($0.99 a month for each version of 256 MB, and each start): for imports that take a second or
                more. Python 3.12, Java 11 or .NET 8 and later; no EFS, 512 MB in ``/tmp``, not with
                ``provisioned_concurrency``.
            alarm_topic: Receives the alarms. Default: nobody; the one on errors of the new version is there anyway.

        Raises:
            InvalidOptionError: for a name, number or alarms that AWS would refuse, a function of another stack, and one
                that SnapStart does not take.
        """
        super().__init__(scope, construct_id)
        self._alarm_topic = alarm_topic
        self._traffic = traffic or TrafficShift.canary()
        self._check(function, alias_name, provisioned_concurrency, snap_start=snap_start)
        if snap_start:
            resource: lambda_.CfnFunction = function.node.default_child  # type: ignore[assignment]  # its only L1
            resource.snap_start = lambda_.CfnFunction.SnapStartProperty(apply_on="PublishedVersions")
        self._function, self._alias_name = function, alias_name
        self._hooks: dict[str, str] = {}
        self.version = function.current_version
        self.alias = lambda_.Alias(
            self,
            "Alias",
            alias_name=alias_name,
            version=self.version,
            provisioned_concurrent_executions=provisioned_concurrency,
        )
        for alarm in rollback_alarms:
            check_region(self, "rollback_alarms", alarm, of_type="aws_cloudwatch.Alarm")
        alarms = [*self._own_alarms(), *rollback_alarms]
        if len(alarms) > _MOST_ALARMS:
            fix = f"Give {_MOST_ALARMS - len(self.alarms)} at most ({_GROUPS})"
            raise InvalidOptionError(self, "rollback_alarms", f"has {len(rollback_alarms)} alarms", fix)
        self._role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("codedeploy.amazonaws.com"))
        self._allow_shifting(alarms, provisioned=provisioned_concurrency is not None)
        self.deployment_group = self._add_group(alarms)
        # Nobody says that what an update policy names comes first, and the alarm has to watch the new version by then.
        self.alias.node.add_dependency(self.deployment_group, *alarms)
        if provisioned_concurrency is not None:
            self._add_spillover_alarm()

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms of this release, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def attach_before_traffic_hook(self, function: lambda_.Function, *, variable: str = "RELEASED_VERSION") -> None:
        """Let a function check the new version before it gets calls.

        It is called with ``DeploymentId`` and ``LifecycleEventHookExecutionId``, and within an hour has to call
        ``codedeploy.put_lifecycle_event_hook_execution_status`` with ``Succeeded`` or ``Failed``.

        Args:
            function: A function of this app. It may report, and invoke the versions of the released function.
            variable: Name of the environment variable that has the ARN of the new version.

        Raises:
            InvalidOptionError: for a second hook, the released function itself, or a variable that is taken.
        """
        self._allow_hook(function, variable, "before")
        self.deployment_group.add_pre_hook(function)

    def attach_after_traffic_hook(self, function: lambda_.Function, *, variable: str = "RELEASED_VERSION") -> None:
        """Let a function check the new version when it gets every call; see ``attach_before_traffic_hook``.

        Args:
            function: A function of this app.
            variable: Name of the environment variable that has the ARN of the new version.

        Raises:
            InvalidOptionError: for a second hook, the released function itself, or a variable that is taken.
        """
        self._allow_hook(function, variable, "after")
        self.deployment_group.add_post_hook(function)

    def metric_new_version_errors(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Calls of the new version that failed, while the former one gets calls too. Sum per minute by default."""
        return self._metric("Errors", {"ExecutedVersion": self.version.version}, period)

    def _metric(self, name: str, dimensions: dict[str, str], period: Duration | None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/Lambda",
            metric_name=name,
            dimensions_map={
                "FunctionName": self._function.function_name,
                "Resource": f"{self._function.function_name}:{self._alias_name}",
                **dimensions,
            },
            statistic="sum",
            period=period or minute(),
        )

    def _own_alarms(self) -> list[cloudwatch.Alarm]:
        if not self._traffic.is_gradual:
            return []  # Lambda counts by version only while two of them get calls
        alarm = add_rollback_alarm(
            self,
            "NewVersionErrorsAlarm",
            self.metric_new_version_errors(),
            alarm_topic=self._alarm_topic,
            description=(
                "The new version of a function fails, and CodeDeploy points the alias to the former one: read the log "
                "of the function, correct the code, and deploy when the alarm is OK."
            ),
            threshold=self._traffic.max_errors,
        )
        return [alarm]

    def _add_group(self, alarms: Sequence[cloudwatch.Alarm]) -> codedeploy.LambdaDeploymentGroup:
        return codedeploy.LambdaDeploymentGroup(
            self,
            "DeploymentGroup",
            alias=self.alias,
            deployment_config=self._traffic.configuration(self),
            alarms=list(alarms),
            auto_rollback=codedeploy.AutoRollbackConfig(
                failed_deployment=True, stopped_deployment=True, deployment_in_alarm=bool(alarms)
            ),
            # The CDK would attach a policy of AWS for every function of the account.
            role=self._role.without_policy_updates(),
        )

    def _allow_shifting(self, alarms: Sequence[cloudwatch.Alarm], *, provisioned: bool) -> None:
        function = self._function.function_arn
        statements = [(["lambda:GetAlias", "lambda:UpdateAlias"], [function])]
        if alarms:
            statements.append((["cloudwatch:DescribeAlarms"], [alarm.alarm_arn for alarm in alarms]))
        if provisioned:
            statements.append((["lambda:GetProvisionedConcurrencyConfig"], [f"{function}:{self._alias_name}"]))
        for actions, resources in statements:
            self._role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))
        self.alias.node.add_dependency(self._role)

    def _allow_hook(self, function: lambda_.Function, variable: str, place: str) -> None:
        if place in self._hooks:
            problem = f"is {function.node.path}, and {self._hooks[place]} was added before"
            raise InvalidOptionError(self, "function", problem, "Check all of it in one function")
        if function is self._function:
            fix = "Give another function, which invokes the version in its variable"
            raise InvalidOptionError(self, "function", f"is {function.node.path}, the released one", fix)
        share_variable(self, function, variable, self.version.function_arn)
        self._hooks[place] = function.node.path
        self._role.add_to_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function.function_arn])
        )
        self.alias.node.add_dependency(function)
        # Not of the new version alone: the hook is called right after that is published, before IAM would know it.
        versions = f"{self._function.function_arn}:*"
        allow_on_prefixes(
            function,
            f"Invoke{variable}",
            [iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[versions])],
            prefixes=[versions],
            reason="Versions of one function only, whose numbers nobody knows before they are published.",
        )

    def _add_spillover_alarm(self) -> None:
        add_alarm(
            self,
            "SpilloverAlarm",
            self._metric("ProvisionedConcurrencySpilloverInvocations", {}, minutes(5)),
            alarm_topic=self._alarm_topic,
            description=(
                "Calls found no execution environment that was kept ready, and waited for a start: raise "
                "provisioned_concurrency, or let it follow the load (alias.add_auto_scaling)."
            ),
        )

    def _check(
        self, function: lambda_.Function, alias_name: str, provisioned_concurrency: int | None, *, snap_start: bool
    ) -> None:
        if not Token.is_unresolved(alias_name) and not _NAME.fullmatch(alias_name):
            fix = f"Use 1 to 128 letters, digits, - and _, and not digits only ({_ALIASES})"
            raise InvalidOptionError(self, "alias_name", f"is {alias_name!r}", fix)
        if stack_of(function) is not stack_of(self):
            problem = f"is {function.node.path}, of another stack"
            fix = "Make the release in the function's stack: a stack cannot export a version that changes"
            raise InvalidOptionError(self, "function", problem, fix)
        if provisioned_concurrency is not None:
            check_range(
                self,
                "provisioned_concurrency",
                provisioned_concurrency,
                low=1,
                high=100_000,
                unit="environments",
                source=_CONCURRENCY,
                tokens=True,
            )
        if not snap_start:
            return
        if provisioned_concurrency is not None:
            problem = "was given together with provisioned_concurrency"
            raise InvalidOptionError(self, "snap_start", problem, f"Give one of the two ({_SNAP_START})")
        if not function.runtime.supports_snap_start:
            problem = f"was given for {function.node.path}, which runs {function.runtime.name}"
            raise InvalidOptionError(self, "snap_start", problem, f"Use Python 3.12 or later ({_SNAP_START})")
        resource: lambda_.CfnFunction = function.node.default_child  # type: ignore[assignment]  # its only L1
        storage = getattr(resource.ephemeral_storage, "size", _SMALLEST_STORAGE)
        if resource.file_system_configs or storage > _SMALLEST_STORAGE:
            problem = f"was given for {function.node.path}, which has a file system or more than 512 MB in /tmp"
            raise InvalidOptionError(self, "snap_start", problem, f"Leave it out ({_SNAP_START})")
