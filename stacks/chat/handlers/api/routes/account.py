"""The caller's own account."""

from http import HTTPStatus

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from .. import deletion
from .caller import Answer, token_of, user_of

router = APIGatewayHttpRouter()


@router.delete("/me")
def delete_account() -> Answer:
    """Delete the account: the caller leaves every room, is not notified any more, and cannot sign in again."""
    deletion.delete(user_of(router), token_of(router))
    return {}, HTTPStatus.NO_CONTENT
