"""CloudFront: key groups in CloudFormation; signatures enforced; origins of this cloud; reachable without DNS.

A distribution answers at `/_aws/cloudfront/<domain>/<path>`, where the domain is its own or one of its aliases, and to
any request with its domain as Host. Both count as HTTPS, since loopback needs no TLS; a request with
`X-Forwarded-Proto: http` is taken for plain HTTP.
"""

import sys
from collections.abc import Callable
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, replace
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType
from cdp_constructs.local.services.cloudfront.signatures import Refused, Viewer, authorise, without_signature

__all__ = ["PREFIX", "RESOURCE_TYPES", "distribution_of"]

PREFIX = "/_aws/cloudfront/"

_app: Any = ministack.module("app", "_parse_cloudfront_dataplane_host")
_cloudfront: Any = ministack.module(
    "services.cloudfront",
    "_add_cloudfront_headers",
    "_check_viewer_protocol_policy",
    "_create_key_group",
    "_create_public_key",
    "_distributions",
    "_get_distribution_aliases",
    "_key_groups",
    "_match_behavior",
    "_public_keys",
    "_render_headers",
    "_update_key_group",
    "_update_public_key",
)

_known_aliases: dict[tuple[str, str], list[str]] = {}
"""By the id of a distribution and the version of its configuration."""
_provisioners: Any = ministack.module("services.cloudformation.provisioners", "_cf_props_to_element")


# --- public keys and key groups -------------------------------------------------------------------------------------


def _call(operation: str, before: set[str], store: Any, *arguments: Any) -> str:
    """Call an operation of the API and return the id of what it created, or an empty string."""
    status, _, body = getattr(_cloudfront, operation)(*arguments)
    if status >= 400:  # noqa: PLR2004 - HTTP
        raise ValueError(f"CloudFront refused {operation.strip('_').replace('_', ' ')}: {body.decode()}")
    return next(iter(set(store) - before), "")


def _config(properties: Properties, name: str) -> bytes:
    element: Element = _provisioners._cf_props_to_element(name, properties[name])
    return tostring(element)


def _public_key_attributes(key_id: str) -> Attributes:
    return {"Id": key_id, "CreatedTime": _cloudfront._public_keys[key_id]["CreatedTime"]}


def _create_public_key(_logical_id: str, properties: Properties, _stack_name: str) -> tuple[str, Attributes]:
    keys = _cloudfront._public_keys
    key_id = _call("_create_public_key", set(keys), keys, _config(properties, "PublicKeyConfig"))
    return key_id, _public_key_attributes(key_id)


def _update_public_key(key_id: str, old: Properties, new: Properties, stack_name: str) -> tuple[str, Attributes]:
    if _immutable(old) != _immutable(new):
        # As on AWS the key is replaced, so the template must give it a new caller reference; the stack deletes the old.
        return _create_public_key("", new, stack_name)
    keys = _cloudfront._public_keys
    headers = {"if-match": keys[key_id]["ETag"]}
    _call("_update_public_key", set(keys), keys, key_id, headers, _config(new, "PublicKeyConfig"))
    return key_id, _public_key_attributes(key_id)


def _immutable(properties: Properties) -> Properties:
    return {name: value for name, value in properties["PublicKeyConfig"].items() if name != "Comment"}


def _delete_public_key(key_id: str, _properties: Properties) -> None:
    _cloudfront._public_keys.pop(key_id, None)


def _key_group_config(properties: Properties) -> bytes:
    config = properties["KeyGroupConfig"]
    root = Element("KeyGroupConfig")
    SubElement(root, "Name").text = config["Name"]
    items = SubElement(root, "Items")
    for key_id in config["Items"]:
        SubElement(items, "PublicKey").text = key_id
    if config.get("Comment"):
        SubElement(root, "Comment").text = config["Comment"]
    return tostring(root)


def _key_group_attributes(group_id: str) -> Attributes:
    return {"Id": group_id, "LastModifiedTime": _cloudfront._key_groups[group_id]["LastModifiedTime"]}


def _create_key_group(_logical_id: str, properties: Properties, _stack_name: str) -> tuple[str, Attributes]:
    groups = _cloudfront._key_groups
    group_id = _call("_create_key_group", set(groups), groups, _key_group_config(properties))
    return group_id, _key_group_attributes(group_id)


def _update_key_group(group_id: str, _old: Properties, new: Properties, _stack_name: str) -> tuple[str, Attributes]:
    groups = _cloudfront._key_groups
    headers = {"if-match": groups[group_id]["ETag"]}
    _call("_update_key_group", set(groups), groups, group_id, headers, _key_group_config(new))
    return group_id, _key_group_attributes(group_id)


