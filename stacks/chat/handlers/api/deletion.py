"""Deletes an account: what is known of the user, then the memberships, at last the account in the user pool.

Every step can be repeated, and the mark comes first: a call that breaks off has ended the mails, and the next one, or
the next session of the account, ends the same.
"""

from ..domain import rooms
from . import people, service, user_pool
from .routes import notifications

# About 30 ms each: a call ends within the API's time limit.
_ROOMS_IN_A_CALL = 100


class DeletionUnfinishedError(Exception):
    """The user was in more rooms than one call leaves; the next call goes on."""


def delete(user: str, token: str) -> None:
    """Delete the account of a user.

    Args:
        user: The user.
        token: The user's access token, with which the pool deletes the account.

    Raises:
        TokenRefusedError: when the pool does not accept the token; nothing was changed.
        UserPoolUnavailableError: when the pool does not answer; when it did not from the first, nothing was changed.
        DeletionUnfinishedError: when there are rooms left to leave.
    """
    accounts = service.accounts
    if not accounts.is_deleted(user):
        # The API takes a revoked token until it expires; nobody deletes an account with one.
        user_pool.attributes_of(token)
        accounts.mark_deleted(user)
    notifications.forget(user)
    people.forget(service.table, user)
    service.markers.forget(user)
    _leave_rooms(user)
    try:
        user_pool.delete_account(token)
    except user_pool.TokenRefusedError:
        # An earlier call deleted it. If the token was revoked meanwhile, the account's next session deletes it.
        return


def _leave_rooms(user: str) -> None:
    following: str | None = None
    left = 0
    while True:
        page, following = rooms.memberships_of(service.table, user, following, _ROOMS_IN_A_CALL)
        for room in page:
            rooms.leave(service.table, user, room, service.region)
            service.presence.leave(room, user)
        if following is None:
            return
        left += len(page)
        if left >= _ROOMS_IN_A_CALL:
            raise DeletionUnfinishedError
