"""Load balancers: one health check of a target, and how connections to targets are encrypted."""

import http.client
import ssl
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.containers import peers
from cdp_constructs.local.kit.once import once

__all__ = ["passes", "without_check"]


@once
def without_check() -> ssl.SSLContext:
    """Return what connections to targets are encrypted with: load balancers do not check who a target is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # authorities are not loaded, since nobody is checked
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _matches(status: int, matcher: str) -> bool:
    ranges = (part.partition("-") for part in matcher.split(","))
    return any(int(first) <= status <= int(last or first) for first, _, last in ranges)


def passes(group: Mapping[str, Any], address: str, port: int) -> tuple[bool, str]:
    """Return whether a target passes the check of its group, and why not, as DescribeTargetHealth says it."""
    if group["HealthCheckPort"] != "traffic-port":
        port = int(group["HealthCheckPort"])
    seconds = float(group["HealthCheckTimeoutSeconds"])
    try:
        with peers.own_socket(address, port) as own, own:
            own.settimeout(seconds)
            own.connect((address, port))
            if group["HealthCheckProtocol"] in {"TCP", "TLS"}:
                return True, ""
            connection = http.client.HTTPConnection(address, port)
            # Given, and not opened by it.
            connection.sock = without_check().wrap_socket(own) if group["HealthCheckProtocol"] == "HTTPS" else own
            with connection.sock:
                connection.request("GET", group["HealthCheckPath"], headers={"User-Agent": "ELB-HealthChecker/2.0"})
                status = connection.getresponse().status
    except TimeoutError:
        tcp = group["HealthCheckProtocol"] in {"TCP", "TLS"}
        return False, "Target.FailedHealthChecks" if tcp else "Target.Timeout"
    except (OSError, http.client.HTTPException):
        return False, "Target.FailedHealthChecks"
    passed = _matches(status, group["Matcher"].get("HttpCode", "200"))
    return passed, "" if passed else "Target.ResponseCodeMismatch"
