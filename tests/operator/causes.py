"""What causes each alarm of the systems: one function for each kind.

An act is a context manager: the cause lasts as long as its block, and afterwards the system is as it was. An alarm that
nothing real causes within a test is fired by its own metric (`METRIC_ALONE`), and its entry says why.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from cdp_constructs.realtime.handlers.channels.lag import HOLDS_FOR
from cdp_constructs.testing import eventually
from tests.operator.acts import (
    broken_pictures,
    claimed_again,
    events_lost,
    mails_refused,
    room_of,
    silent_devices,
    slow_table,
)
from tests.operator.alarms import Alarm, end_minute, states
from tests.operator.mqtt import refused
from tests.operator.phones import phones_get_errors, phones_wait, picture_mails_refused, saves_refused
from tests.stacks.chat.clients import live

Act: TypeAlias = Callable[[Alarm], AbstractContextManager[None]]


@dataclass(frozen=True)
class Cause:
    """How alarms are caused whose logical ids end alike.

    Attributes:
        ends: With what their logical ids end, without the hash; the longest one that fits counts. A stack and a slash
            stand before an id that several systems have.
        act: Causes one of them.
        rounds: How many minutes in a row it is done again.
        passes: How many minutes pass in each round, during the act; the first one ends with a minute of the clock.
        settles: How many minutes before make the alarm's state OK.
        reason: Why the metric is put, where nothing real is done.
    """

    ends: tuple[str, ...]
    act: Act
    rounds: int = 1
    passes: float = 1
    settles: float = 20
    reason: str = ""

    def __str__(self) -> str:
        return self.ends[0]


# --- queues


@contextmanager
def message_in_queue(alarm: Alarm) -> Iterator[None]:
    """Leave a message in the queue, as whatever sends there does when it has failed."""
    sqs = alarm.client("sqs")
    url = sqs.get_queue_url(QueueName=alarm.dimension("QueueName"))["QueueUrl"]
    _send(sqs, url)
    yield
    sqs.purge_queue(QueueUrl=url)


def _send(sqs: Any, url: str) -> None:
    group = {"MessageGroupId": "one", "MessageDeduplicationId": str(uuid.uuid4())} if url.endswith(".fifo") else {}
    sqs.send_message(QueueUrl=url, MessageBody="poison", **group)


@contextmanager
def further_message(alarm: Alarm) -> Iterator[None]:
    """Leave a message in a queue; in the second round it is one more."""
    sqs = alarm.client("sqs")
    names = [item["Value"] for metric in alarm.metrics for item in metric["Dimensions"]]
    url = sqs.get_queue_url(QueueName=names[-1])["QueueUrl"]
    _send(sqs, url)
    yield
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    if int(attributes["Attributes"]["ApproximateNumberOfMessages"]) > 1:
        sqs.purge_queue(QueueUrl=url)


@contextmanager
def consumer_stopped(alarm: Alarm) -> Iterator[None]:
    """Let a message wait for a consumer that does not read."""
    lambda_, sqs, name = alarm.client("lambda"), alarm.client("sqs"), alarm.dimension("QueueName")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    source = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    [mapping] = lambda_.list_event_source_mappings(EventSourceArn=source)["EventSourceMappings"]
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    _send(sqs, url)
    yield
    sqs.purge_queue(QueueUrl=url)
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


@contextmanager
def queues_refuse(alarm: Alarm) -> Iterator[None]:
    """Take their policies from the queues of a subscription, and publish what its filter lets through."""
    sns, sqs = alarm.client("sns"), alarm.client("sqs")
    topics = [topic["TopicArn"] for page in sns.get_paginator("list_topics").paginate() for topic in page["Topics"]]
    [topic] = [arn for arn in topics if arn.endswith(f":{alarm.dimension('TopicName')}")]
    attributes = {
        one["Endpoint"]: sns.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])["Attributes"]
        for one in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        if one["Protocol"] == "sqs"
    }
    queue, chosen = min(attributes.items(), key=lambda item: len(item[1].get("FilterPolicy") or ""))
    wanted = {name: values[0] for name, values in json.loads(chosen.get("FilterPolicy") or "{}").items()}
    with ExitStack() as restored:
        for arn in (queue, json.loads(chosen["RedrivePolicy"])["deadLetterTargetArn"]):
            url = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
            policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
            restored.callback(sqs.set_queue_attributes, QueueUrl=url, Attributes={"Policy": policy})
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
        sns.publish(
            TopicArn=topic,
            Message=json.dumps(wanted),
            MessageAttributes={name: {"DataType": "String", "StringValue": str(wanted[name])} for name in wanted},
        )
        yield


# --- functions


@contextmanager
def unreadable_event(alarm: Alarm) -> Iterator[None]:
    """Invoke the function with what it cannot read."""
    answer = alarm.client("lambda").invoke(FunctionName=alarm.function, Payload=b'"no event"')
    assert "FunctionError" in answer, answer["Payload"].read()
    yield


@contextmanager
def rollout_fails(alarm: Alarm) -> Iterator[None]:
    """Ask for a rollout while AWS IoT fails."""
    event = json.dumps({"operation": "rollout", "command": "restart"}).encode()
    with alarm.cloud.inject_fault("iot", alarm.region):
        answer = alarm.client("lambda").invoke(FunctionName=alarm.function, Payload=event)
    assert "FunctionError" in answer, answer["Payload"].read()
    yield


@contextmanager
def no_concurrency(alarm: Alarm) -> Iterator[None]:
    """Take all concurrency from a function, and call it."""
    lambda_ = alarm.client("lambda")
    lambda_.put_function_concurrency(FunctionName=alarm.function, ReservedConcurrentExecutions=0)
    with suppress(ClientError):
        lambda_.invoke(FunctionName=alarm.function, Payload=b"{}")
    yield
    lambda_.delete_function_concurrency(FunctionName=alarm.function)


@contextmanager
def stream_not_read(alarm: Alarm) -> Iterator[None]:
    """Stop the function that reads a stream, and write to what it reads."""
    lambda_ = alarm.client("lambda")
    # What another cause has left may be a failure already, which would pass for the one that is waited for below.
    _write_to_stream(alarm)
    eventually(lambda: _last_result(alarm).startswith("OK"), within=60, what="a batch that succeeds")
    lambda_.put_function_concurrency(FunctionName=alarm.function, ReservedConcurrentExecutions=0)
    _write_to_stream(alarm)
    eventually(lambda: _last_result(alarm) == "FAILED", what="an attempt of the event source mapping")
    yield
    lambda_.delete_function_concurrency(FunctionName=alarm.function)


def _write_to_stream(alarm: Alarm) -> None:
    source = _mapping(alarm)["EventSourceArn"]
    if ":kinesis:" in source:
        stream = source.partition("/")[2]
        alarm.client("kinesis").put_record(StreamName=stream, Data=b"{}", PartitionKey=str(uuid.uuid4()))
    else:
        _anna_writes(alarm)


def _mapping(alarm: Alarm) -> dict[str, Any]:
    listed = alarm.client("lambda").list_event_source_mappings(FunctionName=alarm.function)["EventSourceMappings"]
    [mapping] = listed
    return dict(mapping)


def _last_result(alarm: Alarm) -> str:
    return str(_mapping(alarm).get("LastProcessingResult", ""))


# --- services that fail


@contextmanager
def writes_throttled(alarm: Alarm) -> Iterator[None]:
    """Write a hundred times to a table that throttles."""
    dynamodb, table = alarm.client("dynamodb"), alarm.dimension("TableName")
    with (
        alarm.cloud.inject_fault("dynamodb", alarm.region, error="ProvisionedThroughputExceededException"),
        ThreadPoolExecutor(4) as pool,
    ):

        def write(_number: int) -> None:
            with suppress(ClientError):
                dynamodb.update_item(TableName=table, Key={"pk": {"S": "x"}, "sk": {"S": "x"}})

        list(pool.map(write, range(100)))
    yield


@contextmanager
def records_throttled(alarm: Alarm) -> Iterator[None]:
    """Put a record into a stream that takes no more."""
    error = "ProvisionedThroughputExceededException"
    with alarm.cloud.inject_fault("kinesis", alarm.region, error=error), suppress(ClientError):
        alarm.client("kinesis").put_record(StreamName=alarm.dimension("StreamName"), Data=b"{}", PartitionKey="x")
    yield


@contextmanager
def deliveries_throttled(alarm: Alarm) -> Iterator[None]:
    """Put a record into a delivery stream that takes no more."""
    stream, error = alarm.dimension("DeliveryStreamName"), "ServiceUnavailableException"
    with alarm.cloud.inject_fault("firehose", alarm.region, error=error), suppress(ClientError):
        alarm.client("firehose").put_record(DeliveryStreamName=stream, Record={"Data": b"{}"})
    yield


@contextmanager
def delivery_late(alarm: Alarm) -> Iterator[None]:
    """Put a record into a delivery stream, which the machine's clock does not let deliver for the time that passes."""
    stream = alarm.dimension("DeliveryStreamName")
    alarm.client("firehose").put_record(DeliveryStreamName=stream, Record={"Data": b"{}"})
    yield
    alarm.cloud.flush_delivery_stream(stream, alarm.region)


