"""``convscope occlude`` as a shell sees it: files, numbers, mistakes."""

from __future__ import annotations

import io
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convscope.images import ImageSet
from convscope.models import load_model
from convscope.pipeline.build import Ask, build_atlas
from convscope.probes.occlusion.deletion import scores
from convscope.probes.occlusion.occlude import occlude
from tests.cli.process import Run, check_mistake, finished, shell
from tests.engine.elsewhere import Elsewhere
from tests.images.make import encoded
from tests.probes.make import CLASSES, LAYER, picture

FACTORY = """
from convscope.models import Preprocessing
from tests.probes.make import FEEDING, classifier

def net(seed=0):
    made = classifier(seed)
    made.preprocessing = FEEDING
    return made

def other():
    return net(1)
"""
MODEL = "python:small_classifier:net"
FILES = {"figure.png", "overlay.png", "grids.npz", "occlusion.json"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    (folder / "small_classifier.py").write_text(FACTORY)
    for number in range(4):
        path = folder / "images" / "ab"[number % 2] / f"it is {number}!.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture(number)))
    (folder / "one.png").write_bytes(encoded(picture()))
    (folder / "few").mkdir()
    (folder / "few" / "a.png").write_bytes(encoded(picture()))
    (folder / "few" / "b ö.png").write_bytes(encoded(picture(1)))
    (folder / "few" / "bad.png").write_bytes(b"no picture")
    (folder / "bad.png").write_bytes(b"no picture")
    disc = np.hypot(*np.mgrid[-3:4, -3:4]) < 3.2
    Image.fromarray((disc * 255).astype(np.uint8)).save(folder / "mask.png")
    return folder


@pytest.fixture
def run(run: Run) -> Run:
    return partial(run, "occlude")


def facts(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "occlusion.json").read_text())
    return read


def test_as_a_process_it_writes_all_of_figure_7(place: Path) -> None:
    words = ["occlude", MODEL, "one.png", "-o", "made", "--patch", "6x8", "--stride", "5", "--target", "3"]
    said = finished(shell(place, *words))
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("made/figure.png: ")
    folder = place / "made"
    assert {path.name for path in folder.iterdir()} == FILES

    sys.path.insert(0, str(place))
    model = load_model(MODEL)
    sys.path.remove(str(place))
    found = occlude(model, picture(), (6, 8), 5, target=3)
    scored = scores(model, picture(), found)
    assert found.labels is not None
    with np.load(folder / "grids.npz", allow_pickle=False) as grids:
        expected_grids: dict[str, Any] = {
            "rows": found.rows,
            "columns": found.columns,
            "mask": found.grid.mask,
            "view": found.view,
            "fill": found.fill,
            "target": found.target_grid,
            "drop": found.drop,
            "sums_0": found.layers[0].sums,
            "projection_0": found.layers[0].projection,
            "label": found.labels.index,
            "label_probability": found.labels.probability,
            "exact": found.exact,
            "deletion": scored.deletion.values,
            "insertion": scored.insertion.values,
        }
        for name, expected in expected_grids.items():
            np.testing.assert_allclose(grids[name], expected, rtol=1e-5, err_msg=name)
    read = facts(folder)
    assert read["model"]["weights_digest"] == model.digest
    assert read["settings"]["patch"] == [6, 8]
    assert read["settings"]["rows"] == list(found.rows)
    assert read["target"]["unoccluded"] == pytest.approx(found.unoccluded)
    assert tuple(read["drop"]["peak_box"].values()) == found.peak_box
    assert sum(label["places"] for label in read["labels"]) == found.target_grid.size
    assert read["layers"][0]["layer"] == LAYER
    assert read["deletion"]["area"] == pytest.approx(scored.deletion.area)
    for name in ("figure.png", "overlay.png"):
        with Image.open(io.BytesIO((folder / name).read_bytes())) as opened:
            assert np.asarray(opened).std() > 5


