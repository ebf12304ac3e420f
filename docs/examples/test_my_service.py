"""What a team writes to test its own CDK application with the testing kit."""

from collections.abc import Callable
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_sqs as sqs
from syrupy.assertion import SnapshotAssertion

from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import Synthesis, architecture


@architecture
def order_service(stack: Stack) -> sqs.Queue:
    """Build what is tested; a real application calls its own construct here."""
    failed = sqs.Queue(stack, "FailedOrders", enforce_ssl=True)
    return sqs.Queue(
        stack,
        "Orders",
        enforce_ssl=True,
        dead_letter_queue=sqs.DeadLetterQueue(queue=failed, max_receive_count=3),
    )


def test_a_failed_order_is_kept(synthesis: Synthesis) -> None:
    synthesis(order_service).template.has_resource_properties(
        "AWS::SQS::Queue", {"RedrivePolicy": {"maxReceiveCount": 3}}
    )


def test_aws_solutions_has_nothing_to_say(synthesis: Synthesis) -> None:
    assert synthesis(order_service).findings("AwsSolutions") == []


def test_architecture_for_reviewers(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(order_service).normalised == template_snapshot


def test_an_order_comes_out_as_it_went_in(
    deployed: Callable[[Callable[..., Any]], Deployment], local_cloud: LocalCloud
) -> None:
    resources = deployed(order_service).resources["MyServiceOrderService"]
    url = next(physical for logical, physical in resources.items() if logical.startswith("Orders"))
    queue = local_cloud.client("sqs", region="us-east-1")
    queue.send_message(QueueUrl=url, MessageBody="two teas")
    assert queue.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "two teas"
