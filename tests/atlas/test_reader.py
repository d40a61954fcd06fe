from pathlib import Path

from convscope.atlas.reader import Atlas
from tests.atlas.make import make_atlas


def test_smoke(tmp_path: Path) -> None:
    atlas = Atlas.open(make_atlas(tmp_path / "a", per_class=2))
    assert len(atlas.layers()) == 2
    assert [u for u, p in atlas.projections_of_layer("features.3")] == list(range(7))
    assert atlas.projection("features.0", 1, 2) is not None
    assert atlas.picture(3).shape == (64, 64, 3)
    assert atlas.query("select count(*) n from top").to_pylist() == [{"n": 12 * 9 + 12 * 4}]
    assert len(atlas.top("features.0", 1, "cat")) == 2
    print(atlas)