def test_a_folder_has_a_sub_folder_for_each_image_and_lists_the_bad_one(run: Run, place: Path) -> None:
    words = [MODEL, "few", "-o", "several", "--patch", "12", "--no-scores", "--json"]
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said["folders"] == ["several/0000-a", "several/0001-b_"]
    assert [name for name, _ in said["skipped"]] == ["bad.png"]
    assert all({path.name for path in (place / folder).iterdir()} == FILES for folder in said["folders"])
    before = {path: path.stat().st_mtime_ns for path in (place / "several").rglob("*")}
    (place / "several" / "0001-b_" / "occlusion.json").write_text("{")
    code, out, err = run(*words[:-1])
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith("skipped bad.png: not an image")
    again = [str(path.parent.name) for path, time in before.items() if path.stat().st_mtime_ns != time]
    assert set(again) == {"several", "0001-b_"}  # the damaged one is made again, the finished one is not


def test_what_is_noted_of_every_image_is_printed_once(run: Run, place: Path) -> None:
    code, out, _ = run(MODEL, "few", "-o", "noted", "--patch", "4", "--stride", "8", "--no-scores")
    assert code == 0
    printed = [line.removeprefix("note: ") for line in out.splitlines() if line.startswith("note: ")]
    each = [facts(folder)["notes"] for folder in sorted((place / "noted").iterdir()) if folder.is_dir()]
    assert len(each) == 2
    assert printed == [note for note in each[0] if note in each[1]]
    assert sum("no occluder covers some pixels" in note for note in printed) == 1


def test_another_run_is_not_written_over_unless_asked(run: Run, place: Path) -> None:
    words = [MODEL, "one.png", "-o", "kept", "--patch", "12", "--no-scores"]
    assert run(*words)[0] == 0
    code, _, err = run(*words, "--fill", "mean")
    assert code == 2
    assert err.startswith("SettingError: kept holds a result (occlusion.json) of another image")
    assert facts(place / "kept")["settings"]["fill"] == "grey"
    assert run(*words, "--fill", "mean", "--overwrite")[0] == 0
    assert facts(place / "kept")["settings"]["fill"] == "mean"


def test_a_mask_several_classes_and_two_layers(run: Run, place: Path) -> None:
    words = [MODEL, "one.png", "-o", "masked", "--mask", "mask.png", "--stride", "6", "--fill", "noise:4"]
    code, _, err = run(*words, "--target", "1", "--target", "2", "--layers", f"1,{LAYER}")
    assert (code, err) == (0, "")
    read = facts(place / "masked")
    assert read["target"]["classes"] == [1, 2]
    assert read["settings"]["mask_sha256"]
    assert [layer["layer"] for layer in read["layers"]] == ["1", LAYER]
    with np.load(place / "masked" / "grids.npz") as grids:
        assert grids["mask"].sum() == (np.hypot(*np.mgrid[-3:4, -3:4]) < 3.2).sum()
        assert grids["sums_1"].shape == grids["target"].shape


def test_an_approximate_run_states_its_error(run: Run, place: Path) -> None:
    words = ["--patch", "4", "--stride", "1", "--approximate", "--budget", "0.3", "--seed", "2"]
    assert run(MODEL, "one.png", "-o", "rough", *words)[0] == 0
    read = facts(place / "rough")
    assert read["error"]["sampled"] >= 13
    assert read["settings"]["approximate"] == {"tolerance": None, "budget": 0.3, "seed": 2}
    assert read["computed_places"] < 0.31 * 21 * 21


def test_an_atlas_gives_the_other_projections(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place))
    images = ImageSet.open("images")
    for units, name in ((None, "atlas"), (0, "patches")):
        build_atlas(load_model(MODEL), images, name, Ask(layers=[LAYER], top=4, units=units))
    sizes = []
    for options in ([], ["--atlas", "atlas"], ["--atlas", "patches"]):
        name = "with" + "".join(options)
        assert run(MODEL, "one.png", "-o", name, "--patch", "12", "--no-scores", *options)[::2] == (0, "")
        sizes.append((place / name / "figure.png").read_bytes())
    assert len(set(sizes)) == 3
    code, _, err = run("python:small_classifier:other", "one.png", "-o", "x", "--atlas", "atlas")
    assert code == 2
    assert err.startswith("AtlasMismatchError: the atlas in atlas was made from")
    code, _, err = run(MODEL, "one.png", "-o", "x", "--atlas", "atlas", "--layers", "1")
    assert (code, err.split(":")[0]) == (2, "AddressError")
    assert not (place / "x").exists()


