"""How a service answers who asks it: what is wrong about a request is an answer, and no error of the function."""

from collections.abc import Callable
from typing import Any, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ValidationError

__all__ = ["each_request"]

Request = TypeVar("Request", bound=BaseModel)
Answer = dict[str, Any]


def each_request(
    model: type[Request], answer: Callable[[Request], Answer], logger: Logger
) -> Callable[[Any, LambdaContext], Answer]:
    """Return the handler of a function that callers invoke.

    Args:
        model: What they send.
        answer: Does what they ask.
        logger: The function's own.
    """

    @logger.inject_lambda_context
    def handler(event: Any, context: LambdaContext) -> Answer:
        del context
        try:
            request = model.model_validate(event)
        except ValidationError as error:
            return {"error": error.errors(include_url=False, include_input=False, include_context=False)}
        return answer(request)

    return handler
