"""DeliveryWave: what a pipeline deploys at a time, how that is tried, and when it is rolled back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

import aws_cdk as cdk
from aws_cdk import Duration
from aws_cdk import aws_iam as iam

from cdp_constructs.core.options import checks_options
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.validation import InvalidOptionError, check_duration

__all__ = ["DeliveryWave", "RollbackAlarm", "SmokeTest"]

_NAME = re.compile(r"[A-Za-z0-9@_-]{1,90}")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_TAKEN = ("Approval", "Assets", "Build", "Source", "UpdatePipeline")
_RULE = "https://docs.aws.amazon.com/codepipeline/latest/userguide/rule-reference-CloudWatchAlarm.html"


@checks_options
@dataclass(frozen=True)
class SmokeTest:
    """Commands that ask what was just deployed whether it answers; the first that fails rolls the wave back.

    They run in AWS CodeBuild, in a folder with the source::

        SmokeTest(["curl --fail --silent --retry 5 $URL/health"], outputs={"URL": stage.url})

    Raises:
        InvalidOptionError: for no commands, or a name that no shell takes.
    """

    commands: Sequence[str]
    """Commands of bash, in order."""

    _: KW_ONLY

    outputs: Mapping[str, cdk.CfnOutput] = field(default_factory=dict)
    """Outputs of the deployed stacks, by the environment variable that the commands find them in. Default: none."""

    assumes: Sequence[iam.IRole] = ()
    """Roles that the commands may assume, such as one of the deployed account that may send a message. Default: none;
    the commands have no permissions beside the logs."""

    def __post_init__(self) -> None:
        """Check what does not depend on the pipeline."""
        if not self.commands:
            fix = 'Give a command, such as ["curl --fail $URL/health"]'
            raise InvalidOptionError("SmokeTest", "commands", "is []", fix)
        for name in self.outputs:
            if not _VARIABLE.fullmatch(name):
                fix = "Use capital letters, digits and _, such as URL"
                raise InvalidOptionError("SmokeTest", "outputs", f"contains {name!r}", fix)


@checks_options
@dataclass(frozen=True)
class RollbackAlarm:
    """An alarm of the deployed application that is looked at after a deployment: raised, it rolls the wave back.

    It must exist under the same name in every Region of the wave before the first look::

        RollbackAlarm("order-desk", wait=Duration.minutes(15))

    Raises:
        InvalidOptionError: for a time that CodePipeline does not wait.
    """

    name: str
    """Name of a CloudWatch alarm of the pipeline's account."""

    _: KW_ONLY

    wait: Duration | None = None
    """How long the state may change before it decides, 1 minute to 1 day in whole minutes. Default: 10 minutes.

    Source: https://docs.aws.amazon.com/codepipeline/latest/userguide/rule-reference-CloudWatchAlarm.html
    """

    def __post_init__(self) -> None:
        """Check the time."""
        if self.wait is not None:
            check_duration(
                "RollbackAlarm", "wait", self.wait, low=minutes(1), high=minutes(1440), unit=minutes(1), source=_RULE
            )


@checks_options
@dataclass(frozen=True)
class DeliveryWave:
    """What is deployed at the same time: one Region usually, or several that may fail together.

    Waves are deployed one after another; the next begins when the one before is deployed and its smoke test passed::

        DeliveryWave("Ireland", [OrderDesk(stack, "Ireland", env=IRELAND)], smoke_test=SmokeTest(["./smoke.sh"]))

    Raises:
        InvalidOptionError: for a name that CodePipeline refuses or the pipeline has already, or no stages.
    """

    name: str
    """Name of the pipeline's stage: 1 to 90 letters, digits, ``@``, ``_`` and ``-``."""

    stages: Sequence[cdk.Stage]
    """The application, once for each environment; made in the pipeline's stack, each with account and Region."""

    _: KW_ONLY

    smoke_test: SmokeTest | None = None
    """Tried when all of ``stages`` are deployed. Default: nothing is tried."""

    rollback_alarm: RollbackAlarm | None = None
    """Looked at when the smoke test passed. Default: no alarm is looked at."""

    def __post_init__(self) -> None:
        """Check what does not depend on the pipeline."""
        if not _NAME.fullmatch(self.name):
            fix = "Use 1 to 90 letters, digits, @, _ and -, such as Ireland"
            raise InvalidOptionError("DeliveryWave", "name", f"is {self.name!r}", fix)
        if self.name in _TAKEN:
            fix = "Use another name, such as that of the Region"
            raise InvalidOptionError("DeliveryWave", "name", f"is {self.name!r}, which the pipeline uses itself", fix)
        if not self.stages:
            fix = "Give the application's cdk.Stage, made in the pipeline's stack"
            raise InvalidOptionError("DeliveryWave", "stages", "is []", fix)
