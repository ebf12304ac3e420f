"""Which resource a request needs the permission on, where MiniStack does not know it.

```python
@resource_of("ssm")
def _parameter(known: Callable[[bytes], str], request: Request) -> str: ...
```
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from cdp_constructs.local.kit.patch import Change, patch

__all__ = ["Request", "resource_of"]


@dataclass(frozen=True)
class Request:
    """A request to a service, as MiniStack routes it; `query` has the parameters of a query protocol."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: Any
    region: str
    account: str


_Finder: TypeAlias = Callable[[Callable[[bytes], str], Request], str]
_finders: dict[str, _Finder] = {}


class ResourceOf(Change):
    """Finds the resource of the requests to one service."""

    def __init__(self, service: str, find: _Finder) -> None:
        self._service = service
        self._find = find

    def apply(self) -> None:
        """Register the function."""
        _finders[self._service] = self._find

    def undo(self) -> None:
        """Remove the function."""
        del _finders[self._service]


def resource_of(service: str) -> Callable[[_Finder], ResourceOf]:
    """Let the decorated function return the ARN of the resource of each request to a service.

    It gets a function that returns what MiniStack would say for a body, `*` where it does not know, and the request.
    """
    return lambda find: ResourceOf(service, find)


@patch("ministack.core.iam_actions:extract_resource_arn")
def _resource(
    original: Callable[..., str],
    service: str,
    method: str,
    path: str,
    headers: Any,
    body: bytes,
    query: Any,
    region: str,
    account: str,
) -> str:
    find = _finders.get(service)
    if find is None:
        return original(service, method, path, headers, body, query, region, account)
    return find(
        lambda other: original(service, method, path, headers, other, query, region, account),
        Request(method, path, headers, body, query, region, account),
    )
