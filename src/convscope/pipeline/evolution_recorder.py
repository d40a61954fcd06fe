"""Recording while a network is being trained, without weights files: in any training loop."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from convscope.atlas.writer import write_text
from convscope.engine.graphs import digest_of
from convscope.errors import SettingError
from convscope.images import ImageSet
from convscope.models import Model, Preprocessing, load_model
from convscope.pipeline.evolution import FACTS, write_evolution
from convscope.pipeline.evolution_logs import log_record
from convscope.pipeline.results import ResultFolder
from convscope.probes.evolution.assemble import Moments, assemble
from convscope.probes.evolution.evolve import question_of
from convscope.probes.evolution.journal import Shelf
from convscope.probes.evolution.observe import observe
from convscope.probes.evolution.record import Record
from convscope.probes.evolution.result import FIRST, Evolution
from convscope.probes.evolution.series import Look, check_same, look_of, subject_of
from convscope.probes.evolution.study import Choice, Settings, Study, choose, study_of
from convscope.regular import read_bytes
from convscope.strict import Reader, parsed_json

INDEX = "recording.json"


@dataclass(frozen=True)
class Entry:
    """A checkpoint that was recorded, and the number of its file."""

    label: str
    position: float
    number: int
    digest: str


@dataclass(frozen=True)
class _Index:
    """What a folder holds: how the network looked when recording began, and the checkpoints in the order recorded."""

    look: Look
    entries: tuple[Entry, ...]

    @property
    def in_time(self) -> tuple[Entry, ...]:
        """From early to late."""
        return tuple(sorted(self.entries, key=lambda entry: entry.position))

    def after(self, entry: Entry) -> _Index:
        """With one more checkpoint, or with one replaced."""
        others = (each for each in self.entries if each.number != entry.number)
        return replace(self, entries=tuple(sorted((*others, entry), key=lambda each: each.number)))


@dataclass(frozen=True)
class EvolutionRecorder:
    """Writes what each unit answers to into ``folder`` while a network is trained; see ``record`` and ``finish``.

    ``images`` must give the same picture each time: no random augmentation. ``preprocessing`` says how they are fed,
    where the module does not state it. ``writers`` are told of each record: TensorBoard's ``SummaryWriter``, a
    logger of Lightning's for TensorBoard or Weights & Biases, or a run of the latter. A folder that holds another
    recording is only replaced with ``overwrite``.
    """

    folder: Path
    images: ImageSet
    preprocessing: Preprocessing | None = None
    layers: Sequence[str] | None = None
    settings: Settings = field(default_factory=Settings)
    writers: tuple[Any, ...] = ()
    overwrite: bool = False
    _now: dict[str, Study] = field(default_factory=dict, repr=False)

    def record(self, network: nn.Module | Model, position: float, label: str | None = None) -> Record:
        """Look at the network as it is now; ``position`` is the epoch or step.

        Works on a private copy in eval mode: neither the network nor the states of random generators change. The first
        record decides which units are shown and where their projections are compared. A position that was recorded
        before is replaced. Raises ModelError for another architecture and SettingError for another recording.
        """
        with undisturbed():
            return self._record(network, position, label or f"{position:g}")

    def evolution(self) -> Evolution:
        """All records compared with the last one.

        Raises SettingError with fewer than two records, or if nothing was recorded by this object: after a restart,
        record the latest state again.
        """
        index, study = self._read(), self._now.get("study")
        if index is None or study is None or len(index.entries) < 2:
            raise SettingError(
                f"{self.folder} has {self.count} records, and an evolution needs 2 or more, at least one of them made "
                "in this process; call record first"
            )
        entries = index.in_time
        shelf, choice = self._shelf(study, index.entries[0].digest), self._choice(study, index)
        moments = Moments(
            tuple(entry.label for entry in entries), tuple(entry.position for entry in entries), FIRST, ()
        )
        return assemble(study, choice, moments, lambda number: shelf.get(entries[number].number))

    def finish(self) -> Evolution:
        """Write figures, films and tables of ``evolution`` into the folder; may be called again later."""
        found = self.evolution()
        result = ResultFolder(self.folder, FACTS, self._asked([layer.address for layer in found.layers]))
        write_evolution(result, found, self.images.name, {})
        return found

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The checkpoints that the folder holds, from early to late."""
        index = self._read()
        return () if index is None else index.in_time

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.entries)

    def _record(self, network: nn.Module | Model, position: float, label: str) -> Record:
        device = self.settings.device
        model = network if isinstance(network, Model) else load_model(network, preprocessing=self.preprocessing)
        look, digest, index = look_of(label, model, device), digest_of(model), self._read()
        index = _Index(look, ()) if index is None or self._is_new(index, position, digest) else index
        check_same(index.look, look)
        study = self._study(model)
        anchor = index.entries[0].digest if index.entries else digest
        shelf = self._shelf(study, anchor)
        choice = self._choice(study, index) if index.entries else None
        record, _ = observe(model, digest, study, choice, lambda done, total: None)  # noqa: ARG005
        number = next((e.number for e in index.entries if e.position == position), len(index.entries))
        shelf.put(number, record)
        index = index.after(Entry(label, position, number, digest))
        self._write(index)
        before = [e for e in index.entries if e.position < position]
        previous = shelf.get(max(before, key=lambda e: e.position).number) if before else None
        for writer in self.writers:
            log_record(writer, study, record, previous, round(position))
        return record

    def _is_new(self, index: _Index, position: float, digest: str) -> bool:
        """Whether a recording begins here, in place of the one that the folder holds."""
        first = index.entries[0]
        if "study" in self._now:
            if position != first.position or digest == first.digest:
                return False
            if self.overwrite:
                self._now.clear()
        if self.overwrite:
            return True
        if position < first.position or (position == first.position and digest != first.digest):
            raise SettingError(
                f"{self.folder} holds a recording that begins with {first.label!r}, of other weights; choose another "
                "folder, or give overwrite=True"
            )
        return False

    def _study(self, model: Model) -> Study:
        """The study, its images decoded for the first record only."""
        settings = self.settings
        subject = subject_of(model, self.layers, settings.units, (settings.method, settings.unpool), settings.device)
        known = self._now.get("study")
        self._now["study"] = study_of(subject, self.images, settings) if known is None else known
        return self._now["study"]

    def _shelf(self, study: Study, anchor: str) -> Shelf:
        question = json.dumps([question_of(study, anchor), self.images.digest])
        return Shelf.open(self.folder / "records", question)

    def _choice(self, study: Study, index: _Index) -> Choice:
        first = index.entries[0]
        found = self._shelf(study, first.digest).find(first.number, first.digest)
        if found is None:
            raise SettingError(
                f"{self.folder} holds a recording of other images, layers or settings, or a damaged one; choose "
                "another folder, or give overwrite=True"
            )
        return choose(study, [layer.measured for layer in found.layers])

    def _read(self) -> _Index | None:
        try:
            text = read_bytes(self.folder / INDEX)
        except FileNotFoundError:
            return None
        where = str(self.folder / INDEX)
        return Reader(_damaged).decode(_Index, parsed_json(text, where, _damaged), where)

    def _write(self, index: _Index) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self.folder / INDEX, json.dumps(asdict(index), indent=1) + "\n")

    def _asked(self, layers: Sequence[str]) -> dict[str, Any]:
        return {
            "checkpoints": [
                {"label": entry.label, "position": entry.position, "digest": entry.digest} for entry in self.entries
            ],
            "images": {"name": self.images.name, "digest": self.images.digest, "count": len(self.images)},
            "settings": {"layers": list(layers), **self.settings.asked},
        }


def _damaged(message: str) -> SettingError:
    return SettingError(f"{message}; choose another folder")


@contextmanager
def undisturbed() -> Iterator[None]:
    """Whatever is drawn inside, the global random generators go on as if nothing had been."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
