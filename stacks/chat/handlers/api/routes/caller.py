"""Who calls, and what routes have in common."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from correlation import TRACEPARENT

from ..models import LONGEST_PAGE, Identifier
from ..user_pool import token_in

Answer = tuple[dict[str, Any], int]
Room = Annotated[Identifier, Path()]
Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE)]


def user_of(router: APIGatewayHttpRouter) -> str:
    """Return the caller, whose token the JWT authorizer in front of the API has verified.

    Raises:
        RuntimeError: for a request without claims: a route without the authorizer, and there is none.
    """
    authorizer = router.current_event.request_context.authorizer
    claims = authorizer.jwt_claim if authorizer else None
    if not claims:
        message = "the request carries no claims"
        raise RuntimeError(message)
    return str(claims["sub"])


def arrival_of(router: APIGatewayHttpRouter) -> float:
    """Return when API Gateway received the request, in epoch seconds."""
    return router.current_event.request_context.time_epoch / 1000


def traceparent_of(router: APIGatewayHttpRouter) -> str:
    """Return the W3C Trace Context of the request, which the function has validated or started."""
    return str(router.current_event.headers[TRACEPARENT])


def token_of(router: APIGatewayHttpRouter) -> str:
    """Return the caller's token, for the user pool, which decides about it."""
    return token_in(router.current_event.headers.get("authorization", ""))
