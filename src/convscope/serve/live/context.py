"""What a live question has at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.atlas.reader import Atlas
from convscope.errors import AddressError
from convscope.serve.jobs import Jobs
from convscope.serve.uploads import Uploads

if TYPE_CHECKING:
    from convscope.models import Model


@dataclass(frozen=True)
class Context:
    """The model, the atlases by the names of their places, and where work is done and images are kept."""

    model: Model
    atlases: Mapping[str, Atlas]
    jobs: Jobs
    uploads: Uploads
    device: str = "cpu"

    def atlas(self, name: str) -> Atlas:
        """The atlas at ``/at/name``; AddressError if there is none."""
        if name in self.atlases:
            return self.atlases[name]
        known = ", ".join(self.atlases) or "none"
        raise AddressError(f"no atlas is open under the name {name[:80]!r}; there are: {known}")
