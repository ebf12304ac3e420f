"""SNS: attributes of topics, subscriptions to topics of other Regions, deliveries and where they fail to.

MiniStack's CloudFormation drops the attributes of a topic, FIFO among them, and a subscription whose topic is in
another Region; a message that cannot be delivered is lost instead of being sent to the subscription's dead-letter
queue. Functions are invoked once, without the retries and the failure destination of an asynchronous invocation. And
`PublishBatch` would need a permission of its own: on AWS it needs `sns:Publish`. Mobile devices that are subscribed to
a topic would get nothing.
"""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.metrics import emit
from cdp_constructs.local.kit.patch import patch, patch_each
from cdp_constructs.local.kit.refine import after, handler
from cdp_constructs.local.kit.types import Attributes, Properties
from cdp_constructs.local.services.lambda_.invocation import FunctionNotFoundError, invoke_async
from cdp_constructs.local.services.sns.push import push
from cdp_constructs.local.services.sns.retries import answers, hold, is_behind

_provisioners: Any = ministack.module("services.cloudformation.provisioners", "_physical_name")
_responses: Any = ministack.module("core.responses")
_sns: Any = ministack.module(
    "services.sns",
    "_build_envelope",
    "_matches_filter_policy",
    "_p",
    "_resolve_message_for_protocol",
    "_sub_arn_to_topic",
    "_topic_by_arn_any_scope",
    "_topics",
)
_sqs: Any = ministack.module("services.sqs", "_queue_by_arn", "queue_policy_allows")

# https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html: with raw delivery, a queue takes no more.
_MOST_ATTRIBUTES = 10
_TOPIC_ATTRIBUTES = (
    "ArchivePolicy",
    "ContentBasedDeduplication",
    "FifoThroughputScope",
    "FifoTopic",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
)


def _is_fifo(properties: Properties) -> bool:
    return str(properties.get("FifoTopic", "false")).lower() == "true"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


@patch(handler("AWS::SNS::Topic", "create"))
def _create_topic(
    original: Callable[..., tuple[str, Attributes]], logical_id: str, properties: Properties, stack_name: str
) -> tuple[str, Attributes]:
    if _is_fifo(properties) and not properties.get("TopicName"):
        name = _provisioners._physical_name(stack_name, logical_id, max_len=251)
        properties = {**properties, "TopicName": f"{name}.fifo"}
    return original(logical_id, properties, stack_name)


@patch(handler("AWS::SNS::Topic", "update"))
def _update_topic(
    original: Callable[..., tuple[str, Attributes]], arn: str, old: Properties, new: Properties, *names: str
) -> tuple[str, Attributes]:
    if _is_fifo(new) and not new.get("TopicName"):
        name = {"TopicName": arn.rpartition(":")[2]}
        old, new = {**old, **name}, {**new, **name}
    return original(arn, old, new, *names)


@after("AWS::SNS::Topic")
def _keep_attributes(arn: str, properties: Properties, _attributes: Attributes) -> None:
    topic = _sns._topics[arn]
    for name in _TOPIC_ATTRIBUTES:
        if name in properties:
            topic["attributes"][name] = _text(properties[name])
        else:
            topic["attributes"].pop(name, None)
    if _is_fifo(properties):
        topic["attributes"].setdefault("ContentBasedDeduplication", "false")
        topic.setdefault("dedup_cache", {})
        topic.setdefault("fifo_seq", 0)


# A handler of subscriptions runs in the Region of the topic, which is not always that of the stack.


@patch(handler("AWS::SNS::Subscription", "create"))
def _create_subscription(
    original: Callable[..., tuple[str, Attributes]], logical_id: str, properties: Properties, *names: str
) -> tuple[str, Attributes]:
    with _region_of(properties["TopicArn"]):
        return original(logical_id, properties, *names)


@patch_each(handler("AWS::SNS::Subscription", "update"), handler("AWS::SNS::Subscription", "delete"))
def _on_subscription(original: Callable[..., Any], arn: str, *arguments: Any) -> Any:
    with _region_of(arn):
        return original(arn, *arguments)


def _region_of(arn: str) -> Any:
    return _responses.request_scope(_responses.get_account_id(), arn.split(":")[3])


def _undeliverable(queue: str, topic: str) -> bool:
    account = topic.split(":")[4]
    return not _sqs._queue_by_arn(queue) or not _sqs.queue_policy_allows(queue, "sns.amazonaws.com", topic, account)


def _dead_letter_queue(topic_arn: str, endpoint: str) -> str | None:
    topic = _sns._topic_by_arn_any_scope(topic_arn) or {"subscriptions": []}
    policies = [
        json.loads(subscription["attributes"]["RedrivePolicy"])
        for subscription in topic["subscriptions"]
        if subscription["endpoint"] == endpoint and subscription["attributes"].get("RedrivePolicy")
    ]
    return policies[0]["deadLetterTargetArn"] if policies else None


