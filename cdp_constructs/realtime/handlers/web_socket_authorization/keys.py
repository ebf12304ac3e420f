"""The public keys of a user pool, kept from call to call."""

import time

import jwt
import urllib3

# A key that is not known may be a new one; made-up tokens must not cause a request each.
SECONDS_BETWEEN_READS = 60


class PublicKeys:
    """The keys at an address, by id.

    Args:
        url: Where the JSON Web Key Set is.
    """

    def __init__(self, url: str) -> None:
        self.http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=2, read=3), retries=urllib3.Retry(2))
        self.read_at = float("-inf")
        self._url = url
        self._keys: dict[str | None, jwt.PyJWK] = {}

    def get(self, key_id: object) -> jwt.PyJWK | None:
        """Return the key of an id, or None when the user pool has no such key."""
        if not isinstance(key_id, str):
            return None
        if key_id not in self._keys and time.monotonic() - self.read_at > SECONDS_BETWEEN_READS:
            answer = self.http.request("GET", self._url)
            self._keys.update({key.key_id: key for key in jwt.PyJWKSet.from_dict(answer.json()).keys})
            self.read_at = time.monotonic()
        return self._keys.get(key_id)
