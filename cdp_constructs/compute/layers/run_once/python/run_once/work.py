"""Work that is done once for each id, and work that runs alone."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.idempotency import idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemAlreadyExistsError
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from .records import Environment, records

__all__ = ["AlreadyRunningError", "register_lambda_context", "run_alone", "run_once"]

logger = Logger()
Result = TypeVar("Result")


class AlreadyRunningError(Exception):
    """Something else runs that must not run at the same time."""


def register_lambda_context(context: LambdaContext) -> None:
    """Say which invocation this is: work that it leaves unfinished may begin again when its time is over."""
    _, config = records()
    config.register_lambda_context(context)


def run_once(identity: object, work: Callable[[], Result], *, validated: object = None) -> Result:
    """Do work, or return the result of the first time that it was done.

    Args:
        identity: What tells this work from other work of the function: JSON, and neither None nor empty.
        work: What is done. Its result is JSON, at most 400 KB with its record; what comes from the table was through
            JSON.
        validated: What must be the same whenever this id is given.

    Raises:
        IdempotencyAlreadyInProgressError: another invocation is at it, or has died and its time is not over.
        IdempotencyValidationError: ``validated`` is not what came with this id before.
        IdempotencyKeyError: the id is missing.
        IdempotencyPersistenceLayerError: the table does not answer; nothing was done.
    """
    result: Result = _once()(item={"id": identity, "validated": validated}, work=work)
    return result


def run_alone(name: str, work: Callable[[], Result]) -> Result:
    """Do work while nothing else of this name runs.

    The lock ends with the work, and at the latest with the time of the invocation that has it: Lambda ends that one, so
    that nothing runs without its lock.

    Raises:
        AlreadyRunningError: something else of this name runs, or has died and its time is not over.
    """
    store, config = records()
    lock = {"id": f"lock {name}"}
    context = config.lambda_context
    try:
        store.save_inprogress(lock, context.get_remaining_time_in_millis() if context is not None else None)
    except IdempotencyItemAlreadyExistsError as taken:
        raise AlreadyRunningError(name) from taken
    try:
        return work()
    finally:
        try:
            store.delete_record(lock, Exception("the work has ended"))  # it names the error in a debug line
        except (BotoCoreError, ClientError):
            logger.exception("The lock could not be removed; it ends with the time of this invocation", lock=name)


@cache
def _once() -> Callable[..., Any]:
    store, config = records()

    @idempotent_function(  # type: ignore[untyped-decorator]  # Powertools gives this one no types
        data_keyword_argument="item", persistence_store=store, config=config, key_prefix=Environment.read().prefix
    )
    def once(*, item: dict[str, object], work: Callable[[], object]) -> object:
        del item
        return work()

    return once  # type: ignore[no-any-return]  # see above
