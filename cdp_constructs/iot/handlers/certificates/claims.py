"""The correlation id of a claim: all functions on its way know the certificate, and nothing carries another id."""

import re

from correlation import started

_CERTIFICATE_ID = re.compile(r"[0-9a-f]{64}")


def claim_of(certificate_id: object) -> str | None:
    """Return a ``traceparent`` with the first half of a certificate's id, None for what is no such id.

    The logs of AWS IoT have the whole id as ``principalId``, so a search for the half finds their lines too.
    """
    if not isinstance(certificate_id, str) or _CERTIFICATE_ID.fullmatch(certificate_id) is None:
        return None
    return started(certificate_id[:32])
