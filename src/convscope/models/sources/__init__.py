"""Where models come from: one entry per scheme."""

from convscope.models.source import Source
from convscope.models.sources.python import build_python
from convscope.models.sources.sample import build_sample
from convscope.models.sources.snapshot import build_snapshot
from convscope.models.sources.timm import build_timm
from convscope.models.sources.torchvision import build_torchvision
from convscope.models.sources.zoo import build_zoo

SOURCES: dict[str, Source] = {
    "python": build_python,
    "sample": build_sample,
    "snapshot": build_snapshot,
    "timm": build_timm,
    "torchvision": build_torchvision,
    "zoo": build_zoo,
}
