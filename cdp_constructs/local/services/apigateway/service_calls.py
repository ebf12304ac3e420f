"""API Gateway: requests of integrations to services of AWS, signed with the credentials of the integration's role."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode
from xml.etree import ElementTree as ET

import botocore.session
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.credentials import Credentials
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session

from cdp_constructs.local.kit.once import once
from cdp_constructs.local.kit.sdk import endpoint
from cdp_constructs.local.services.iam import sessions

__all__ = ["Answer", "Call", "perform"]

_NAMES = {"states": "stepfunctions", "monitoring": "cloudwatch"}
"""Services that botocore names otherwise than integrations do."""
_QUERY_VERSIONS = {"sns": "2010-03-31", "sqs": "2012-11-05"}
"""Services that integrations call by their query protocol, whatever SDKs speak."""

_MOST_CONNECTIONS = 50


@dataclass(frozen=True)
class Call:
    """A request to a service.

    Attributes:
        region: Region of the service.
        service: As the URI of the integration names it, for example `dynamodb`.
        action: `PutItem`; empty when the URI has a path.
        path: Path, with its placeholders filled in; empty when the URI has an action.
        method: HTTP method of the integration.
        query: Query string.
        headers: Headers.
        body: What the template made of the request.
        role: ARN of the role that it is signed with; empty for none.
        in_json: Whether the body is JSON, also for services that integrations of REST APIs call by queries.
    """

    region: str
    service: str
    action: str
    path: str
    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    role: str
    in_json: bool = False


@dataclass(frozen=True)
class Answer:
    """What a service answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@functools.cache
def _metadata(service: str) -> Mapping[str, Any]:
    metadata: Mapping[str, Any] = (
        botocore.session.get_session().get_service_model(_NAMES.get(service, service)).metadata
    )
    return metadata


def perform(call: Call) -> Answer:
    """Send the request and wait for the answer.

    Raises:
        botocore.exceptions.UnknownServiceError: there is no such service.
        botocore.exceptions.HTTPClientError: no answer came.
    """
    metadata = _metadata(call.service)
    headers = {"Content-Type": "application/json", **call.headers}
    method, path, query, body = call.method, call.path, dict(call.query), call.body
    by_query = not call.in_json and (call.service in _QUERY_VERSIONS or metadata["protocol"] in {"query", "ec2"})
    if by_query:
        version = _QUERY_VERSIONS.get(call.service, metadata.get("apiVersion", ""))
        form = {"Version": version, **({"Action": call.action} if call.action else {}), **query}
        form |= dict(parse_qsl(body.decode(), keep_blank_values=True))
        method, query, body = "POST", {}, urlencode(form).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    elif call.action:
        method, body = "POST", body or b"{}"
        headers |= {
            "Content-Type": f"application/x-amz-json-{metadata.get('jsonVersion', '1.0')}",
            "X-Amz-Target": f"{metadata['targetPrefix']}.{call.action}",
        }
    url = f"{endpoint()}/{quote(path.lstrip('/'), safe='/%~')}" + (f"?{urlencode(query)}" if query else "")
    request = AWSRequest(method=method, url=url, data=body, headers=headers)
    if call.role:
        key_id, secret, *token = sessions.credentials(call.role, "BackplaneAssumeRoleSession")
        signer = S3SigV4Auth if call.service == "s3" else SigV4Auth
        name = metadata.get("signingName", metadata["endpointPrefix"])
        signer(Credentials(key_id, secret, *token), name, call.region).add_auth(request)
    answer = _send(request.prepare())
    content = answer.content
    if by_query and content.lstrip().startswith(b"<"):
        content = json.dumps(_as_json(ET.fromstring(content))).encode()  # noqa: S314  # of this server
    return Answer(answer.status_code, dict(answer.headers), content)


@once
def _session() -> URLLib3Session:
    return URLLib3Session(max_pool_connections=_MOST_CONNECTIONS)


def _send(request: AWSPreparedRequest) -> AWSResponse:
    try:
        return _session().send(request)
    except ConnectionClosedError:  # a connection that was kept, and that the server closed at this moment
        return _session().send(request)


def _as_json(root: ET.Element) -> dict[str, Any]:
    """Return an answer of the query protocol in JSON, in which API Gateway asks for it."""
    name = root.tag.rpartition("}")[2]
    value = _value(root)
    return value if name == "ErrorResponse" and isinstance(value, dict) else {name: value}


def _value(element: ET.Element) -> Any:
    if not len(element):
        return element.text
    names = [child.tag.rpartition("}")[2] for child in element]
    if set(names) == {"member"}:
        return [_value(child) for child in element]
    return {name: _value(child) for name, child in zip(names, element, strict=True)}
