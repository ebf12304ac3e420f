"""Where failed work goes from each asynchronous edge, and which alarm says so."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from cdp_constructs.review.statements import permissions
from cdp_constructs.review.templates import Resource, Template, references, under
from cdp_constructs.review.values import Values, duration, listed

__all__ = ["Failure", "failures", "placed", "places", "watched_by"]


@dataclass(frozen=True, order=True)
class Failure:
    """What becomes of work that fails.

    Attributes:
        work: What can fail.
        place: Where it goes; empty when it is lost.
        when: After what.
        alarms: Alarms that look at the place.
    """

    work: str
    place: str
    when: str
    alarms: tuple[str, ...]

    @property
    def source(self) -> str:
        """What it is that fails, or what it comes from: the first word of ``work``."""
        return self.work.split(" ")[0]

    @property
    def whole(self) -> bool:
        """Whether it has a place and an alarm."""
        return bool(self.place and self.alarms)

    def __str__(self) -> str:
        """Write it as a card does, marked with ``*`` when a place or an alarm is missing."""
        if not self.place:
            return f"* {self.work}: {self.when or 'what fails'} is LOST"
        alarm = f"alarm {listed(self.alarms)}" if self.alarms else "NO ALARM"
        return f"{'  ' if self.alarms else '* '}{self.work}: {self.when} -> {self.place}   {alarm}"


def failures(template: Template) -> list[Failure]:
    """Return what becomes of failed work on every asynchronous edge, in the order of names."""
    values = Values(template)
    alarms = _alarms(template)
    found = {Failure(f"{function.name} invoked", "", "what fails twice more", ()) for function in _alone(template)} | {
        Failure(
            work,
            place.name if isinstance(place, Resource) else place,
            when,
            _watching(resource if resource.type in _WATCHED_THEMSELVES else place, alarms),
        )
        for resource in template.resources.values()
        if (read := _READERS.get(resource.type))
        for work, place, when in read(resource, template, values)
    }
    return sorted(found)


def placed(template: Template) -> set[Resource | None]:
    """Return the functions that have a place for asynchronous invocations that fail."""
    return {
        template.target(resource.get("FunctionName"))
        for resource in template.of_type("AWS::Lambda::EventInvokeConfig")
        if resource.get("DestinationConfig.OnFailure.Destination") is not None
    } | {
        function
        for function in template.of_type("AWS::Lambda::Function")
        if function.get("DeadLetterConfig.TargetArn") is not None
    }


def _alone(template: Template) -> Iterator[Resource]:
    """Yield functions that are invoked asynchronously, and have no place for what fails."""
    with_a_place = placed(template)
    invoked = [target for one in template.resources.values() for target in map(template.target, _invokes(one))]
    for function in template.of_type("AWS::Lambda::Function"):
        if function in invoked and function not in with_a_place:
            yield function


def _invokes(resource: Resource) -> Iterator[object]:
    """Yield what a resource may invoke without waiting for the answer."""
    match resource.type:
        case "AWS::Events::Rule":
            yield from (target.get("Arn") for target in resource.items("Targets"))
        case "AWS::Scheduler::Schedule":
            yield resource.get("Target.Arn")
        case "AWS::SNS::Subscription":
            yield resource.get("Endpoint") if resource.get("Protocol") == "lambda" else None
        case "AWS::IoT::TopicRule":
            yield from (
                action.get("Lambda", {}).get("FunctionArn") for action in resource.items("TopicRulePayload.Actions")
            )
        case "AWS::S3::Bucket" | "Custom::S3BucketNotifications":
            settings = resource.get("NotificationConfiguration", {})
            for kind, key in (
                ("LambdaConfigurations", "Function"),
                ("LambdaFunctionConfigurations", "LambdaFunctionArn"),
            ):
                yield from (one.get(key) for one in settings.get(kind, ()))
        case _:
            return


_PLACES = {"deadLetterTargetArn", "OnFailure", "DeadLetterConfig", "ErrorAction"}
"""What properties name as the place of failed work."""


def places(template: Template) -> set[str]:
    """Return the names of where failed work goes: dead-letter queues, destinations, error actions."""
    values = Values(template)
    return {
        text
        for resource in template.resources.values()
        for settings in under(_PLACES, resource.properties)
        for place in _ends(settings)
        if (text := values.text(place))
    }


def _ends(value: object) -> Iterator[object]:
    """Yield the references in a value, or the text that it is."""
    if isinstance(value, Mapping) and not any(key == "Ref" or key.startswith("Fn::") for key in value):
        for item in value.values():
            yield from _ends(item)
    else:
        yield value


_Found = Iterator[tuple[str, Resource | str, str]]


def watched_by(alarm: Resource, template: Template) -> list[Resource]:
    """Return the resources that an alarm looks at, by its dimensions."""
    dimensions = [alarm.get("Dimensions"), *(one.get("MetricStat") for one in alarm.items("Metrics"))]
    return [template.resources[name] for name in references(dimensions) if name in template.resources]


def _alarms(template: Template) -> Mapping[str, tuple[str, ...]]:
    """Return the alarms that look at each resource."""
    found: dict[str, set[str]] = defaultdict(set)
    for alarm in template.of_type("AWS::CloudWatch::Alarm"):
        for resource in watched_by(alarm, template):
            found[resource.name].add(alarm.name)
    return {name: tuple(sorted(names)) for name, names in found.items()}


def _watching(place: Resource | str, alarms: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return alarms.get(place.name if isinstance(place, Resource) else place, ())


def _place(value: object, template: Template, values: Values) -> Resource | str:
    return template.target(value) or values.text(value)


def _is_received(queue: Resource, template: Template) -> bool:
    """Whether something of the template receives from a queue; otherwise it is a place itself, for people."""
    mapped = template.of_type("AWS::Lambda::EventSourceMapping")
    return any(template.target(one.get("EventSourceArn")) is queue for one in mapped) or any(
        "ReceiveMessage" in one.actions and queue.name in one.resources and not one.denies
        for one in permissions(template)
    )


def _queue(resource: Resource, template: Template, values: Values) -> _Found:
    place = resource.get("RedrivePolicy.deadLetterTargetArn")
    if place is not None:
        tries = values.text(resource.get("RedrivePolicy.maxReceiveCount"))
        yield f"{resource.name} received", _place(place, template, values), f"after {tries} deliveries"
    elif _is_received(resource, template):
        kept = duration(resource.get("MessageRetentionPeriod", 345_600))
        yield f"{resource.name} received", "", f"what fails for {kept}"


def _subscription(resource: Resource, template: Template, values: Values) -> _Found:
    topic, endpoint = values.text(resource.get("TopicArn")), values.text(resource.get("Endpoint"))
    work = f"{topic} to {endpoint}"
    place = resource.get("RedrivePolicy.deadLetterTargetArn")
    yield work, _place(place, template, values) if place is not None else "", "what cannot be delivered"


def _mapping(resource: Resource, template: Template, values: Values) -> _Found:
    source = template.target(resource.get("EventSourceArn"))
    text = values.text(resource.get("EventSourceArn"))
    if (source is not None and source.type == "AWS::SQS::Queue") or text.startswith("sqs:"):
        return
    place = resource.get("DestinationConfig.OnFailure.Destination")
    tries = resource.get("MaximumRetryAttempts", -1)
    when = "when too old" if tries == -1 else f"after {tries} retries"
    work = f"{text} read by {values.text(resource.get('FunctionName'))}"
    yield work, _place(place, template, values) if place is not None else "", when


def _rule(resource: Resource, template: Template, values: Values) -> _Found:
    for target in resource.items("Targets"):
        place = target.get("DeadLetterConfig", {}).get("Arn")
        work = f"{resource.name} to {values.text(target.get('Arn'))}"
        yield work, _place(place, template, values) if place is not None else "", "what cannot be delivered"


def _schedule(resource: Resource, template: Template, values: Values) -> _Found:
    place = resource.get("Target.DeadLetterConfig.Arn")
    work = f"{resource.name} to {values.text(resource.get('Target.Arn'))}"
    yield work, _place(place, template, values) if place is not None else "", "what cannot be delivered"


def _invoked(resource: Resource, template: Template, values: Values) -> _Found:
    place = resource.get("DestinationConfig.OnFailure.Destination")
    if place is not None:
        tries = values.text(resource.get("MaximumRetryAttempts", 2))
        work = f"{values.text(resource.get('FunctionName'))} invoked"
        yield work, _place(place, template, values), f"after {tries} retries"


def _function(resource: Resource, template: Template, values: Values) -> _Found:
    place = resource.get("DeadLetterConfig.TargetArn")
    if place is not None:
        yield f"{resource.name} invoked", _place(place, template, values), "after 2 retries"


def _topic_rule(resource: Resource, template: Template, values: Values) -> _Found:
    action = resource.get("TopicRulePayload.ErrorAction")
    place: Resource | str = ""
    if isinstance(action, Mapping):
        place = next((template.target(one) or values.text(one) for one in action.values()), "")
    yield f"{resource.name} acting", place, "what an action refuses"


def _delivery(resource: Resource, template: Template, values: Values) -> _Found:
    del template
    settings = resource.get("ExtendedS3DestinationConfiguration")
    if isinstance(settings, Mapping):
        prefix = values.text(settings.get("ErrorOutputPrefix")).partition("!{")[0] or "processing-failed/"
        place = f"{values.text(settings.get('BucketARN'))}/{prefix}"
        yield f"{resource.name} delivering", place, "what cannot be converted or delivered"


_WATCHED_THEMSELVES = {"AWS::KinesisFirehose::DeliveryStream"}
"""What puts failures into a bucket, where no metric counts them: its own metrics do."""

_READERS: Mapping[str, Callable[[Resource, Template, Values], _Found]] = {
    "AWS::Events::Rule": _rule,
    "AWS::IoT::TopicRule": _topic_rule,
    "AWS::KinesisFirehose::DeliveryStream": _delivery,
    "AWS::Lambda::EventInvokeConfig": _invoked,
    "AWS::Lambda::EventSourceMapping": _mapping,
    "AWS::Lambda::Function": _function,
    "AWS::SNS::Subscription": _subscription,
    "AWS::SQS::Queue": _queue,
    "AWS::Scheduler::Schedule": _schedule,
}
