"""ElastiCache: users and user groups are the users of the servers, with their access strings and passwords.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

__all__ = ["listeners", "refusal", "refused", "rules"]

_elasticache: Any = ministack.module("services.elasticache", "_error", "_p", "_user_groups", "_users")
_Answer: TypeAlias = tuple[int, dict[str, str], bytes]

_BAD_REQUEST = 400
_SHORTEST, _LONGEST = 16, 128
_PASSWORDS = "_passwords"  # the key of a user under which its passwords are
listeners: list[Callable[[], None]] = []
"""What is called when users or groups have changed."""


def _passwords(parameters: Mapping[str, Any]) -> list[str]:
    found = []
    for prefix in ("Passwords", "AuthenticationMode.Passwords"):
        index = 1
        while password := _elasticache._p(parameters, f"{prefix}.member.{index}"):
            found.append(str(password))
            index += 1
    return found


def rules(groups: Sequence[str]) -> dict[str, list[str]]:
    """Return what the users of groups may do, by their name, as rules of an access control list."""
    found = {}
    for group in groups:
        for user_id in (_elasticache._user_groups.get(group) or {}).get("UserIds", ()):
            if user := _elasticache._users.get(user_id):
                passwords = [f">{password}" for password in user.get(_PASSWORDS, ())]
                if user["Authentication"]["Type"] == "no-password":
                    passwords = ["nopass"]  # one with a token of IAM is not let in
                found[str(user["UserName"])] = ["reset", *str(user["AccessString"]).split(), *passwords]
    return found


def refusal(parameters: Mapping[str, Any]) -> _Answer | None:
    """Return why a replication group cannot have the user groups that it asks for."""
    wanted = _elasticache._p(parameters, "UserGroupIds.member.1") or _elasticache._p(
        parameters, "UserGroupIds.UserGroupId.1"
    )
    if wanted and _elasticache._p(parameters, "TransitEncryptionEnabled", "false") != "true":
        message = "User group based access control requires encryption-in-transit to be enabled."
        return refused("InvalidParameterCombination", message)
    if wanted and wanted not in _elasticache._user_groups:
        return refused("UserGroupNotFound", f"User group {wanted} not found.")
    return None


def refused(code: str, message: str, status: int = _BAD_REQUEST) -> _Answer:
    """Return what ElastiCache answers to a request that it refuses."""
    answer: _Answer = _elasticache._error(code, message, status)
    return answer


def _keep(original: Callable[..., _Answer], parameters: Any) -> _Answer:
    """Keep the passwords of a user, of which MiniStack keeps the number."""
    passwords = _passwords(parameters)
    if not all(_SHORTEST <= len(password) <= _LONGEST for password in passwords):
        message = f"Passwords must have {_SHORTEST} to {_LONGEST} characters."
        return refused("InvalidParameterValue", message)
    answer = original(parameters)
    user = _elasticache._users.get(_elasticache._p(parameters, "UserId"))
    if answer[0] < _BAD_REQUEST and user is not None:
        if passwords:
            user[_PASSWORDS] = passwords
            user["Authentication"] = {"Type": "password", "PasswordCount": len(passwords)}
        elif _elasticache._p(parameters, "AuthenticationMode.Type") == "iam":
            user["Authentication"] = {"Type": "iam", "PasswordCount": 0}
        _tell()
    return answer


def _tell() -> None:
    for listener in listeners:
        listener()


@patch("ministack.services.elasticache:_create_user")
def _create(original: Callable[..., _Answer], parameters: Any) -> _Answer:
    return _keep(original, parameters)


@patch("ministack.services.elasticache:_modify_user")
def _modify(original: Callable[..., _Answer], parameters: Any) -> _Answer:
    return _keep(original, parameters)


@patch("ministack.services.elasticache:_modify_user_group")
def _modify_group(original: Callable[..., _Answer], parameters: Any) -> _Answer:
    answer = original(parameters)
    _tell()
    return answer
