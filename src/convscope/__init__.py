"""A microscope for convolutional networks: see what every feature map has learned.

The names below are all that most programs need::

    import convscope as cs

    model = cs.load_model("torchvision:vgg16")
    images = cs.ImageSet.open("photographs/")
    cs.build_atlas(model, images, "atlas/")

Each is imported when it is first used, so ``import convscope`` costs nothing and loads no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convscope.atlas.reader import Atlas
    from convscope.engine.inspect import coverage, layers
    from convscope.engine.project import project
    from convscope.engine.question import Question
    from convscope.engine.scan import scan
    from convscope.errors import ConvscopeError
    from convscope.images import ImageSet
    from convscope.models import Model, Preprocessing, load_model
    from convscope.pipeline.build import Ask, build_atlas
    from convscope.probes.correspondence.correspond import correspond
    from convscope.probes.diagnosis.diagnose import diagnose
    from convscope.probes.evolution.checkpoint import Checkpoint
    from convscope.probes.evolution.evolve import evolve
    from convscope.probes.invariance.invariance import invariance
    from convscope.probes.occlusion.occlude import occlude
    from convscope.probes.overlap.overlap import overlap
    from convscope.probes.transfer.transfer import transfer
    from convscope.probes.trust.measure import trust
    from convscope.units import UnitAddress
    from convscope.web.site import export_site

    __version__: str

__all__ = [
    "Ask",
    "Atlas",
    "Checkpoint",
    "ConvscopeError",
    "ImageSet",
    "Model",
    "Preprocessing",
    "Question",
    "UnitAddress",
    "__version__",
    "build_atlas",
    "correspond",
    "coverage",
    "diagnose",
    "evolve",
    "export_site",
    "invariance",
    "layers",
    "load_model",
    "occlude",
    "overlap",
    "project",
    "scan",
    "transfer",
    "trust",
]

_HOME = {
    "Ask": "pipeline.build",
    "Atlas": "atlas.reader",
    "Checkpoint": "probes.evolution.checkpoint",
    "ConvscopeError": "errors",
    "ImageSet": "images",
    "Model": "models",
    "Preprocessing": "models",
    "Question": "engine.question",
    "UnitAddress": "units",
    "build_atlas": "pipeline.build",
    "correspond": "probes.correspondence.correspond",
    "coverage": "engine.inspect",
    "diagnose": "probes.diagnosis.diagnose",
    "evolve": "probes.evolution.evolve",
    "export_site": "web.site",
    "invariance": "probes.invariance.invariance",
    "layers": "engine.inspect",
    "load_model": "models",
    "occlude": "probes.occlusion.occlude",
    "overlap": "probes.overlap.overlap",
    "project": "engine.project",
    "scan": "engine.scan",
    "transfer": "probes.transfer.transfer",
    "trust": "probes.trust.measure",
}
"""Public name to the module, below this package, that defines it."""


def __getattr__(name: str) -> Any:
    """Import a public name on first use and keep it."""
    if name == "__version__":
        value: Any = import_module("convscope.version").installed_version()
    elif name in _HOME:
        value = getattr(import_module(f"convscope.{_HOME[name]}"), name)
    else:
        raise AttributeError(f"module 'convscope' has no name {name!r}; it has {', '.join(__all__)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, and whatever has been imported already."""
    return sorted({*__all__, *globals()})
