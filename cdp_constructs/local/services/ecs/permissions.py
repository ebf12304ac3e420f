"""ECS: a request about a service needs permission for that service; MiniStack takes it for one about its cluster.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
"""

import json
from collections.abc import Callable

from cdp_constructs.local.kit.resources import Request, resource_of

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


@resource_of("ecs")
def _resource(known: Callable[[bytes], str], request: Request) -> str:
    operation = str(request.headers.get("x-amz-target", "")).removeprefix(_PREFIX)
    found = _service_arn(operation, request.body, request.region, request.account) if operation in _FIELDS else None
    return found or known(request.body)