@contextmanager
def splitting_fails(alarm: Alarm) -> Iterator[None]:
    """Let a delivery stream have records for its function, from which all concurrency was taken."""
    lambda_, stream = alarm.client("lambda"), alarm.dimension("DeliveryStreamName")
    function = alarm.physical("TelemetryBatchSplittingFunction")
    before = {one["Timestamp"] for one in _counted(alarm)}
    lambda_.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)

    def mostly_failed() -> bool:
        # What another cause has left may still succeed: one record more.
        alarm.client("firehose").put_record(DeliveryStreamName=stream, Record={"Data": b"{}"})
        alarm.cloud.flush_delivery_stream(stream, alarm.region)
        found = [one for one in _counted(alarm) if one["Timestamp"] not in before]
        calls = sum(one["SampleCount"] for one in found)
        return bool(calls > 2 * sum(one["Sum"] for one in found))

    eventually(mostly_failed, within=60, what="calls of the function that failed")
    yield
    lambda_.delete_function_concurrency(FunctionName=function)


# --- the chat's API


def _anna_writes(alarm: Alarm) -> None:
    room = room_of(alarm)
    # What an earlier fault held back is late, and posts are refused until it is delivered.
    eventually(lambda: room.anna.post(alarm.region, room.id, "hello").status_code == 201)