def _delete_key_group(group_id: str, _properties: Properties) -> None:
    _cloudfront._key_groups.pop(group_id, None)


RESOURCE_TYPES = (
    ResourceType(
        name="AWS::CloudFront::PublicKey",
        create=_create_public_key,
        update=_update_public_key,
        delete=_delete_public_key,
    ),
    ResourceType(
        name="AWS::CloudFront::KeyGroup",
        create=_create_key_group,
        update=_update_key_group,
        delete=_delete_key_group,
    ),
)


# --- viewers --------------------------------------------------------------------------------------------------------


def _trusted_keys(behavior: Any) -> dict[str, str]:
    return {
        key_id: _cloudfront._public_keys[key_id]["Config"]["EncodedKey"]
        for group_id in behavior["trusted_key_groups"]
        if group_id in _cloudfront._key_groups
        for key_id in _cloudfront._key_groups[group_id]["Config"]["Items"]
        if key_id in _cloudfront._public_keys
    }


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
    return 403, _cloudfront._render_headers(headers, title_case=True), tostring(root, xml_declaration=True)


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
    """Check the signature of a viewer's request where the behaviour trusts key groups."""
    headers.setdefault("x-forwarded-proto", "https")
    behavior = _cloudfront._match_behavior(_cloudfront.parse_distribution_dataplane_config(distribution), path)
    scheme = headers["x-forwarded-proto"]
    # The protocol policy comes first: a redirect to HTTPS is not refused.
    redirected = behavior and _cloudfront._check_viewer_protocol_policy(
        behavior, method, scheme == "https", raw_uri, query, headers
    )
    if behavior and behavior["trusted_key_groups"] and not redirected:
        cookies = {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
        viewer = Viewer(f"{scheme}://{headers['host']}{raw_uri}", query, cookies, address)
        try:
            authorise(viewer, _trusted_keys(behavior))
        except Refused as refused:
            return _refusal(refused)
        query = without_signature(query)
        names = {part.partition("=")[0] for part in query.split("&")}
        parameters = {name: values for name, values in parameters.items() if name in names}
    return await original(distribution, method, path, raw_uri, query, headers, body, parameters, address)


def distribution_of(domain: str) -> dict[str, Any] | None:
    """Return the distribution that answers to a domain name or alias."""
    distributions: list[dict[str, Any]] = list(_cloudfront._distributions.values())
    return next((item for item in distributions if domain in {item["DomainName"], *_aliases(item)}), None)


def _aliases(distribution: dict[str, Any]) -> list[str]:
    """Return the alternate names, which are asked for with every request to a name of this cloud."""
    key = (distribution["Id"], distribution["ETag"])
    if key not in _known_aliases:
        _known_aliases[key] = list(_cloudfront._get_distribution_aliases(distribution))
    return _known_aliases[key]


def _addressed(path: str) -> tuple[str, str]:
    """Split `/_aws/cloudfront/<domain>/<path>` into domain and path."""
    domain, _, rest = path.removeprefix(PREFIX).partition("/")
    return domain, f"/{rest}"


@patch("ministack.app:_handle_pre_body_request")
async def _leave_paths_to_distributions(
    original: Callable[..., Any], method: str, path: str, headers: dict[str, str], query: Any, request_id: str
) -> Any:
    # MiniStack answers preflights and some paths itself before it looks at the host; these are the distribution's.
    if path.startswith(PREFIX) or _app._parse_cloudfront_dataplane_host(headers.get("host", "")):
        return None
    return await original(method, path, headers, query, request_id)


@patch("ministack.app:_handle_special_data_plane_request")
async def _serve_by_path(
    original: Callable[..., Any],
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: Any,
    request_id: str,
    **raw: Any,
) -> Any:
    if not path.startswith(PREFIX):
        return await original(method, path, headers, body, query, request_id, **raw)
    domain, viewer_path = _addressed(path)
    distribution = distribution_of(domain)
    if distribution is None:
        return 404, {"Content-Type": "text/plain"}, f"no distribution answers for {domain}\n".encode()
    headers["host"] = domain
    return await _cloudfront.handle_viewer_request(
        distribution,
        method,
        viewer_path,
        _addressed(raw["raw_path"] or path)[1],
        raw["raw_query_string"],
        headers,
        body,
        query,
        raw["client_ip"],
    )


@replace("ministack.core.node_pool:_NODE_BINARY")
def _node(original: str) -> str:
    """Run CloudFront Functions on the Node of this environment when it has one, else on the machine's."""
    node = Path(sys.executable).parent / "node"
    return str(node) if node.exists() else original
