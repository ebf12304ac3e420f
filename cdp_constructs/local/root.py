"""The key of the root user, made anew for each server: who has it may do everything in every account."""

import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field

from cdp_constructs.assembly import DEFAULT_ACCOUNT

__all__ = ["RootKey"]

_ALPHABET = string.ascii_uppercase + "234567"


@dataclass(frozen=True)
class RootKey:
    """An access key of the root user.

    Attributes:
        access_key_id: Access key id in the account `000000000000`. In another account it is the account's number.
        secret_access_key: The secret, the same in every account.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)

    @classmethod
    def generate(cls) -> "RootKey":
        """Return a key that nobody can guess, in the form that AWS gives to keys."""
        return cls("AKIA" + "".join(secrets.choice(_ALPHABET) for _ in range(16)), secrets.token_hex(20))

    def credentials(self, account: str = DEFAULT_ACCOUNT) -> tuple[str, str]:
        """Return the access key id and the secret of an account's root user."""
        return (self.access_key_id if account == DEFAULT_ACCOUNT else account), self.secret_access_key

    @property
    def authorization(self) -> Mapping[str, str]:
        """Headers that administration (`/_cdp/`, `/_ministack/`) asks for."""
        return {"Authorization": f"Bearer {self.secret_access_key}"}

    def environment(self, endpoint: str, region: str) -> Mapping[str, str]:
        """Return the environment variables by which the AWS CLI and SDKs use the endpoint as its root user."""
        return {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,  # boto3 and version 1 of the AWS CLI read this one only
        }

    def exports(self, endpoint: str, region: str) -> str:
        """Return those variables as lines to paste into a shell."""
        return "\n".join(f"export {name}={value}" for name, value in self.environment(endpoint, region).items())
