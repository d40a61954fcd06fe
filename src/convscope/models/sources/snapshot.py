"""``snapshot:PATH``: a network that was trained by a recipe; of a run's folder, its last snapshot."""

from __future__ import annotations

from pathlib import Path

from convscope.errors import SpecError
from convscope.models.preprocessing import Preprocessing
from convscope.models.source import Built, Order
from convscope.zoo.snapshot import Snapshot, read_snapshot, snapshots_of


def build_snapshot(order: Order) -> Built:
    """The network with its weights; raises SpecError for a path that is not there, WeightsError for a bad file."""
    path = Path(str(order.spec).partition(":")[2])  # an @ belongs to the path: snapshots have no variants
    if path.is_dir():
        path = snapshots_of(path)[-1]
    if not path.is_file():
        raise SpecError(f"{order.spec}: there is no such file; give a snapshot, or the folder that training wrote")
    about, network = read_snapshot(path)
    return Built(network, preprocessing_of(about), about.classes, trained=about.step > 0)


def preprocessing_of(about: Snapshot) -> Preprocessing:
    """Pixels as they are: the mean is the network's own first stage."""
    architecture = about.architecture
    return Preprocessing(
        architecture.side,
        architecture.side,
        about.resize,
        about.interpolation,
        (0.0,) * architecture.channels,
        (1.0,) * architecture.channels,
        stated=True,
    )
