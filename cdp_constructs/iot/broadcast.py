"""Broadcast: one command for a whole group, at once or staged."""

import json
from typing import TYPE_CHECKING

from aws_cdk import Names
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.core.functions import Invocation, add_function, allow_on_prefixes
from cdp_constructs.core.paths import stack_of
from cdp_constructs.iot.topics import EVERYONE

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

    from cdp_constructs.iot.device_fleet import DeviceFleet


class Broadcast(Construct):
    """Tell all devices of a context, or of the fleet, the same.

    CDP: none. AWS: a topic that each device of a group subscribes to; AWS IoT Jobs.

    Problem: a thousand single commands are slow, cost a thousand messages in, and one that is wrong is wrong for all.
    Solution: ``broadcast`` publishes once to the topic of a context; every device that is there hears it, and its
    policy lets it hear its own context and no other. ``rollout`` makes a job for the context's thing group: each device
    does it when it is there, so many a minute, and the job stops by itself when too many fail.

    Not for: one device (``PointToPoint``), or a state that devices must keep to (their shadows).

    Nothing is lost by a rollout: each device has an execution with a status. A broadcast reaches who is there, and
    nobody counts; ask with a rollout when that matters. Both are invoked and answered at once.

    Limits: a broadcast to n devices is one message in and n out, of 20,000 a second (soft); a job document of 32 KB,
    100 active continuous jobs, 1 to 1,000 devices a minute. Source:
    https://docs.aws.amazon.com/general/latest/gr/iot_device_management.html.

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        fleet: Whose devices are told.

    Attributes:
        function: Does it; the operations are in its handler's description and in the documentation.
        job_prefix: Begins the ids of its jobs.
    """

    def __init__(self, scope: Construct, construct_id: str, *, fleet: "DeviceFleet") -> None:
        super().__init__(scope, construct_id)
        stack = stack_of(self)
        self.job_prefix = Names.unique_resource_name(self, max_length=27, allowed_special_characters="_-")
        groups = {EVERYONE: fleet.group, **fleet.groups}
        self.function: lambda_.IFunction
        self.function = function = add_function(
            self,
            "Function",
            handler="iot/broadcasts",
            description="Tells many devices something, at once or staged",
            invocation=Invocation.REQUEST,
            environment={
                "APP": fleet.topics.app,
                "GROUPS": json.dumps({context: group.attr_arn for context, group in groups.items()}),
                "JOB_PREFIX": self.job_prefix,
            },
        )
        topics = [fleet.topics.broadcast(context) for context in groups]
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["iot:Publish"],
                resources=[stack.format_arn(service="iot", resource="topic", resource_name=topic) for topic in topics],
            )
        )
        jobs = stack.format_arn(service="iot", resource="job", resource_name=f"{self.job_prefix}-*")
        allow_on_prefixes(
            function,
            "Jobs",
            [
                iam.PolicyStatement(
                    actions=["iot:CreateJob"], resources=[jobs, *(group.attr_arn for group in groups.values())]
                ),
                iam.PolicyStatement(actions=["iot:DescribeJob", "iot:CancelJob"], resources=[jobs]),
            ],
            prefixes=[jobs],
            reason="The ids of this construct's own jobs begin so; each job gets a random end.",
        )

    def grant_broadcast(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let another function broadcast and roll out, by invoking ``function``."""
        return self.function.grant_invoke(grantee)
