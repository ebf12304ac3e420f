"""Requests of people in an issue tracker: Backlog's webhook, and a function that does the work and answers there."""

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs import QueueConsumer, WebhookAutomation, WebhookSource
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.periods import minutes
from stacks.iot import HANDLERS
from stacks.iot.tracker_secrets import add_tracker_secret

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns


class Requests(Construct):
    """Lets members of a Backlog project ask devices something: an issue is the request, a comment the answer.

    Attributes:
        webhook: Receives Backlog's webhooks; its address ends with a secret.
        function: Reads the issue, invokes the function of commands, and answers.
        api_key: The key of the Backlog user who answers; put it here after deploying.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        backlog_url: str,
        command_function: "lambda_.IFunction",
        alarm_topic: "sns.ITopic",
    ) -> None:
        super().__init__(scope, construct_id)
        self.api_key = add_tracker_secret(
            self, "ApiKey", holds=f"API key of the user of {backlog_url} who answers", issuer="Backlog"
        )
        self.function = add_function(
            self,
            "Function",
            handler=HANDLERS / "requests",
            description="Does what issues of Backlog ask of devices, and answers there",
            invocation=Invocation.EVENT_SOURCE,
            correlates=True,
            # It waits up to 20 s for a device, and a batch has several issues.
            timeout=minutes(5),
            environment={
                "BACKLOG_URL": backlog_url,
                "BACKLOG_API_KEY": self.api_key.secret_arn,
                "COMMANDS": command_function.function_name,
            },
        )
        self.api_key.grant_read(self.function)
        self.function.add_to_role_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[command_function.function_arn])
        )
        self.webhook = WebhookAutomation(
            self,
            "Backlog",
            consumer=QueueConsumer(self.function),
            source=WebhookSource.secret_in_address(path="/webhooks/backlog", group_by="/content/id"),
            alarm_topic=alarm_topic,
        )
