"""The accounts of the user pool whose users are notified: who still has one, and which address it has verified."""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from notices.values import is_address

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp.client import CognitoIdentityProviderClient

# What fails twice is retried by the queue, minutes later.
_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})


class NoAccountError(Exception):
    """The user pool has no such account: it was deleted."""


class DisabledAccountError(Exception):
    """An administrator has disabled the account."""


class Accounts:
    """The accounts of a user pool, perhaps of another Region.

    Args:
        user_pool_id: The pool.
        region: Its Region.
    """

    def __init__(self, user_pool_id: str, region: str) -> None:
        self._user_pool_id = user_pool_id
        self.client: CognitoIdentityProviderClient = boto3.client("cognito-idp", region_name=region, config=_CONFIG)

    def address_of(self, user: str) -> str | None:
        """Return the verified mail address of an account as it is now; None when it has none that can be mailed.

        Raises:
            NoAccountError: when there is no account.
            DisabledAccountError: when it is disabled.
        """
        try:
            account = self.client.admin_get_user(UserPoolId=self._user_pool_id, Username=user)
        except ClientError as error:
            if error.response["Error"]["Code"] != "UserNotFoundException":
                raise
            raise NoAccountError(user) from None
        if not account["Enabled"]:
            raise DisabledAccountError(user)
        attributes = {attribute["Name"]: attribute.get("Value", "") for attribute in account["UserAttributes"]}
        address = attributes.get("email", "")
        return address if attributes.get("email_verified") == "true" and is_address(address) else None
