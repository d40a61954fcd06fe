"""Geometry arguments of ops, in one form."""

from __future__ import annotations


def pair(value: int | list[int]) -> list[int]:
    """Rows and columns of a kernel, stride, padding or dilation, which ops also take as one number."""
    values = [value] if isinstance(value, int) else list(value)
    return values * 2 if len(values) == 1 else values
