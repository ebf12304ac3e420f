"""Stands for AWS in property tests: takes every call that boto3 makes, and refuses what AWS refuses to any caller.

Calls are validated and serialised by botocore itself; what is in them is then checked by the limits that AWS documents,
such as the length of a key or the characters of an attribute. What handlers publish or store as JSON must be JSON.
"""

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.properties.tables import why_refused

# https://www.w3.org/TR/xml/#charsets, which SNS and SQS name for texts and attributes.
_ALLOWED = re.compile(r"[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
_LARGEST_MESSAGE = 1024 * 1024
_LARGEST_PAYLOAD = 128 * 1024
_LARGEST_ITEM = 400 * 1024
_LONGEST_PARTITION_KEY, _LONGEST_SORT_KEY = 2048, 1024
_SORT_KEYS = {"sk", "connection", "modified_at"}
_LONGEST_OBJECT_KEY = 1024
_MOST_DIGITS = 38


class UnreadableOutputError(Exception):
    """A handler published or stored something as JSON that a browser could not parse."""


def refusal(code: str, operation: str, message: str = "refused") -> ClientError:
    """Return what boto3 raises when AWS refuses a call."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def strict_json(text: str | bytes) -> Any:
    """Read JSON as a browser and strict parsers do.

    Raises:
        UnreadableOutputError: for NaN, infinities, numbers beyond 64-bit floats, and halves of surrogate pairs.
    """

    def refuse(constant: str) -> None:
        raise UnreadableOutputError(f"{constant} is no JSON")

    try:
        value = json.loads(text, parse_constant=refuse)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise UnreadableOutputError(f"{text[:200]!r}: {error}") from error
    return value


class World:
    """The resources of a handler's account, and what it did to them.

    Args:
        find: Returns the item of a key of a table, None when there is none.
        objects: Answers of HeadObject and bodies, by key.
        answers: Answers of operations, such as ``lambda.Invoke``, or functions of the parameters that return one.
    """

    def __init__(
        self,
        *,
        find: Callable[[Mapping[str, Any]], Mapping[str, Any] | None] = lambda _key: None,
        objects: Mapping[str, Mapping[str, Any]] | None = None,
        answers: Mapping[str, Any] | None = None,
    ) -> None:
        self._find = find
        self.objects = dict(objects or {})
        self._answers = dict(answers or {})
        self.calls: list[tuple[str, Any]] = []
        self.unreadable: list[UnreadableOutputError] = []

    def did(self, mark: str) -> bool:
        """Return whether a call that changes or publishes something has a text in it."""
        return any(mark in repr(parameters) for name, parameters in self.calls if not _READS.search(name))

    def answer(self, name: str, parameters: Any) -> Any:
        """Return the answer of an operation, such as ``s3.PutObject``.

        Raises:
            ClientError: when AWS refuses it.
        """
        service, _, operation = name.partition(".")
        check = getattr(self, f"_check_{service.replace('-', '_')}", None)
        if check:
            check(operation, parameters)
        self.calls.append((name, parameters))
        if name in self._answers:
            found = self._answers[name]
            return found(parameters) if callable(found) else found
        respond = getattr(self, f"_{service.replace('-', '_')}", None)
        return respond(operation, parameters) if respond else {}

    def written(self, text: str | bytes) -> None:
        """Take note of what was published or stored as JSON."""
        try:
            strict_json(text)
        except UnreadableOutputError as error:
            self.unreadable.append(error)

    def _check_dynamodb(self, operation: str, parameters: Any) -> None:
        if operation == "Query" and (reason := why_refused(parameters)):
            raise refusal("ValidationException", operation, reason)
        for name, value in _walk(parameters):
            if isinstance(value, str) and not _is_text(value):
                raise refusal("SerializationException", operation)
            if name == "N" and len(str(value).strip("-0.").partition("E")[0]) > _MOST_DIGITS:
                raise refusal("ValidationException", operation, "number")
            if name in {"Key", "Item", "ExclusiveStartKey"} or (name == "Keys" and isinstance(value, dict)):
                self._check_keys(operation, value)
            if name == "Item":
                self._check_index_keys(operation, value)
            if name == "Item" and sum(len(str(part)) for _, part in _walk(value)) > _LARGEST_ITEM:
                raise refusal("ValidationException", operation, "item size")

    @staticmethod
    def _check_keys(operation: str, item: Mapping[str, Any]) -> None:
        for name in {"pk", "sk", "object", "session", "serial_number", "channel", "connection", "ticket"} & set(item):
            value = item[name].get("S")
            longest = _LONGEST_SORT_KEY if name in _SORT_KEYS else _LONGEST_PARTITION_KEY
            if not isinstance(value, str) or not 0 < len(value.encode()) <= longest:
                raise refusal("ValidationException", operation, f"key {name}")

    @staticmethod
    def _check_index_keys(operation: str, item: Mapping[str, Any]) -> None:
        """Refuse an item whose attribute is the key of a secondary index of this library, and empty or no text."""
        for name in {"owner", "day", "modified_at"} & set(item):
            if not item[name].get("S"):
                raise refusal("ValidationException", operation, f"key {name} of an index")

    def _dynamodb(self, operation: str, parameters: Any) -> Any:
        if operation == "GetItem":
            item = self._item(parameters["Key"])
            return {"Item": item} if item else {}
        if operation == "BatchGetItem":
            tables = parameters["RequestItems"]
            found = {table: [self._item(key) for key in asked["Keys"]] for table, asked in tables.items()}
            return {
                "Responses": {table: [item for item in items if item] for table, items in found.items()},
                "UnprocessedKeys": {},
            }
        if operation in {"Query", "Scan"}:
            return {"Items": [], "Count": 0}
        return {"Attributes": self._item(parameters["Key"]) or {}} if operation == "UpdateItem" else {}

    def _item(self, key: Mapping[str, Any]) -> Any:
        from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

        plain = {name: TypeDeserializer().deserialize(value) for name, value in key.items()}
        item = self._find(plain)
        return {name: TypeSerializer().serialize(value) for name, value in {**plain, **item}.items()} if item else None

    def _check_s3(self, operation: str, parameters: Any) -> None:
        for name in ("Key", "Prefix"):
            if len(str(parameters.get(name, "")).encode()) > _LONGEST_OBJECT_KEY:
                raise refusal("KeyTooLongError", operation)
        kind = parameters.get("ContentType", "")
        if operation == "PutObject" and kind.startswith("application/json"):
            body = parameters["Body"]
            content = body.getvalue() if isinstance(body, io.BytesIO) else body
            parameters["Body"] = content
            for part in content.split(b"\n")[:-1] if kind == "application/jsonl" else [content]:
                self.written(part)

    def _s3(self, operation: str, parameters: Any) -> Any:
        key = parameters.get("Key")
        if operation in {"HeadObject", "GetObject"}:
            if key not in self.objects:
                raise refusal("404" if operation == "HeadObject" else "NoSuchKey", operation)
            head = {name: value for name, value in self.objects[key].items() if name != "Body"}
            return head if operation == "HeadObject" else {**head, "Body": io.BytesIO(self.objects[key]["Body"])}
        if operation == "CopyObject":
            named = unquote(parameters["CopySource"]).partition("/")[2].partition("?versionId=")[0]
            source = self.objects[named]
            self.objects[key] = {**source, "Metadata": parameters["Metadata"]}
        return {}

    def _check_sns(self, operation: str, parameters: Any) -> None:
        entries = parameters.get("PublishBatchRequestEntries", [parameters])
        for entry in entries:
            if not entry["Message"] or len(entry["Message"].encode()) > _LARGEST_MESSAGE // 4:
                raise refusal("InvalidParameter", operation, "message")
            for attribute in entry.get("MessageAttributes", {}).values():
                value = attribute.get("StringValue", "")
                if not value or not _ALLOWED.fullmatch(value):
                    raise refusal("ParameterValueInvalid", operation, "attribute")
        for entry in entries:
            self.written(entry["Message"])

    def _check_sqs(self, operation: str, parameters: Any) -> None:
        entries = parameters.get("Entries", [parameters])
        for entry in entries:
            body = entry.get("MessageBody", "x")
            if not body or not _ALLOWED.fullmatch(body) or len(body.encode()) > _LARGEST_MESSAGE:
                raise refusal("InvalidMessageContents", operation)
            self.written(body)

    def _check_iot_data(self, operation: str, parameters: Any) -> None:
        payload = parameters.get("payload")
        if payload is None:
            return
        raw = payload if isinstance(payload, bytes) else payload.encode()
        if len(raw) > _LARGEST_PAYLOAD:
            raise refusal("RequestEntityTooLargeException", operation)
        if operation == "UpdateThingShadow":
            try:
                strict_json(raw)
            except UnreadableOutputError as error:
                raise refusal("InvalidRequestException", operation, "shadow") from error
        self.written(raw)

    def _check_lambda(self, operation: str, parameters: Any) -> None:
        try:
            strict_json(parameters["Payload"])
        except UnreadableOutputError as error:
            raise refusal("InvalidRequestContentException", operation) from error


_READS = re.compile(r"\.(Get|Head|List|Query|Scan|BatchGet|Describe)")


def _walk(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    yield name, value
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _walk(inner, str(key))
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from _walk(inner, name)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def stand_in(world: Callable[[], World], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every client of boto3 call the present world instead of AWS."""

    def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        model = client.meta.service_model.operation_model(operation)
        context: dict[str, Any] = {}
        known = client._emit_api_params(api_params=parameters, operation_model=model, context=context)
        client._serializer.serialize_to_request(known, model)
        service = client.meta.service_model.service_name
        try:
            answer = world().answer(f"{service}.{operation}", known)
        except ClientError as error:
            # As boto3 does: a class of its own for each error that the service's model has.
            raise client.exceptions.from_code(error.response["Error"]["Code"])(error.response, operation) from None
        event = f"after-call.{client.meta.service_model.service_id.hyphenize()}.{operation}"
        client.meta.events.emit(event, http_response=None, parsed=answer, model=model, context=context)
        return answer

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
