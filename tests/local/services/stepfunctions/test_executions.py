"""Step Functions: the end of an execution in time, its limits, callbacks, and how it goes on after a failed state."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.local.resources import arn

TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "states.amazonaws.com"}}
ALLOWED = {
    "Effect": "Allow",
    "Action": ["sqs:*", "lambda:InvokeFunction", "states:StartExecution"],
    "Resource": "*",
}
CATCH_ALL = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Caught"}]
CAUGHT = {"Type": "Pass", "End": True}


def _task(action: str, **parameters: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": f"arn:aws:states:::aws-sdk:sqs:{action}", "Parameters": parameters}


DEFINITIONS: dict[str, dict[str, Any]] = {
    "Slow": {
        "StartAt": "Wait",
        "TimeoutSeconds": 1,
        "States": {"Wait": {"Type": "Wait", "Seconds": 2, "Next": "After"}, "After": {"Type": "Pass", "End": True}},
    },
    "Large": {
        "StartAt": "Grow",
        "States": {
            "Grow": {
                "Type": "Parallel",
                "Branches": [
                    {"StartAt": f"Copy{number}", "States": {f"Copy{number}": {"Type": "Pass", "End": True}}}
                    for number in range(3)
                ],
                "Catch": CATCH_ALL,
                "End": True,
            },
            "Caught": CAUGHT,
        },
    },
    "Question": {
        "StartAt": "Ask",
        "States": {
            "Ask": {
                **_task("sendMessage.waitForTaskToken", **{"QueueUrl.$": "$.queue", "MessageBody.$": "$$.Task.Token"}),
                "HeartbeatSeconds": 2,
                "End": True,
            }
        },
    },
    "Half": {
        "StartAt": "Before",
        "States": {
            "Before": {
                **_task("sendMessage", **{"QueueUrl.$": "$.queue", "MessageBody": "before"}),
                "ResultPath": None,
                "Next": "Both",
            },
            "Both": {
                "Type": "Parallel",
                "Branches": [
                    {
                        "StartAt": "Good",
                        "States": {
                            "Good": {
                                **_task("sendMessage", **{"QueueUrl.$": "$.queue", "MessageBody": "good"}),
                                "ResultPath": None,
                                "End": True,
                            }
                        },
                    },
                    {
                        "StartAt": "Bad",
                        "States": {"Bad": {**_task("getQueueUrl", **{"QueueName.$": "$.missing"}), "End": True}},
                    },
                ],
                "End": True,
            },
        },
    },
    "Batches": {
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Map",
                "ItemReader": {
                    "Resource": "arn:aws:states:::s3:getObject",
                    "ReaderConfig": {"InputType": "JSON"},
                    "Parameters": {"Bucket.$": "$.bucket", "Key": "rows.json"},
                },
                "ItemSelector": {"row.$": "$$.Map.Item.Value"},
                "ItemBatcher": {"MaxItemsPerBatch": 3, "BatchInput": {"place.$": "$.bucket"}},
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "Batch",
                    "States": {"Batch": CAUGHT},
                },
                "End": True,
            }
        },
    },
    "Jsonata": {
        "QueryLanguage": "JSONata",
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Map",
                "Items": "{% $states.input.rows %}",
                "ItemSelector": {"row": "{% $states.context.Map.Item.Value %}"},
                "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"place": "{% $states.input.place %}"}},
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "Batch",
                    "States": {"Batch": CAUGHT},
                },
                "End": True,
            }
        },
    },
    "Impatient": {
        "StartAt": "Find",
        "States": {
            "Find": {
                **_task("getQueueUrl", **{"QueueName.$": "$.missing"}),
                "Retry": [
                    {
                        "ErrorEquals": ["States.ALL"],
                        "IntervalSeconds": 1,
                        "MaxAttempts": 4,
                        "BackoffRate": 10,
                        "MaxDelaySeconds": 2,
                        "JitterStrategy": "FULL",
                    }
                ],
                "End": True,
            }
        },
    },
}


def _machine(definition: dict[str, Any], kind: str = "STANDARD") -> dict[str, Any]:
    properties = {"RoleArn": arn("Role"), "DefinitionString": json.dumps(definition), "StateMachineType": kind}
    return {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}


@pytest.fixture(scope="module")
def deployed(stacks: Any) -> dict[str, str]:
    objects = {"Fn::Sub": "${Bucket.Arn}/*"}
    reading = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": objects}
    policy = {"PolicyName": "tasks", "PolicyDocument": {"Version": "2012-10-17", "Statement": [ALLOWED, reading]}}
    role = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [TRUST]}, "Policies": [policy]}
    machines = {name: _machine(definition) for name, definition in DEFINITIONS.items()}
    machines["Short"] = _machine({"StartAt": "Caught", "States": {"Caught": CAUGHT}}, "EXPRESS")
    outputs: dict[str, str] = stacks.deploy(
        {
            "Resources": {
                "Role": {"Type": "AWS::IAM::Role", "Properties": role},
                "Queue": {"Type": "AWS::SQS::Queue"},
                "Bucket": {"Type": "AWS::S3::Bucket"},
                **machines,
            },
            "Outputs": {name: {"Value": {"Ref": name}} for name in ("Queue", "Bucket", *machines)},
        }
    )
    return outputs


@pytest.fixture
def run(cloud: LocalCloud, deployed: dict[str, str]) -> Callable[..., str]:
    def start(name: str, **event: Any) -> str:
        states = cloud.client("stepfunctions")
        started = states.start_execution(stateMachineArn=deployed[name], input=json.dumps(event))
        return str(started["executionArn"])

    return start


def _ended(cloud: LocalCloud, execution: str) -> dict[str, Any] | None:
    described: dict[str, Any] = cloud.client("stepfunctions").describe_execution(executionArn=execution)
    return described if described["status"] != "RUNNING" else None


def _bodies(cloud: LocalCloud, queue: str, seen: list[str]) -> list[str]:
    sqs = cloud.client("sqs")
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            seen.append(message["Body"])
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return seen


def test_an_execution_ends_in_time(cloud: LocalCloud, run: Callable[..., str], eventually: Callable[..., Any]) -> None:
    execution = run("Slow")
    assert eventually(lambda: _ended(cloud, execution))["status"] == "TIMED_OUT"
    time.sleep(1.5)  # the state that was waiting is done by now, and changes nothing
    history = cloud.client("stepfunctions").get_execution_history(executionArn=execution)["events"]
    assert [event["type"] for event in history][-1] == "ExecutionTimedOut"
    assert not any(event["type"] == "PassStateEntered" for event in history)


def test_more_than_256_kb_fails_and_no_wildcard_catches_it(
    cloud: LocalCloud, deployed: dict[str, str], run: Callable[..., str], eventually: Callable[..., Any]
) -> None:
    small = run("Large", text="x" * 80_000)
    assert eventually(lambda: _ended(cloud, small))["status"] == "SUCCEEDED"
    large = run("Large", text="x" * 100_000)
    ended = eventually(lambda: _ended(cloud, large))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.DataLimitExceeded")
    with pytest.raises(ClientError, match="less than or equal to 262144"):
        cloud.client("stepfunctions").start_execution(
            stateMachineArn=deployed["Large"], input=json.dumps({"text": "x" * 262_144})
        )


def _token(cloud: LocalCloud, queue: str, eventually: Callable[..., Any]) -> str:
    return str(eventually(lambda: _bodies(cloud, queue, []))[0])


def test_a_token_is_good_for_one_answer(
    cloud: LocalCloud, deployed: dict[str, str], run: Callable[..., str], eventually: Callable[..., Any]
) -> None:
    states = cloud.client("stepfunctions")
    execution = run("Question", queue=deployed["Queue"])
    token = _token(cloud, deployed["Queue"], eventually)
    for _ in range(5):
        time.sleep(0.6)
        states.send_task_heartbeat(taskToken=token)
    states.send_task_success(taskToken=token, output='{"yes": true}')
    assert json.loads(eventually(lambda: _ended(cloud, execution))["output"]) == {"yes": True}
    with pytest.raises(ClientError, match="TaskTimedOut"):
        states.send_task_success(taskToken=token, output="{}")


def test_a_task_without_heartbeats_fails(
    cloud: LocalCloud, deployed: dict[str, str], run: Callable[..., str], eventually: Callable[..., Any]
) -> None:
    execution = run("Question", queue=deployed["Queue"])
    token = _token(cloud, deployed["Queue"], eventually)
    ended = eventually(lambda: _ended(cloud, execution))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.HeartbeatTimeout")
    with pytest.raises(ClientError, match="TaskTimedOut"):
        cloud.client("stepfunctions").send_task_success(taskToken=token, output="{}")


def test_a_redriven_execution_goes_on_at_the_failed_state_and_keeps_what_succeeded(
    cloud: LocalCloud, deployed: dict[str, str], run: Callable[..., str], eventually: Callable[..., Any]
) -> None:
    states, missing = cloud.client("stepfunctions"), f"late-{uuid.uuid4().hex}"
    execution = run("Half", queue=deployed["Queue"], missing=missing)
    failed = eventually(lambda: _ended(cloud, execution))
    assert (failed["status"], failed["redriveStatus"]) == ("FAILED", "REDRIVABLE")
    cloud.client("sqs").create_queue(QueueName=missing)
    states.redrive_execution(executionArn=execution)
    ended = eventually(lambda: _ended(cloud, execution))
    assert (ended["status"], ended["redriveCount"]) == ("SUCCEEDED", 1)
    assert json.loads(ended["output"])[1]["QueueUrl"].endswith(missing)
    assert sorted(_bodies(cloud, deployed["Queue"], [])) == ["before", "good"], "each was done once"
    with pytest.raises(ClientError, match="ExecutionNotRedrivable"):
        states.redrive_execution(executionArn=execution)


def test_a_retry_waits_no_longer_than_its_longest_delay(
    cloud: LocalCloud, run: Callable[..., str], eventually: Callable[..., Any]
) -> None:
    started = time.monotonic()
    execution = run("Impatient", missing=f"never-{uuid.uuid4().hex}")
    ended = eventually(lambda: _ended(cloud, execution))
    assert ended["status"] == "FAILED"
    assert time.monotonic() - started < 8, "1 + 2 + 2 + 2 seconds at most"
    history = cloud.client("stepfunctions").get_execution_history(executionArn=execution)["events"]
    assert sum(event["type"] == "TaskFailed" for event in history) == 5


def test_ends_are_counted(
    cloud: LocalCloud,
    deployed: dict[str, str],
    run: Callable[..., str],
    eventually: Callable[..., Any],
    total: Callable[..., float | None],
) -> None:
    execution = run("Slow")
    eventually(lambda: _ended(cloud, execution))
    assert eventually(lambda: total("AWS/States", "ExecutionsTimedOut", StateMachineArn=deployed["Slow"]))


def test_a_name_starts_one_execution(
    cloud: LocalCloud, deployed: dict[str, str], eventually: Callable[..., Any]
) -> None:
    states, name = cloud.client("stepfunctions"), uuid.uuid4().hex
    asked = {"stateMachineArn": deployed["Slow"], "name": name, "input": '{"a": 1}'}
    first = states.start_execution(**asked)
    again = states.start_execution(**asked)
    assert again["executionArn"] == first["executionArn"]
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        states.start_execution(**{**asked, "input": '{"a": 2}'})
    eventually(lambda: _ended(cloud, first["executionArn"]))
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        states.start_execution(**asked)


def test_an_express_workflow_takes_a_name_again(cloud: LocalCloud, deployed: dict[str, str]) -> None:
    states, name = cloud.client("stepfunctions"), uuid.uuid4().hex
    asked = {"stateMachineArn": deployed["Short"], "name": name, "input": "{}"}
    arns = {states.start_execution(**asked)["executionArn"] for _ in range(2)}
    assert len(arns) == 2
    assert states.start_sync_execution(**asked)["status"] == "SUCCEEDED"


def test_a_distributed_map_hands_batches_over(
    cloud: LocalCloud, deployed: dict[str, str], run: Callable[..., str], eventually: Callable[..., Any]
) -> None:
    s3, rows = cloud.client("s3"), [{"number": number} for number in range(7)]
    s3.put_object(Bucket=deployed["Bucket"], Key="rows.json", Body=json.dumps(rows).encode())
    execution = run("Batches", bucket=deployed["Bucket"])
    ended = eventually(lambda: _ended(cloud, execution))
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"]) == [
        {"BatchInput": {"place": deployed["Bucket"]}, "Items": [{"row": row} for row in rows[start : start + 3]]}
        for start in (0, 3, 6)
    ]


def test_a_distributed_map_reads_what_its_role_may_read(
    cloud: LocalCloud, run: Callable[..., str], eventually: Callable[..., Any]
) -> None:
    cloud.client("s3").create_bucket(Bucket="of-others")
    cloud.client("s3").put_object(Bucket="of-others", Key="rows.json", Body=b"[1]")
    execution = run("Batches", bucket="of-others")
    ended = eventually(lambda: _ended(cloud, execution))
    assert (ended["status"], "not authorized to perform: s3:GetObject" in ended["cause"]) == ("FAILED", True)


def test_batches_are_evaluated_in_jsonata_too(
    cloud: LocalCloud, run: Callable[..., str], eventually: Callable[..., Any]
) -> None:
    execution = run("Jsonata", rows=[1, 2, 3], place="here")
    ended = eventually(lambda: _ended(cloud, execution))
    assert ended["status"] == "SUCCEEDED", ended
    batches = [{"BatchInput": {"place": "here"}, "Items": items} for items in ([{"row": 1}, {"row": 2}], [{"row": 3}])]
    assert json.loads(ended["output"]) == batches
