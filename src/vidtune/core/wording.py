"""Words beside numbers: one sample, two samples."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun, in the plural unless it is 1.

    Args:
        number: How many.
        one: The noun for one.
        many: For any other number; empty: ``one`` with an s.

    Example:
        >>> counted(1, "sample"), counted(12345, "sample"), counted(0, "person", "people")
        ('1 sample', '12,345 samples', '0 people')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
