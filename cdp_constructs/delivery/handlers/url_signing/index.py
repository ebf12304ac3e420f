"""Signs CloudFront URLs, and cookies for everything below a folder, for those who may see the objects.

Two kinds of callers, one request: ``{"path": "u1/report.pdf", "expires_in": 300}``.

- **A user, through an HTTP API with a JWT authorizer**: the request is the JSON body; only paths below the user's own
  prefix (``USER_PREFIX``, where ``{sub}`` is the token's subject) are signed. Answers 200, 400, 401 or 403.
- **Another function, by direct invocation**: whoever may invoke this function may have every path signed.

The answer is ``{"url": …, "expires_at": …}``; for a path that ends in ``/*`` it also has ``cookies``, by name, which
open everything below that folder.
"""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from .environment import Environment
from .http_api import app
from .requests import SigningRequest
from .signing import sign

logger = Logger()
environment = Environment.read()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Sign for a user of an HTTP API or for a direct caller."""
    if "requestContext" in event:
        app.append_context(environment=environment)
        return app.resolve(event, context)
    return sign(SigningRequest.model_validate(event), environment)
