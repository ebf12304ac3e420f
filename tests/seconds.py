"""Amazon S3 tells times in whole seconds: which of two objects of one second is the newer, nobody knows."""

import time

from cdp_constructs.testing import eventually

__all__ = ["wait_for_another_second"]


def wait_for_another_second() -> None:
    """Return when what happens next has a later time than what happened before."""
    second = int(time.time())
    eventually(lambda: int(time.time()) > second)
