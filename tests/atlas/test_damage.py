"""What is found of an atlas whose files are not what they were, and of tables that contradict each other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from convscope.atlas.damage import UNLISTED, Damage, check_files, files_of
from convscope.atlas.digests import DIGESTS, forget
from convscope.atlas.manifest import JOURNAL, MANIFEST
from convscope.atlas.reader import Atlas
from convscope.atlas.relations import RELATIONS, broken_relations
from convscope.errors import AtlasError, AtlasFormatError, AtlasVersionError
from tests.atlas.make import make_atlas


@pytest.fixture
def atlas(tmp_path: Path) -> Path:
    return make_atlas(tmp_path / "a", per_class=2, spectra=True)


def flip(path: Path, place: int = -20) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_whole_atlas_has_no_damage_and_every_byte_was_read(atlas: Path) -> None:
    told: list[tuple[int, int]] = []
    found = check_files(atlas, lambda done, total: told.append((done, total)))
    size = sum((atlas / name).stat().st_size for name in files_of(atlas))
    assert (found.count, found.size, found.damaged, found.listed) == (len(files_of(atlas)), size, (), True)
    assert told[-1] == (size, size)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_every_damaged_file_is_named_and_no_other(atlas: Path) -> None:
    flip(atlas / "units.parquet")
    part = next((atlas / "pictures").iterdir())
    part.write_bytes(part.read_bytes()[:-1])
    (atlas / "peaks.parquet").unlink()
    shutil.copy(part, atlas / "pictures" / "stray.parquet")
    flip(atlas / MANIFEST)
    stray = "pictures/stray.parquet"
    found = {each.file: each.problem for each in check_files(atlas).damaged}
    assert found.keys() == {"units.parquet", f"pictures/{part.name}", "peaks.parquet", stray, MANIFEST}
    assert found[stray] == UNLISTED
    assert found["peaks.parquet"] == "is missing"


def test_a_damaged_list_is_the_damage(atlas: Path) -> None:
    flip(atlas / DIGESTS)
    (found,) = check_files(atlas).damaged
    assert found.file == DIGESTS


@pytest.mark.parametrize("listed", [True, False])
def test_a_newer_atlas_is_refused_and_not_called_damaged(atlas: Path, listed: bool) -> None:
    """Else a repair would make all of it again, with an older program."""
    if not listed:
        (atlas / DIGESTS).unlink()
    path = atlas / (DIGESTS if listed else MANIFEST)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 99}))
    with pytest.raises(AtlasVersionError, match="format version 99"):
        check_files(atlas)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: text.replace('"top": ', '"top": 1'), "made from other things than manifest.json"),
        (lambda text: text[:-9], "is not valid JSON"),
    ],
)
def test_a_journal_that_was_changed_is_damage(atlas: Path, change: Callable[[str], str], problem: str) -> None:
    whole = (atlas / JOURNAL).read_text()
    assert change(whole) != whole
    (atlas / JOURNAL).write_text(change(whole))
    (found,) = check_files(atlas).damaged
    assert found.file == JOURNAL
    assert problem in found.problem


def test_what_is_not_an_atlas_or_not_finished_is_refused(atlas: Path, tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match="no finished atlas"):
        check_files(tmp_path)
    forget(atlas, [MANIFEST])
    with pytest.raises(AtlasFormatError, match="unfinished"):
        check_files(atlas)


def test_an_atlas_without_a_list_is_looked_at_as_far_as_that_goes(atlas: Path) -> None:
    (atlas / DIGESTS).unlink()
    assert (check_files(atlas).damaged, check_files(atlas).listed) == ((), False)
    (atlas / "top.parquet").write_bytes(b"PAR1")
    assert check_files(atlas).damaged[0].file == MANIFEST
    assert "top.parquet" in check_files(atlas).damaged[0].problem
    assert isinstance(check_files(atlas).damaged[0], Damage)


Change = Callable[[pa.Table], pa.Table]


def column(name: str, change: Callable[[pa.ChunkedArray], pa.Array]) -> Change:
    def changed(table: pa.Table) -> pa.Table:
        place = table.schema.get_field_index(name)
        return table.set_column(
            place, table.schema.field(place), change(table[name]).cast(table.schema.field(place).type)
        )

    return changed


def without_a_row(table: pa.Table) -> pa.Table:
    return table.slice(0, len(table) - 1)


def without_a_unit(table: pa.Table) -> pa.Table:
    return table.filter(pc.not_equal(table["unit"], table["unit"][0]))


def twice(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table, table.slice(0, 1)])


BREAKS: dict[str, tuple[str, Change]] = {
    "units has every unit of every layer once": ("units", without_a_row),
    "images counts from 0 without gaps": ("images", column("image", lambda c: pc.add(c, 1))),
    "top names units and images that there are": ("top", column("image", lambda c: pc.add(c, 100_000))),
    "top counts ranks from 0, and values fall": ("top", column("value", lambda c: pc.negate(c))),
    "the strongest of top is the maximum of units": ("units", column("peak_max", lambda c: pc.add(c, 1.0))),
    "positions of top lie inside the maps": ("top", column("y", lambda c: pc.add(c, 1000))),
    "every image of top has its picture, once": ("pictures", twice),
    "projections are of activations in top": ("projections", column("rank", lambda c: pc.add(c, 50))),
    "projections are made once": ("projections", twice),
    "peaks has every unit for each of its images": ("peaks", without_a_row),
    "no peak is above its unit's maximum": ("peaks", column("value", lambda c: pc.add(c, 1e6))),
}


def test_every_relation_has_a_case() -> None:
    assert BREAKS.keys() == RELATIONS.keys()


def test_all_relations_hold_of_a_sound_atlas(atlas: Path) -> None:
    assert broken_relations(Atlas.open(atlas)) == {}


def test_peaks_of_a_unit_that_are_all_missing_are_found(atlas: Path) -> None:
    path = atlas / "peaks.parquet"
    pq.write_table(without_a_unit(pq.ParquetFile(path).read()), path)
    assert broken_relations(Atlas.open(atlas)).keys() == {"peaks has every unit for each of its images"}


@pytest.mark.parametrize("relation", BREAKS)
def test_a_broken_relation_is_found(atlas: Path, relation: str) -> None:
    table, change = BREAKS[relation]
    single = atlas / f"{table}.parquet"
    path = single if single.exists() else sorted((atlas / table).iterdir())[0]
    pq.write_table(change(pq.ParquetFile(path).read()), path)
    assert broken_relations(Atlas.open(atlas))[relation] > 0
