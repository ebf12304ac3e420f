"""Route 53: `TestDNSAnswer`, `GetHealthCheckStatus` and `GetHealthCheckLastFailureReason`."""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.places import DEFAULT_PLACE, place_of
from cdp_constructs.local.services.route53 import health_checks
from cdp_constructs.local.services.route53.answers import NoSuchZoneError, answer, is_known

_route53: Any = ministack.module(
    "services.route53", "_error_response", "_health_checks", "_normalise_name", "_xml_response"
)

_PREFIX = "/2013-04-01"
_STATUS = re.compile(r"/healthcheck/([^/]+)/(status|lastfailurereason)")
_CHECKERS = {
    "us-east-1": "192.0.2.1",
    "us-west-1": "192.0.2.2",
    "us-west-2": "192.0.2.3",
    "eu-west-1": "192.0.2.4",
    "ap-southeast-1": "192.0.2.5",
    "ap-southeast-2": "192.0.2.6",
    "ap-northeast-1": "192.0.2.7",
    "sa-east-1": "192.0.2.8",
}
"""The Regions that Route 53 checks from, with addresses of a block for documentation."""

_Response = tuple[int, dict[str, str], bytes]


def _parameter(query: Mapping[str, Any], name: str) -> str:
    value = query.get(name, "")
    return str(value[0] if isinstance(value, list) else value)


def _observations(check_id: str, kind: str) -> _Response:
    check = _route53._health_checks.get(check_id)
    if check is None:
        message = f"No health check exists with the specified ID {check_id}."
        return _route53._error_response("NoSuchHealthCheck", message, 404)  # type: ignore[no-any-return]
    look = health_checks.observation if kind == "status" else health_checks.last_failure
    seen = look(check_id)
    name = "GetHealthCheckStatusResponse" if kind == "status" else "GetHealthCheckLastFailureReasonResponse"

    def build(root: Element) -> None:
        found = SubElement(root, "HealthCheckObservations")
        if seen is None:
            return
        for region in check["config"].get("Regions") or _CHECKERS:
            one = SubElement(found, "HealthCheckObservation")
            SubElement(one, "Region").text = region
            SubElement(one, "IPAddress").text = _CHECKERS[region]
            report = SubElement(one, "StatusReport")
            SubElement(report, "Status").text = seen.status
            SubElement(report, "CheckedTime").text = datetime.fromtimestamp(seen.time, UTC).isoformat()

    return _route53._xml_response(name, build)  # type: ignore[no-any-return]


def _test_answer(query: Mapping[str, Any]) -> _Response:
    zone_id = _parameter(query, "hostedzoneid").rpartition("/")[2]
    name, record_type = _parameter(query, "recordname"), _parameter(query, "recordtype")
    # The subnet of the client counts more than the address of its resolver.
    address = _parameter(query, "edns0clientsubnetip") or _parameter(query, "resolverip")
    try:
        place = place_of(address) if address else DEFAULT_PLACE
        found, known = answer(zone_id, name, record_type, place), is_known(zone_id, name)
    except NoSuchZoneError as error:
        return _route53._error_response("NoSuchHostedZone", str(error), 404)  # type: ignore[no-any-return]
    except ValueError:
        return _route53._error_response("InvalidInput", f"{address} is no IP address", 400)  # type: ignore[no-any-return]

    def build(root: Element) -> None:
        SubElement(root, "Nameserver").text = "ns-1.awsdns-1.com"
        SubElement(root, "RecordName").text = _route53._normalise_name(name).rstrip(".")
        SubElement(root, "RecordType").text = found[0].record["Type"] if found else record_type
        data = SubElement(root, "RecordData")
        for value in (value for one in found for value in one.values):
            SubElement(data, "RecordDataEntry").text = value
        SubElement(root, "ResponseCode").text = "NOERROR" if known else "NXDOMAIN"
        SubElement(root, "Protocol").text = "UDP"

    return _route53._xml_response("TestDNSAnswerResponse", build)  # type: ignore[no-any-return]


@patch("ministack.services.route53:handle_request")
async def _handle(
    original: Callable[..., Awaitable[Any]], method: str, path: str, headers: Any, body: bytes, query: Any
) -> Any:
    local = path.removeprefix(_PREFIX)
    if method == "GET" and local == "/testdnsanswer":
        return _test_answer(query)
    if method == "GET" and (status := _STATUS.fullmatch(local)):
        return _observations(*status.groups())
    return await original(method, path, headers, body, query)
