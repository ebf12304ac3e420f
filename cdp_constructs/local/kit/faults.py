"""The faults and delays that a drill has injected; what acts without a request asks here whether it fails."""

from dataclasses import dataclass

__all__ = ["DELAYS", "FAULTS", "Fault", "fault_of"]


@dataclass(frozen=True)
class Fault:
    """Requests to a service of a Region that fail."""

    service: str
    region: str
    operation: str | None
    error: str
    status: int
    message: str

    def meets(self, service: str, region: str, operation: str) -> bool:
        """Whether it applies to a request."""
        return (self.service, self.region) == (service, region) and self.operation in {None, operation}


FAULTS: dict[tuple[str, str, str | None], Fault] = {}
"""By service, Region and operation."""

DELAYS: dict[tuple[str, str, str | None], float] = {}
"""How many seconds later each request is answered, by service, its Region, and the Region of its caller or None."""


def fault_of(service: str, region: str, operation: str) -> Fault | None:
    """Return the fault that a request meets.

    Args:
        service: As in credential scopes, for example `monitoring` for CloudWatch.
        region: Region of the request.
        operation: As in the service's API, for example `GetItem`.
    """
    return next((fault for fault in FAULTS.values() if fault.meets(service, region, operation)), None)
