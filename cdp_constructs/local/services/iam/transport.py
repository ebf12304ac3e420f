"""Policies that demand TLS (`aws:SecureTransport`) hold on the loopback address.

The gateway serves plain HTTP on 127.0.0.1, where traffic does not leave the machine. MiniStack's policy evaluator would
refuse every request to a bucket, queue or topic with a TLS-only policy, so `aws:SecureTransport` is true for all
requests. This does not prove that plain HTTP is refused on AWS; assert the policy on the template for that.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.kit.patch import patch, replace


@replace("ministack.core.iam_evaluator:_request_origin")
def _delivery_origin(_original: ContextVar[Any]) -> ContextVar[Any]:
    # Deliveries between services run outside of any request and evaluate with the default.
    return ContextVar("request_origin", default=("127.0.0.1", True))


@patch("ministack.app:pin_request_origin")
def _request_origin(original: Callable[[str, bool], Any], source_ip: str, _secure: bool) -> Any:
    return original(source_ip, True)
