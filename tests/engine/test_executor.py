"""Work done elsewhere: pickled, in any order, and nothing tells the result from that of one process."""

from __future__ import annotations

import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from convscope.engine import scan as scanning
from convscope.engine.allowance import Allowance, allowed, allowing
from convscope.engine.contents import digest_of_images
from convscope.engine.executor import HERE, Advance, quiet, stepwise
from convscope.engine.graphs import Carried, digest_of, graph_of
from convscope.engine.project import project
from convscope.engine.question import Question
from convscope.engine.scan import Scan, scan
from convscope.errors import ImageSetError, NumberError, SettingError
from convscope.images import ImageSet
from convscope.images.stretch import cut
from convscope.models import Model, load_model
from tests.engine.elsewhere import Elsewhere, copied
from tests.engine.make import Data, exact_net, feeding, float_net, image_set, pictures
from tests.engine.test_scan import LABELS, NAMES, same
from tests.images.make import encoded, noise

COUNT = 40
QUESTION = Question(top=5, per_class=3, sample=17)


@pytest.fixture(scope="module")
def small_parts() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "_PART_AT_LEAST", 7)
        yield


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(float_net(), preprocessing=feeding())


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return image_set(pictures(COUNT, levels=256), LABELS, NAMES)


@pytest.fixture(scope="module")
def reference(model: Model, images: ImageSet, small_parts: None) -> Scan:
    return scan(model, images, question=QUESTION, batch_size=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of images, one of them damaged."""
    place = tmp_path_factory.mktemp("images")
    for number, picture in enumerate(pictures(20, levels=256)):
        (place / f"{number:02d}.png").write_bytes(encoded(picture) if number != 6 else b"damaged")
    return place


@settings(max_examples=8)
@given(seed=st.integers(0, 10**6), known=st.sets(st.integers(0, 5)))
def test_a_scan_elsewhere_has_the_same_bits(
    model: Model,
    images: ImageSet,
    reference: Scan,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    known: set[int],
) -> None:
    """In any order of arrival, and whichever parts a local run left in the journal."""
    journal = tmp_path_factory.mktemp("journal")
    scan(model, images, question=QUESTION, batch_size=3, journal=journal)
    for path in journal.iterdir():
        if int(path.stem.removeprefix("scan-")) not in known:
            path.unlink()
    said: list[int] = []
    found = scan(
        model,
        images,
        question=QUESTION,
        batch_size=3,
        journal=journal,
        executor=Elsewhere(seed),
        report=lambda done, _: said.append(done),
    )
    assert same(found, reference)
    assert said == sorted(said)
    assert said[-1] == COUNT
    assert same(scan(model, images, question=QUESTION, batch_size=3, journal=journal), reference)


def as_tar(folder: Path) -> Path:
    with tarfile.open(folder.parent / "shard.tar", "w") as shard:
        for path in sorted(folder.iterdir()):
            shard.add(path, path.name)
    return folder.parent / "shard.tar"


def as_parquet(folder: Path) -> Path:
    rows = {"image": [path.read_bytes() for path in sorted(folder.iterdir())]}
    pq.write_table(pa.table(rows), folder.parent / "rows.parquet")
    return folder.parent / "rows.parquet"


def as_list(folder: Path) -> Path:
    (folder.parent / "list.txt").write_text("\n".join(map(str, sorted(folder.iterdir()))))
    return folder.parent / "list.txt"


@pytest.mark.parametrize("source", [Path, as_tar, as_parquet, as_list])
def test_images_of_any_kind_arrive_and_only_those_of_the_part(folder: Path, source: Callable[[Path], Path]) -> None:
    images = ImageSet.open(source(folder))
    part = cut(images, range(5, 9), witnessed=True)
    arrived = copied(part)
    arrived.check()
    assert list(arrived.numbers) == [5, 6, 7, 8]
    assert arrived.images.names == images.names[5:9]
    assert [arrived.images.content(i)[0] for i in range(4)] == [images.content(5 + i)[0] for i in range(4)]
    assert len(pickle.dumps(part)) < 5_000


def test_of_an_array_of_images_only_those_of_the_part_are_sent(tmp_path: Path) -> None:
    header = bytes([0, 0, 8, 3]) + np.array([500, 28, 28], ">u4").tobytes()
    (tmp_path / "t-images-idx3-ubyte").write_bytes(header + noise(500, 28, 28).tobytes())
    images = ImageSet.open(tmp_path / "t-images-idx3-ubyte")
    sent = pickle.dumps(cut(images, range(100, 110)))
    assert len(sent) < 10 * 28 * 28 + 5_000
    assert (pickle.loads(sent).images.read(3) == images.read(103)).all()


def test_the_digest_of_a_set_is_the_same_wherever_it_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convscope.engine.contents.STRETCH", 3)
    monkeypatch.setattr("convscope.engine.contents._BETWEEN", 2)
    said: list[tuple[int, int]] = []
    found = digest_of_images(ImageSet.open(folder), Elsewhere(3), lambda *step: said.append(step))
    assert found == ImageSet.open(folder).digest
    assert said[-1] == (20, 20)


def test_a_model_arrives_without_its_module(model: Model) -> None:
    arrived = copied(Carried(model)).model
    assert type(arrived.module) is nn.Module
    assert digest_of(arrived) == digest_of(model)
    assert [node.target for node in graph_of(arrived).nodes] == [node.target for node in graph_of(model).nodes]
    picture = pictures(1, levels=256)[0]
    ours, theirs = (project(each, picture, "4:2@3,3").pixels for each in (arrived, model))
    assert (ours == theirs).all()


class Moved(Data):
    """Of its images, ``lost`` are others, and those that are None cannot be read, once it is somewhere else."""

    lost: dict[int, Any]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.images = [self.lost.get(number, image) for number, image in enumerate(self.images)]


def moved(lost: dict[int, Any]) -> ImageSet:
    data = Moved(pictures(COUNT), LABELS, NAMES)
    data.targets = data.labels  # type: ignore[attr-defined]
    data.lost = lost
    return ImageSet.open(data)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("lost", [dict.fromkeys(range(COUNT)), dict.fromkeys(range(21, 28)), {2: None}])
def test_images_that_a_worker_cannot_read_are_an_error(model: Model, lost: dict[int, Any]) -> None:
    with pytest.raises(ImageSetError, match=r"All machines must see the same images"):
        scan(model, moved(lost), executor=Elsewhere())
    with pytest.raises(ImageSetError, match=r"All machines must see the same images"):
        digest_of_images(moved(lost), Elsewhere(), quiet)


@pytest.mark.usefixtures("small_parts")
def test_other_images_are_an_error(model: Model) -> None:
    others = dict(enumerate(pictures(COUNT, seed=5)))
    with pytest.raises(ImageSetError, match=r"image '\d+' of 'Moved' is another one for a worker"):
        scan(model, moved(others), executor=Elsewhere())


@pytest.mark.usefixtures("small_parts")
def test_what_nobody_can_read_is_left_out_as_ever(model: Model, folder: Path) -> None:
    images = ImageSet.open(folder)
    found = scan(model, images, executor=Elsewhere())
    assert [outcome.image for outcome in found.skipped] == [6]
    assert same(found, scan(model, images))


@pytest.mark.usefixtures("small_parts")
def test_an_error_of_the_work_is_the_same_error(images: ImageSet) -> None:
    net = exact_net()
    net.get_parameter("3.weight").data[2, 1, 0, 0] = torch.nan
    broken = load_model(net, preprocessing=feeding())
    with pytest.raises(NumberError, match=r"layer '4' gives NaN.* for 7 of 7 images"):
        scan(broken, images, executor=Elsewhere())


def test_what_needs_this_process_is_refused_elsewhere(model: Model, images: ImageSet) -> None:
    with pytest.raises(SettingError, match="watched in this process only"):
        scan(model, images, watch=lambda *_: None, executor=Elsewhere())
    with pytest.raises(SettingError, match="the device is 'cuda'"):
        scan(model, images, device="cuda", executor=Elsewhere())


def test_closing_it_ends_the_work() -> None:
    class Endless:
        def prepare(self, cores: int) -> Any:
            assert cores >= 1
            return self.work

        def work(self, job: int) -> Any:
            yield 1
            return job

    results = HERE.run(Endless(), [5, 6, 7], quiet)
    assert next(results) == (0, 5)
    results.close()
    assert list(results) == []


def test_all_jobs_together_never_go_back() -> None:
    said: list[tuple[int, int]] = []
    advance = Advance(20, lambda *step: said.append(step), before=2)
    for job, done in ((0, 3), ("b", 4), (0, 1), (0, 5), ("b", 4)):
        advance(job, done)
    assert said == [(2, 20), (5, 20), (9, 20), (9, 20), (11, 20), (11, 20)]


def test_an_error_of_who_listens_ends_the_job_at_once() -> None:
    ended = Event()

    class Endless:
        def prepare(self, cores: int) -> Any:
            return self.work

        def work(self, job: int) -> Any:
            try:
                while True:
                    yield job
            finally:
                ended.set()

    def stop(number: int, done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        list(HERE.run(Endless(), [1], stop))
    assert caught.tb is not None  # which holds the frames, and with them the job
    assert ended.is_set()


def test_steps_of_a_call_keep_to_the_allowance_of_who_listens() -> None:
    """A job that tells by calls runs in another thread, and occlusions are such jobs."""

    def work(tell: Callable[[int], None]) -> int:
        tell(0)
        return allowed().places

    steps = stepwise(work)
    with allowing(Allowance(places=7)):
        assert next(steps) == 0
        with pytest.raises(StopIteration) as end:
            next(steps)
    assert end.value.value == 7


def test_steps_of_a_call_are_told_one_by_one_and_end_with_who_listens() -> None:
    went_on = Event()

    def work(tell: Callable[[int], None]) -> str:
        for done in range(3):
            tell(done)
        return "done"

    def endless(tell: Callable[[int], None]) -> None:
        try:
            while True:
                tell(1)
        finally:
            went_on.set()

    steps = stepwise(work)
    assert [next(steps), next(steps), next(steps)] == [0, 1, 2]
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value == "done"
    listened = stepwise(endless)
    assert next(listened) == 1
    listened.close()
    assert went_on.is_set()
    with pytest.raises(NumberError, match="as it is"):
        list(stepwise(_fail))


def _fail(tell: Callable[[int], None]) -> None:
    tell(1)
    raise NumberError("as it is")
