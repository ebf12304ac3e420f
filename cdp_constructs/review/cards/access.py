"""Who may do what, as a card says it: what all have in common once, the rest by who may it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from cdp_constructs.review.statements import Permission, permissions
from cdp_constructs.review.templates import Template
from cdp_constructs.review.values import Values, listed

__all__ = ["access", "wide"]

_WITHOUT_TLS = "if aws:SecureTransport is false"
_TLS_KINDS = {"AWS::S3::Bucket": "bucket", "AWS::SQS::Queue": "queue", "AWS::SNS::Topic": "topic"}
_TRACES = "xray PutTelemetryRecords, PutTraceSegments"
_RECEIVES = "sqs ChangeMessageVisibility, DeleteMessage, GetQueueAttributes, GetQueueUrl, ReceiveMessage"
_WITHOUT_RESOURCES = {"ecr GetAuthorizationToken", _TRACES}
"""What cannot be given for one resource, and every function with traces, and every task, has."""
_OWN_LOGS = {"logs CreateLogStream, PutLogEvents", "logs CreateLogStream, DescribeLogStreams, PutLogEvents"}
_MARK = "* "
_PLAIN = "  "
_FEW = 3


def access(template: Template) -> list[str]:
    """Return a line for each thing that somebody may do, those about any resource or action marked with ``*``."""
    found = permissions(template)
    rest, own_logs = _without_own_logs(template, found)
    traces = [one for one in rest if one.actions == _TRACES and one.resources == ("*",)]
    receives = [one for one in rest if one.actions == _RECEIVES and not one.conditions and _works_off(template, one)]
    rest = [one for one in rest if not _is_common(one) and one not in traces and one not in receives]
    lines = [
        f"{_MARK if wide(one) else _PLAIN}{_names(one.who)} {one.sentence}"
        for one in sorted(_together(rest), key=_order)
    ]
    common = []
    if own_logs:
        whose = "its own log group" if len(own_logs) == 1 else "their own log groups"
        common.append(f"{_PLAIN}{_few(own_logs)} may write to {whose}")
    if traces:
        common.append(f"{_PLAIN}{_few(_all_of(traces))} may send traces to X-Ray")
    if receives:
        common.append(f"{_PLAIN}{_few(_all_of(receives))} may receive from the queues worked off")
    if keys := sorted({one.policy for one in found if _is_of_account(one)}):
        common.append(f"{_PLAIN}policies of this account decide who may use {_counted(keys, 'key')}")
    return [*common, *_tls(template, found), *lines]


def wide(permission: Permission) -> bool:
    """Whether a permission is given for any action of a service, or any resource though there are some to name."""
    return (
        not permission.denies
        and not _is_of_account(permission)
        and (permission.any_action or (permission.any_resource and permission.actions not in _WITHOUT_RESOURCES))
    )


def _is_of_account(permission: Permission) -> bool:
    return permission.who == ("this account",) and permission.actions == "kms (anything)"


def _is_common(permission: Permission) -> bool:
    return _is_of_account(permission) or (permission.denies and permission.conditions == _WITHOUT_TLS)


def _order(permission: Permission) -> tuple[tuple[str, ...], Permission]:
    return permission.who, permission


def _names(who: tuple[str, ...]) -> str:
    return listed(who) if len(who) <= _FEW else f"{len(who)} roles ({listed(who)})"


def _few(names: Sequence[str]) -> str:
    return listed(names) if len(names) <= _FEW else f"{len(names)} functions and roles"


def _all_of(found: Iterable[Permission]) -> list[str]:
    return sorted({name for one in found for name in one.who})


def _works_off(template: Template, permission: Permission) -> bool:
    """Whether a permission is for queues that event source mappings read for those who have it."""
    values = Values(template)
    mapped = {
        (values.text(one.get("FunctionName")), values.text(one.get("EventSourceArn")))
        for one in template.of_type("AWS::Lambda::EventSourceMapping")
    }
    return all((who, queue) in mapped for who in permission.who for queue in permission.resources)


def _counted(names: Sequence[str], word: str) -> str:
    return f"the {word} {names[0]}" if len(names) == 1 else f"the {word}s {listed(names)}"


def _without_own_logs(template: Template, found: Sequence[Permission]) -> tuple[list[Permission], list[str]]:
    """Leave out what each function may write to the log group that is its own, and name them."""
    groups = {group.name for group in template.of_type("AWS::Logs::LogGroup")}
    own = [one for one in found if one.actions in _OWN_LOGS and len(one.who) == 1 and set(one.resources) <= groups]
    return [one for one in found if one not in own], sorted({one.who[0] for one in own})


def _together(found: Iterable[Permission]) -> list[Permission]:
    """Make one of permissions that differ by their resources only, then of those that differ by who has them."""
    by_resources: dict[Permission, list[Permission]] = defaultdict(list)
    for one in found:
        by_resources[replace(one, resources=(), policy="", any_resource=False)].append(one)
    merged = [
        replace(
            key,
            resources=tuple(sorted({text for one in some for text in one.resources})),
            any_resource=any(one.any_resource for one in some),
        )
        for key, some in by_resources.items()
    ]
    by_who: dict[Permission, list[Permission]] = defaultdict(list)
    for one in merged:
        by_who[replace(one, who=())].append(one)
    return [replace(key, who=tuple(sorted({name for one in some for name in one.who}))) for key, some in by_who.items()]


def _tls(template: Template, found: Sequence[Permission]) -> list[str]:
    """Say what refuses requests without TLS, and name what does not."""
    refusing = {text for one in found if one.denies and one.conditions == _WITHOUT_TLS for text in one.resources}
    lines = []
    for kind, word in _TLS_KINDS.items():
        names = [resource.name for resource in template.of_type(kind)]
        without = [name for name in names if name not in refusing]
        if names and not without:
            whom = f"all {len(names)} {word}s refuse" if len(names) > 1 else f"the {word} refuses"
            lines.append(f"{_PLAIN}{whom} requests without TLS")
        elif without:
            lines.append(f"{_MARK}requests without TLS are not refused by {_counted(without, word)}")
    return lines
