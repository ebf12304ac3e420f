"""Mails and mobile push notifications that the embedded cloud accepted; none leaves the machine."""

from dataclasses import dataclass

from cdp_constructs.local.clients.administration import Administration

__all__ = ["Push", "SentMail", "pushes", "sent_mails"]


@dataclass(frozen=True)
class SentMail:
    """A mail that SES accepted."""

    id: str
    sender: str
    to: list[str]
    subject: str
    text: str
    html: str
    headers: dict[str, str]
    """Those that were given to `SendEmail` of version 2."""
    configuration_set: str
    sent_at: float


@dataclass(frozen=True)
class Push:
    """A message that SNS accepted for a mobile device."""

    id: str
    region: str
    endpoint: str
    token: str
    message: str
    """What the platform would get, in its own form."""


def sent_mails(administration: Administration, region: str) -> list[SentMail]:
    """Return the mails that were sent in a Region, oldest first."""
    answer = administration.request("GET", "/_cdp/ses/mails", params={"region": region})
    return [SentMail(**mail) for mail in answer.json()["mails"]]


def pushes(administration: Administration, region: str) -> list[Push]:
    """Return what was pushed to mobile devices in a Region, oldest first."""
    answer = administration.request("GET", "/_cdp/sns/pushes", params={"region": region})
    return [Push(**push) for push in answer.json()["pushes"]]
