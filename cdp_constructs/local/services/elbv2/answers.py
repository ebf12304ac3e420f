"""Load balancers: what they answer by themselves, in the form that AWS's have.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

__all__ = ["Answer", "error", "fixed", "not_executed", "redirect"]

_REASONS = {
    HTTPStatus.SERVICE_UNAVAILABLE: "Service Temporarily Unavailable",
    HTTPStatus.GATEWAY_TIMEOUT: "Gateway Time-out",
}


@dataclass(frozen=True)
class Answer:
    """A response that a load balancer makes.

    Attributes:
        status: Its status.
        headers: Its headers, without those of its body.
        body: Its body.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def whole(self, server: bool) -> list[tuple[str, str]]:
        """Return all headers, that of the server when it is wanted."""
        own = (
            [("Server", "awselb/2.0")]
            if server and not any(name.lower() == "server" for name, _ in self.headers)
            else []
        )
        return [*own, ("Date", formatdate(usegmt=True)), *self.headers, ("Content-Length", str(len(self.body)))]


def error(status: int) -> Answer:
    """Return the page of an error."""
    reason = _REASONS.get(HTTPStatus(status), HTTPStatus(status).phrase)
    title = f"{status} {reason}"
    head = f"<html>\r\n<head><title>{title}</title></head>\r\n"
    page = f"{head}<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    return Answer(status, [("Content-Type", "text/html")], page.encode())


def fixed(configuration: Mapping[str, Any]) -> Answer:
    """Return a fixed response."""
    kind = str(configuration.get("ContentType") or "text/plain")
    body = str(configuration.get("MessageBody") or "").encode()
    return Answer(int(configuration["StatusCode"]), [("Content-Type", f"{kind}; charset=utf-8")], body)


def redirect(configuration: Mapping[str, Any], location: str) -> Answer:
    """Return a redirect."""
    status = int(str(configuration["StatusCode"]).removeprefix("HTTP_"))
    page = error(status)
    return Answer(status, [*page.headers, ("Location", location)], page.body)


def not_executed(action: str) -> Answer:
    """Return what says that an action is not executed here; the target is not asked, since nobody was authenticated."""
    text = f"The embedded cloud does not execute the action {action}: the request was not forwarded.\n"
    return Answer(HTTPStatus.NOT_IMPLEMENTED, [("Content-Type", "text/plain; charset=utf-8")], text.encode())
