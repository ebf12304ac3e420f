"""Route 53: whether health checks are healthy, in us-east-1 as on AWS.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-health-checks.html
"""

from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.metrics import emit, gauge
from cdp_constructs.local.services.route53.health_checks import is_healthy

_responses: Any = ministack.module("core.responses")
_route53: Any = ministack.module("services.route53", "_health_checks")

_REGION = "us-east-1"


@gauge
def _statuses() -> None:
    for (account, check_id), _check in list(_route53._health_checks._data.items()):
        with _responses.request_scope(account, _REGION):
            of_check = {"HealthCheckId": check_id}
            emit("AWS/Route53", "HealthCheckStatus", of_check, int(is_healthy(check_id)), unit="None")
