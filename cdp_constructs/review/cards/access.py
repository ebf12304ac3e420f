"""Who may do what, as a card says it: what all have in common once, the rest by who may it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from cdp_constructs.review.statements import Permission, permissions
from cdp_constructs.review.templates import Template
from cdp_constructs.review.values import listed

__all__ = ["access", "wide"]

_WITHOUT_TLS = "if aws:SecureTransport is false"
_TLS_KINDS = {"AWS::S3::Bucket": "buckets", "AWS::SQS::Queue": "queues", "AWS::SNS::Topic": "topics"}
_MARK = "* "
_PLAIN = "  "
_FEW = 3


def access(template: Template) -> list[str]:
    """Return a line for each thing that somebody may do, those about any resource or action marked with ``*``."""
    found = permissions(template)
    rest, own_logs = _without_own_logs(template, found)
    rest = [one for one in rest if not _is_common(one)]
    lines = [
        f"{_MARK if wide(one) else _PLAIN}{_names(one.who)} {one.sentence}"
        for one in sorted(_together(rest), key=_order)
    ]
    common = []
    if own_logs:
        common.append(f"{_PLAIN}{own_logs} functions and roles may write to their own log group")
    if keys := sorted({one.policy for one in found if _is_of_account(one)}):
        common.append(f"{_PLAIN}policies of this account decide who may use the keys {listed(keys)}")
    return [*common, *_tls(template, found), *lines]


def wide(permission: Permission) -> bool:
    """Whether a permission is given for any action of a service, or any resource."""
    return (
        not permission.denies and not _is_of_account(permission) and (permission.any_action or permission.any_resource)
    )


def _is_of_account(permission: Permission) -> bool:
    return permission.who == ("this account",) and permission.actions == "kms (anything)"


def _is_common(permission: Permission) -> bool:
    return _is_of_account(permission) or (permission.denies and permission.conditions == _WITHOUT_TLS)


def _order(permission: Permission) -> tuple[tuple[str, ...], Permission]:
    return permission.who, permission


def _names(who: tuple[str, ...]) -> str:
    return listed(who) if len(who) <= _FEW else f"{len(who)} roles ({listed(who)})"


def _without_own_logs(template: Template, found: Sequence[Permission]) -> tuple[list[Permission], int]:
    """Leave out what each function may write to the log group that is its own, and count it."""
    groups = {group.name for group in template.of_type("AWS::Logs::LogGroup")}
    own = [
        one
        for one in found
        if one.actions == "logs CreateLogStream, PutLogEvents" and len(one.who) == 1 and set(one.resources) <= groups
    ]
    return [one for one in found if one not in own], len(own)


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
            lines.append(f"{_PLAIN}all {len(names)} {word} refuse requests without TLS")
        elif without:
            lines.append(f"{_MARK}requests without TLS are not refused by {word} {listed(without)}")
    return lines
