"""Which pictures count as photographs, and how they are laid out."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.structure.source import script


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    return script("demo_images")


def photograph(seed: int = 0) -> Image.Image:
    """Smooth shading with grain, and a transparent frame around it, as a cut-out has."""
    grain = np.random.default_rng(seed).normal(0, 6, (100, 100, 3))
    y, x = np.mgrid[:100, :100]
    shading = np.stack([x * 2, y * 2, x + y], axis=-1) + grain
    picture = Image.fromarray(shading.clip(0, 255).astype(np.uint8)).convert("RGBA")
    frame = Image.new("RGBA", (140, 140))
    frame.paste(picture, (20, 20))
    return frame


def drawing() -> Image.Image:
    picture = Image.new("RGBA", (140, 140))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((20, 20, 120, 120), fill=(200, 40, 40, 255), outline=(0, 0, 0, 255), width=5)
    draw.rectangle((50, 50, 90, 90), fill=(250, 220, 0, 255))
    return picture


def entropy(luminances: np.ndarray) -> float:
    share = np.bincount(luminances) / len(luminances)
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())


def test_texture_counts_opaque_pixels_only(demo: ModuleType, tmp_path: Path) -> None:
    photograph().save(tmp_path / "a.png")
    pixels = np.asarray(photograph())[20:120, 20:120, :3].reshape(-1, 3).astype(int)
    measured = demo.texture(tmp_path / "a.png")
    assert measured.colours == len(np.unique(pixels // 8, axis=0))
    assert measured.variety == len(np.unique(pixels, axis=0)) / 10_000
    assert measured.entropy == pytest.approx(entropy(pixels @ [299, 587, 114] // 1000))


def test_an_invisible_picture_has_no_texture(demo: ModuleType, tmp_path: Path) -> None:
    Image.new("RGBA", (60, 60)).save(tmp_path / "a.png")
    assert not demo.photographic(demo.texture(tmp_path / "a.png"))


def test_stamps_keep_photographs_and_drop_the_rest(demo: ModuleType, tmp_path: Path) -> None:
    wanted = {"animals/birds/owl.png": photograph(), "vehicles/auto/sedan.png": photograph(1)}
    unwanted = {
        "animals/birds/cartoon/duck.png": photograph(2),
        "vehicles/auto/sedan_mirror.png": photograph(3),
        "food/pizza.png": drawing(),
        "food/tiny.png": photograph(4).resize((40, 40)),
        "loose.png": photograph(5),
    }
    for name, picture in {**wanted, **unwanted}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(tmp_path / name)
    found = list(demo.stamps(tmp_path))
    assert [(item.category, item.path.name) for item in found] == [
        ("birds", "owl.png"),
        ("vehicles", "sedan.png"),
    ]


def test_copy_keeps_both_of_two_equal_names(demo: ModuleType, tmp_path: Path) -> None:
    found = []
    for folder in ("a", "b"):
        path = tmp_path / folder / "owl.png"
        path.parent.mkdir()
        path.write_text(folder)
        found.append(demo.Photograph("somewhere", "birds", path))
    demo.copy(found, tmp_path / "images")
    copies = {path.name: path.read_text() for path in (tmp_path / "images/birds").iterdir()}
    assert copies == {"owl.png": "a", "b-owl.png": "b"}


def test_a_folder_that_exists_is_left_alone(
    demo: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.png").write_text("mine")
    assert demo.main([str(tmp_path)]) == 0
    assert "is there already" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["mine.png"]


def test_nothing_found_is_an_error_that_helps(
    demo: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "STAMPS", tmp_path / "none")
    monkeypatch.setattr(demo, "OPENCV", tmp_path / "none")
    monkeypatch.setattr(demo, "skimage_data", lambda: None)
    assert demo.main([str(tmp_path / "images")]) == 1
    assert "apt-get install tuxpaint-stamps-default" in capsys.readouterr().err
    assert not (tmp_path / "images").exists()


def test_same_content_is_taken_once(demo: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in ("coffee.png", "chelsea.png"):
        photograph().save(data / name)
    monkeypatch.setattr(demo, "STAMPS", tmp_path / "none")
    monkeypatch.setattr(demo, "OPENCV", tmp_path / "none")
    monkeypatch.setattr(demo, "skimage_data", lambda: data)
    assert [item.path.name for item in demo.photographs()] == ["chelsea.png"]