@contextmanager
def requests_fail(alarm: Alarm) -> Iterator[None]:
    """Ask six times for what the table does not give."""
    room = room_of(alarm)
    with alarm.cloud.inject_fault("dynamodb", alarm.region, error="AccessDeniedException", status=400):
        answers = [room.anna.call(alarm.region, "GET", f"/rooms/{room.id}/messages") for _ in range(6)]
    assert {answer.status_code // 100 for answer in answers} == {5}
    yield


@contextmanager
def nobody_asks(alarm: Alarm) -> Iterator[None]:
    """Cut the Region off from the outside."""
    with alarm.cloud.cut_off(alarm.region):
        yield


@contextmanager
def health_checks_fail(alarm: Alarm) -> Iterator[None]:
    """Cut the Region off whose health check it is, and let Route 53 ask."""
    region = next(name for name in alarm.deployment.regions.values() if name.replace("-", "") in alarm.logical_id)
    with alarm.cloud.cut_off(region):
        alarm.cloud.check_health()
        yield
    alarm.cloud.check_health()


def dependency_fails(service: str, status: str) -> Act:
    """Return the act of asking for the deep health while a service fails."""

    @contextmanager
    def act(alarm: Alarm) -> Iterator[None]:
        url = room_of(alarm).chat.url(alarm.region)
        # An answer is given again for some seconds, by the process that has it.
        alarm.cloud.crash_function(alarm.function, alarm.region)
        with alarm.cloud.inject_fault(service, alarm.region):
            answer = httpx.get(f"{url}/health/deep", timeout=20)
        assert answer.json().get("status") == status, (answer.status_code, answer.text)
        yield

    return act


@contextmanager
def posts_refused(alarm: Alarm) -> Iterator[None]:
    """Post while the note of the live publisher says that it is late."""
    configuration = alarm.client("lambda").get_function_configuration(FunctionName=alarm.function)
    variables = configuration["Environment"]["Variables"]
    table, dynamodb = variables["TABLE_NAME"], alarm.client("dynamodb")
    key = {"pk": {"S": f"DELIVERY#{alarm.region}"}, "sk": {"S": "LAG"}}
    room = room_of(alarm)

    def refused() -> bool:
        # As short as the publisher writes it: what an environment read keeps it from asking again, and what follows
        # posts, too.
        late = {"late_until_ms": {"N": str(round((time.time() + HOLDS_FOR) * 1000))}}
        dynamodb.put_item(TableName=table, Item={**key, **late})
        return room.anna.post(alarm.region, room.id, "hello").status_code == 429

    eventually(refused, within=20, what="a post that is refused")
    dynamodb.delete_item(TableName=table, Key=key)
    yield


# --- live channels


@contextmanager
def publishing_fails(alarm: Alarm) -> Iterator[None]:
    """Publish six times to an API that fails."""
    api = alarm.client("appsync").get_api(apiId=alarm.dimension("EventAPIId"))["api"]
    host = api["dns"]["HTTP"]
    access = alarm.cloud.root.credentials()
    request = AWSRequest("POST", f"http://{host}/event", data=b"{}", headers={"Host": host})
    SigV4Auth(Credentials(*access), "appsync", alarm.region).add_auth(request)
    with alarm.cloud.inject_fault("appsync", alarm.region):
        for _ in range(6):
            answer = httpx.post(f"{alarm.cloud.endpoint}/event", content=b"{}", headers=dict(request.headers))
            assert answer.status_code == 500, answer.text
    yield


@contextmanager
def subscribing_fails(alarm: Alarm) -> Iterator[None]:
    """Subscribe six times while the function that decides about it cannot run."""
    room, lambda_ = room_of(alarm), alarm.client("lambda")
    function = alarm.physical("LiveSubscriptions")
    with live(room.anna, alarm.region, room.id) as client:
        channel = room.anna.call(alarm.region, "GET", f"/rooms/{room.id}").json()["channel"]
        lambda_.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
        answers = {client.ask(channel) for _ in range(6)}
        lambda_.delete_function_concurrency(FunctionName=function)
    assert answers == {"subscribe_error"}
    yield


# --- uploads, mails


@contextmanager
def wrong_uploads(alarm: Alarm) -> Iterator[None]:
    """Upload ten files that are not what they say."""
    bucket, s3 = alarm.physical("UploadBucket"), alarm.client("s3")
    for number in range(10):
        key = f"incoming/{uuid.uuid4()}/{uuid.uuid4()}/{number}.png"
        s3.put_object(Bucket=bucket, Key=key, Body=b"no picture", ContentType="image/png")

    def done() -> bool:
        return not s3.list_objects_v2(Bucket=bucket, Prefix="incoming/").get("Contents")

    eventually(done, within=90, what="the decision about all of them")
    yield


def mails(address: str) -> Act:
    """Return the act of sending a mail to an address of the mailbox simulator."""

    @contextmanager
    def act(alarm: Alarm) -> Iterator[None]:
        ses = alarm.client("sesv2")
        identity = f"{uuid.uuid4().hex}.example.com"
        ses.create_email_identity(EmailIdentity=identity)
        ses.send_email(
            FromEmailAddress=f"notices@{identity}",
            Destination={"ToAddresses": [f"{address}@simulator.amazonses.com"]},
            Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
            ConfigurationSetName=alarm.dimension("ses:configuration-set"),
        )
        yield

    return act


# --- devices


@contextmanager
def error_action_refused(alarm: Alarm) -> Iterator[None]:
    """Take the rights from the role of a rule, and publish what the rule selects."""
    iam, rule = alarm.client("iam"), alarm.dimension("RuleName")
    payload = alarm.client("iot").get_topic_rule(ruleName=rule)["rule"]
    [action] = payload["errorAction"].values()
    roles = {action["roleArn"], *(one["roleArn"] for each in payload["actions"] for one in each.values())}
    with ExitStack() as restored:
        for role in (arn.rpartition("/")[2] for arn in roles):
            for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
                document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
                put = {"RoleName": role, "PolicyName": policy, "PolicyDocument": json.dumps(document)}
                restored.callback(iam.put_role_policy, **put)
                iam.delete_role_policy(RoleName=role, PolicyName=policy)
        topic = payload["sql"].partition(" FROM '")[2].partition("'")[0].replace("+", "home")
        alarm.client("iot-data").publish(topic=topic, payload=b"{}")
        yield


def refused_devices(action: str) -> Act:
    """Return the act of doing ten times what no policy allows: Connect, PublishIn or Subscribe."""

    @contextmanager
    def act(alarm: Alarm) -> Iterator[None]:
        refused(alarm.cloud, alarm.region, action, times=10)
        yield

    return act


@contextmanager
def unlisted_devices(alarm: Alarm) -> Iterator[None]:
    """Ask ten times for the identity of a device that is on no list, as AWS IoT asks the fleet's hook."""
    event = {
        "certificateId": "0" * 64,
        "clientId": "claim-unlisted",
        "templateArn": "arn:aws:iot:us-east-1:000000000000:provisioningtemplate/any",
        "parameters": {"SerialNumber": "unlisted"},
    }
    for _ in range(10):
        answer = alarm.client("lambda").invoke(FunctionName=alarm.function, Payload=json.dumps(event))
        assert json.loads(answer["Payload"].read()) == {"allowProvisioning": False}
    yield


@contextmanager
def three_wrong_senders(alarm: Alarm) -> Iterator[None]:
    """Put what cannot be read into the stream, as three devices."""
    sqs, url = alarm.client("sqs"), alarm.physical("TelemetrySpeedErrorQueue")

    def kept() -> int:
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(attributes["Attributes"]["ApproximateNumberOfMessages"])

    # Other causes may have left some.
    before = kept()
    kinesis, stream = alarm.client("kinesis"), alarm.physical("TelemetrySpeedStream")
    for number in range(3):
        kinesis.put_record(StreamName=stream, Data=b"no measurement", PartitionKey=f"sender-{number}")
    eventually(lambda: kept() >= before + 3, within=90, what="the rejected records")
    yield
    sqs.purge_queue(QueueUrl=url)


def wrong_webhooks(count: int) -> Act:
    """Return the act of sending webhooks without a signature, and with a wrong secret in the address."""

    @contextmanager
    def act(alarm: Alarm) -> Iterator[None]:
        api = alarm.physical(f"{alarm.logical_id.removesuffix('RejectedAlarm').removesuffix('All')}Api")
        routes = alarm.client("apigatewayv2").get_routes(ApiId=api)["Items"]
        [path] = [route["RouteKey"].removeprefix("POST ") for route in routes]
        url = alarm.cloud.http_api_url(api, alarm.region) + path.replace("{secret}", "wrong")
        for _ in range(count):
            answer = httpx.post(url, json={}, headers={"X-GitHub-Delivery": str(uuid.uuid4())})
            assert answer.status_code // 100 == 4, f"{url}: {answer.status_code} {answer.text}"
        yield

    return act


# --- the metric alone


# --- workflows


def _start(alarm: Alarm, given: dict[str, Any]) -> str:
    states = alarm.client("stepfunctions")
    started = states.start_execution(stateMachineArn=alarm.dimension("StateMachineArn"), input=json.dumps(given))
    return str(started["executionArn"])


def _end_of(alarm: Alarm, execution: str) -> str:
    states = alarm.client("stepfunctions")
    return str(
        eventually(
            lambda: (
                status if (status := states.describe_execution(executionArn=execution)["status"]) != "RUNNING" else None
            ),
            within=60,
            what="the end of the execution",
        )
    )


# What both workflows take, so that their first step begins.
_GIVEN = {
    "supplier": "acme",
    "rows": [{"sku": "A-1", "name": "A", "cents": 1}],
    "basket": [{"sku": "A", "quantity": 1}],
}


@contextmanager
def execution_fails(alarm: Alarm) -> Iterator[None]:
    """Start an execution with what it cannot read."""
    assert _end_of(alarm, _start(alarm, {})) == "FAILED"
    yield


@contextmanager
def execution_hangs(alarm: Alarm) -> Iterator[None]:
    """Let a step wait for services that do not answer, longer than the time that the execution has."""
    states, arn = alarm.client("stepfunctions"), alarm.dimension("StateMachineArn")
    definition = states.describe_state_machine(stateMachineArn=arn)["definition"]
    states.update_state_machine(
        stateMachineArn=arn, definition=json.dumps({**json.loads(definition), "TimeoutSeconds": 1})
    )
    with ExitStack() as slow:
        for service in ("dynamodb", "s3"):
            slow.enter_context(alarm.cloud.inject_delay(service, alarm.region, 3))
        execution = _start(alarm, _GIVEN)
        states.update_state_machine(stateMachineArn=arn, definition=definition)
        assert _end_of(alarm, execution) == "TIMED_OUT"
    yield


@contextmanager
def execution_stopped(alarm: Alarm) -> Iterator[None]:
    """Stop an execution while a step waits."""
    with alarm.cloud.inject_delay("s3", alarm.region, 2):
        execution = _start(alarm, _GIVEN)
        alarm.client("stepfunctions").stop_execution(executionArn=execution)
    assert _end_of(alarm, execution) == "ABORTED"
    yield


# By what the alarm is about, the function that the price lists wrap.
_WRAPPED = {"ImportsAnnouncedOnce": "ImportsAnnounceFunction", "ImportsReminder": "ImportsRemindFunction"}


def _wrapped(alarm: Alarm) -> str:
    """Return the name of the function that an alarm of IdempotentFunction or ScheduledFunction is about."""
    (found,) = [function for about, function in _WRAPPED.items() if alarm.logical_id.startswith(about)]
    return alarm.physical(found)


@contextmanager
def error_logged(alarm: Alarm) -> Iterator[None]:
    """Let the table of what was done fail when the work is done: it ends well, and the log has an error."""
    event = {"version": uuid.uuid4().hex, "supplier": "acme", "count": 1, "scheduled_time": "2026-11-30T00:00:00Z"}
    with alarm.cloud.inject_fault("dynamodb", alarm.region, operation="UpdateItem"):
        alarm.client("lambda").invoke(FunctionName=_wrapped(alarm), Payload=json.dumps(event).encode())
    yield


@contextmanager
def event_lost(alarm: Alarm) -> Iterator[None]:
    """Let an event fail for good while the queue for such events does not take it."""
    lost, name = {one["Timestamp"] for one in _counted(alarm)}, _wrapped(alarm)
    error = "AWS.SimpleQueueService.AccessDenied"
    with alarm.cloud.inject_fault("sqs", alarm.region, error=error, status=400, operation="SendMessage"):
        alarm.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b'"no event"')
        eventually(lambda: {one["Timestamp"] for one in _counted(alarm)} - lost, within=60, what="the lost event")
    yield


