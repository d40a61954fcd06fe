"""``convscope overlap`` as a shell sees it: files, numbers, mistakes, and going on after a kill."""

from __future__ import annotations

import io
import json
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from convscope.images import ImageSet
from convscope.images.exclusion import read_exclusion, without
from convscope.probes.overlap import reading
from tests.cli.process import Run, check_mistake, finished, shell
from tests.images.make import encoded
from tests.probes.overlap.make import cropped, scene, write

FILES = {"pairs.parquet", "figure.png", "quality.png", "overlap.json", "exclude_first.jsonl", "exclude_second.jsonl"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    write(folder / "first", {f"{'ab'[seed % 2]}/it is {seed}!.png": scene(seed) for seed in range(12)})
    write(folder / "second", {"crop.png": cropped(scene(2), 0, 0.1, 0.9, 1), "turned.png": scene(3)[:, ::-1]})
    write(folder / "second", {f"x ö{seed}.png": scene(seed) for seed in (4, 90, 91)})
    (folder / "second" / "bad.png").write_bytes(b"no picture")
    write(folder / "within", {"a/1.png": scene(1), "b/1.png": scene(1), "b/2.png": scene(2)})
    (folder / "bad").mkdir()
    (folder / "bad" / "x.png").write_bytes(b"no picture")
    (folder / "empty").mkdir()
    return folder


@pytest.fixture
def run(run: Run) -> Run:
    return partial(run, "overlap")


def facts(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "overlap.json").read_text())
    return read


def files(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.is_file()}


def test_as_a_process_it_writes_pairs_lists_and_pictures(place: Path) -> None:
    said = finished(shell(place, "overlap", "first", "second", "-o", "made", "--check", "4"))
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("3 pairs of near-duplicates, 1 of them identical; ")
    assert "skipped bad.png: not an image" in said.out
    folder = place / "made"
    assert set(files(folder)) == FILES
    table = pq.read_table(folder / "pairs.parquet").to_pylist()
    pairs = {(row["first"], row["second"]): row for row in table if row["near_duplicate"]}
    assert set(pairs) == {
        ("a/it is 2!.png", "crop.png"),
        ("b/it is 3!.png", "turned.png"),
        ("a/it is 4!.png", "x ö4.png"),
    }
    crop = pairs["a/it is 2!.png", "crop.png"]
    np.testing.assert_allclose([crop[side] for side in ("top", "left", "bottom", "right")], (0, 0.1, 0.9, 1), atol=0.04)
    assert (crop["larger"], crop["first_label"], crop["mirrored"]) == ("first", "a", False)
    assert pairs["b/it is 3!.png", "turned.png"]["relation"] == "mirrored"
    read = facts(folder)
    assert read["left_out"] == {"first": 3, "second": 3}
    assert read["quality"]["photographs"] == 4
    assert read["quality"]["recall"] > 0.9
    assert set(read["search"]["indexes"]) == {"exact"}
    for name in ("figure.png", "quality.png"):
        with Image.open(io.BytesIO((folder / name).read_bytes())) as opened:
            assert np.asarray(opened).std() > 5
    for which, names in (("first", 12), ("second", 6)):
        listed = read_exclusion(folder / f"exclude_{which}.jsonl")
        images = ImageSet.open(place / which)
        assert len(without(images, listed)) == names - 3
        partners = {(each.image, each.partner) for each in listed}
        assert partners == {pair if which == "first" else pair[::-1] for pair in pairs}


def test_json_says_the_same_and_a_finished_folder_is_kept(run: Run, place: Path) -> None:
    words = ["first", "second", "-o", "again", "--check", "0", "--json"]
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert (said["folder"], said["pairs"], said["identical"], said["quality"]) == ("again", 3, 1, None)
    assert said["skipped"]["second"][0]["image"] == "bad.png"
    before = files(place / "again")
    assert set(before) == FILES - {"quality.png"}
    assert run(*words)[1] == out
    assert files(place / "again") == before
    code, _, err = run(*words[:-1], "--threshold", "0.95")
    assert code == 2
    assert err.startswith("SettingError: again holds a result (overlap.json) of another")
    assert run(*words, "--threshold", "0.95", "--overwrite")[0] == 0
    assert facts(place / "again")["settings"]["threshold"] == 0.95


def test_another_result_is_refused_before_anything_is_written(run: Run, place: Path) -> None:
    assert run("first", "second", "-o", "whole", "--check", "0")[0] == 0
    before = everything(place / "whole")
    for words in (["within"], ["second", "first"], ["first", "second", "--seed", "1"]):
        code, _, err = run(*words, "-o", "whole", "--check", "0")
        assert code == 2
        assert err.startswith("SettingError: whole holds a result (overlap.json) of another")
    assert everything(place / "whole") == before


