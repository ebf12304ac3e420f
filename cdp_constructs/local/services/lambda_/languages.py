"""Lambda: which runtimes run here."""

__all__ = ["runs"]

_RUN = ("python", "nodejs", "provided")


def runs(runtime: str) -> bool:
    """Whether functions of a runtime run: in Python, in JavaScript, or with a runtime that they bring."""
    return runtime.startswith(_RUN)
