"""Window algebra: which input pixels a position of a feature map can see.

Pure integers, no tensors and no ops; one axis at a time (a 2-D field is a pair of these).
Geometry as in Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", 2016.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """Receptive field along one axis: position ``p`` of the map sees pixels ``[p*stride + start, … + size)``.

    ``start`` is negative where padding lets the first position look past the border.
    """

    size: int
    stride: int
    start: int

    def window(self, position: int) -> Window:
        """The pixels that ``position`` can see; may reach past the image."""
        first = position * self.stride + self.start
        return Window(first, first + self.size)

    def after(self, kernel: int, stride: int, padding: int, dilation: int) -> Field:
        """The field of an op's output, when this is the field of its input."""
        reach = (kernel - 1) * dilation
        return Field(
            size=self.size + reach * self.stride,
            stride=self.stride * stride,
            start=self.start - padding * self.stride,
        )

    def hull(self, other: Field) -> Field:
        """The smallest field that contains both; the strides must agree."""
        if self.stride != other.stride:
            raise ValueError(f"fields of stride {self.stride} and {other.stride} have no common field")
        start = min(self.start, other.start)
        stop = max(self.start + self.size, other.start + other.size)
        return Field(stop - start, self.stride, start)


@dataclass(frozen=True)
class Window:
    """A half-open interval of pixels, ``[start, stop)``."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.stop - self.start

    def clip(self, length: int) -> Window:
        """The part that lies inside ``[0, length)``; at least one pixel wide."""
        start = min(max(self.start, 0), length - 1)
        return Window(start, max(min(self.stop, length), start + 1))


IDENTITY = Field(size=1, stride=1, start=0)