def test_what_a_new_result_does_not_write_is_gone(run: Run, place: Path) -> None:
    assert run("first", "second", "-o", "replaced", "--check", "4")[0] == 0
    (place / "replaced" / "my own.txt").write_text("stays")
    assert run("within", "-o", "replaced", "--check", "0", "--overwrite")[0] == 0
    left = {path.relative_to(place / "replaced").as_posix() for path in everything(place / "replaced")}
    files = {"pairs.parquet", "figure.png", "overlap.json", "exclude_first.jsonl", "my own.txt"}
    assert left == files | {"views", "views/first", "views/first/views.npy", "views/first/digests.npy"}


def test_overwrite_makes_the_same_result_again(run: Run, place: Path) -> None:
    words = ["within", "-o", "repeated", "--check", "0"]
    assert run(*words)[0] == 0
    (place / "repeated" / "figure.png").unlink()
    assert run(*words, "--overwrite")[0] == 0
    assert (place / "repeated" / "figure.png").exists()


def test_the_folder_of_another_command_and_a_file_are_refused(run: Run, place: Path) -> None:
    (place / "other").mkdir()
    (place / "other" / "transfer.json").write_text(json.dumps({"key": "a", "made_with": {}}))
    (place / "file").write_text("something")
    for output, message in (("other", "other holds the result of another command"), ("file", "file is a file")):
        before = everything(place)
        code, _, err = run("within", "-o", output, "--overwrite")
        assert code == 2
        assert err.startswith(f"SettingError: {message}")
        assert everything(place) == before


def everything(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_within_one_set_labels_that_differ_are_said(run: Run, place: Path) -> None:
    code, out, err = run("within", "-o", "alone", "--check", "0")
    assert (code, err) == (0, "")
    assert "1 image of the first set to leave out" in out
    assert out.startswith("1 pair of near-duplicates, 1 of them identical; ")
    assert "labels differ: a/1.png (a) and b/1.png (b)" in out
    (listed,) = read_exclusion(place / "alone" / "exclude_first.jsonl")
    assert (listed.image, listed.partner, listed.reason) == ("b/1.png", "a/1.png", "identical")
    assert not (place / "alone" / "exclude_second.jsonl").exists()
    assert facts(place / "alone")["groups"] == 1


def test_images_that_look_alike_are_warned_of(run: Run, place: Path) -> None:
    alike = {f"{seed:02d}.png": np.clip(scene(0) + np.float64(seed % 5), 0, 255).astype(np.uint8) for seed in range(9)}
    write(place / "alike", alike)
    code, out, _ = run("alike", "-o", "warned", "--check", "3")
    assert code == 0
    assert "images here look too much alike for a precision of 0.99; no threshold reaches it" in out


def test_a_killed_run_goes_on_with_what_it_had_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 3 * reading.TOGETHER
    (place / "many").mkdir()
    content = [encoded(scene(seed, 8, 9)) for seed in range(count // 8)]
    for number in range(count):
        (place / "many" / f"{number:05d}.png").write_bytes(content[number // 8])
    words = ["overlap", "first", "many", "-o", "killed", "--check", "0", "--workers", "1"]
    process = shell(place, *words)
    digests = place / "killed/views/second/digests.npy"
    while process.poll() is None and not (digests.exists() and known(digests).any()):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    finished(process)
    done = known(digests)
    assert 0 < done.sum() < count or process.returncode == 0  # a fast machine may be through
    views = np.lib.format.open_memmap(digests.with_name("views.npy"), "r+")
    views[0] = 77  # what was read is not read again
    views.flush()
    said = finished(shell(place, *words))
    assert (said.code, said.err) == (0, "")
    assert known(digests).all()
    after = np.load(digests.with_name("views.npy"))
    assert (after[0] == 77).all()
    np.testing.assert_array_equal(after[1:8], after[[1]].repeat(7, 0))
    assert after[count - 1].std() > 0


def known(digests: Path) -> Any:
    """Which images have a digest."""
    try:
        return np.load(digests, mmap_mode="r").any(1)
    except (OSError, ValueError):  # being made
        return np.zeros(0, np.bool_)


WRONG: list[tuple[list[str], str]] = [
    (["nowhere"], "ImageSetError: 'nowhere' does not exist"),
    (["empty"], "ImageSetError: The folder"),
    (["first", "empty"], "ImageSetError: The folder"),
    (["bad"], "ImageSetError: no image of bad can be read; x.png: not an image"),
    (["first", "--threshold", "0.2"], "SettingError: a threshold of 0.2; expected 0.6 to 1"),
]


@pytest.mark.parametrize(("words", "message"), WRONG)
def test_a_mistake_is_one_line(run: Run, place: Path, words: list[str], message: str) -> None:
    said = run(*words, "-o", "x")
    assert not (place / "x" / "overlap.json").exists()
    check_mistake(said, message, place / "x" / "overlap.json")


def test_an_output_among_the_images_is_refused(run: Run) -> None:
    for inside in ("first/made", "second/made"):
        code, _, err = run("first", "second", "-o", inside)
        assert code == 2
        assert err.startswith(f"AtlasError: {inside} lies in the image folder")