@patch("ministack.services.sns:_deliver_to_sqs")
def _deliver_to_sqs(
    original: Callable[..., None],
    endpoint: str,
    envelope: str,
    raw: bool,
    *content: Any,
    topic_arn: str = "",
    **options: Any,
) -> None:
    def deliver() -> None:
        too_many = raw and len(options.get("message_attributes") or ()) > _MOST_ATTRIBUTES
        if topic_arn and (too_many or _undeliverable(endpoint, topic_arn)):
            give_up(enveloped=too_many)
            return
        if topic_arn:
            _count(topic_arn, "NumberOfNotificationsDelivered")
        original(endpoint, envelope, raw, *content, topic_arn=topic_arn, **options)

    def give_up(*, enveloped: bool = False) -> None:
        # Without a dead-letter queue MiniStack logs the refusal, and the message is lost as on AWS.
        queue = _dead_letter_queue(topic_arn, endpoint)
        taken = queue is not None and answers(topic_arn, queue)
        _count_failure(topic_arn, queue, taken=taken)
        if queue and taken:
            # Without the attributes, the dead-letter queue takes a message that has too many.
            original(queue, envelope, raw and not enveloped, *content, topic_arn=topic_arn, **options)

    group = options.get("message_group_id") or ""
    if topic_arn and (is_behind(endpoint, group) or not answers(topic_arn, endpoint)):
        hold(topic_arn, endpoint, group=group, deliver=deliver, give_up=give_up)
    else:
        deliver()


# https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html
def _count(topic_arn: str, metric: str) -> None:
    _, _, _, region, account, name = topic_arn.split(":")
    with _responses.request_scope(account, region):
        emit("AWS/SNS", metric, {"TopicName": name})


def _count_failure(topic_arn: str, dead_letter_queue: str | None, *, taken: bool = True) -> None:
    _count(topic_arn, "NumberOfNotificationsFailed")
    if dead_letter_queue:
        lost = not taken or _undeliverable(dead_letter_queue, topic_arn)
        _count(topic_arn, f"NumberOfNotifications{'FailedToRedriveToDlq' if lost else 'RedrivenToDlq'}")


@patch("ministack.services.sns:_fanout")
def _publish(
    original: Callable[..., None],
    topic_arn: str,
    message_id: str,
    message: str,
    subject: str,
    structure: str = "",
    attributes: Mapping[str, Any] | None = None,
    *others: Any,
    **options: Any,
) -> None:
    _count(topic_arn, "NumberOfMessagesPublished")
    original(topic_arn, message_id, message, subject, structure, attributes, *others, **options)
    topic = _sns._topic_by_arn_any_scope(topic_arn) or {"subscriptions": []}
    text = _sns._resolve_message_for_protocol(message, structure, "application")
    for each in list(topic["subscriptions"]):
        if each.get("protocol") == "application" and _sns._matches_filter_policy(each, attributes or {}, text):
            envelope = _sns._build_envelope(topic_arn, message_id, text, subject, attributes or {}, raw=False)
            _push_to_device(topic_arn, each["endpoint"], message, structure, envelope)


def _push_to_device(topic_arn: str, endpoint: str, message: str, structure: str, envelope: str) -> None:
    _, _, _, region, account, _ = topic_arn.split(":")
    with _responses.request_scope(account, region):
        status, *_ = push(endpoint, message, structure)
    if status == HTTPStatus.OK:
        _count(topic_arn, "NumberOfNotificationsDelivered")
        return
    queue = _dead_letter_queue(topic_arn, endpoint)
    _count_failure(topic_arn, queue)
    if queue:
        _deliver_to_sqs.original(queue, envelope, raw=False, raw_message="", topic_arn=topic_arn)


_NAMES_FOR_FUNCTIONS = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}


def _for_functions(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message as functions get it, where some members have other names and none is left out."""
    named = {_NAMES_FOR_FUNCTIONS.get(name, name): value for name, value in message.items()}
    return {"Subject": None, "MessageAttributes": {}} | named


@patch("ministack.services.sns:_deliver_to_lambda")
def _deliver_to_lambda(
    _original: Callable[..., None], endpoint: str, envelope: str, topic_arn: str, subscription_arn: str, *_rest: Any
) -> None:
    """Call a function as AWS does: asynchronously, with its retries and its failure destination."""
    record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription_arn}
    try:
        invoke_async(endpoint, {"Records": [{**record, "Sns": _for_functions(json.loads(envelope))}]})
        _count(topic_arn, "NumberOfNotificationsDelivered")
    except FunctionNotFoundError:
        queue = _dead_letter_queue(topic_arn, endpoint)
        _count_failure(topic_arn, queue)
        if queue:
            _deliver_to_sqs.original(queue, envelope, raw=False, raw_message="", topic_arn=topic_arn)


@patch_each("ministack.services.sns:_subscribe", "ministack.services.sns:_set_subscription_attributes")
def _normalise(original: Callable[..., Any], parameters: Any) -> Any:
    """Keep `True` as `true`: MiniStack compares the text."""
    answer = original(parameters)
    arn = _sns._p(parameters, "TopicArn") or _sns._sub_arn_to_topic.get(_sns._p(parameters, "SubscriptionArn"), "")
    for subscription in (_sns._topic_by_arn_any_scope(arn) or {}).get("subscriptions", []):
        held = subscription["attributes"]
        held["RawMessageDelivery"] = held.get("RawMessageDelivery", "false").lower()
    return answer


@patch("ministack.core.iam_actions:extract_iam_action")
def _action_of_batch(original: Callable[..., str | None], service: str, *rest: Any, **more: Any) -> str | None:
    action = original(service, *rest, **more)
    return action.removesuffix("Batch") if service == "sns" and action else action
