"""Policies that demand TLS (`aws:SecureTransport`) hold on the loopback address.

The gateway speaks plain HTTP on 127.0.0.1, where nobody can listen in. MiniStack's policy evaluator would refuse every
request to a bucket, queue or topic with a TLS-only policy, so it is told that the transport is secure. What this leaves
unproven: that a plain HTTP request from elsewhere is refused. Assert the policy on the template for that.
"""

from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.kit import ministack

PRIVATE_NAMES = (
    "ministack.app:pin_request_origin",
    "ministack.core.iam_evaluator:_request_origin",
)

_app: Any = ministack.module("app")
_evaluator: Any = ministack.module("core.iam_evaluator")


def install() -> None:
    """Make every request, and every delivery from one service to another, count as made over TLS."""
    # Deliveries between services run outside of any request and evaluate with the default.
    _evaluator._request_origin = ContextVar("request_origin", default=("127.0.0.1", True))
    pin_request_origin = _evaluator.pin_request_origin
    _app.pin_request_origin = lambda source_ip, _secure: pin_request_origin(source_ip, True)
