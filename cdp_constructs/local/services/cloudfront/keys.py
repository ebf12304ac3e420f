"""CloudFront: public keys and key groups in CloudFormation."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType

__all__ = ["RESOURCE_TYPES", "trusted_keys"]


_cloudfront: Any = ministack.module(
    "services.cloudfront",
    "_create_key_group",
    "_create_public_key",
    "_key_groups",
    "_public_keys",
    "_update_key_group",
    "_update_public_key",
)
_provisioners: Any = ministack.module("services.cloudformation.provisioners", "_cf_props_to_element")


def _call(operation: str, before: set[str], store: Any, *arguments: Any) -> str:
    """Call an operation of the API and return the id of what it created, or an empty string."""
    status, _, body = getattr(_cloudfront, operation)(*arguments)
    if status >= HTTPStatus.BAD_REQUEST:
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


def trusted_keys(group_ids: Iterable[str]) -> dict[str, str]:
    """Return the public keys of key groups, in PEM, by their ids."""
    return {
        key_id: _cloudfront._public_keys[key_id]["Config"]["EncodedKey"]
        for group_id in group_ids
        if group_id in _cloudfront._key_groups
        for key_id in _cloudfront._key_groups[group_id]["Config"]["Items"]
        if key_id in _cloudfront._public_keys
    }
