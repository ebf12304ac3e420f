"""A client of ``UserDataStore`` that works offline: it keeps a replica, and makes it equal to the others when it can.

with Replica.open(folder / "saves.sqlite3") as replica:
    replica.put("settings", b'{"volume": 7}')
    sync(replica, DocumentApi(url, session.token), merge=merge_members)
"""

from cdp_phone.api import DocumentApi, TryLaterError
from cdp_phone.merging import merge_members
from cdp_phone.replica import Replica
from cdp_phone.sync import Outcome, sync

__all__ = ["DocumentApi", "Outcome", "Replica", "TryLaterError", "merge_members", "sync"]
