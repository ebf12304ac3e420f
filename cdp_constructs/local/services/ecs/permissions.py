"""ECS: a request about a service needs permission for that service; MiniStack takes it for one about its cluster.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit.patch import patch

# By the field of the request that names the service.
_FIELDS = {"CreateService": "serviceName", "DeleteService": "service", "UpdateService": "service"}
_PREFIX = "AmazonEC2ContainerServiceV20141113."


def _service_arn(operation: str, body: bytes, region: str, account: str) -> str | None:
    try:
        request = json.loads(body)
    except ValueError:
        return None
    name = request.get(_FIELDS[operation], "") if isinstance(request, dict) else ""
    if not isinstance(name, str) or not name:
        return None
    if name.startswith("arn:"):
        return name
    cluster = str(request.get("cluster") or "default").rpartition("/")[2]
    return f"arn:aws:ecs:{region}:{account}:service/{cluster}/{name}"


@patch("ministack.core.iam_actions:extract_resource_arn")
def _resource(
    original: Callable[..., str],
    service: str,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Any,
    region: str,
    account: str,
) -> str:
    operation = str(headers.get("x-amz-target", "")).removeprefix(_PREFIX) if service == "ecs" else ""
    arn = _service_arn(operation, body, region, account) if operation in _FIELDS else None
    return arn or original(service, method, path, headers, body, query, region, account)
