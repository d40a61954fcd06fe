"""What a worker needs besides its image: the atlas that gives the examples must be the one that was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from convscope.atlas.reader import Atlas
from convscope.errors import AtlasMismatchError
from convscope.pipeline.build import Ask, build_atlas
from convscope.pipeline.image_occlusion import KnownAtlas
from tests.engine.elsewhere import copied
from tests.engine.make import exact_model, image_set, pictures


def test_another_atlas_at_the_same_place_is_refused(tmp_path: Path) -> None:
    model, place = exact_model(), tmp_path / "a"
    build_atlas(model, image_set(pictures(2)), place, Ask(["4"], units=0))
    known = copied(KnownAtlas.of(Atlas.open(place)))
    assert known.open().manifest.key == known.key
    build_atlas(model, image_set(pictures(3)), place, Ask(["4"], units=0), overwrite=True)
    with pytest.raises(AtlasMismatchError, match="is another one for a worker"):
        known.open()
