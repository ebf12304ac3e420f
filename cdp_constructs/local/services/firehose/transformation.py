"""Firehose: a function transforms records before they are delivered.

MiniStack delivers a record as it came when the function fails, and forgets it when the function says that it failed.

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html
"""

import base64
import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.metrics import emit
from cdp_constructs.local.services.iam.evaluation import role_allows
from cdp_constructs.local.services.lambda_.invocation import FunctionNotFoundError, invoke

__all__ = ["Record", "Transformed", "transform"]

_responses: Any = ministack.module("core.responses")

Record: TypeAlias = tuple[str, bytes, float]
"""Id, data, and when it arrived."""

_DEFAULT_RETRIES = 3
_DEFAULT_SIZE_MB = 1
_MEGABYTE = 1_048_576
_Batch: TypeAlias = list[tuple[Record, dict[str, str] | None]]


@dataclass
class Transformed:
    """What became of a batch.

    Args:
        records: Data, and the partition keys that the function gave.
        failures: Documents for the error prefix.
    """

    records: list[tuple[bytes, dict[str, str] | None]]
    failures: list[dict[str, Any]] = field(default_factory=list)


def transform(stream: Mapping[str, Any], config: Mapping[str, Any], records: Sequence[Record]) -> Transformed:
    """Let the functions of a destination transform a batch, one after the other.

    Args:
        stream: The delivery stream.
        config: Of its destination.
        records: The batch.
    """
    made = Transformed([])
    batch: _Batch = [(record, None) for record in records]
    for parameters in _functions(config):
        parts = _parts(batch, float(parameters.get("BufferSizeInMBs") or _DEFAULT_SIZE_MB) * _MEGABYTE)
        batch = [done for part in parts for done in _transformed(stream, parameters, part, made.failures)]
    made.records = [(data, keys) for (_, data, _), keys in batch]
    return made


def _parts(batch: _Batch, most_bytes: float) -> Iterator[_Batch]:
    """Yield a batch in parts that a function is given at once, each with one record or more."""
    part: _Batch = []
    size = 0
    for each in batch:
        if part and size + len(each[0][1]) > most_bytes:
            yield part
            part, size = [], 0
        part.append(each)
        size += len(each[0][1])
    if part:
        yield part


def _functions(config: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    processing = config.get("ProcessingConfiguration") or {}
    if str(processing.get("Enabled", False)).lower() != "true":
        return
    for processor in processing.get("Processors") or ():
        given = processor.get("Parameters") or ()
        parameters = {each.get("ParameterName"): str(each.get("ParameterValue")) for each in given}
        if processor.get("Type") == "Lambda" and "LambdaArn" in parameters:
            yield {"RoleArn": str(config.get("RoleARN", "")), **parameters}


def _transformed(
    stream: Mapping[str, Any],
    parameters: Mapping[str, str],
    batch: Sequence[tuple[Record, dict[str, str] | None]],
    failures: list[dict[str, Any]],
) -> Iterator[tuple[Record, dict[str, str] | None]]:
    """Yield what a function makes of a batch, and add documents about what it does not."""
    if not batch:
        return
    arn = parameters["LambdaArn"]
    began = time.time()
    answers, attempts, problem = _ask(stream, parameters, [record for record, _ in batch])
    succeeded = 0
    for (identity, data, arrived), keys in batch:
        answer = answers.get(identity, {})
        result, changed = answer.get("result"), _decoded(answer.get("data"))
        if result in {"Ok", "Dropped"} and (result == "Dropped" or changed is not None):
            succeeded += 1
            if result == "Ok":
                given = (answer.get("metadata") or {}).get("partitionKeys") or {}
                named = {str(name): str(value) for name, value in given.items()}
                yield (identity, changed or b"", arrived), {**(keys or {}), **named} or None
            continue
        code, message = problem or ("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record")
        failures.append(
            {
                "attemptsMade": attempts,
                "arrivalTimestamp": int(arrived * 1000),
                "errorCode": code,
                "errorMessage": message,
                "attemptEndingTimestamp": int(time.time() * 1000),
                "rawData": base64.b64encode(data).decode(),
                "lambdaArn": arn,
            }
        )
    dimensions = {"DeliveryStreamName": str(stream.get("name"))}
    emit("AWS/Firehose", "ExecuteProcessing.Duration", dimensions, (time.time() - began) * 1000, unit="Milliseconds")
    emit("AWS/Firehose", "ExecuteProcessing.Success", dimensions, 0 if problem else 1)
    emit("AWS/Firehose", "SucceedProcessing.Records", dimensions, succeeded)


def _ask(
    stream: Mapping[str, Any], parameters: Mapping[str, str], records: Sequence[Record]
) -> tuple[dict[str, Any], int, tuple[str, str] | None]:
    """Return what a function answers by record, how often it was asked, and why there is no answer."""
    arn = parameters["LambdaArn"]
    if not role_allows(parameters["RoleArn"], "firehose", "lambda:InvokeFunction", arn):
        return {}, 1, ("Lambda.InvokeAccessDenied", "Access was denied. Ensure that the access policy allows access.")
    event = {
        "invocationId": str(uuid.uuid4()),
        "deliveryStreamArn": stream.get("arn", ""),
        "region": _responses.get_region(),
        "records": [
            {
                "recordId": identity,
                "approximateArrivalTimestamp": int(arrived * 1000),
                "data": base64.b64encode(data).decode(),
            }
            for identity, data, arrived in records
        ],
    }
    attempts = 0
    while True:
        attempts += 1
        answers, problem = _answers(arn, event)
        if problem is None or attempts > int(parameters.get("NumberOfRetries") or _DEFAULT_RETRIES):
            return answers, attempts, problem


def _answers(arn: str, event: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, str] | None]:
    try:
        result = invoke(arn, event)
    except FunctionNotFoundError as error:
        return {}, ("Lambda.FunctionError", str(error))
    if result.get("error") or result.get("throttle"):
        return {}, (
            "Lambda.FunctionError",
            "The function was invoked, and returned an error result.",
        )
    body = result.get("body")
    try:
        document: Any = json.loads(body) if isinstance(body, str | bytes) else body
        return {str(each["recordId"]): each for each in document["records"]}, None
    except (KeyError, TypeError, ValueError):
        return {}, ("Lambda.JsonProcessingException", "There was an error parsing the response of the function.")


def _decoded(data: Any) -> bytes | None:
    try:
        return base64.b64decode(data, validate=True) if isinstance(data, str) else None
    except ValueError:
        return None
