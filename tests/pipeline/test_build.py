"""The main job from end to end: what it makes, what it refuses, and what it leaves as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from convscope.atlas.reader import Atlas
from convscope.atlas.session import locked
from convscope.engine import scan as scanning
from convscope.engine.project import project
from convscope.errors import (
    AddressError,
    AtlasError,
    AtlasMismatchError,
    CoverageError,
    ImageSetError,
    NumberError,
    SettingError,
)
from convscope.images import ImageSet
from convscope.images.decode import PIXEL_LIMIT
from convscope.lock import LOCK
from convscope.models import Model, load_model
from convscope.pipeline import winners as choosing
from convscope.pipeline.build import NO_PEAKS, Ask, build_atlas
from tests.engine.elsewhere import Elsewhere
from tests.engine.make import (
    DEAD,
    LAYERS,
    Data,
    exact_model,
    exact_net,
    feeding,
    float_net,
    full_sort,
    image_set,
    maps_of,
    pictures,
)
from tests.images.make import encoded, noise

ASK = Ask(top=3, per_class=2, raw=True)
COUNT = 8


@pytest.fixture(scope="module")
def model() -> Model:
    return exact_model()


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return image_set(pictures(COUNT), [i % 2 for i in range(COUNT)], ["cat", "dog"])


@pytest.fixture(scope="module")
def atlas(model: Model, images: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    path = tmp_path_factory.mktemp("atlas") / "a"
    build_atlas(model, images, path, ASK)
    return Atlas.open(path)


def contents(folder: Path) -> dict[str, Any]:
    """Every table of an atlas, row by row, part by part; and its manifest without the time."""
    found: dict[str, Any] = {
        str(path.relative_to(folder)): pq.ParquetFile(path).read().to_pylist() for path in folder.rglob("*.parquet")
    }
    manifest = json.loads((folder / "manifest.json").read_text())
    return found | {"manifest": {name: value for name, value in manifest.items() if name != "created"}}


def test_the_summary_counts(model: Model, images: ImageSet, tmp_path: Path) -> None:
    summary = build_atlas(model, images, tmp_path / "a", Ask(["4"], top=2, units=5))
    assert summary.path == tmp_path / "a"
    assert (summary.method, summary.layers, summary.units, summary.images, summary.skipped) == (
        "deconvnet",
        1,
        12,
        8,
        0,
    )
    assert summary.projections == 10
    assert sorted(path.name for path in summary.path.iterdir()) == [
        ".convscope.lock",
        *("digests.json", "images.parquet", "journal.json", "layers.parquet", "manifest.json"),
        *("peaks.parquet", "pictures", "projections", "spectra.parquet", "top.parquet", "trust.parquet"),
        "units.parquet",
    ]


def test_peaks_are_those_of_the_network(atlas: Atlas) -> None:
    for layer in LAYERS:
        found = atlas.peaks(layer)
        assert found is not None
        assert found.images.tolist() == list(range(COUNT))
        expected = maps_of(exact_net(), layer, pictures(COUNT)).amax((2, 3)).T
        np.testing.assert_array_equal(found.values, expected)


def test_a_finished_atlas_without_peaks_is_left_as_it_is_and_says_so(
    model: Model, images: ImageSet, tmp_path: Path
) -> None:
    ask = Ask(["4"], top=2, units=1)
    assert NO_PEAKS not in build_atlas(model, images, tmp_path / "a", ask).notes
    (tmp_path / "a" / "peaks.parquet").unlink()
    before = contents(tmp_path / "a")
    assert NO_PEAKS in build_atlas(model, images, tmp_path / "a", ask).notes
    assert contents(tmp_path / "a") == before
    assert Atlas.open(tmp_path / "a").peaks("4") is None
    assert NO_PEAKS not in build_atlas(model, images, tmp_path / "a", ask, overwrite=True).notes


def test_top_and_projections_are_those_of_the_network(atlas: Atlas, model: Model) -> None:
    made = pictures(COUNT)
    for layer in LAYERS:
        width = atlas.layer(layer).width
        expected = full_sort(maps_of(exact_net(), layer, made), 3, range(COUNT))
        for unit, rows in atlas.top_of_layer(layer).items():
            active = [found for found in expected[unit] if found[0] > 0]
            assert [(row.value, row.image, row.y * width + row.x) for row in rows] == active
    unit, rows = next((unit, rows) for unit, rows in atlas.top_of_layer("4").items() if len(rows) > 1)
    stored = atlas.projection("4", unit, 1)
    assert stored is not None
    whole = project(model, made[rows[1].image], f"4:{unit}@{rows[1].y},{rows[1].x}").pixels
    np.testing.assert_allclose(stored.on_canvas(32, 32), whole, atol=np.abs(whole).max() * 2**-10)
    assert atlas.unit("4", DEAD).dead
    assert atlas.top("4", DEAD) == ()
    assert atlas.projection("4", DEAD, 0) is None


def test_each_image_that_wins_has_one_picture_and_it_is_the_image(atlas: Atlas) -> None:
    winning = set(atlas.query("select distinct image from top where among is null")["image"].to_pylist())
    assert set(atlas.pictured()) == winning
    for image in winning:
        np.testing.assert_array_equal(atlas.picture(image), pictures(COUNT)[image])


def test_parts_may_be_of_any_size(
    atlas: Atlas, model: Model, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "PART_BYTES", 4_000)
    build_atlas(model, images, tmp_path / "a", ASK, batch_size=3, workers=1)
    parted = Atlas.open(tmp_path / "a")
    assert len(list((tmp_path / "a" / "projections").iterdir())) > 3
    assert parted.pictured() == atlas.pictured()
    assert len(parted.query("select * from pictures")) == len(parted.pictured())
    for layer in LAYERS:
        ours, theirs = dict(parted.projections_of_layer(layer)), dict(atlas.projections_of_layer(layer))
        assert ours.keys() == theirs.keys()
        for unit in ours:
            for one, other in zip(ours[unit], theirs[unit], strict=True):
                np.testing.assert_allclose(one.pixels, other.pixels, rtol=1e-2, atol=1e-2 * np.abs(other.pixels).max())


class Exchanged(Data):
    """Elsewhere its images are others, as soon as the projections begin: a shared folder that changed meanwhile."""

    gone: Path
    away = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, away=True)

    def __getitem__(self, row: int) -> Any:
        return super().__getitem__(COUNT - 1 - row if self.away and self.gone.exists() else row)


def test_projections_of_other_images_are_an_error(model: Model, tmp_path: Path) -> None:
    data = Exchanged(pictures(COUNT), [0] * COUNT, ["cat"])
    data.gone = tmp_path / "gone"

    def report(stage: str, done: int, total: int) -> None:
        if stage == "project":
            data.gone.touch()

    with pytest.raises(ImageSetError, match=r"image '\d+' of 'Exchanged' is another one for a worker"):
        build_atlas(model, ImageSet.open(data), tmp_path / "a", ASK, executor=Elsewhere(), report=report)


def test_made_elsewhere_every_file_is_the_same(
    images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "PART_BYTES", 4_000)
    monkeypatch.setattr(scanning, "_PART_AT_LEAST", 3)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    model = load_model(float_net(), preprocessing=feeding())
    said: list[tuple[str, int, int]] = []
    build_atlas(model, images, tmp_path / "there", ASK, executor=Elsewhere(1), report=lambda *step: said.append(step))
    build_atlas(model, images, tmp_path / "here", ASK)
    there, here = (
        {str(p.relative_to(tmp_path / name)): p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()}
        for name in ("there", "here")
    )
    assert there.pop(LOCK) == here.pop(LOCK)
    assert len([name for name in here if name.startswith("projections")]) > 3
    assert there == here
    for stage in ("read", "scan", "project"):
        steps = [(done, total) for name, done, total in said if name == stage]
        assert steps == sorted(steps)
        assert steps[-1][0] == steps[-1][1] > 0


def test_a_second_run_returns_at_once(model: Model, images: ImageSet, tmp_path: Path) -> None:
    first = build_atlas(model, images, tmp_path / "a", Ask(["4"], top=1))
    (tmp_path / "a" / "work").mkdir()  # as a stop just after the manifest leaves it
    before = {path: path.stat().st_mtime_ns for path in first.path.rglob("*.parquet")}

    def never(stage: str, done: int, total: int) -> None:
        raise AssertionError(f"{stage} ran again")

    assert build_atlas(model, images, tmp_path / "a", Ask(["4", "4"], top=1), report=never) == first
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert not (tmp_path / "a" / "work").exists()


def test_another_run_is_not_mixed_in(model: Model, images: ImageSet, tmp_path: Path) -> None:
    path = tmp_path / "a"
    build_atlas(model, images, path, Ask(["4"], top=1))
    before = contents(path)
    others: list[tuple[Model, ImageSet, Ask, str]] = [
        (exact_model(seed=1), images, Ask(["4"], top=1), "weights differ"),
        (model, images.head(7), Ask(["4"], top=1), f"is not the same set: 1 missing, first '{images.names[7]}'"),
        (model, images, Ask(["4"], top=2), r"settings\.top \(2, there 1\) differ"),
        (
            model,
            images,
            Ask(["1", "4"], top=1, per_image="many"),
            r"settings\.layers .*, settings\.per_image \(.many., there .one.\) differ",
        ),
    ]
    for other, source, ask, message in others:
        with pytest.raises(AtlasMismatchError, match=message):
            build_atlas(other, source, path, ask)
    assert contents(path) == before
    (path / "sheets").mkdir()
    (path / "sheets" / "000-4.png").write_bytes(b"of the old atlas")
    build_atlas(model, images, path, Ask(["1"], top=1), overwrite=True)
    assert [layer.layer for layer in Atlas.open(path).layers()] == ["1"]
    assert not (path / "sheets").exists()


def test_two_writers_do_not_meet(model: Model, images: ImageSet, tmp_path: Path) -> None:
    build_atlas(model, images, tmp_path / "a", Ask(["4"], top=1))
    with locked(tmp_path / "a"), pytest.raises(AtlasError, match="another process"):
        build_atlas(model, images, tmp_path / "a", Ask(["4"], top=1))


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (Ask(layers=["nowhere"]), AddressError, "no layer 'nowhere'"),
        (Ask(layers=[]), AddressError, "no layer was named"),
        (Ask(method="magic"), CoverageError, "auto, deconvnet"),
        (Ask(unpool="magic"), CoverageError, "sum, last, none"),
        (Ask(top=0), SettingError, "at least 1"),
        (Ask(per_image="few"), SettingError, "one, many"),
        (Ask(per_class=-1), SettingError, "at least 0"),
        (Ask(units=-1), SettingError, "not -1"),
    ],
)
def test_what_can_be_refused_is_refused_before_anything_is_written(
    model: Model, images: ImageSet, tmp_path: Path, ask: Ask, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        build_atlas(model, images, tmp_path / "a", ask)
    assert not (tmp_path / "a").exists()


def test_a_place_that_is_not_for_an_atlas_is_refused(model: Model, images: ImageSet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    for name, message in (("file", "is a file"), ("full", "not empty")):
        with pytest.raises(AtlasError, match=message):
            build_atlas(model, images, tmp_path / name)


def test_nan_in_the_weights_stops_it_and_the_model_is_as_it_was(images: ImageSet, tmp_path: Path) -> None:
    net = exact_net()
    net.get_parameter("0.weight").data[1] = torch.nan
    broken = load_model(net, preprocessing=feeding())
    with pytest.raises(NumberError, match="layer '1'"):
        build_atlas(broken, images, tmp_path / "a")
    assert not broken.module.training
    assert not (tmp_path / "a" / "manifest.json").exists()


@pytest.mark.parametrize("units", [0, 1, 99])
@pytest.mark.parametrize("per_image", ["one", "many"])
def test_one_image_and_the_borders_of_every_number(model: Model, tmp_path: Path, units: int, per_image: str) -> None:
    summary = build_atlas(
        model, image_set(pictures(1)), tmp_path / "a", Ask(["4"], top=60, per_image=per_image, units=units)
    )
    maps = maps_of(exact_net(), "4", pictures(1))[0].flatten(1)
    kept = (maps > 0).sum(1) if per_image == "many" else (maps > 0).any(1).long()
    atlas = Atlas.open(summary.path)
    assert [len(rows) for rows in atlas.top_of_layer("4").values()] == kept.tolist()
    assert summary.projections in {0: [0], 1: kept.tolist(), 99: [int(kept.sum())]}[units]
    assert atlas.pictured() == (0,)


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_four_channel_networks(tmp_path: Path, channels: int) -> None:
    build_atlas(exact_model(channels), image_set(pictures(4, channels)), tmp_path / "a", Ask(["4"], top=2))
    atlas = Atlas.open(tmp_path / "a")
    projection = atlas.projection("4", 0, 0)
    assert projection is not None
    assert projection.pixels.shape[2] == channels
    assert atlas.manifest.model.input_channels == channels
    assert atlas.picture(atlas.pictured()[0]).shape == (32, 32, 1)


def bomb() -> bytes:
    """A tiny PNG whose header promises more pixels than are allowed."""
    file = bytearray(encoded(noise(1, 1, 3)))
    side = int(PIXEL_LIMIT**0.5) + 1000
    file[16:24] = side.to_bytes(4, "big") * 2
    file[29:33] = crc32(bytes(file[12:29])).to_bytes(4, "big")
    return bytes(file)


def every_kind(folder: Path) -> dict[str, str]:
    """Files good and bad; the names of the bad ones with a word of the reason."""
    colour, grey = noise(40, 48, 3), noise(40, 48)
    turned = Image.Exif()
    turned[0x0112] = 6
    good: dict[str, bytes] = {
        "alpha.png": encoded(noise(40, 48, 4)),
        "animated.gif": encoded(Image.fromarray(grey), "GIF", save_all=True, append_images=[Image.fromarray(grey)]),
        "cmyk.jpg": encoded(Image.fromarray(colour).convert("CMYK"), "JPEG"),
        "deep.png": encoded(grey.astype(np.uint16) * 256),
        "grey.png": encoded(grey),
        "named-wrongly.jpg": encoded(colour),
        "palette.png": encoded(Image.fromarray(colour).convert("P")),
        "small.bmp": encoded(noise(3, 2, 3), "BMP"),
        "turned.jpg": encoded(Image.fromarray(colour), "JPEG", exif=turned),
    }
    bad: dict[str, tuple[bytes, str]] = {
        "bomb.png": (bomb(), "bomb"),
        "empty.png": (b"", "empty"),
        "text.jpg": (b"not a picture", "not an image"),
        "truncated.jpg": (encoded(colour, "JPEG")[:1500], "truncated"),
        "truncated.png": (encoded(colour)[:900], "truncated"),
    }
    for name, data in (good | {name: data for name, (data, _) in bad.items()}).items():
        (folder / name).write_bytes(data)
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    return {"gone.png": "no such file", **{name: reason for name, (_, reason) in bad.items()}}


def test_every_kind_of_image_in_one_folder(model: Model, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    reasons = every_kind(folder)
    summary = build_atlas(model, ImageSet.open(folder), tmp_path / "a", Ask(["4"], top=20), batch_size=4)
    atlas = Atlas.open(tmp_path / "a")
    assert {row.name for row in atlas.skipped()} == reasons.keys()
    for row in atlas.skipped():
        assert reasons[row.name] in str(row.skipped), row
        assert row.width is None
    assert (summary.images, summary.skipped) == (15, 6)
    assert (atlas.manifest.data.images, atlas.manifest.data.skipped) == (15, 6)
    sizes = {row.name: (row.width, row.height) for row in atlas.images() if row.skipped is None}
    assert len(sizes) == 9
    assert sizes["turned.jpg"] == (40, 48)
    read = {row.image for row in atlas.images() if row.skipped is None}
    winners = {row.image for rows in atlas.top_of_layer("4").values() for row in rows}
    assert winners <= read
    assert len(winners) > len(read) // 2


def test_a_folder_of_nothing_but_bad_images_is_an_error(model: Model, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name in ("a.png", "b.jpg"):
        (tmp_path / "images" / name).write_bytes(b"nothing")
    with pytest.raises(ImageSetError, match=r"none of the 2 images.*'a\.png': not an image"):
        build_atlas(model, ImageSet.open(tmp_path / "images"), tmp_path / "a", Ask(["4"]))


def test_an_image_that_vanishes_after_the_scan_is_named(model: Model, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for number, picture in enumerate(pictures(3)):
        (folder / f"{number}.png").write_bytes(encoded(picture))
    whole = (folder / "0.png").read_bytes()
    source = ImageSet.open(folder)

    def vanish(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("scan", total):
            (folder / "0.png").unlink(missing_ok=True)

    with pytest.raises(ImageSetError, match=r"'0\.png' could be read during the scan.*no such file.*same command"):
        build_atlas(model, source, tmp_path / "a", Ask(["4"], top=3), report=vanish)
    (folder / "0.png").write_bytes(whole)
    again = build_atlas(model, ImageSet.open(folder), tmp_path / "a", Ask(["4"], top=3))
    active = (maps_of(exact_net(), "4", pictures(3)).amax((2, 3)) > 0).sum()
    assert again.projections == active
