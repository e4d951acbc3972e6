"""What an error of a library says, in one line."""

from __future__ import annotations

__all__ = ["first_line", "root_cause"]


def first_line(error: BaseException) -> str:
    """The first line of what an error says, or its kind if it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def root_cause(error: BaseException) -> str:
    """The same of what lies at the bottom: MLflow, Optuna, SQLAlchemy and torch wrap it in pages.

    Args:
        error: Followed to what it was raised from, or while; not where ``from None`` hides that.
    """
    while cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        error = cause
    return first_line(error)
