"""Lists of images to leave out: a round trip, and everything that a stranger's file may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from convscope.errors import ExclusionError
from convscope.images import ImageSet
from convscope.images.exclusion import Excluded, read_exclusion, without, write_exclusion
from tests.images.make import write_png

NAMES = ("cat/1.png", "cat/2.png", "dog/1.png")


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    for seed, name in enumerate(NAMES):
        write_png(tmp_path / "set" / name, seed)
    return ImageSet.open(tmp_path / "set")


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "list.jsonl"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_list_comes_back_as_it_was(tmp_path: Path) -> None:
    listed = (
        Excluded("cat/1.png", "ab" * 32, "other/ö.png", "identical"),
        Excluded('=HYPERLINK("x")\n\t\u2028{"image": "y"}'),
        Excluded("", None, "", ""),
    )
    path = written(tmp_path, write_exclusion(listed))
    assert read_exclusion(path) == listed
    assert path.read_text().count("\n") == 3


def test_a_list_by_hand_needs_names_only(tmp_path: Path, images: ImageSet) -> None:
    path = written(tmp_path, '\ufeff{"image": "cat/2.png"}\r\n\n{"image": "dog/1.png", "reason": "blurred"}\n')
    kept = without(images, read_exclusion(path))
    assert (kept.names, kept.classes) == (("cat/1.png",), ("cat", "dog"))


def test_content_is_compared_where_the_list_has_it(images: ImageSet) -> None:
    first, second = (images.content(index)[0] for index in (0, 1))
    assert without(images, [Excluded("cat/1.png", first)]).names == NAMES[1:]
    with pytest.raises(
        ExclusionError, match=r"'cat/1\.png' of set has another content .* Run `convscope overlap` again"
    ):
        without(images, [Excluded("cat/1.png", second)])


def test_a_name_that_occurs_twice_goes_twice(tmp_path: Path, images: ImageSet) -> None:
    (tmp_path / "two.txt").write_text("set/cat/1.png\nset/cat/2.png\nset/cat/1.png\n")
    twice = ImageSet.open(tmp_path / "two.txt")
    assert without(twice, [Excluded("set/cat/1.png")]).names == ("set/cat/2.png",)


@pytest.mark.parametrize("name", ["../cat/1.png", "/etc/passwd", "1.png", "cat\\1.png", "CAT/1.png", "", "\x00"])
def test_only_whole_names_count_and_no_path_is_followed(images: ImageSet, name: str) -> None:
    with pytest.raises(ExclusionError, match=r"a name that set has not.*\(there are '.*so it is of another set"):
        without(images, [Excluded(name)])


def test_the_list_of_another_set_is_refused_in_one_line(images: ImageSet) -> None:
    with pytest.raises(ExclusionError, match="2 names that set has not, such as ") as error:
        without(images, [Excluded("x" * 10**6), Excluded("cat/1.png"), Excluded("y\nz")])
    assert len(str(error.value)) < 700
    assert "\n" not in str(error.value)


def test_leaving_out_everything_is_an_error(images: ImageSet) -> None:
    with pytest.raises(ExclusionError, match="all 3 images of set"):
        without(images, [Excluded(name) for name in NAMES])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cat/1.png\n", "line 1 of .* is 'cat/1.png'. Expected one JSON object per line"),
        ('{"image": "a"}\n[1]\n', "line 2 of .*: expected dict, found list"),
        ('{"image": 3}\n', r"line 1 of .*image: expected str, found int"),
        ('{"images": "a"}\n', "line 1 of .*"),
        ('{"image": "a", "sha256": 1}\n', "sha256: expected str"),
        ('{"image": "a", "run": "rm"}\n', "run"),
        ("[" * 100_000, "line 1 of .*Expected one JSON object"),
        (b"\xff\xfe", "is not UTF-8 text"),
    ],
)
def test_what_is_no_list_is_an_error_that_names_the_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(ExclusionError, match=message):
        read_exclusion(written(tmp_path, text))


def test_a_list_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ExclusionError, match="nowhere cannot be read: no such file"):
        read_exclusion(tmp_path / "nowhere")
