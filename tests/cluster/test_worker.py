"""A worker and a connection without a cluster: what they say, and what they refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import ray

from convscope import errors
from convscope.cli.options import executor_of
from convscope.cluster.executor import RayExecutor
from convscope.cluster.session import connected
from convscope.cluster.worker import Done, Failed, Worker, versions
from convscope.engine.allowance import USUAL
from convscope.engine.executor import HERE
from convscope.errors import ClusterError, ImageSetError, MissingExtraError, NumberError, SettingError, about
from tests.cluster.work import Doubling
from tests.structure.source import SOURCE
from tests.structure.test_errors import error_classes


@pytest.mark.parametrize("kind", sorted(error_classes()))
def test_every_error_is_the_same_on_the_other_side(kind: str) -> None:
    made = getattr(errors, kind)
    error = made("ray", "ray", "work") if made is MissingExtraError else made("what was met; what to do")
    arrived = Failed.of(error).error()
    assert type(arrived) is made
    assert str(arrived) == str(error)


def test_an_error_of_the_system_keeps_its_words() -> None:
    arrived = Failed.of(PermissionError(13, "not yours", "/there")).error()
    assert isinstance(arrived, OSError)
    assert str(arrived) == "[Errno 13] not yours: '/there'"


def test_what_an_error_is_about_arrives_as_well() -> None:
    with pytest.raises(ImageSetError) as caught, about("image 'a.png'"):
        raise ImageSetError("the store is away")
    assert Failed.of(caught.value).error().__notes__ == ["This happened while convscope was at image 'a.png'."]


def test_a_worker_does_one_job_after_the_other(tmp_path: Path) -> None:
    worker = Worker()
    assert worker.prepare(Doubling(tmp_path, wrong=frozenset([5])), 1, versions(), USUAL) > 0  # type: ignore[operator]
    assert list(worker.run(4)) == [Done(8)]
    (failed,) = worker.run(5)
    assert isinstance(failed, Failed)
    assert isinstance(failed.error(), NumberError)
    assert list(worker.run(6)) == [Done(12)]


def test_other_versions_are_refused(tmp_path: Path) -> None:
    other = (("convscope", "0.0.0"), ("torch", "0.0.1"))
    failed = Worker().prepare(Doubling(tmp_path), 1, other, USUAL)
    assert isinstance(failed, Failed)
    assert isinstance(failed.error(), ClusterError)
    assert "has convscope 0.0.0, torch 0.0.1: results would depend" in failed.message


def test_another_pillow_is_refused_as_it_decodes_to_other_pixels(tmp_path: Path) -> None:
    other = tuple((name, "0.1" if name == "pillow" else number) for name, number in versions())
    assert isinstance(Worker().prepare(Doubling(tmp_path), 1, other, USUAL), Failed)


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # as Python notes what cannot be imported
    with pytest.raises(MissingExtraError, match=r"work on a cluster needs.*convscope\[ray\]"):
        connected("local")


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        ("ray://head:10001", SettingError, "Run convscope on a machine of the cluster"),
        ("127.0.0.1:1", ClusterError, r"no Ray cluster answers at '127.0.0.1:1' \(.*refused.*ray start --head"),
        ("somewhere", ClusterError, "none of local, auto and HOST:PORT"),
    ],
)
def test_addresses_where_nothing_is(
    address: str, error: type[Exception], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)  # another test of this process may have connected it
    with pytest.raises(error, match=message):
        list(RayExecutor(address).run(Doubling(tmp_path), [1], lambda *_: None))


def test_a_ray_that_would_listen_to_the_network_is_refused() -> None:
    """What makes it use the loopback alone is read when it is imported, and here it was imported before."""
    code = (
        "import ray\n"
        "from convscope.cluster.session import connected\n"
        "try:\n    connected('local')\n"
        "except Exception as error:\n    print(type(error).__name__, error, ray.is_initialized())"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.startswith("SettingError Ray was imported before")
    assert said.strip().endswith("False")


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"cores": 0}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingError, match="workers and cores must be at least 1"):
        RayExecutor("local", **wrong)


def test_what_ray_prints_does_not_mix_with_results(capsys: pytest.CaptureFixture[str]) -> None:
    with executor_of("auto", 2, 3) as executor:
        print("a worker died")
    with executor_of(None, None, 1) as here:
        print("a result")
    assert executor == RayExecutor("auto", 2, 3)
    assert here is HERE
    assert capsys.readouterr() == ("a result\n", "a worker died\n")
