"""What is known of things: their state now, and windows of the past, exact up to the last load and live after it.

``SpeedView`` reads what SpeedLayer keeps, ``BatchView`` queries what BatchLayer stored, ``ServingView`` merges the two.
Both layers count a message id once per window.
"""

from .batch import BatchView, QueryFailedError
from .serving import ServingView
from .speed import NoWindowsError, SpeedView
from .windows import Latest, Total, Value, Window

__all__ = [
    "BatchView",
    "Latest",
    "NoWindowsError",
    "QueryFailedError",
    "ServingView",
    "SpeedView",
    "Total",
    "Value",
    "Window",
]
