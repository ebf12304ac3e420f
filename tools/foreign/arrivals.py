"""Looks for a text where an entry says that it arrives, in the way of the type of the resource."""

import gzip
import json
import time
import uuid
from collections.abc import Callable

import httpx

from tools.foreign.places import Place, of_type

__all__ = ["Watch", "watch"]

Watch = Callable[[], str]
"""Returns all that has been seen at a place so far."""


def _queue(place: Place, url: str = "") -> Watch:
    seen: dict[str, str] = {}

    def look() -> str:
        # Whoever reads the queue in the assembly gets the message, too: it stays visible.
        received = place.client("sqs").receive_message(
            QueueUrl=url or place.physical_id, MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        seen.update({message["MessageId"]: message["Body"] for message in received.get("Messages", ())})
        return "\n".join(seen.values())

    return look


def _topic(place: Place) -> Watch:
    fifo = {"FifoQueue": "true"} if place.physical_id.endswith(".fifo") else {}
    sqs, name = place.client("sqs"), f"watch-{uuid.uuid4().hex}{'.fifo' if fifo else ''}"
    url = sqs.create_queue(QueueName=name, Attributes=fifo)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [statement | {"Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    place.client("sns").subscribe(TopicArn=place.physical_id, Protocol="sqs", Endpoint=arn)
    return _queue(place, url)


def _function(place: Place) -> Watch:
    configuration = place.client("lambda").get_function_configuration(FunctionName=place.physical_id)
    return _log(place, configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{place.physical_id}")


def _log(place: Place, name: str = "") -> Watch:
    group = name or place.physical_id

    def look() -> str:
        logs = place.client("logs")
        try:
            events = logs.filter_log_events(logGroupName=group)["events"]
        except logs.exceptions.ResourceNotFoundException:  # made at the first invocation
            return ""
        return "\n".join(event["message"] for event in events)

    return look


def _state_machine(place: Place) -> Watch:
    def look() -> str:
        client = place.client("stepfunctions")
        done = client.list_executions(stateMachineArn=place.physical_id, statusFilter="SUCCEEDED")["executions"]
        return "\n".join(client.describe_execution(executionArn=each["executionArn"])["input"] for each in done)

    return look


def _bucket(place: Place) -> Watch:
    def look() -> str:
        for stream in of_type(place, "AWS::KinesisFirehose::DeliveryStream"):
            try:
                place.cloud.flush_delivery_stream(stream.physical_id, stream.region)
            except httpx.HTTPStatusError:  # nothing is in its buffer
                continue
        s3, texts = place.client("s3"), []
        for item in s3.list_objects_v2(Bucket=place.physical_id).get("Contents", ()):
            body = s3.get_object(Bucket=place.physical_id, Key=item["Key"])["Body"].read()
            texts.append((gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body).decode(errors="replace"))
        return "\n".join(texts)

    return look


def _stream(place: Place) -> Watch:
    def look() -> str:
        kinesis, texts = place.client("kinesis"), []
        for shard in kinesis.list_shards(StreamName=place.physical_id)["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName=place.physical_id, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            records = kinesis.get_records(ShardIterator=iterator)["Records"]
            texts += [record["Data"].decode(errors="replace") for record in records]
        return "\n".join(texts)

    return look


def _table(place: Place) -> Watch:
    return lambda: json.dumps(place.client("dynamodb").scan(TableName=place.physical_id)["Items"])


_WATCHES: dict[str, Callable[[Place], Watch]] = {
    "AWS::DynamoDB::Table": _table,
    "AWS::Kinesis::Stream": _stream,
    "AWS::Lambda::Function": _function,
    "AWS::Logs::LogGroup": _log,
    "AWS::S3::Bucket": _bucket,
    "AWS::SNS::Topic": _topic,
    "AWS::SQS::Queue": _queue,
    "AWS::StepFunctions::StateMachine": _state_machine,
}


def watch(place: Place) -> Watch:
    """Return what looks at a resource; made before something is sent, so that topics have a subscriber by then."""
    return _WATCHES[place.resource_type](place)


def arrived(look: Watch, text: str, seconds: float) -> str | None:
    """Return nothing as soon as the text is there, or what is there instead when the time is over."""
    end = time.monotonic() + seconds
    while text not in (seen := look()):
        if time.monotonic() > end:
            return seen
        time.sleep(0.3)
    return None
