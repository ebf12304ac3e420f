"""Stage conditions of CodePipeline: a wave that fails, or whose alarm is raised, goes back to what it had before."""

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import Stack, Token
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.core.paths import account_of, region_of, stack_of
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.pipeline.delivery_wave import DeliveryWave, RollbackAlarm

__all__ = ["check_alarm", "roll_back"]

_LOOKED_AT = minutes(10)


def check_alarm(construct: Construct, wave: DeliveryWave) -> None:
    """Refuse an alarm that the pipeline cannot see: CodePipeline looks at those of its own account.

    Raises:
        InvalidOptionError: naming the wave and the account.
    """
    ours = account_of(stack_of(construct))
    for stage in wave.stages if wave.rollback_alarm is not None else ():
        theirs = stage.account
        if theirs is not None and not Token.is_unresolved(ours) and not Token.is_unresolved(theirs) and theirs != ours:
            fix = "Leave it out, and look at the alarm in the smoke test, with a role of that account"
            problem = f"was given for {wave.name!r}, which is in account {theirs}, but the pipeline is in {ours}"
            raise InvalidOptionError(construct, "rollback_alarm", problem, fix)


def roll_back(pipeline: codepipeline.Pipeline, waves: Sequence[DeliveryWave]) -> None:
    """Roll back the stages of waves when they fail or their alarm is raised.

    CDK Pipelines makes the stages and has no option for it.

    Args:
        pipeline: The pipeline, with its stages.
        waves: What was deployed, by the names of stages.
    """
    resource: codepipeline.CfnPipeline = pipeline.node.default_child  # type: ignore[assignment]  # its only L1
    by_name = {wave.name: wave for wave in waves}
    for number, stage in enumerate(pipeline.stages):
        # More than 50 actions of a wave become several stages: "Ireland.1", "Ireland.2".
        wave = by_name.get(stage.stage_name.partition(".")[0])
        if wave is None:
            continue
        resource.add_property_override(f"Stages.{number}.OnFailure", {"Result": "ROLLBACK"})
        if wave.rollback_alarm is not None:
            rules = [_rule(pipeline, wave.rollback_alarm, one) for one in wave.stages]
            condition = {"Conditions": [{"Result": "ROLLBACK", "Rules": rules}]}
            resource.add_property_override(f"Stages.{number}.OnSuccess", condition)


def _rule(pipeline: codepipeline.Pipeline, alarm: RollbackAlarm, stage: cdk.Stage) -> dict[str, Any]:
    own = Stack.of(pipeline)
    region = stage.region or region_of(own)
    arn = own.format_arn(
        service="cloudwatch",
        region=region,
        resource="alarm",
        resource_name=alarm.name,
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    pipeline.add_to_role_policy(iam.PolicyStatement(actions=["cloudwatch:DescribeAlarms"], resources=[arn]))
    wait = alarm.wait or _LOOKED_AT
    return {
        "Name": f"Alarm-{stage.node.id}"[:100],
        "RuleTypeId": {"Category": "Rule", "Owner": "AWS", "Provider": "CloudWatchAlarm", "Version": "1"},
        "Configuration": {"AlarmName": alarm.name, "WaitTime": f"{wait.to_minutes():g}"},
        "Region": region,
    }