def _counted(alarm: Alarm) -> list[dict[str, Any]]:
    """Return what the metric of an alarm has counted, by minute."""
    (metric,), now = alarm.metrics, alarm.cloud.metrics.now()
    asked = {
        "StartTime": now - timedelta(hours=1),
        "EndTime": now + timedelta(minutes=5),
        "Period": 60,
        "Statistics": ["Sum", "SampleCount"],
    }
    named = {name: metric[name] for name in ("Namespace", "MetricName", "Dimensions")}
    points: list[dict[str, Any]] = alarm.client("cloudwatch").get_metric_statistics(**named, **asked)["Datapoints"]
    return points


@contextmanager
def run_skipped(alarm: Alarm) -> Iterator[None]:
    """Let a time come while the run of the one before lasts."""
    functions, name = alarm.client("lambda"), _wrapped(alarm)
    event = json.dumps({"scheduled_time": f"2026-11-30T00:00:00Z-{uuid.uuid4().hex}"})
    with alarm.cloud.inject_delay("stepfunctions", alarm.region, 4), ThreadPoolExecutor(1) as pool:
        first = pool.submit(functions.invoke, FunctionName=name, Payload=event)
        time.sleep(2)
        functions.invoke(FunctionName=name, Payload=event.replace("00Z", "01Z"))
        first.result()
    yield


