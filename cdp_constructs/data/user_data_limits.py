"""UserDataLimits: what one user may keep, and where it is kept."""

from dataclasses import dataclass

from cdp_constructs.core.options import checks_options
from cdp_constructs.core.validation import InvalidOptionError, check_range

__all__ = ["UserDataLimits"]

_PAYLOAD = (
    "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 6 MB for a request, in which JSON may be "
    "twice as long"
)
_PAGE = (
    "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 6 MB for an answer, which is a page of "
    "100 documents in base64"
)
_COLLECTION = (
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html: 10 GB for the items of one user"
)
_OWN = "more than one person makes"


@checks_options
@dataclass(frozen=True, kw_only=True)
class UserDataLimits:
    """What one user of a ``UserDataStore`` may keep, and where it is kept; checked when it is made.

        UserDataStore(self, "Saves", limits=UserDataLimits(largest_kb=256, documents=100))

    Raises:
        InvalidOptionError: for a number out of range.
    """

    largest_kb: int = 1024
    """Largest document in kilobytes of 1,024 bytes, 1 to 3,000."""

    inline_kb: int = 8
    """Kilobytes up to which a document is in the table, and above which it is in S3; 0 to 32, 0 for all in S3.

    At 8 a write costs as much in either; what is in the table comes with the list of changes, without a request more.
    """

    documents: int = 1_000
    """Documents of one user, 1 to 100,000."""

    total_mb: int = 100
    """Megabytes of one user in all documents, 1 to 100,000."""

    writes_per_minute: int = 120
    """Writes of one user, of all devices together, 1 to 6,000; beyond, 429 says when to call again."""

    def __post_init__(self) -> None:
        """Check every number."""
        for option, value, low, high, unit, source in (
            ("largest_kb", self.largest_kb, 1, 3_000, "KB", _PAYLOAD),
            ("inline_kb", self.inline_kb, 0, 32, "KB", _PAGE),
            ("documents", self.documents, 1, 100_000, "documents", _COLLECTION),
            ("total_mb", self.total_mb, 1, 100_000, "MB", _OWN),
            ("writes_per_minute", self.writes_per_minute, 1, 6_000, "writes", _OWN),
        ):
            check_range("UserDataLimits", option, value, low=low, high=high, unit=unit, source=source)
        if self.largest_kb > self.total_mb * 1024:
            problem = f"is {self.largest_kb} KB, and total_mb is {self.total_mb}"
            fix = "Give total_mb that at least one document of the largest size fits into"
            raise InvalidOptionError("UserDataLimits", "largest_kb", problem, fix)

    def environment(self) -> dict[str, str]:
        """Return it as variables of the function."""
        return {
            "LARGEST_BYTES": str(self.largest_kb * 1024),
            "INLINE_BYTES": str(self.inline_kb * 1024),
            "DOCUMENTS_PER_USER": str(self.documents),
            "BYTES_PER_USER": str(self.total_mb * 1024 * 1024),
            "WRITES_PER_MINUTE": str(self.writes_per_minute),
        }
