"""CloudFront: viewers must sign their requests where a behaviour trusts key groups."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.cloudfront.keys import trusted_keys
from cdp_constructs.local.services.cloudfront.signatures import Refused, Viewer, authorise, without_signature

_cloudfront: Any = ministack.module(
    "services.cloudfront",
    "_add_cloudfront_headers",
    "_check_viewer_protocol_policy",
    "_match_behavior",
    "_render_headers",
)


@patch("ministack.services.cloudfront:_dataplane_behavior")
def _with_trusted_key_groups(
    original: Callable[..., dict[str, Any]], element: Element, path_pattern: str | None = None
) -> dict[str, Any]:
    # Only below TrustedKeyGroups: the elements carry the API's namespace or, from a template, none.
    groups = [
        group.text
        for trusted in element
        if trusted.tag.endswith("TrustedKeyGroups")
        for group in trusted.iter()
        if group.tag.rpartition("}")[2] == "KeyGroup" and group.text
    ]
    return {**original(element, path_pattern), "trusted_key_groups": groups}


def _refusal(refused: Refused) -> tuple[int, dict[str, str], bytes]:
    root = Element("Error")
    SubElement(root, "Code").text = refused.code
    SubElement(root, "Message").text = str(refused)
    headers = _cloudfront._add_cloudfront_headers({"content-type": "text/xml"}, "Error from cloudfront")
    return (
        HTTPStatus.FORBIDDEN,
        _cloudfront._render_headers(headers, title_case=True),
        tostring(root, xml_declaration=True),
    )


def _cookies(header: str) -> dict[str, str]:
    """Return the cookies by name: whatever other cookies contain, each ends at a semicolon."""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return {name: value for name, _, value in pairs if name}


@patch("ministack.services.cloudfront:handle_viewer_request")
async def _check_signature(
    original: Callable[..., Any],
    distribution: dict[str, Any],
    method: str,
    path: str,
    raw_uri: str,
    query: str,
    headers: dict[str, str],
    body: bytes,
    parameters: dict[str, list[str]],
    address: str = "127.0.0.1",
) -> Any:
    headers.setdefault("x-forwarded-proto", "https")
    behavior = _cloudfront._match_behavior(_cloudfront.parse_distribution_dataplane_config(distribution), path)
    scheme = headers["x-forwarded-proto"]
    # The protocol policy comes first: a redirect to HTTPS is not refused.
    redirected = behavior and _cloudfront._check_viewer_protocol_policy(
        behavior, method, scheme == "https", raw_uri, query, headers
    )
    if behavior and behavior["trusted_key_groups"] and not redirected:
        cookies = _cookies(headers.get("cookie", ""))
        viewer = Viewer(f"{scheme}://{headers['host']}{raw_uri}", query, cookies, address)
        try:
            authorise(viewer, trusted_keys(behavior["trusted_key_groups"]))
        except Refused as refused:
            return _refusal(refused)
        query = without_signature(query)
        names = {part.partition("=")[0] for part in query.split("&")}
        parameters = {name: values for name, values in parameters.items() if name in names}
    return await original(distribution, method, path, raw_uri, query, headers, body, parameters, address)
