"""Asks a service, as its clients do, whether it and what it depends on can serve, and counts the answer.

Anything but 200 counts as no: another status, no answer within ten seconds, a certificate that does not fit. The log
has the beginning of the answer. Environment: ``URL``.
"""

import http.client
import os
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

_TIMEOUT_SECONDS = 10
_LONGEST_ANSWER = 2048

logger = Logger()
metrics = Metrics()
metrics.set_default_dimensions(function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"])


def ask(url: str) -> tuple[int, str]:
    """Return status and beginning of the answer; redirects are not followed.

    Raises:
        OSError: when nothing answers, or the certificate does not fit.
        http.client.HTTPException: when what answers is not HTTP.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", parts.path or "/", headers={"User-Agent": "deep-health-check"})
        answer = connection.getresponse()
        return answer.status, answer.read(_LONGEST_ANSWER).decode(errors="replace")
    finally:
        connection.close()


@metrics.log_metrics
def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Ask once, count 1 or 0, and return what was found."""
    url = os.environ["URL"]
    try:
        status, text = ask(url)
    except (OSError, http.client.HTTPException) as error:
        status, text = 0, repr(error)
    healthy = status == HTTPStatus.OK
    metrics.add_metric("DeepHealthy", MetricUnit.Count, int(healthy))
    if not healthy:
        logger.error("the deep health check failed", url=url, status=status, answer=text)
    return {"healthy": healthy, "status": status}