@contextmanager
def decision_fails(alarm: Alarm) -> Iterator[None]:
    """Decide while the table does not answer."""
    event = json.dumps({"id": "order-7.Approve", "decision": "approve", "by": "Kim"}).encode()
    with alarm.cloud.inject_fault("dynamodb", alarm.region, error="AccessDeniedException", status=400):
        answer = alarm.client("lambda").invoke(FunctionName=alarm.function, Payload=event)
    assert "FunctionError" in answer, answer["Payload"].read()
    yield


@contextmanager
def metric_alone(alarm: Alarm) -> Iterator[None]:
    """Put the alarm's own metric, far beyond its threshold."""
    metric = alarm.metrics[0]
    alarm.cloud.metrics.emit(
        metric["Namespace"],
        metric["MetricName"],
        10 * alarm.described["Threshold"],
        region=alarm.region,
        dimensions={dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]},
    )
    yield


CAUSES = (
    Cause(("DeadLetterQueueAlarm", "ErrorQueueAlarm", "MailFailuresAlarm", "FailuresAlarm"), message_in_queue),
    Cause(("GrowthAlarm",), further_message, rounds=2),
    Cause(("LateAlarm",), consumer_stopped, passes=6),
    Cause(("LostMessagesAlarm",), queues_refuse),
    Cause(
        ("AnswersLostMessagesAlarm", "CertificateInUseLostMessagesAlarm", "RuleLostMessagesAlarm"), error_action_refused
    ),
    Cause(("SigningAlarm", "RotationAlarm", "ReceiverErrorsAlarm"), unreadable_event),
    Cause(("BroadcastsErrorsAlarm",), rollout_fails),
    Cause(("WorkflowFailedAlarm",), execution_fails),
    Cause(("WorkflowTimedOutAlarm",), execution_hangs),
    Cause(("WorkflowAbortedAlarm",), execution_stopped),
    Cause(
        ("WorkflowThrottledAlarm",),
        metric_alone,
        reason="the embedded cloud has no quotas of transitions: nothing is throttled",
    ),
    Cause(("AnswerErrorsAlarm",), decision_fails),
    Cause(("LoggedErrorsAlarm",), error_logged),
    Cause(("SkippedRunsAlarm",), run_skipped, passes=5),
    Cause(("LostEventsAlarm",), event_lost),
    Cause(
        ("NewVersionErrorsAlarm",),
        metric_alone,
        reason="it takes a deployment, which tests/behaviour/stacks/serverless makes and sees rolled back",
    ),
    Cause(("PageErrorsAlarm",), unreadable_event),
    Cause(("CheckerErrorAlarm",), unreadable_event),
    Cause(("ThrottlesAlarm",), no_concurrency),
    Cause(("StreamAgeAlarm", "BehindAlarm"), stream_not_read, passes=9),
    Cause(("StateThrottledAlarm", "SavesThrottledAlarm"), writes_throttled, rounds=3),
    Cause(("SpeedThrottledAlarm",), records_throttled, rounds=3),
    Cause(("BatchThrottledAlarm",), deliveries_throttled, rounds=3),
    Cause(("FreshnessAlarm",), delivery_late, passes=25),
    Cause(("BatchSplittingAlarm",), splitting_fails),
    Cause(("ServerErrorsAlarm",), requests_fail, rounds=2),
    Cause(("GameServerErrorsAlarm", "DirectFrontServerErrorsAlarm"), phones_get_errors, rounds=2),
    Cause(
        ("FrontCacheServerErrorsAlarm",),
        metric_alone,
        rounds=2,
        passes=5,
        reason="the embedded CloudFront counts no requests",
    ),
    Cause(("LatencyAlarm",), slow_table, rounds=5),
    Cause(("GameLatencyAlarm", "DirectFrontLatencyAlarm"), phones_wait, rounds=5),
    Cause(("SavesRejectedAlarm",), saves_refused),
    Cause(
        ("ThrottledSignInsAlarm",),
        metric_alone,
        reason="the embedded Cognito has no quotas, and does not count sign-ins",
    ),
    Cause(("RefusedPostsAlarm",), posts_refused),
    Cause(("SilentAlarm",), nobody_asks, passes=20, settles=0),
    Cause(("Unhealthy",), health_checks_fail),
    Cause(("HardFailureAlarm",), dependency_fails("dynamodb", "failing")),
    Cause(("SoftFailureAlarm",), dependency_fails("sns", "degraded"), rounds=5),
    Cause(("PublishErrorsAlarm",), publishing_fails, rounds=2),
    Cause(("SubscribeErrorsAlarm",), subscribing_fails, rounds=2),
    Cause(("UploadRejectedAlarm",), wrong_uploads),
    Cause(("RefusedMailAlarm",), mails_refused("AccountSuspendedException")),
    Cause(("MobileBackend/NoticesNotificationsRefusedMailAlarm",), picture_mails_refused),
    Cause(("BounceRateAlarm",), mails("bounce"), settles=200),
    Cause(("ComplaintRateAlarm",), mails("complaint"), settles=200),
    Cause(("RefusedConnectAlarm",), refused_devices("Connect")),
    Cause(("RefusedPublishInAlarm",), refused_devices("PublishIn")),
    Cause(("RefusedSubscribeAlarm",), refused_devices("Subscribe")),
    Cause(("FleetRefusedAlarm",), unlisted_devices),
    Cause(("RejectedRecordsAlarm",), three_wrong_senders),
    Cause(("AllRejectedAlarm",), wrong_webhooks(1), settles=70),
    Cause(("TrackerRejectedAlarm", "BacklogRejectedAlarm"), wrong_webhooks(10)),
    Cause(
        ("ConnectErrorsAlarm",),
        metric_alone,
        rounds=2,
        reason="AppSync's own errors while clients connect: the embedded cloud has none, and a fault of the service "
        "does not reach connections",
    ),
    Cause(("DriftAlarm",), events_lost, settles=60),
    Cause(("UnreadableAlarm",), broken_pictures),
    Cause(
        ("UnconvertedAlarm",),
        metric_alone,
        reason="it takes more than 30,000 records that do not fit the schema: 30,500, put in 61 batches and flushed, "
        "did not raise it within the minute that a test gives; tests/local/services/firehose shows that one is counted",
    ),
    Cause(("TimedOutAlarm",), silent_devices),
    Cause(
        ("BlockedAlarm",),
        metric_alone,
        reason="a thousand requests that AWS WAF blocks, and its rate rule lets 10,000 pass first; "
        "tests/local/services/wafv2 shows that each is counted",
    ),
    Cause(("RepeatedClaimAlarm",), claimed_again),
)


