"""A run that is stopped goes on; what it left is checked before it is used."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from convscope.errors import SettingError
from convscope.images import ImageSet
from convscope.models import load_model
from convscope.pipeline.invariance import InvarianceAsk, measure_invariance
from convscope.pipeline.invariance_parts import FOLDER, from_bytes, load_part, save_part, to_bytes
from convscope.probes.invariance.invariance import invariance
from convscope.probes.invariance.result import Invariance
from tests.probes.invariance.make import FEEDING, classifier, model, smooth

PICTURES = [smooth(seed) for seed in range(3)]
ASK = InvarianceAsk(("rotate", "scale"), layers=("1", "8"))


@pytest.fixture(scope="module")
def found() -> Invariance:
    return invariance(model(), PICTURES, "rotate", [-30, 0, 30])


def same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray):
        equal = np.array_equal(one, np.asarray(other), equal_nan=one.dtype.kind == "f")
        return equal and one.dtype == np.asarray(other).dtype
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if hasattr(one, "__dataclass_fields__"):
        return all(same(getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__)
    return one == other


def test_a_part_comes_back_as_it_was(found: Invariance) -> None:
    bare = load_model(classifier()[:5].eval(), preprocessing=FEEDING)
    without = invariance(bare, PICTURES[:1], "scale", [1.0, 1.2], follow=0)
    skipping = replace(found, skipped=(("a", "b"),), labels=("cat", None, "dog"))
    for each in (found, without, skipping):
        back = from_bytes(to_bytes("key", each), "key")
        assert back is not None
        for field in fields(Invariance):
            assert same(getattr(each, field.name), getattr(back, field.name)), field.name


def test_another_runs_part_and_damaged_ones_are_not_used(found: Invariance, tmp_path: Path) -> None:
    save_part(tmp_path, 1, "key", found)
    assert load_part(tmp_path, 1, "key") is not None
    assert load_part(tmp_path, 1, "other") is None
    assert load_part(tmp_path, 0, "key") is None
    path = tmp_path / FOLDER / "001.npz"
    whole = path.read_bytes()
    for content in (b"", b"no archive", whole[:100], whole[: len(whole) // 2], whole[:-30]):
        path.write_bytes(content)
        assert load_part(tmp_path, 1, "key") is None
    np.savez(path, plain=np.array(json.dumps({"key": "key"})))
    assert load_part(tmp_path, 1, "key") is None
    np.savez(path, plain=np.array([{"key": "key"}], object))
    assert load_part(tmp_path, 1, "key") is None


class _StopError(Exception):
    pass


def test_a_stopped_run_goes_on_behind_what_it_has_done(tmp_path: Path) -> None:
    images = ImageSet.open(PICTURES)
    told: list[int] = []

    def stop_in_the_second(stage: str, done: int, total: int) -> None:
        told.append(done)
        if done > 3:
            raise _StopError

    with pytest.raises(_StopError):
        measure_invariance([model()], images, tmp_path / "x", ASK, report=stop_in_the_second)
    assert [path.name for path in (tmp_path / "x" / FOLDER).iterdir()] == ["000.npz"]
    again: list[int] = []
    measure_invariance([model()], images, tmp_path / "x", ASK, report=lambda _, done, __: again.append(done))
    assert again[0] == 3  # the first transform was not measured again
    assert again[-1] == 6
    assert not (tmp_path / "x" / FOLDER).exists()
    measure_invariance([model()], images, tmp_path / "y", ASK)
    for name in ("figure.png", "layers.png", "scores.csv"):
        assert (tmp_path / "x" / name).read_bytes() == (tmp_path / "y" / name).read_bytes()


def test_what_cannot_be_asked() -> None:
    for transforms, values in (((), None), (("scale", "scale"), None), (("scale", "rotate"), (1.0,))):
        with pytest.raises(SettingError):
            InvarianceAsk(transforms, values)
