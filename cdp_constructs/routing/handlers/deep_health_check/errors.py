"""What a failed question is called in public: one word of a closed list, which names no resource."""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from http.client import HTTPException

from botocore.exceptions import ClientError, ConnectTimeoutError, HTTPClientError, ReadTimeoutError
from botocore.exceptions import ConnectionError as AwsConnectionError


class ErrorCode(StrEnum):
    """Why a dependency counts as failing, or is unknown."""

    TIMEOUT = "timeout"
    THROTTLED = "throttled"
    DENIED = "denied"
    MISSING = "missing"
    UNREACHABLE = "unreachable"
    OTHER = "other"


class UnexpectedStatusError(Exception):
    """An HTTP dependency answered with something else than 2xx or 3xx."""

    def __init__(self, status: int) -> None:
        """Keep the status."""
        super().__init__(status)
        self.status = status


DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "ExpiredToken",
        "ExpiredTokenException",
        "UnrecognizedClientException",
    }
)
# Codes that say "you asked wrongly" or "you may not ask": our mistake, not an outage of the dependency.
OWN_MISTAKES = DENIED | {"InvalidParameter", "ValidationException"}

_TIMED_OUT = frozenset({"RequestTimeout", "RequestTimeoutException"})
_THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_MISSING = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)
_BY_NAME: Mapping[str, ErrorCode] = {
    **dict.fromkeys(DENIED, ErrorCode.DENIED),
    **dict.fromkeys(_TIMED_OUT, ErrorCode.TIMEOUT),
    **dict.fromkeys(_THROTTLED, ErrorCode.THROTTLED),
    **dict.fromkeys(_MISSING, ErrorCode.MISSING),
}
_BY_STATUS: Mapping[int, ErrorCode] = {
    HTTPStatus.UNAUTHORIZED: ErrorCode.DENIED,
    HTTPStatus.FORBIDDEN: ErrorCode.DENIED,
    HTTPStatus.NOT_FOUND: ErrorCode.MISSING,
    HTTPStatus.REQUEST_TIMEOUT: ErrorCode.TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS: ErrorCode.THROTTLED,
    HTTPStatus.GATEWAY_TIMEOUT: ErrorCode.TIMEOUT,
}


def is_own_mistake(error: Exception) -> bool:
    """Tell an error of this checker from an outage of the dependency."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") in OWN_MISTAKES
    outages = (AwsConnectionError, HTTPClientError, HTTPException, OSError, UnexpectedStatusError)
    return not isinstance(error, outages)


def error_code(error: Exception) -> ErrorCode:
    """Return the public word for an error: neither its text nor a code that a service has chosen."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        by_status = _BY_STATUS.get(status, ErrorCode.OTHER)
        return _BY_NAME.get(error.response.get("Error", {}).get("Code", ""), by_status)
    if isinstance(error, UnexpectedStatusError):
        return _BY_STATUS.get(error.status, ErrorCode.OTHER)
    if isinstance(error, (ConnectTimeoutError, ReadTimeoutError, TimeoutError)):
        return ErrorCode.TIMEOUT
    if isinstance(error, (AwsConnectionError, HTTPClientError, HTTPException, OSError)):
        return ErrorCode.UNREACHABLE
    return ErrorCode.OTHER
