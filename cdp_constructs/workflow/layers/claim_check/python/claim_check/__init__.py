"""Hands large results from step to step by reference: Step Functions takes 256 KB of input or result of a state.

A result whose JSON is larger than the construct says is put into a bucket, and the state has a reference instead. The
next step reads it where it needs it, at whatever depth of its input.

    payloads = connect()

    @payloads.by_reference
    def handler(event, context):
        return {"rows": [row | {"checked": True} for row in event["rows"]]}

A reference is ``{"claim_check": {"bucket": …, "key": …, "bytes": …, "sha256": …}}``. Only objects of the function's own
bucket and prefix are read, and only with the content that the reference was made for.
"""

from .connection import connect
from .references import InvalidReferenceError, MissingPayloadError
from .store import PayloadStore

__all__ = ["InvalidReferenceError", "MissingPayloadError", "PayloadStore", "connect"]
