"""What CloudFront keeps of objects that were repaired is asked for again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import uuid4

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

__all__ = ["Edge"]

_MOST_PATHS = 100
"""Above, one wildcard for the whole site: it counts as one path, and 3,000 may be under way at a time."""


class Edge:
    """The caches of one distribution."""

    def __init__(self, client: "CloudFrontClient", distribution_id: str) -> None:
        self._client = client
        self._distribution_id = distribution_id

    def forget(self, keys: Sequence[str]) -> None:
        """Forget objects, by their keys; nothing is asked when there are none."""
        if not keys:
            return
        paths = [f"/{quote(key, safe='/-_.~')}" for key in keys] if len(keys) <= _MOST_PATHS else ["/*"]
        self._client.create_invalidation(
            DistributionId=self._distribution_id,
            InvalidationBatch={
                "Paths": {"Quantity": len(paths), "Items": paths},
                "CallerReference": uuid4().hex,
            },
        )
