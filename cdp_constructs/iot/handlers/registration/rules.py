"""Which devices get a certificate. Nothing here does I/O.

The allow-list has an item per device, ``serial_number`` with ``context`` (its site or group), ``kind`` and ``status``:

    allowed     may claim an identity
    pending     has claimed one and not used it yet; may claim again within the claim window, for instance after a power
                failure, which retires the certificates of the earlier claims
    active      uses ``certificate_id``; only the holder of that certificate gets the next one (renewal)
    blocked     gets none

So the claim certificate, which is the same in many devices, does not help with a serial number that is in use.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

CLAIM_CLIENT = "claim-"
MOST_CLAIMS = 10
"""Within a claim window: the certificates of all earlier claims are retired while AWS IoT waits."""


class RefusedError(Exception):
    """The device gets no certificate; the message is the reason, for the log."""


def status_of(item: Mapping[str, Any]) -> str:
    """Return the status of a device on the allow-list."""
    return str(item.get("status", "allowed"))


def refusal(
    serial_number: str,
    item: Mapping[str, Any],
    event: Mapping[str, Any],
    *,
    contexts: Collection[str],
    claim_window: timedelta,
    now: datetime,
) -> str | None:
    """Return why a device gets no certificate, None when it gets one."""
    if not item:
        return "not on the allow-list"
    if unreadable := _unreadable(item, contexts):
        return unreadable
    status, client = status_of(item), event.get("clientId")
    if status not in {"allowed", "pending", "active"}:
        return f"its status is {status!r}"
    if status == "active":
        # A device connects as itself with its certificate, so it can only ask for itself.
        certificate = event.get("claimCertificateId")
        renews = client == serial_number and certificate is not None and certificate == item.get("certificate_id")
        return None if renews else "its identity is in use, and this is not its certificate"
    if client != f"{CLAIM_CLIENT}{serial_number}":
        return f"a claim connects as {CLAIM_CLIENT}<serial number>"
    return _claims_again(item, claim_window, now) if status == "pending" else None


def _unreadable(item: Mapping[str, Any], contexts: Collection[str]) -> str | None:
    """Return what an operator left in an item that nobody can use."""
    context, kind, certificates = item.get("context"), item.get("kind", "device"), item.get("certificates", set())
    if not isinstance(context, str) or context not in contexts:
        return f"its context {context!r} is not one of the fleet's"
    if not isinstance(kind, str) or not kind:
        return f"its kind {kind!r} is no name"
    if not isinstance(certificates, set) or not all(isinstance(one, str) for one in certificates):
        return f"its certificates {certificates!r} are no set of strings"
    return None


def _claims_again(item: Mapping[str, Any], claim_window: timedelta, now: datetime) -> str | None:
    """Return why a device that has claimed a certificate may not claim another one."""
    # An item of an earlier version has only the time of its last change.
    claimed_at = item.get("claimed_at", item.get("changed_at"))
    try:
        is_over = claimed_at is None or now - datetime.fromisoformat(claimed_at) > claim_window
    except (TypeError, ValueError):
        return f"it has claimed a certificate at {claimed_at!r}, which is no time with a time zone"
    if is_over:
        return "it has claimed a certificate, and its claim window is over"
    if len(item.get("certificates", ())) >= MOST_CLAIMS:
        return f"it has claimed {MOST_CLAIMS} certificates"
    return None
