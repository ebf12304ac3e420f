"""The names that users chose to be shown."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..domain import table as keys

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


def rename(table: "Table", user: str, name: str) -> None:
    """Set the name that others see. Of two Regions the later one wins, as it should."""
    table.put_item(Item=keys.as_key(keys.profile_key(user)) | {"name": name})


def forget(table: "Table", user: str) -> None:
    """Delete the name of a user."""
    table.delete_item(Key=keys.as_key(keys.profile_key(user)))


def names_of(table: "Table", users: Iterable[str]) -> dict[str, str]:
    """Return the names of users; empty for who has given none, or whose name has not arrived in this Region."""
    key_of = {user: keys.profile_key(user) for user in users}
    found = keys.get_many(table, key_of.values())
    return {user: str(found[key]["name"]) if key in found else "" for user, key in key_of.items()}
