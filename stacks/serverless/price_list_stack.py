"""What takes price lists and answers prices: the table, the messages, and the two workflows."""

from aws_cdk import CfnOutput, Environment, RemovalPolicy, Stack
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs import SnsSqsFanout, add_mail
from cdp_constructs.core.periods import seconds
from cdp_constructs.core.runbooks import use_runbooks
from cdp_constructs.core.tables import add_item_table
from cdp_constructs.messaging.queue_consumer import QueueConsumer
from stacks.alarms import add_alarms
from stacks.serverless import RUNBOOKS
from stacks.serverless.config import ServerlessConfiguration
from stacks.serverless.imports import Imports
from stacks.serverless.quotes import Quotes

__all__ = ["PriceListStack"]


class PriceListStack(Stack):
    """Price lists of suppliers, from the message to the tills; and quotes by the prices that hold.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: Where it runs.
        configuration: What the operator decides.

    Attributes:
        imports: The Standard workflow that takes a list.
        quotes: The Express workflow that answers what a basket costs.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, env: Environment, configuration: ServerlessConfiguration
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Price lists: import, approval and quotes")
        use_runbooks(self, RUNBOOKS)
        alarms = add_alarms(self, configuration.alarm_email, option="serverless.alarm_email")
        table = add_item_table(self, "Table", removal_policy=RemovalPolicy.RETAIN)
        messages = SnsSqsFanout(self, "Messages", alarm_topic=alarms.topic)
        # The shops poll it; what they do not read within 14 days is void.
        shops = messages.add_subscriber(
            "Shops",
            consumer=QueueConsumer(visibility_timeout=seconds(60)),
            filter_policy={"kind": ["published"]},
        )
        if configuration.buyer_email is not None:
            questions = Construct(self, "Questions")
            add_mail(
                questions,
                "Mail",
                topic=messages.topic,
                email=configuration.buyer_email,
                alarm_topic=alarms.topic,
                holds="questions and reminders",
                filter_policy={"kind": sns.SubscriptionFilter.string_filter(allowlist=["question", "reminder"])},
            )
        self.imports = Imports(
            self,
            "Imports",
            table=table,
            messages=messages,
            approval_hours=configuration.approval_hours,
            alarm_topic=alarms.topic,
        )
        self.quotes = Quotes(self, "Quotes", table=table, alarm_topic=alarms.topic)
        outputs = {
            "TableName": table.table_name,
            "QueueUrl": self.imports.intake.queue.queue_url,
            "ImportArn": self.imports.workflow.state_machine.state_machine_arn,
            "QuoteArn": self.quotes.workflow.state_machine.state_machine_arn,
            "PayloadBucket": self.imports.payloads.bucket.bucket_name,
            "ApprovalUrl": self.imports.approvals.url,
            "MessagesArn": messages.topic.topic_arn,
            "ShopsQueueUrl": shops.queue.queue_url,
            "ReminderSchedule": self.imports.reminder.schedule.ref,
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)
