"""The chat's HTTP API in one Region. The JWT authorizer in front of it has checked who the caller is."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from .bodies import refuse_body
from .problems import PROBLEMS, explain, explain_refusal_of_aws
from .routes import account, attachments, changes, messages, notifications, rooms, search

logger = Logger()
app = APIGatewayHttpResolver(enable_validation=True)
for routes in (rooms, messages, changes, search, attachments, notifications, account):
    app.include_router(routes.router)
app.exception_handler(list(PROBLEMS))(explain)
app.exception_handler(ClientError)(explain_refusal_of_aws)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    return refuse_body(event) or app.resolve(event, context)