WRONG: list[tuple[list[str], str]] = [
    (["one.png", "--patch", "25"], "SettingError: a patch of 25x25"),
    (["one.png", "--stride", "0"], "SettingError: the stride"),
    (["one.png", "--fill", "red"], "SettingError: fill 'red'"),
    (["one.png", "--target", "99"], "SettingError: target 99 is out of range"),
    (["one.png", "--target", "99:1"], "AddressError: no layer '99'"),
    (["one.png", "--layers", "99"], "AddressError: no layer '99'"),
    (["one.png", "--mask", "few"], "SettingError: few holds 3 images"),
    (["one.png", "--mask", "mask.png", "--patch", "3"], "SettingError: --patch and --mask"),
    (["one.png", "--target", "true"], "ImageSetError: no image of one.png can be used"),
    (["one.png", "--approximate", "--budget", "2"], "SettingError: budget"),
    (["one.png", "--atlas", "nowhere"], "AtlasError: there is no atlas"),
    (["one.png", "--method", "magic"], "CoverageError: unknown method"),
    (["bad.png"], "ImageSetError: no image of bad.png can be used; bad.png: not an image"),
    (["nowhere.png"], "ImageSetError"),
]


@pytest.mark.parametrize(("words", "message"), WRONG)
def test_a_mistake_is_one_line(run: Run, place: Path, words: list[str], message: str) -> None:
    check_mistake(run(MODEL, *words, "-o", "x"), message, place / "x")


def test_an_output_among_the_images_is_refused(run: Run) -> None:
    code, _, err = run(MODEL, "few", "-o", "few/made")
    assert code == 2
    assert err.startswith("AtlasError: few/made lies in the image folder")


@pytest.mark.parametrize("patch", ["x", "3x4x5", "-3", "a"])
def test_what_is_no_patch_shows_the_usage(run: Run, patch: str) -> None:
    code, _, err = run(MODEL, "one.png", "-o", "x", f"--patch={patch}")
    assert code == 2
    assert "is no patch" in err


def test_the_true_class_is_the_images_label(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from convscope.pipeline.image_occlusion import OcclusionAsk
    from convscope.pipeline.occlusion import occlude_images
    from tests.probes.make import model

    folder = place / "labelled"
    for number, label in enumerate(("dog", "wolf")):
        (folder / label).mkdir(parents=True)
        (folder / label / "x.png").write_bytes(encoded(picture(number)))
    ask = OcclusionAsk(patch=12, target="true", scores=False)
    made = occlude_images(model(), ImageSet.open(folder), place / "true", ask)
    assert [path.name for path in made.folders] == ["0000-x"]
    assert facts(made.folders[0])["target"]["classes"] == [CLASSES.index("dog")]
    assert made.skipped[0][0] == "wolf/x.png"
    assert "label 'wolf' is not among the model's 5 class names" in made.skipped[0][1]


def test_an_executor_writes_the_same_files(place: Path, tmp_path: Path) -> None:
    from convscope.pipeline.image_occlusion import OcclusionAsk
    from convscope.pipeline.occlusion import occlude_images
    from tests.probes.make import model

    for number in range(3):
        (tmp_path / "several").mkdir(exist_ok=True)
        (tmp_path / "several" / f"{number}.png").write_bytes(encoded(picture(number)))
    (tmp_path / "several" / "bad.png").write_bytes(b"damaged")
    images, ask = ImageSet.open(tmp_path / "several"), OcclusionAsk(patch=12)
    said: list[tuple[int, int]] = []
    found = occlude_images(
        model(), images, tmp_path / "there", ask, executor=Elsewhere(2), report=lambda _, *step: said.append(step)
    )
    here = occlude_images(model(), images, tmp_path / "here", ask)
    assert [name for name, _ in found.skipped] == ["bad.png"]
    assert found.skipped == here.skipped
    assert len(found.folders) == 3
    for ours, theirs in zip(found.folders, here.folders, strict=True):
        with np.load(ours / "grids.npz") as one, np.load(theirs / "grids.npz") as other:
            assert one.files == other.files
            assert all(np.array_equal(one[name], other[name], equal_nan=True) for name in one.files)
        one_said, other_said = (
            {name: value for name, value in facts(each).items() if name not in ("seconds", "made_with")}
            for each in (ours, theirs)
        )
        assert one_said == other_said
        assert (ours / "overlay.png").read_bytes() == (theirs / "overlay.png").read_bytes()
    assert said == sorted(said)
    assert said[-1][0] == said[-1][1]