def cause_of(alarm: Alarm, causes: Sequence[Cause] = CAUSES) -> Cause | None:
    """Return the entry of an alarm, None when there is none."""
    fitting = [(len(end), cause) for cause in causes for end in cause.ends if end in str(alarm)]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def check_that_causes_and_alarms_belong_together(causes: Sequence[Cause], alarms: Sequence[Alarm]) -> None:
    """Look for alarms without a cause, and for causes without an alarm."""
    missing = [str(alarm) for alarm in alarms if cause_of(alarm, causes) is None]
    assert missing == [], "say what causes them, as tests/operator/causes.py does"
    used = {cause_of(alarm, causes) for alarm in alarms}
    assert [str(cause) for cause in causes if cause not in used] == [], "no alarm has these causes"


def check_that_the_cause_raises_its_alarms(
    cause: Cause, causes: Sequence[Cause], alarms: Sequence[Alarm], cloud: LocalCloud
) -> None:
    """Do what causes the alarms of an entry, after looking that none of them is raised."""
    assert bool(cause.reason) == (cause.act is metric_alone), "say why the metric is put"
    caused = [alarm for alarm in alarms if cause_of(alarm, causes) is cause]
    if cause.settles:
        cloud.check_health()
        cloud.metrics.advance(minutes=cause.settles)
    end_minute(cloud)
    before = states(caused)
    assert [name for name, state in before.items() if state == "ALARM" and cause.settles] == []
    for _ in range(cause.rounds):
        with ExitStack() as lasting:
            for alarm in caused:
                lasting.enter_context(cause.act(alarm))
            end_minute(cloud, cause.passes - 1)
            after = states(caused)
    assert {name: state for name, state in after.items() if state != "ALARM"} == {}
