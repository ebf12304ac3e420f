"""SNS: topics keep their attributes, subscriptions may be of another Region, and have a dead-letter queue that works.

MiniStack's CloudFormation drops the attributes of a topic, FIFO among them, and a subscription whose topic is in
another Region; what a queue or function cannot take is lost instead of going to the subscription's dead-letter queue.
Functions are called once, without the retries and the failure destination of an asynchronous call. And a batch would
need a permission of its own: on AWS whoever may publish a message may publish ten of them with one request.
"""

import json
from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit import ministack, refine
from cdp_constructs.local.kit.types import Attributes, Properties

__all__ = ["PRIVATE_NAMES", "install"]

PRIVATE_NAMES = (
    "ministack.core.iam_actions:extract_iam_action",
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS",
    "ministack.services.cloudformation.provisioners:_physical_name",
    "ministack.services.lambda_svc:_execution_record_for_config",
    "ministack.services.lambda_svc:_get_func_record_for_ref",
    "ministack.services.lambda_svc:invoke_async_with_retry",
    "ministack.services.sns:_deliver_to_lambda",
    "ministack.services.sns:_deliver_to_sqs",
    "ministack.services.sns:_topic_by_arn_any_scope",
    "ministack.services.sns:_topics",
    "ministack.services.sqs:_queue_by_arn",
    "ministack.services.sqs:queue_policy_allows",
)

_iam_actions: Any = ministack.module("core.iam_actions")
_lambda: Any = ministack.module("services.lambda_svc")
_provisioners: Any = ministack.module("services.cloudformation.provisioners")
_responses: Any = ministack.module("core.responses")
_sns: Any = ministack.module("services.sns")
_sqs: Any = ministack.module("services.sqs")

_TOPIC_ATTRIBUTES = (
    "ArchivePolicy",
    "ContentBasedDeduplication",
    "FifoThroughputScope",
    "FifoTopic",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
)

_originals: dict[str, Callable[..., Any]] = {}  # what install() replaced


def _is_fifo(properties: Properties) -> bool:
    return str(properties.get("FifoTopic", "false")).lower() == "true"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _create_topic(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, Attributes]:
    if _is_fifo(properties) and not properties.get("TopicName"):
        name = _provisioners._physical_name(stack_name, logical_id, max_len=251)
        properties = {**properties, "TopicName": f"{name}.fifo"}
    created: tuple[str, Attributes] = _originals["create_topic"](logical_id, properties, stack_name)
    return created


def _update_topic(arn: str, old: Properties, new: Properties, *names: str) -> tuple[str, Attributes]:
    if _is_fifo(new) and not new.get("TopicName"):
        name = {"TopicName": arn.rpartition(":")[2]}
        old, new = {**old, **name}, {**new, **name}
    updated: tuple[str, Attributes] = _originals["update_topic"](arn, old, new, *names)
    return updated


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


def _topic_to_subscribe_to(_logical_id: str, properties: Properties, _stack_name: str) -> str:
    arn: str = properties["TopicArn"]
    return arn


def _subscription(arn: str, *_rest: Any) -> str:
    return arn


def _in_region_of(arn_of: Callable[..., str], handler: Callable[..., Any]) -> Callable[..., Any]:
    """Run a handler of subscriptions in the Region of the topic, which is not always that of the stack."""

    def handle(*arguments: Any) -> Any:
        region = arn_of(*arguments).split(":")[3]
        with _responses.request_scope(_responses.get_account_id(), region):
            return handler(*arguments)

    return handle


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


def _deliver_to_sqs(endpoint: str, *content: Any, topic_arn: str = "", **options: Any) -> None:
    if topic_arn and _undeliverable(endpoint, topic_arn):
        # Without a dead-letter queue MiniStack logs the refusal, and the message is lost as on AWS.
        endpoint = _dead_letter_queue(topic_arn, endpoint) or endpoint
    _originals["deliver_to_sqs"](endpoint, *content, topic_arn=topic_arn, **options)


def _deliver_to_lambda(endpoint: str, envelope: str, topic_arn: str, subscription_arn: str, *_rest: Any) -> None:
    """Call a function as AWS does: asynchronously, with its retries and its failure destination."""
    function, config, _ = _lambda._get_func_record_for_ref(endpoint)
    if function:
        record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription_arn}
        event = {"Records": [{**record, "Sns": json.loads(envelope)}]}
        _lambda.invoke_async_with_retry(_lambda._execution_record_for_config(function, config), event)
    elif queue := _dead_letter_queue(topic_arn, endpoint):
        _originals["deliver_to_sqs"](queue, envelope, raw=False, raw_message="", topic_arn=topic_arn)


def _as_one(extract: Callable[..., str | None]) -> Callable[..., str | None]:
    def extract_iam_action(service: str, *rest: Any, **more: Any) -> str | None:
        action = extract(service, *rest, **more)
        return action.removesuffix("Batch") if service == "sns" and action else action

    return extract_iam_action


def install() -> None:
    """Mend topics and subscriptions of CloudFormation, deliver to dead-letter queues, and judge batches as messages."""
    _iam_actions.extract_iam_action = _as_one(_iam_actions.extract_iam_action)
    handlers = _provisioners._RESOURCE_HANDLERS
    topic, subscription = handlers["AWS::SNS::Topic"], handlers["AWS::SNS::Subscription"]
    _originals["create_topic"], _originals["update_topic"] = topic["create"], topic["update"]
    topic["create"], topic["update"] = _create_topic, _update_topic
    refine.after("AWS::SNS::Topic", _keep_attributes)
    subscription["create"] = _in_region_of(_topic_to_subscribe_to, subscription["create"])
    subscription["update"] = _in_region_of(_subscription, subscription["update"])
    subscription["delete"] = _in_region_of(_subscription, subscription["delete"])
    _originals["deliver_to_sqs"] = _sns._deliver_to_sqs
    _sns._deliver_to_sqs, _sns._deliver_to_lambda = _deliver_to_sqs, _deliver_to_lambda
