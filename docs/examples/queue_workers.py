"""Images are made smaller by containers: urgent ones get four of five turns while both queues have some."""

from pathlib import Path

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns

from cdp_constructs import QueueWorkers, ServiceContainer, WorkQueue, image_from_folder


def build(stack: Stack) -> QueueWorkers:
    """Add two queues and the containers that work them off to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    folder = str(Path(__file__).parent / "image_resizer")
    image = image_from_folder(stack, "Image", folder=folder, modules=["queue_worker"])
    workers = QueueWorkers(
        stack,
        "Images",
        container=ServiceContainer(image, cpu=512, memory_limit_mib=1024, stop_timeout=Duration.seconds(120)),
        queues=[WorkQueue("Urgent", weight=4, max_age=Duration.minutes(5)), WorkQueue("Bulk")],
        max_tasks=20,
        alarm_topic=operators,
    )
    sender = iam.Role(stack, "Sender", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
    workers.grant_send(sender, queue="Bulk")
    return workers
