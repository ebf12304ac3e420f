"""Issues forms with which a user uploads one file straight to S3, and completes uploads in parts.

Two kinds of callers:

- **A user, through an HTTP API with a JWT authorizer**: the request is the JSON body, the owner is the token's ``sub``.
  Answers 201 for a form, 200 for a completed upload, 400 or 401.
- **Another function, by direct invocation**: the request also names the ``owner``, and may carry ``metadata`` that is
  kept with the object. A request that is refused raises ``UploadRefusedError``.

Ask for a form: ``{"name": "cat.jpg", "content_type": "image/jpeg", "size": 123456}``. Up to 100 MB the answer is
``{"upload_id", "key", "url", "fields", "expires_in"}``: post ``fields`` and then ``file`` to ``url`` as
multipart/form-data. Above, it is ``{"upload_id", "key", "multipart_upload_id", "parts", "expires_in"}``: put the bytes
of each part, ``{"part_number", "size", "url"}``, to its URL, keep the ``ETag`` headers, and complete with
``{"key", "multipart_upload_id", "parts": [{"part_number", "etag"}]}``.
"""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from .environment import Environment
from .http_api import app
from .uploads import answer

logger = Logger()
environment = Environment.read()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a user of an HTTP API or a direct caller."""
    if "requestContext" in event:
        app.append_context(environment=environment)
        return app.resolve(event, context)
    return answer(event.get("owner"), {name: value for name, value in event.items() if name != "owner"}, environment)
