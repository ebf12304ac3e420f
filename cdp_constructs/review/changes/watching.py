"""Ways in that ask for less, alarms that are gone, and failures that have no place any more."""

import re
from collections.abc import Iterator

from cdp_constructs.review.cards.exposure import entrances
from cdp_constructs.review.cards.failures import failures, placed, watched_by
from cdp_constructs.review.changes.findings import Finding, Kind
from cdp_constructs.review.changes.pairs import Pairs
from cdp_constructs.review.changes.properties import changed_properties
from cdp_constructs.review.templates import Resource, Template
from cdp_constructs.review.values import Values

__all__ = ["alarms", "exposure", "failed_work", "places_gone"]

_ALARMS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
_WORDS = {"AlarmDescription", "AlarmName", "AlarmRule", "Tags"}
_NAMED = re.compile(r"(?:ALARM|OK)\(\"?([^\")]+)")
_SCOPES = "AuthorizationScopes"
_BLOCK = "PublicAccessBlockConfiguration"


def exposure(old: Template, new: Template, pairs: Pairs) -> Iterator[Finding]:
    """Yield ways in that are new, or ask for something else."""
    before = {one.where: one for one in entrances(old)}
    now = entrances(new)
    for one in now:
        was = before.get(one.where)
        if was is None:
            details = (f"asks for {one.asks}", *((f"leads to {one.leads_to}",) if one.leads_to else ()))
            if one.open:
                same = [other for other in before.values() if other.where.split(" ")[0] == one.where.split(" ")[0]]
                closed = sorted({other.asks for other in same if not other.open})
                others = (f"others of it ask for {' or '.join(closed)}",) if closed else ()
                yield Finding(Kind.EXPOSURE, f"new way in that asks for nothing: {one.where}", (*details, *others))
            else:
                yield Finding(Kind.OTHER, f"new way in: {one.where}", details)
        elif was.asks != one.asks or was.leads_to != one.leads_to:
            changed = tuple(
                f"{what}   {left or 'nothing'} -> {right or 'nothing'}"
                for what, left, right in (("asks for", was.asks, one.asks), ("leads to", was.leads_to, one.leads_to))
                if left != right
            )
            kind = Kind.EXPOSURE if was.asks != one.asks else Kind.OTHER
            yield Finding(kind, f"another condition for {one.where}", changed)
    yield from _less_asked(pairs)
    for where in sorted(set(before) - {one.where for one in now}):
        yield Finding(Kind.OTHER, f"no way in any more: {where}")


def _less_asked(pairs: Pairs) -> Iterator[Finding]:
    """Yield what a way in does not show: public access that nothing blocks, and scopes of tokens."""
    for was, one in pairs.same:
        if one.type == "AWS::S3::Bucket" and was.get(_BLOCK) and not one.get(_BLOCK):
            title = f"nothing blocks public access to {one.name} any more"
            yield Finding(Kind.EXPOSURE, title, (f"{_BLOCK}   is removed",))
        asked, wanted = ([str(scope) for scope in each.items(_SCOPES)] for each in (was, one))
        # A token needs one of them, so that fewer ask for more, and none for nothing.
        if asked and not (wanted and set(wanted) <= set(asked)):
            line = f"{_SCOPES}   {', '.join(asked)} -> {', '.join(wanted) or 'none'}"
            yield Finding(Kind.EXPOSURE, f"another scope lets in to {one.name}", (line,))


def alarms(old: Template, new: Template, pairs: Pairs) -> Iterator[Finding]:
    """Yield alarms that are gone or look at something else."""
    before, now = Values(old), Values(new)
    gone_with = {one.name for one in pairs.removed if one.type not in _ALARMS}
    for one in pairs.removed:
        if one.type in _ALARMS:
            watched = _watched(one, old)
            follows = watched and set(watched) <= gone_with
            kind = Kind.OTHER if follows else Kind.ALARMS
            looked = (
                (f"it looked at {', '.join(watched)}" + (", which is gone, too" if follows else ""),) if watched else ()
            )
            yield Finding(kind, f"alarm {one.name} is removed", looked)
    for one, other in (*pairs.same, *pairs.renamed):
        if one.type in _ALARMS:
            changes = [
                change for change in changed_properties(one, other, before, now) if change.property not in _WORDS
            ]
            gone = {alarm.name for alarm in pairs.removed}
            if lost := _listens_to(one, before) - _listens_to(other, now) - gone:
                yield Finding(Kind.ALARMS, f"alarm {other.name} listens no more to {', '.join(sorted(lost))}")
            if changes:
                yield Finding(Kind.ALARMS, f"alarm {other.name} changed", tuple(map(str, changes)))


def _listens_to(alarm: Resource, values: Values) -> set[str]:
    return set(_NAMED.findall(values.text(alarm.get("AlarmRule"))))


def _watched(alarm: Resource, template: Template) -> list[str]:
    return sorted({one.name for one in watched_by(alarm, template)})


def places_gone(old: Template, new: Template, pairs: Pairs) -> Iterator[Finding]:
    """Yield places of failures that are gone, also of work that the template does not show; and unread topics."""
    read = {new.target(one.get("EventSourceArn")) for one in new.of_type("AWS::Lambda::EventSourceMapping")}
    for one, other in pairs.same:
        if (
            one.type == "AWS::SQS::Queue"
            and other not in read
            and one.get("RedrivePolicy")
            and not other.get("RedrivePolicy")
        ):
            yield Finding(Kind.ALARMS, f"queue {other.name} has no dead-letter queue any more")
    placed_before, placed_now = placed(old), placed(new)
    for one, other in pairs.same:
        if one in placed_before and other not in placed_now:
            yield Finding(Kind.ALARMS, f"function {other.name}: failed invocations have no place any more")
    told = {new.target(one.get("TopicArn")) for one in new.of_type("AWS::SNS::Subscription")}
    alarming = {
        new.target(action)
        for alarm in new.of_type(*_ALARMS)
        for key in ("AlarmActions", "OKActions")
        for action in alarm.items(key)
    }
    for one in pairs.removed:
        topic = new.target(one.get("TopicArn")) if one.type == "AWS::SNS::Subscription" else None
        if topic is not None and topic in alarming and topic not in told:
            yield Finding(Kind.ALARMS, f"alarms that {topic.name} receives reach nobody any more")


def failed_work(old: Template, new: Template) -> Iterator[Finding]:
    """Yield work whose failures have no place any more, another one, or no alarm."""
    known = failures(old)
    before = {(one.work, one.when): one for one in known}
    by_work = {one.work: one for one in known}
    for one in failures(new):
        was = before.get((one.work, one.when)) or by_work.get(one.work)
        place = f"{one.when} -> {one.place}" if one.place else "what fails is LOST"
        if was is None and not one.whole:
            missing = "no place" if not one.place else "no alarm"
            yield Finding(Kind.ALARMS, f"{one.work}: {missing} for what fails", (f"now   {place}",))
        elif was is not None and (was.place, was.when) != (one.place, one.when):
            details = (f"was   {was.when} -> {was.place or 'LOST'}", f"now   {place}")
            yield Finding(Kind.ALARMS if was.place else Kind.OTHER, f"{one.work}: what fails goes elsewhere", details)
        elif was is not None and was.alarms and one.place and not one.alarms:
            yield Finding(
                Kind.ALARMS, f"{one.work}: no alarm says that something failed", (f"was   {', '.join(was.alarms)}",)
            )
