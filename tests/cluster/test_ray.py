"""A real Ray cluster of processes: the same bytes, whoever is killed, and errors that read as they do at home."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from convscope.cluster.crew import LOSSES
from convscope.cluster.executor import RayExecutor
from convscope.engine import scan as scanning
from convscope.engine.question import Question
from convscope.engine.scan import Scan, scan
from convscope.errors import ClusterError, NumberError
from convscope.images import ImageSet
from convscope.models import Model, load_model
from convscope.pipeline.build import Ask, build_atlas
from tests.cluster.conftest import remove
from tests.cluster.images import Deadly, Gated, Watched
from tests.cluster.work import Doubling, wait_for
from tests.engine.make import exact_net, feeding, float_net, pictures
from tests.engine.test_scan import LABELS, NAMES, same
from tests.images.make import encoded
from tests.structure.source import ROOT, SOURCE

COUNT = 40
QUESTION = Question(top=5, per_class=3, sample=17)


@pytest.fixture(scope="module", autouse=True)
def small_parts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "_PART_AT_LEAST", 7)
        yield


@pytest.fixture
def pair(cluster: Any) -> RayExecutor:
    return RayExecutor(cluster.address, workers=2, patience=60)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(float_net(), preprocessing=feeding())


def images(kind: type[Watched], folder: Path, row: int = -1) -> ImageSet:
    data = kind(pictures(COUNT, levels=256), LABELS, NAMES)
    data.folder, data.row, data.home = folder, row, os.getpid()
    data.targets = data.labels  # type: ignore[attr-defined]
    return ImageSet.open(data)


@pytest.fixture(scope="module")
def reference(model: Model, small_parts: None) -> Scan:
    return scan(model, images(Watched, Path()), question=QUESTION, batch_size=3)


def test_every_job_is_done_once_and_its_progress_told(pair: RayExecutor, tmp_path: Path) -> None:
    work = Doubling(tmp_path)
    found = dict(pair.run(work, [3, 4, 5, 6, 7], lambda *_: None))
    assert found == {number: 2 * job for number, job in enumerate([3, 4, 5, 6, 7])}
    assert [work.attempts(job) for job in (3, 4, 5, 6, 7)] == [1] * 5
    assert list(pair.run(work, [], lambda *_: None)) == []


def test_a_genuine_error_is_not_tried_again_and_ends_all(pair: RayExecutor, tmp_path: Path) -> None:
    work = Doubling(tmp_path, wrong=frozenset([1]))
    with pytest.raises(NumberError, match=r"^job 1 is not a number$") as caught:
        list(pair.run(work, [1] * 5, lambda *_: None))
    assert type(caught.value) is NumberError
    assert work.attempts(1) <= 2


def test_a_defect_is_said_with_its_cause(pair: RayExecutor, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"a worker failed: ZeroDivisionError: job 1"):
        list(pair.run(Doubling(tmp_path, broken=frozenset([1])), [1], lambda *_: None))


def test_a_worker_that_cannot_be_prepared_gives_its_cores_back(cluster: Any, tmp_path: Path) -> None:
    """Also while the error, whose traceback knows the worker, is looked at."""
    with pytest.raises(ClusterError, match="a worker failed: AssertionError") as caught:
        list(RayExecutor(cluster.address, workers=1, cores=2).run(Doubling(tmp_path), [1], lambda *_: None))
    wait_for(lambda: free_cores() == 2)
    assert caught.tb is not None


def test_a_job_that_ends_every_worker_is_given_up(pair: RayExecutor, tmp_path: Path) -> None:
    work = Doubling(tmp_path, deadly=frozenset([2]))
    found: dict[int, int] = {}
    with pytest.raises(ClusterError, match=rf"{LOSSES} workers were lost one after the other in doing the same part"):
        found.update(pair.run(work, [2, 3], lambda *_: None))
    assert work.attempts(2) == LOSSES


def test_nan_is_the_same_error_as_at_home(cluster: Any) -> None:
    net = exact_net()
    net.get_parameter("3.weight").data[2, 1, 0, 0] = torch.nan
    broken = load_model(net, preprocessing=feeding())
    with pytest.raises(NumberError, match=r"^layer '4' gives NaN.* for 7 of 7 images, first '\d+'\. "):
        scan(broken, images(Watched, Path()), executor=RayExecutor(cluster.address, workers=1))


def test_one_worker_gives_the_same_bits(cluster: Any, model: Model, reference: Scan, tmp_path: Path) -> None:
    executor = RayExecutor(cluster.address, workers=1)
    found = scan(model, images(Watched, tmp_path), question=QUESTION, batch_size=3, executor=executor)
    assert same(found, reference)


def test_a_worker_that_is_killed_changes_nothing(
    pair: RayExecutor, model: Model, reference: Scan, tmp_path: Path
) -> None:
    said: list[int] = []
    found = scan(
        model,
        images(Deadly, tmp_path, row=19),
        question=QUESTION,
        batch_size=3,
        executor=pair,
        report=lambda done, _: said.append(done),
    )
    assert (tmp_path / "killed").exists()
    assert same(found, reference)
    assert said == sorted(said)
    assert said[-1] == COUNT


def test_a_machine_that_is_lost_changes_nothing(cluster: Any, model: Model, reference: Scan, tmp_path: Path) -> None:
    lost = cluster.add_node(num_cpus=2, object_store_memory=100_000_000)
    raylet = lost.all_processes["raylet"][0].process.pid

    def lose() -> None:
        wait_for(lambda: len(list(tmp_path.glob("node-*"))) == 2)
        os.kill(raylet, signal.SIGKILL)
        (tmp_path / "open").touch()

    thread = threading.Thread(target=lose)
    thread.start()
    executor = RayExecutor(cluster.address, workers=4, patience=60)
    found = scan(model, images(Gated, tmp_path), question=QUESTION, batch_size=3, executor=executor)
    thread.join()
    assert same(found, reference)
    remove(cluster, lost)


def test_a_cluster_of_another_version_is_not_said_to_be_away(cluster: Any) -> None:
    code = (
        "import sys, ray\n"
        "from convscope.cluster.session import connected\n"
        "ray.__version__ = '0.0.1'\n"
        "try:\n    connected(sys.argv[1])\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, cluster.address],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.startswith(f"ClusterError the Ray cluster at '{cluster.address}' cannot be used: Version mismatch")
    assert "Ray: 0.0.1" in said


def test_more_cores_than_any_machine_has_is_refused(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="no machine of the cluster has 64 cores"):
        list(RayExecutor(cluster.address, cores=64).run(Doubling(tmp_path), [1], lambda *_: None))


def test_workers_that_never_start_are_not_waited_for(cluster: Any, tmp_path: Path) -> None:
    executor = RayExecutor(cluster.address, workers=1, cores=64, patience=1)
    with pytest.raises(ClusterError, match=r"no worker could be started within 1 s.*The cluster has 2 cores"):
        list(executor.run(Doubling(tmp_path), [1], lambda *_: None))


FACTORY = """
from torch import nn
from convscope.engine import scan
from convscope.models import Preprocessing
scan._PART_AT_LEAST, scan._PARTS_AT_MOST = 8, 1000

