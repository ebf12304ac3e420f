"""Board D1, Double Hawks: what is counted every night, by containers that are there while there is something to do."""

import json
from pathlib import Path

from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs import QueueWorkers, ServiceContainer, WorkQueue, image_from_folder
from cdp_constructs.core.acknowledgments import acknowledge_resources
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.periods import minutes, seconds
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue
from cdp_constructs.core.schedules import add_schedule, add_schedule_role
from stacks.dojo.table import ChatTable

__all__ = ["NightlyCount"]

_PROGRAM = Path(__file__).parent / "count"
_DELIVERIES = 3


class NightlyCount(Construct):
    """Counts the messages of each person and day into a bucket: a schedule fills a queue, and a worker empties it.

    Args:
        scope: The board's stack.
        construct_id: Id inside ``scope``.
        table: What is counted.
        cluster: Where workers run.
        alarm_topic: Receives the alarms.
    """

    workers: QueueWorkers
    """None at a time, or one."""
    bucket: s3.Bucket
    """Has an object for each day."""
    queue: sqs.Queue
    """Has a message for each day that is to be counted."""
    dead_letter_queue: sqs.Queue
    """Keeps what nobody could count."""
    schedule: scheduler.CfnSchedule
    """Asks for the day that has ended."""

    def __init__(
        self, scope: Construct, construct_id: str, *, table: ChatTable, cluster: ecs.ICluster, alarm_topic: sns.ITopic
    ) -> None:
        super().__init__(scope, construct_id)
        self.bucket = add_private_bucket(self, "Counts")
        self.dead_letter_queue = add_dead_letter_queue(
            self, "Days-DeadLetterQueue", alarm_topic=alarm_topic, holds="jobs that name no day, or failed too often"
        )
        self.queue = add_work_queue(
            self,
            "Days",
            dead_letter_queue=self.dead_letter_queue,
            visibility_timeout=minutes(1),
            max_receive_count=_DELIVERIES,
        )
        self.workers = QueueWorkers(
            self,
            "Workers",
            container=ServiceContainer(
                image_from_folder(self, "Image", folder=str(_PROGRAM), modules=["queue_worker"], arm=True),
                environment={
                    "TABLE": table.table.table_name,
                    "BUCKET": self.bucket.bucket_name,
                    "DEAD_LETTER_QUEUE_URL": self.dead_letter_queue.queue_url,
                },
                cpu_architecture=ecs.CpuArchitecture.ARM64,
                # A count that is stopped begins anew.
                stop_timeout=seconds(60),
            ),
            queues=[WorkQueue("Days", queue=self.queue, max_age=minutes(6 * 60))],
            cluster=cluster,
            max_tasks=1,
            alarm_topic=alarm_topic,
        )
        role = self.workers.task_definition.task_role
        counts = self.bucket.arn_for_objects("counts/*")
        for action, resource in (
            ("dynamodb:Scan", table.table.table_arn),
            ("s3:PutObject", counts),
            # The worker itself sends there what names no day, with the reason.
            ("sqs:SendMessage", self.dead_letter_queue.queue_arn),
        ):
            role.add_to_principal_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
        acknowledge_resources(role, [counts], "There is an object for each day; the prefix is the bound.")
        failed = add_dead_letter_queue(
            self, "Schedule-DeadLetterQueue", alarm_topic=alarm_topic, holds="days that were not asked for"
        )
        self.schedule = add_schedule(
            self,
            "Schedule",
            expression="cron(10 0 * * ? *)",
            target=self.queue,
            role=add_schedule_role(self, self.queue, failed, None),
            dead_letter_queue=failed,
            description="Has the messages of the day that has ended counted, by UTC",
            event=json.dumps({"scheduled_time": "<aws.scheduler.scheduled-time>"}),
            max_event_age=minutes(6 * 60),
            retry_attempts=20,
        )
