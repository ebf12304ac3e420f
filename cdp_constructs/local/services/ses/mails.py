"""SES: sent mails can be read, configuration sets are checked, and their event destinations are notified.

A mail to the mailbox simulator (`bounce@`, `complaint@`, `suppressionlist@simulator.amazonses.com`, also with `+label`)
bounces or gets a complaint, every other one is delivered; nothing leaves the machine. Events go to the default bus
of EventBridge and to SNS. Sending is authorised on the identity that the mail is sent from.

`GET /_cdp/ses/mails?region=…` lists the mails of a Region, oldest first, with their headers.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parseaddr
from http import HTTPStatus
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.admin import route
from cdp_constructs.local.kit.metrics import emit
from cdp_constructs.local.kit.patch import patch

_events: Any = ministack.module("services.eventbridge", "_put_events")
_responses: Any = ministack.module("core.responses")
_ses: Any = ministack.module(
    "services.ses",
    "_SIMULATOR_DOMAIN",
    "_SIMULATOR_OUTCOMES",
    "_identities",
    "_notification_detail",
    "_publish_notification",
    "_sent_emails",
    "_sent_emails_list",
)
_ses_v2: Any = ministack.module("services.ses_v2", "_config_sets", "_identities", "_json_err")

_SEND = "/v2/email/outbound-emails"
_totals: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
"""What happened to the mails of a configuration set, by account, Region and name."""
_DETAIL_TYPES = {
    "Send": "Email Sent",
    "Delivery": "Email Delivered",
    "Bounce": "Email Bounced",
    "Complaint": "Email Complaint Received",
}


def _identity_of(sender: str) -> str:
    """Return the identity that a mail is sent from: its address, or else its domain."""
    address = parseaddr(sender)[1]
    known = address in _ses._identities or address in _ses_v2._identities
    return address if known else address.rpartition("@")[2]


@patch("ministack.core.iam_actions:_ses_v2_resource_arn")
def _resource(original: Callable[..., str], method: str, path: str, body: bytes, region: str, account: str) -> str:
    if method == "POST" and path.rstrip("/") == _SEND:
        try:
            identity = _identity_of(json.loads(body)["FromEmailAddress"])
        except (KeyError, TypeError, ValueError):
            return "*"
        return f"arn:aws:ses:{region}:{account}:identity/{identity}"
    return original(method, path, body, region, account)


def _headers(content: Mapping[str, Any]) -> dict[str, str]:
    return {header["Name"]: header["Value"] for header in content.get("Simple", {}).get("Headers", [])}


@patch("ministack.services.ses_v2:handle_request")
async def _send(original: Callable[..., Any], method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
    if method != "POST" or path.rstrip("/") != _SEND:
        return await original(method, path, headers, body, query)
    request = json.loads(body or b"{}")
    name = request.get("ConfigurationSetName")
    if name and name not in _ses_v2._config_sets:
        message = f"Configuration set <{name}> does not exist."
        return _ses_v2._json_err("NotFoundException", message, HTTPStatus.NOT_FOUND)
    response = await original(method, path, headers, body, query)
    if response[0] == HTTPStatus.OK:
        record = _ses._sent_emails_list()[-1]
        record["Headers"] = _headers(request.get("Content", {}))
        record["ConfigurationSetName"] = name or ""
        if name:
            _publish(name, record, {tag["Name"]: [tag["Value"]] for tag in request.get("EmailTags", [])})
    return response


def _outcomes(recipient: str) -> tuple[tuple[str, str | None], ...]:
    local, _, domain = recipient.lower().rpartition("@")
    delivered: tuple[tuple[str, str | None], ...] = (("Delivery", None),)
    if domain != _ses._SIMULATOR_DOMAIN:
        return delivered
    outcomes: tuple[tuple[str, str | None], ...] = _ses._SIMULATOR_OUTCOMES.get(local.split("+")[0], delivered)
    return outcomes


def _publish(configuration_set: str, record: Mapping[str, Any], tags: Mapping[str, list[str]]) -> None:
    account, region = _responses.get_account_id(), _responses.get_region()
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    recipients = [parseaddr(address)[1] for address in (*record["To"], *record["CC"], *record["BCC"])]
    mail = {
        "timestamp": now,
        "source": record["Source"],
        "sourceArn": f"arn:aws:ses:{region}:{account}:identity/{_identity_of(record['Source'])}",
        "sendingAccountId": account,
        "messageId": record["MessageId"],
        "destination": recipients,
        "tags": {"ses:configuration-set": [configuration_set], "ses:operation": ["SendEmail"], **tags},
    }
    events: list[tuple[str, Mapping[str, Any]]] = [("Send", {"send": {}})]
    for recipient in recipients:
        for kind, subtype in _outcomes(recipient):
            events.append((kind, _ses._notification_detail(kind, recipient, now, subtype)))
    destinations = list((_ses_v2._config_sets[configuration_set].get("EventDestinations") or {}).values())
    _count(configuration_set, Counter(kind for kind, _ in events))
    for kind, detail in events:
        for destination in destinations:
            if destination.get("Enabled") and kind.upper() in destination.get("MatchingEventTypes", []):
                _deliver(destination, kind, {"eventType": kind, "mail": mail, **detail})


# https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-cloudwatch.html and
# https://docs.aws.amazon.com/ses/latest/dg/reputationdashboard-cloudwatch-alarm.html
def _count(configuration_set: str, kinds: Counter[str]) -> None:
    """Emit what happened to a mail, and the rates of the mails of its configuration set so far."""
    of_set = {"ses:configuration-set": configuration_set}
    for kind, mails in kinds.items():
        emit("AWS/SES", kind, {}, mails)
        emit("AWS/SES", kind, of_set, mails)
    options = _ses_v2._config_sets[configuration_set].get("ReputationOptions") or {}
    if not options.get("ReputationMetricsEnabled"):
        return
    total = _totals[_responses.get_account_id(), _responses.get_region(), configuration_set]
    total.update(kinds)
    for kind in ("Bounce", "Complaint"):
        emit("AWS/SES", f"Reputation.{kind}Rate", of_set, round(total[kind] / total["Send"], 4), unit="None")


def _deliver(destination: Mapping[str, Any], kind: str, detail: Mapping[str, Any]) -> None:
    if "EventBridgeDestination" in destination:
        entry = {
            "Source": "aws.ses",
            "DetailType": _DETAIL_TYPES[kind],
            "Detail": json.dumps(detail),
            "Resources": [detail["mail"]["sourceArn"]],
        }
        _events._put_events({"Entries": [entry]}, allow_aws_source=True)
    if "SnsDestination" in destination:
        _ses._publish_notification(destination["SnsDestination"]["TopicArn"], detail)


@route("GET", "ses/mails")
def _mails(request: Mapping[str, Any]) -> Mapping[str, Any]:
    region = request["region"]
    records = [
        record
        for (_, there, name), entries in _ses._sent_emails.all_items()
        if there == region and name == "entries"
        for record in entries
    ]
    mails = [
        {
            "id": record["MessageId"],
            "sender": record["Source"],
            "to": record["To"],
            "subject": record.get("RenderedSubject") or record.get("Subject", ""),
            "text": record.get("RenderedBodyText") or record.get("BodyText", ""),
            "html": record.get("RenderedBodyHtml") or record.get("BodyHtml") or "",
            "headers": record.get("Headers", {}),
            "configuration_set": record.get("ConfigurationSetName", ""),
            "sent_at": record["Timestamp"],
        }
        for record in sorted(records, key=lambda record: record["Timestamp"])
    ]
    return {"mails": mails}
