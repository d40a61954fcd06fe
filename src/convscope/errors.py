"""Everything that can go wrong, as one tree.

ConvscopeError
├── ModelError            a model could not be made ready
│   ├── SpecError             the model spec names nothing that can be loaded
│   ├── WeightsError          a weights file is unsafe, broken or does not fit
│   └── ExportError           the model could not be turned into a graph
├── AddressError          no such layer or unit
├── CoverageError         an op on the way has no rule
├── NumberError           an activation is not a finite number
├── SettingError          a setting is unknown or out of range
├── ImageError            one image cannot be read (callers list it as skipped)
├── ImageSetError         a whole image source cannot be used
├── ExclusionError        a list of images to leave out cannot be read, or is of another set
├── PartsError            marked parts cannot be read, or fit no image
├── AtlasError            a store cannot be read or written
│   ├── AtlasMismatchError    the store was made from another model, data set or settings
│   └── AtlasFormatError      the store is damaged, or of a version this program does not know
│       └── AtlasVersionError     the store is of a later version than this program knows
├── MemoryLimitError      even the smallest step needs more memory than it may take
├── DiskFullError         there is no room for what is written, now or foreseeably
├── ClusterError          workers of a cluster cannot be had, or are lost again and again
└── MissingExtraError     an optional dependency is not installed

A message says what was met, what was expected and what to do next.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class ConvscopeError(Exception):
    """Root of all errors that convscope raises on purpose."""


class ModelError(ConvscopeError):
    """A model could not be made ready."""


class SpecError(ModelError):
    """The model spec names nothing that can be loaded."""


class WeightsError(ModelError):
    """A weights file is unsafe, broken, or does not fit the architecture."""


class ExportError(ModelError):
    """The model could not be turned into a graph of ops."""


class AddressError(ConvscopeError):
    """No layer or unit has this address."""


class CoverageError(ConvscopeError):
    """An op on the way down has no rule."""


class NumberError(ConvscopeError):
    """An activation is NaN or infinite, so nothing can be ranked by it."""


class SettingError(ConvscopeError):
    """A setting of a scan or an atlas is unknown or out of range."""


class ImageError(ConvscopeError):
    """One image cannot be read; callers list it as skipped, with this message as the reason."""


class ImageSetError(ConvscopeError):
    """A whole image source cannot be used."""


class ExclusionError(ConvscopeError):
    """A list of images to leave out cannot be read, or is of another set."""


class PartsError(ConvscopeError):
    """A file of marked parts cannot be read, or what it marks fits no image."""


class AtlasError(ConvscopeError):
    """An atlas cannot be read or written."""


class AtlasMismatchError(AtlasError):
    """The atlas was made from another model, data set or settings."""


class AtlasFormatError(AtlasError):
    """The atlas is damaged, or of a format version this program does not know."""


class AtlasVersionError(AtlasFormatError):
    """The atlas is of a later format version than this program knows, so nothing can be said of damage to it."""


class MemoryLimitError(ConvscopeError):
    """Even the smallest step of the work needs more memory than it may take."""


class DiskFullError(ConvscopeError):
    """There is no room on the disk for what is written, or, as can be foreseen, there will be none."""


class ClusterError(ConvscopeError):
    """Workers of a cluster cannot be had, or are lost again and again."""


class MissingExtraError(ConvscopeError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'convscope[{extra}]'"
        )


@contextmanager
def about(what: str) -> Iterator[None]:
    """Errors from inside say what they are about, such as ``image 'a.png'``: a NumberError first, others in a note."""
    try:
        yield
    except NumberError as error:
        raise NumberError(f"{what}: {error}") from error
    except Exception as error:
        error.add_note(f"This happened while convscope was at {what}.")
        raise
