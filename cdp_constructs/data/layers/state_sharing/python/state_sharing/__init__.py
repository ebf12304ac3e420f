"""State that all servers share: who is here, who is typing, which sessions are open. It lapses unless it is renewed.

An entry is one item of a table with the keys ``pk`` = ``<GROUP>#<group>`` and ``sk`` = ``<KIND>#<member>``, so that one
query answers who is in a group. Entries lapse at ``expires_at``: readers leave them out from that second on, because
DynamoDB deletes expired items only some time later, up to days.

Every write says when it was made (``at``) and loses against a newer one, so heartbeats may come late, twice and in any
order. Each Region decides by its own replica; between Regions the last write of an item wins.
"""

from .connection import connect
from .entries import Entry
from .state import SharedState

__all__ = ["Entry", "SharedState", "connect"]
