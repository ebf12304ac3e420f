"""DeliveryPipeline: every commit is built, tested, reviewed and deployed, to staging and then Region by Region."""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy, pipelines
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.cdk import cloudwatch
from cdp_constructs.core.keys import add_key
from cdp_constructs.core.log_groups import add_log_group
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, minutes
from cdp_constructs.core.validation import InvalidOptionError, check_exclusive, check_standard
from cdp_constructs.pipeline._accepted import accept_of_cdk_pipelines
from cdp_constructs.pipeline._build import (
    BUILD_COMMANDS,
    CLI_VERSION,
    INSTALL_COMMANDS,
    KINDS,
    build_defaults,
    build_step,
    review_variables,
    smoke_test,
)
from cdp_constructs.pipeline._narrowed import narrow
from cdp_constructs.pipeline._replication import secure_replication_buckets
from cdp_constructs.pipeline._rollback import check_alarm, roll_back
from cdp_constructs.pipeline.delivery_wave import DeliveryWave

__all__ = ["DeliveryPipeline"]

# A stage is rolled back to artifacts of the last execution that passed it.
_ARTIFACTS_KEPT = days(365)
_FAIL_ON_DEFAULT = ("replacement", "broadening", "exposure", "retention", "alarms")


@checks_options
class DeliveryPipeline(Construct):
    """Delivers a CDK application on every commit, so that a bad change stops before it is everywhere.

    CDP: none.

    Build, tests and the review of the architecture come first, then staging, a smoke test, a person's approval, and
    production wave by wave. A wave that fails is rolled back, and those behind it stay as they are::

        DeliveryPipeline(
            stack,
            "Delivery",
            source=CodePipelineSource.connection(
                "example/order-desk", "main", connection_arn=CONNECTION, code_build_clone_output=True
            ),
            staging=DeliveryWave("Staging", [OrderDesk(stack, "Staging", env=STAGING)], smoke_test=smoke_test),
            production=[DeliveryWave("Ireland", [OrderDesk(stack, "Ireland", env=IRELAND)])],
            alarm_topic=operators,
        )
    """

    pipeline: codepipeline.Pipeline
    """The pipeline, of type V2."""
    artifact_bucket: s3.IBucket
    """What one stage hands to the next."""
    encryption_key: kms.IKey | None
    """Encrypts artifacts and logs; None with an existing bucket whose key is not known."""
    log_group: logs.LogGroup
    """What the builds write."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        source: pipelines.CodePipelineSource,
        staging: DeliveryWave,
        production: Sequence[DeliveryWave],
        install_commands: Sequence[str] = INSTALL_COMMANDS,
        build_commands: Sequence[str] = BUILD_COMMANDS,
        review_fail_on: Sequence[str] = _FAIL_ON_DEFAULT,
        artifact_bucket: s3.IBucket | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the pipeline.

        Args:
            scope: The pipeline's stack, or a construct of it. The stack has account and Region where a wave is in
                another one.
            construct_id: Id inside ``scope``.
            source: Where the commits are: ``CodePipelineSource.connection()`` with the ARN of a connection of AWS
                CodeConnections, or ``.code_commit()``, both with ``code_build_clone_output=True``, which the review
                needs; ``.s3()`` has no history, and goes with ``review_fail_on=[]``.
            staging: What is deployed first, and how it is tried.
            production: What is deployed after somebody approved, one after another.
            install_commands: Install what the build needs. Default: ``pip install --editable '.[test]'``.
            build_commands: Check and test, and synthesise the application into ``cdk.out``. Default: ruff, mypy,
                pytest and ``cdk synth``, for an application as ``cdp init`` writes it.
            review_fail_on: What of ``cdp review --fail-on`` ends an execution, compared with what was delivered last:
                ``replacement``, ``broadening``, ``exposure``, ``retention``, ``alarms``, ``cost``. An execution that
                is started with the variable ``REVIEW_FAIL_ON`` takes that instead, such as ``none``. Default: all but
                ``cost``; none: no review.
            artifact_bucket: An existing bucket of this app; encrypted by a customer-managed key where a wave is in
                another account. Default: a new one, which keeps artifacts for a year.
            encryption_key: A customer-managed key for logs and for a new bucket. Default: a new one, or with an
                existing bucket that bucket's.
            alarm_topic: Receives the alarm about executions that failed, and requests for approval. Default: neither.
            log_retention: How long the logs of builds are kept. Default: 3 months.
            removal_policy: What happens to artifacts, key and logs when the stack is deleted. Default: they are kept.

        Raises:
            InvalidOptionError: for waves of one name, no wave for production, an alarm of another account, or kinds
                that ``cdp review`` does not know.
        """
        super().__init__(scope, construct_id)
        self._check(staging, production, build_commands, review_fail_on)
        check_standard(self, "alarm_topic", alarm_topic)
        check_exclusive(self, {"artifact_bucket": artifact_bucket}, {"encryption_key": encryption_key})
        self.encryption_key = encryption_key or (
            artifact_bucket.encryption_key
            if artifact_bucket is not None
            else add_key(
                self, "EncryptionKey", description=f"Artifacts of {path_of(self)}", removal_policy=removal_policy
            )
        )
        self.artifact_bucket = artifact_bucket or add_private_bucket(
            self,
            "ArtifactBucket",
            encryption_key=self.encryption_key,
            removal_policy=removal_policy,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="ExpireArtifacts", expiration=_ARTIFACTS_KEPT, noncurrent_version_expiration=days(1)
                )
            ],
        )
        self.log_group = add_log_group(
            self,
            "Logs",
            log_retention=log_retention,
            removal_policy=removal_policy,
            encryption_key=self.encryption_key,
        )
        self.pipeline = codepipeline.Pipeline(
            self,
            "Pipeline",
            pipeline_type=codepipeline.PipelineType.V2,
            artifact_bucket=self.artifact_bucket,
            cross_account_keys=True,
            enable_key_rotation=True,
            # Else pipelines of one app would share the buckets of other Regions.
            reuse_cross_region_support_stacks=False,
            restart_execution_on_update=True,
            variables=review_variables(review_fail_on),
        )
        build = build_step(
            source,
            install_commands=install_commands,
            build_commands=build_commands,
            fail_on=review_fail_on,
            pipeline=self.pipeline,
        )
        waves = [staging, *production]
        self._add_stages(build, source, waves, alarm_topic)
        roll_back(self.pipeline, waves)
        secure_replication_buckets(self.pipeline, kept=_ARTIFACTS_KEPT, removal_policy=removal_policy)
        narrow(self, self.pipeline)
        accept_of_cdk_pipelines(self, self.pipeline, self.artifact_bucket)
        add_alarm(
            self,
            "FailedExecutionsAlarm",
            self.metric_failed_executions(),
            alarm_topic=alarm_topic,
            description=f"{path_of(self)}: an execution failed, or its approval was rejected. Look at the pipeline's "
            "first red action; the wave was rolled back, and those behind it are as they were.",
            notify_recovery=False,
        )

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this pipeline, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def metric_failed_executions(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Executions that failed, each retry of a failed action counted again. Sum over 5 minutes by default."""
        return cloudwatch.Metric(
            namespace="AWS/CodePipeline",
            metric_name="FailedPipelineExecutions",
            dimensions_map={"PipelineName": self.pipeline.pipeline_name},
            statistic="Sum",
            period=period or minutes(5),
        )

    def _check(
        self,
        staging: DeliveryWave,
        production: Sequence[DeliveryWave],
        build_commands: Sequence[str],
        review_fail_on: Sequence[str],
    ) -> None:
        if not production:
            raise InvalidOptionError(self, "production", "is []", "Give a DeliveryWave for each Region, in their order")
        if not build_commands:
            raise InvalidOptionError(self, "build_commands", "is []", "Give commands that write cdk.out")
        names = [wave.name for wave in (staging, *production)]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise InvalidOptionError(self, "production", f"contains {twice!r} twice", "Give each wave a name")
        for kind in review_fail_on:
            if kind not in KINDS:
                raise InvalidOptionError(self, "review_fail_on", f"contains {kind!r}", f"Use {', '.join(KINDS)}")
        for wave in (staging, *production):
            check_alarm(self, wave)

    def _add_stages(
        self,
        build: pipelines.CodeBuildStep,
        source: pipelines.CodePipelineSource,
        waves: Sequence[DeliveryWave],
        alarm_topic: sns.ITopic | None,
    ) -> None:
        cdk_pipeline = pipelines.CodePipeline(
            self,
            "Stages",
            code_pipeline=self.pipeline,
            synth=build,
            cli_version=CLI_VERSION,
            # One project whose commands are in the assembly: a change of the application does not change the pipeline,
            # and only executions of the same pipeline can be rolled back to.
            publish_assets_in_parallel=False,
            code_build_defaults=build_defaults(self.log_group),
        )
        for number, wave in enumerate(waves):
            if number == 1:
                # A stage of its own: a wave that is rolled back must not ask again.
                approval = pipelines.ManualApprovalStep(
                    "Approve",
                    comment=f"{waves[0].name} is deployed and passed what is tried there. Deploy to production?",
                    notification_topic=alarm_topic,
                )
                cdk_pipeline.add_wave("Approval", pre=[approval])
            added = cdk_pipeline.add_wave(wave.name, post=smoke_test(wave, source))
            for stage in wave.stages:
                added.add_stage(stage)
        cdk_pipeline.build_pipeline()
