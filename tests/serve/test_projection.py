"""The projection that is asked live is the one that the engine makes, drawn as the pages draw it."""

from __future__ import annotations

import io
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient

from convscope.atlas.reader import Atlas
from convscope.atlas.schema import TopRow
from convscope.display import display_scale, to_picture
from convscope.engine.project import project
from convscope.errors import AtlasError, AtlasMismatchError
from convscope.pipeline.top_projection import project_top
from convscope.serve.jobs import Jobs
from convscope.serve.live.context import Context
from convscope.serve.opening import open_folders
from convscope.serve.uploads import Uploads
from tests.atlas.make import make_atlas
from tests.serve.conftest import client
from tests.serve.tiny import TINY, tiny, tiny_atlas

LAYER = "features.15"
METHODS = ("deconvnet", "guided_backprop", "gradient")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_atlas(tmp_path_factory.mktemp("live"))


@pytest.fixture(scope="module")
def asked(folder: Path) -> TestClient:
    opened = open_folders([folder], TINY)
    return client(opened.shelf, Context(TINY, opened.asked, Jobs(), Uploads()))


def driven(folder: Path) -> TopRow:
    """The strongest activation of the first unit of the layer that has any."""
    return next(rows[0] for rows in Atlas.open(folder).top_of_layer(LAYER).values() if rows)


def shown(asked: TestClient, top: TopRow, method: str) -> NDArray[np.uint8]:
    address = f"/live/project?at=atlas&layer={top.layer}&unit={top.unit}&rank={top.rank}&method={method}"
    found = asked.get(address)
    assert (found.status_code, found.headers["content-type"]) == (200, "image/webp"), found.text
    return np.asarray(Image.open(io.BytesIO(found.content)))


@pytest.mark.parametrize("method", METHODS)
def test_a_projection_is_that_of_the_stored_picture(asked: TestClient, folder: Path, method: str) -> None:
    atlas, top = Atlas.open(folder), driven(folder)
    whole = project(TINY, atlas.picture(top.image), f"{LAYER}:{top.unit}@{top.y},{top.x}", method=method)
    found = project_top(TINY, atlas, top, method)
    np.testing.assert_array_equal(found.on_canvas(32, 32), whole.pixels)
    # Drawn a second way: the frame cut out of the whole canvas. WebP is lossy above 32 pixels only.
    field = atlas.layer(LAYER).field_height
    down, along = max(0, top.bottom - field), max(0, top.right - field)
    pixels = whole.pixels[down : down + field, along : along + field]
    assert field <= 32
    np.testing.assert_array_equal(shown(asked, top, method), to_picture(pixels, display_scale([pixels])))


def test_methods_differ(asked: TestClient, folder: Path) -> None:
    pictures = [shown(asked, driven(folder), method).tobytes() for method in METHODS]
    assert len(set(pictures)) == 3


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("at=other&layer=features.15&unit=0", 404, "there are: atlas"),
        ("at=atlas&layer=features.16&unit=0", 404, "Did you mean"),
        ("at=atlas&layer=features.15&unit=99", 404, "0 to 13"),
        ("at=atlas&layer=features.15&unit=1&rank=99", 404, "none of rank 99"),
        ("at=atlas&layer=features.15&unit=-1", 422, "unit: "),
        ("at=atlas&layer=features.15&unit=x&rank=1.5", 422, "it is 'x'"),
        ("at=atlas&layer=features.15&unit=1&method=magic", 422, "method: "),
        ("at=atlas&unit=1", 422, "layer: field required"),
    ],
)
def test_what_cannot_be_asked_is_said(asked: TestClient, query: str, status: int, says: str) -> None:
    found = asked.get(f"/live/project?{query}")
    assert found.status_code == status
    assert says in found.json()["error"]


def test_an_atlas_of_another_model_is_refused(folder: Path) -> None:
    atlas = Atlas.open(folder)
    other = client(
        open_folders([folder]).shelf, Context(tiny(1), MappingProxyType({"atlas": atlas}), Jobs(), Uploads())
    )
    found = other.get(f"/live/project?at=atlas&layer={LAYER}&unit=1")
    assert found.status_code == 409
    assert "other weights" in found.json()["error"]


def test_pages_lead_to_questions_where_the_model_is_the_atlas_s(folder: Path, tmp_path: Path) -> None:
    strange = make_atlas(tmp_path / "strange", images=4)
    opened = open_folders([strange, folder], TINY)
    assert list(opened.shelf.places) == ["strange", "atlas"]
    assert list(opened.asked) == ["atlas"]
    (note,) = opened.notes
    assert str(strange) in note
    with pytest.raises(AtlasMismatchError, match="other weights"):
        open_folders([strange], TINY)
    assert open_folders([strange, folder]).notes == ()


def test_a_folder_without_an_atlas_is_named(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match="nothing to show"):
        open_folders([tmp_path])


def test_without_a_model_questions_are_refused(folder: Path) -> None:
    found = client(open_folders([folder]).shelf).get("/live/project?at=atlas")
    assert found.status_code == 404
    assert "--model" in found.json()["error"]
