"""What runs in AWS CodeBuild: the build with the review of the architecture, and the smoke tests."""

from collections.abc import Sequence

from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import pipelines

from cdp_constructs.pipeline.delivery_wave import DeliveryWave

__all__ = [
    "BUILD_COMMANDS",
    "CLI_VERSION",
    "INSTALL_COMMANDS",
    "KINDS",
    "build_defaults",
    "build_step",
    "review_variables",
    "smoke_test",
]

CLI_VERSION = "2.1148.1"
"""Version of the CDK CLI: one that is not newer than what this library is tested with."""
INSTALL_COMMANDS = ("pip install --editable '.[test]'",)
BUILD_COMMANDS = ("ruff check .", "mypy", "pytest", f"npx --yes aws-cdk@{CLI_VERSION} synth --quiet")

KINDS = ("replacement", "broadening", "exposure", "retention", "alarms", "cost")
"""What a review of committed templates can find; acknowledgments are in assemblies only."""

# Variable of an execution: what of the review ends it.
_FAIL_ON = "REVIEW_FAIL_ON"
_RUNTIMES = {"python": "3.13", "nodejs": "22"}

# Compared with the commit that reached the last wave: several commits may have come since, and none of them may have
# got so far. Not filtered by the pipeline's version, which a change of the pipeline itself begins anew.
_REVIEW = """\
git rev-parse --verify --quiet HEAD >/dev/null || { echo "No history: give the source code_build_clone_output=True, \
or the pipeline review_fail_on=[]"; exit 1; }
DELIVERED=$(aws codepipeline list-pipeline-executions --no-paginate --pipeline-name "${CODEBUILD_INITIATOR#*/}" \
--query "pipelineExecutionSummaries[?status=='Succeeded'] | [0].sourceRevisions[0].revisionId" --output text)
if [ "$DELIVERED" = None ]; then echo "Nothing was delivered yet, so there is nothing to compare with"; \
else cdp review "$DELIVERED" HEAD --fail-on "${REVIEW_FAIL_ON#none}"; fi"""


def review_variables(fail_on: Sequence[str]) -> list[codepipeline.Variable]:
    """Return the variable by which one execution is told what of its review ends it."""
    if not fail_on:
        return []
    description = "What of the review of the architecture ends the execution; none for nothing"
    return [codepipeline.Variable(variable_name=_FAIL_ON, default_value=",".join(fail_on), description=description)]


def build_defaults(log_group: logs.ILogGroup) -> pipelines.CodeBuildOptions:
    """Return what all builds have in common: the versions of Python and Node.js, and where their logs go."""
    install = {"runtime-versions": _RUNTIMES}
    return pipelines.CodeBuildOptions(
        partial_build_spec=codebuild.BuildSpec.from_object({"version": "0.2", "phases": {"install": install}}),
        logging=codebuild.LoggingOptions(cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=log_group)),
    )


def build_step(
    source: pipelines.CodePipelineSource,
    *,
    install_commands: Sequence[str],
    build_commands: Sequence[str],
    fail_on: Sequence[str],
    pipeline: codepipeline.IPipeline,
) -> pipelines.CodeBuildStep:
    """Return the build, which reviews first what changed since the last delivery, unless there is nothing to find."""
    may_list = iam.PolicyStatement(actions=["codepipeline:ListPipelineExecutions"], resources=[pipeline.pipeline_arn])
    return pipelines.CodeBuildStep(
        "Build",
        input=source,
        install_commands=list(install_commands),
        commands=[*(_REVIEW.splitlines() if fail_on else []), *build_commands],
        env={_FAIL_ON: f"#{{variables.{_FAIL_ON}}}"} if fail_on else {},
        primary_output_directory="cdk.out",
        role_policy_statements=[may_list] if fail_on else [],
    )


def smoke_test(wave: DeliveryWave, source: pipelines.CodePipelineSource) -> list[pipelines.Step]:
    """Return the smoke test of a wave, as the step after its deployments; none where it has none."""
    test = wave.smoke_test
    if test is None:
        return []
    roles = [role.role_arn for role in test.assumes]
    return [
        pipelines.CodeBuildStep(
            "SmokeTest",
            input=source,
            commands=list(test.commands),
            env_from_cfn_outputs=test.outputs,
            role_policy_statements=[iam.PolicyStatement(actions=["sts:AssumeRole"], resources=roles)] if roles else [],
        )
    ]
