"""ElastiCache: caches whose servers have died are recovered, each by its shard."""

import logging
import threading
import time

from cdp_constructs.local.kit.once import once
from cdp_constructs.local.services.elasticache.shards import shards

__all__ = ["watch"]

_POLL_SECONDS = 0.1
_logger = logging.getLogger(__name__)


@once
def watch() -> None:
    """Begin to look after the servers."""
    threading.Thread(target=_watch, name="elasticache-recovery", daemon=True).start()


def _watch() -> None:
    while True:
        for shard in list(shards.values()):
            try:
                shard.recover()
            except Exception:
                _logger.exception("a cache could not be recovered")
        time.sleep(_POLL_SECONDS)
