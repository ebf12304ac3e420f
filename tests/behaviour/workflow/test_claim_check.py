"""What ClaimCheck does: a megabyte goes from step to step, and nothing is read that is not the function's own."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

from cdp_constructs import ClaimCheck, Workflow, add_retry
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture
from tests.behaviour.workflow.test_workflow import REGION, Runner

PRICE_LIST = Path(__file__).parents[3] / "docs/examples/price_list"
ROWS = 1_000
# Without the decorator, as a step would be written that knows of no claim check.
BARE = """
def handler(event, context):
    return {"rows": [{"cents": number % 100, "text": "x" * 1000} for number in range(event["rows"])]}
"""


@architecture
def price_lists(stack: Stack) -> None:
    payloads = ClaimCheck(stack, "Payloads")
    CfnOutput(stack, "Bucket", value=payloads.bucket.bucket_name)

    def step(name: str, handler: str, **options: Any) -> tasks.LambdaInvoke:
        function = lambda_.Function(
            stack,
            f"{name}Function",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler=f"index.{handler}",
            code=lambda_.Code.from_inline(BARE) if handler == "handler" else lambda_.Code.from_asset(str(PRICE_LIST)),
            memory_size=512,
            timeout=Duration.seconds(30),
        )
        payloads.share_with(function, **options)
        return tasks.LambdaInvoke(
            stack, name, lambda_function=function, payload_response_only=True, retry_on_service_exceptions=False
        )

    definitions: dict[str, sfn.IChainable] = {
        "List": add_retry(step("Read", "read", write_only=True)).next(
            add_retry(step("Total", "total", read_only=True))
        ),
        "Plain": step("ReadPlain", "handler").next(step("TotalPlain", "total")),
        "Total": add_retry(step("TotalAlone", "total", read_only=True)),
        "Blind": add_retry(step("TotalBlind", "total", write_only=True)),
    }
    for name, definition in definitions.items():
        workflow = Workflow(stack, f"{name}Workflow", definition=definition, timeout=Duration.minutes(5))
        CfnOutput(stack, f"{name}Machine", value=workflow.state_machine.state_machine_arn)


@pytest.fixture(scope="module")
def shop(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Runner:
    return Runner(local_cloud, deployed(price_lists))


def outputs_of(shop: Runner, execution: str) -> list[str]:
    pages = shop.states.get_paginator("get_execution_history").paginate(executionArn=execution)
    events = [event for page in pages for event in page["events"]]
    return [event["stateExitedEventDetails"]["output"] for event in events if "stateExitedEventDetails" in event]


def test_a_megabyte_goes_from_step_to_step_by_reference(shop: Runner) -> None:
    execution = shop.start("ListMachine", {"supplier": "acme", "rows": ROWS})
    ended = shop.end(execution)
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"supplier": "acme", "cents": 49_500})
    reference = json.loads(outputs_of(shop, execution)[0])["claim_check"]
    assert reference["bytes"] > 1_000_000
    stored = shop.cloud.client("s3", REGION).head_object(Bucket=shop.outputs["Bucket"], Key=reference["key"])
    assert stored["ContentLength"] == reference["bytes"]


def test_without_it_the_step_fails(shop: Runner) -> None:
    ended = shop.end(shop.start("PlainMachine", {"rows": ROWS}))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_a_small_result_stays_in_the_state(shop: Runner) -> None:
    execution = shop.start("ListMachine", {"supplier": "acme", "rows": 3})
    assert json.loads(shop.end(execution)["output"])["cents"] == 3
    assert "rows" in json.loads(outputs_of(shop, execution)[0])


def payload(shop: Runner) -> dict[str, Any]:
    """Return the reference to a new payload."""
    execution = shop.start("ListMachine", {"supplier": "acme", "rows": ROWS})
    shop.end(execution)
    reference: dict[str, Any] = json.loads(outputs_of(shop, execution)[0])
    return reference


def failing(shop: Runner, machine: str, event: Any) -> str:
    execution = shop.start(machine, event)
    ended = shop.end(execution)
    assert ended["status"] == "FAILED"
    assert len(shop.entered(execution)) == 1, "it is not retried"
    return str(ended["error"])


def test_a_function_that_may_only_write_reads_nothing(shop: Runner) -> None:
    assert failing(shop, "BlindMachine", payload(shop)) == "MissingPayloadError"


def test_what_a_caller_makes_up_is_not_read(shop: Runner) -> None:
    reference = payload(shop)["claim_check"]
    for change in ({"bucket": "others"}, {"key": f"other/{uuid4()}.json"}, {"sha256": "0" * 64}, {"more": 1}):
        event = {"supplier": "acme", "rows": {"claim_check": {**reference, **change}}}
        assert failing(shop, "TotalMachine", event) == "InvalidReferenceError"


def test_an_expired_payload_fails_the_step_at_once(shop: Runner) -> None:
    execution = shop.start("ListMachine", {"supplier": "acme", "rows": ROWS})
    shop.end(execution)
    reference = json.loads(outputs_of(shop, execution)[0])["claim_check"]
    shop.cloud.client("s3", REGION).delete_object(Bucket=shop.outputs["Bucket"], Key=reference["key"])
    assert failing(shop, "TotalMachine", {"claim_check": reference}) == "MissingPayloadError"


def test_a_changed_payload_fails_the_step_at_once(shop: Runner) -> None:
    reference = payload(shop)["claim_check"]
    changed = {"Bucket": shop.outputs["Bucket"], "Key": reference["key"], "Body": b'{"rows": []}'}
    shop.cloud.client("s3", REGION).put_object(**changed)
    assert failing(shop, "TotalMachine", {"claim_check": reference}) == "InvalidReferenceError"


def test_a_bucket_that_does_not_answer_is_tried_again(shop: Runner) -> None:
    with shop.cloud.inject_fault("s3", REGION, error="SlowDown", status=503):
        execution = shop.start("ListMachine", {"supplier": "acme", "rows": ROWS})
        # Long enough for the first try, and shorter than all of them.
        time.sleep(3)
    assert shop.end(execution)["status"] == "SUCCEEDED"
