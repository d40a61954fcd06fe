"""From a spec such as ``torchvision:vgg16`` to a model that is ready to be looked at."""

from convscope.models.load import load_model
from convscope.models.model import Model
from convscope.models.preprocessing import Preprocessing

__all__ = ["Model", "Preprocessing", "load_model"]
