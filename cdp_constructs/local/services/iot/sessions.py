"""IoT Core: who gets an MQTT session.

Over TLS only who presents a certificate that is registered and active, and over WebSocket only whose signature verifies
for the Region that it calls; then IoT policies or IAM policies decide about each action, in every Region. A device that
names a Region's endpoint (SNI) needs a certificate of that Region and account; under another name, such as `localhost`,
the certificate alone says where the session is. MiniStack also lets in who presents nothing.
"""

import re
import ssl
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qs

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_evaluator: Any = ministack.module("core.iam_evaluator", "AuthError")
_iot: Any = ministack.module("services.iot", "_endpoint_prefix", "_mtls_server_names")
_sigv4: Any = ministack.module("core.sigv4", "parse_header_signature", "parse_query_signature")

_ENDPOINT = re.compile(r"([0-9a-f]+)-ats\.iot\.([a-z0-9-]+)\.")
_REGION = re.compile(r"(?:^|\.)iot\.([a-z0-9-]+)\.")
_SIGNED_FOR = "iotdevicegateway"

# The name that a device dialled, while its certificate is looked up.
_server_name: ContextVar[str] = ContextVar("server_name", default="")


@patch("ministack.services.iot:_mtls_build_ssl_context")
def _require_certificates(original: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    context = original()
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@patch("ministack.services.iot:_mtls_serve_conn")
async def _serve(original: Callable[..., Awaitable[None]], reader: Any, writer: Any) -> None:
    name = _iot._mtls_server_names.get(writer.get_extra_info("ssl_object"), "")
    token = _server_name.set(name.lower())
    try:
        await original(reader, writer)
    finally:
        _server_name.reset(token)


@patch("ministack.services.iot:_mtls_resolve_identity")
def _of_the_endpoint(
    original: Callable[[bytes | None], tuple[str, str, str | None] | None], certificate: bytes | None
) -> tuple[str, str, str | None] | None:
    identity = original(certificate)
    endpoint = _ENDPOINT.match(_server_name.get())
    if identity and endpoint and endpoint.groups() != (_iot._endpoint_prefix(identity[0]), identity[1]):
        return None
    return identity


@patch("ministack.services.iot:_ws_handshake_check")
def _check_handshake(original: Callable[[Any], Any], scope: Any) -> Any:
    signer = original(scope)
    if signer is None:
        return _evaluator.AuthError("MissingAuthenticationToken", "Missing Authentication Token")
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    signature = (
        _sigv4.parse_header_signature(headers) if "authorization" in headers else _sigv4.parse_query_signature(query)
    )
    called = _REGION.search(headers.get("host", ""))
    if isinstance(signature, tuple) or not called or (signature.service, signature.region) != (_SIGNED_FOR, called[1]):
        return _evaluator.AuthError("SignatureDoesNotMatch", "Credential should be scoped to a valid Region.")
    return signer
