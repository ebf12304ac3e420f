"""Which accounts were deleted here. Their access tokens are valid for hours after that."""

from typing import TYPE_CHECKING

from ..domain import table as keys
from ..domain.rooms import timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class AccountDeletedError(Exception):
    """The caller's account was deleted: nothing about it is stored any more."""


class Accounts:
    """The marks of deleted accounts. They are kept, so that a write of another Region brings nobody back."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def is_deleted(self, user: str) -> bool:
        """Return whether an account was deleted, as far as this Region knows."""
        return keys.get(self._table, keys.account_key(user)) is not None

    def require(self, user: str) -> None:
        """Refuse the caller whose account was deleted.

        Raises:
            AccountDeletedError: when it was.
        """
        if self.is_deleted(user):
            raise AccountDeletedError

    def mark_deleted(self, user: str) -> None:
        """Mark an account as deleted."""
        self._table.put_item(Item=keys.as_key(keys.account_key(user)) | {"deleted_at": timestamp()})
