"""The architectures of the papers, exact to the parameter."""

from convscope.zoo.alexnet import alexnet, alexnet_dense
from convscope.zoo.zfnet import zfnet

__all__ = ["alexnet", "alexnet_dense", "zfnet"]
