"""The user pool, asked with the caller's own access token: the function needs no permission for it."""

import os
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

# What Cognito says to a token that is none, was revoked, or whose account is gone.
_REFUSALS = {"InvalidParameterException", "NotAuthorizedException", "UserNotFoundException"}


class TokenRefusedError(Exception):
    """The pool does not accept the token: an id token, revoked, or of an account that is gone."""


class UserPoolUnavailableError(Exception):
    """The pool does not answer; its Region may be down."""


def token_in(authorization: str) -> str:
    """Return the token of an ``Authorization`` header; "" when it has another form."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def attributes_of(token: str) -> dict[str, str]:
    """Return the attributes of the caller's account.

    Raises:
        TokenRefusedError: when the pool does not accept the token.
        UserPoolUnavailableError: when the pool does not answer.
    """
    try:
        account = _pool().get_user(AccessToken=token)
    except (BotoCoreError, ClientError) as error:
        raise _explained(error) from error
    return {attribute["Name"]: attribute.get("Value", "") for attribute in account["UserAttributes"]}


def delete_account(token: str) -> None:
    """Delete the caller's account.

    Raises:
        TokenRefusedError: when the pool does not accept the token, also because the account is gone already.
        UserPoolUnavailableError: when the pool does not answer.
    """
    try:
        _pool().delete_user(AccessToken=token)
    except (BotoCoreError, ClientError) as error:
        raise _explained(error) from error


def _explained(error: BotoCoreError | ClientError) -> TokenRefusedError | UserPoolUnavailableError:
    if isinstance(error, ClientError):
        refused = error.response["Error"]["Code"] in _REFUSALS
    else:
        refused = isinstance(error, ParamValidationError)
    return TokenRefusedError() if refused else UserPoolUnavailableError()


@cache
def _pool() -> "CognitoIdentityProviderClient":
    # The pool is in the home Region. One try: a second one would not end within the API's time limit.
    config = Config(signature_version=UNSIGNED, connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})
    return boto3.client("cognito-idp", region_name=os.environ["USER_POOL_REGION"], config=config)