def net():
    made = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
    made.preprocessing = Preprocessing(32, 32, None, "bilinear", (110.0,) * 3, (60.0,) * 3, True)
    return made
"""


def start(place: Path, address: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "convscope", "atlas", "python:small_net_on_a_cluster:net", "images", "-o", "atlas"]
    return subprocess.Popen(
        [
            *command,
            "--batch-size",
            "5",
            "--units",
            "4",
            "--no-pages",
            "--no-trust",
            "--ray",
            address,
            "--ray-workers",
            "1",
        ],
        cwd=place,
        env=os.environ | {"PYTHONPATH": f"{SOURCE}{os.pathsep}{ROOT}"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def free_cores() -> float:
    import ray

    resources: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
    return resources.get("CPU", 0)


def test_a_driver_that_is_killed_or_stopped_goes_on_and_ends_with_the_same_files(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By SIGKILL, then by SIGINT; finished by a third, and compared with an atlas that never saw a cluster."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    Path("small_net_on_a_cluster.py").write_text(FACTORY)
    Path("images").mkdir()
    for number, picture in enumerate(pictures(240, levels=256)):
        Path(f"images/{number:03d}.png").write_bytes(encoded(picture) if number != 6 else b"damaged")

    def known() -> int:
        return len(list(Path("atlas").glob("work/*/scan-*.npz")))

    before = 0
    for number, code, last in ((signal.SIGKILL, -signal.SIGKILL, ""), (signal.SIGINT, 130, "stopped; the same")):
        process = start(tmp_path, cluster.address)
        wait_for(lambda more=before + 3, begun=process: known() > more or begun.poll() is not None)  # type: ignore[misc]
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == code, said
        plan, *rest = said.splitlines()
        assert plan.startswith("plan: ")
        assert "".join(rest).startswith(last)
        wait_for(lambda: free_cores() == 2)  # its workers are gone
        before = known()
        assert before < 30

    for name in ("_PART_AT_LEAST", "_PARTS_AT_MOST"):
        monkeypatch.setattr(scanning, name, getattr(scanning, name))  # the factory changes them; put them back
    small, source = load_model("python:small_net_on_a_cluster:net"), ImageSet.open("images")
    ask = Ask(units=4, trust=False)
    executor = RayExecutor(cluster.address, workers=2)
    assert build_atlas(small, source, "atlas", ask, batch_size=5, executor=executor).skipped == 1
    build_atlas(small, source, "unbroken", ask, batch_size=5)
    assert files(Path("atlas")) == files(Path("unbroken"))


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
