"""Makes a replica equal to the server, and so to every other replica.

1. A write whose answer was lost is sent again under its name: the server tells whether it was made.
2. Everything that changed there since the last time is read. What was changed here too is merged.
3. Everything that was changed here is sent, with the version that it was made from. Who was faster is answered with
   what is there now: it is merged and sent again.

The server puts all writes of a user in one order; each replica applies that order, and its own changes on top of it. A
call can end anywhere, in a tunnel or by a battery: the next one goes on.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from uuid import uuid4

from cdp_phone.api import Documents, Remote, TryLaterError
from cdp_phone.merging import Merge, merge_members
from cdp_phone.replica import Local, Replica, Sent

__all__ = ["Outcome", "sync"]

# One person's other devices would have to write at the same moment each time.
_MOST_CONFLICTS = 20


@dataclass(kw_only=True)
class Outcome:
    """What a call of ``sync`` did."""

    received: int = 0
    sent: int = 0
    merged: int = 0
    refused: int = 0


def sync(replica: Replica, server: Documents, *, merge: Merge = merge_members) -> Outcome:
    """Make a replica and the server equal.

    Args:
        replica: The device's documents.
        server: The API.
        merge: What becomes of a document that was changed here and there.

    Raises:
        TryLaterError: the server does not answer now; what was done so far is kept.
    """
    return _Sync(replica, server, merge).run()


@dataclass
class _Sync:
    """One call."""

    replica: Replica
    server: Documents
    merge: Merge
    outcome: Outcome = field(default_factory=Outcome)

    def run(self) -> Outcome:
        for local in self.replica.all():
            if local.sent is not None:
                self._send(local.key)
        if self.replica.token is None or not self._receive_changes(self.replica.token):
            self._receive_everything()
        for local in self.replica.all():
            self._send(local.key)
        return self.outcome

    def _send(self, key: str) -> None:
        """Send a document until the server has it, or refuses it."""
        for _ in range(_MOST_CONFLICTS):
            local = self.replica.find(key)
            if local is None or (local.sent is None and (not local.is_changed or local.refused is not None)):
                return
            sent = local.sent or Sent(write=f"{self.replica.device}/{uuid4().hex}", data=local.data)
            # Before it is sent: whatever happens now, the next call asks what became of it.
            self.replica.keep(replace(local, sent=sent))
            answer = self.server.write(key, local.base_version, local.content_type, sent.data, sent.write)
            # As it is now: it may have been changed here while the answer was on its way.
            local = replace(self.replica.find(key) or local, sent=None)
            if answer.version is not None:
                self.replica.keep(replace(local, base_version=answer.version, base_data=sent.data))
                self.outcome.sent += 1
            elif answer.refused is not None:
                self.replica.keep(replace(local, refused=answer.refused if local.data == sent.data else None))
                self.outcome.refused += 1
            else:
                self._take(local, answer.current)
        raise TryLaterError(f"{key} is being changed by others")

    def _receive_changes(self, token: str) -> bool:
        """Apply what changed on the server since a token; return False when the token is too old for that."""
        more = True
        while more:
            page = self.server.changes(token)
            if page is None:
                return False
            remotes, token, more = page
            self._apply(remotes)
            self.replica.token = token
        return True

    def _receive_everything(self) -> None:
        """Apply all that is on the server: what is not there was deleted, and that may have been forgotten."""
        seen: set[str] = set()
        token: str | None = None
        more = True
        while more:
            page = self.server.changes(token)
            if page is None:
                raise TryLaterError("reading everything took too long")
            remotes, token, more = page
            self._apply(remotes)
            seen |= {one.key for one in remotes}
        for local in self.replica.all():
            if local.key not in seen and local.base_version:
                self._take(local, None)
        # Only now: who ends in the middle begins again, and so sees what is not there.
        self.replica.token = token

    def _apply(self, remotes: Iterable[Remote]) -> None:
        for remote in remotes:
            local = self.replica.find(remote.key) or Local(key=remote.key)
            if remote.version > local.base_version:
                self._take(local, remote)

    def _take(self, local: Local, remote: Remote | None) -> None:
        """Make what is on the server the base of a document, with the change that was made here on top."""
        if remote is not None and remote.is_apart:
            # Deleted meanwhile: that comes with the next changes, and until then the version is not known.
            remote = self.server.read(remote.key) or replace(remote, deleted=True)
        theirs = remote.data if remote is not None else None
        data = theirs
        if local.is_changed:
            data = self.merge(local.key, local.base_data, local.data, theirs)
            self.outcome.merged += 1
        self.outcome.received += 1
        self.replica.keep(
            Local(
                key=local.key,
                content_type=remote.content_type if remote is not None and data == theirs else local.content_type,
                data=data,
                base_version=remote.version if remote is not None else 0,
                base_data=theirs,
                refused=local.refused if data == local.data else None,
            )
        )
