"""Ordered, content-addressed sets of images from folders, lists, shards, stores and data sets."""

from convscope.images.imageset import ImageSet as ImageSet

__all__ = ["ImageSet"]
