"""Files of parts, well and badly written: CSV, JSON and COCO."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convscope.errors import PartsError
from convscope.images.boxes import Part
from convscope.images.named import finder
from convscope.images.parts import read_parts

HEADER = "image,part,left,top,right,bottom\n"
NAMES = ("dogs/a.png", "dogs/b.png", "cats/b.png", "ö.png")


def written(folder: Path, content: object) -> Path:
    path = folder / "parts"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_csv_in_any_order_of_columns_with_quotes_spaces_and_blank_lines(tmp_path: Path) -> None:
    text = '\ufeffpart,image,right,bottom,left,top\r\n" left eye",dogs/a.png,3,4.5,1,2\r\n\r\n'
    text += '"a ""b"", c",ö.png,9,9,0,0\r\n'
    found = read_parts(written(tmp_path, text))
    assert found == (
        Part("dogs/a.png", "left eye", (1, 2, 3, 4.5)),
        Part("ö.png", 'a "b", c', (0, 0, 9, 9)),
    )


def test_json_is_a_list_of_objects(tmp_path: Path) -> None:
    found = read_parts(written(tmp_path, [{"image": "a", "part": "nose", "box": [1, 2.5, 3, 4]}]))
    assert found == (Part("a", "nose", (1, 2.5, 3, 4)),)


def test_images_are_found_by_name_or_by_a_file_name_that_occurs_once(tmp_path: Path) -> None:
    rows = f"{HEADER}a.png,nose,0,0,1,1\ndogs/b.png,nose,0,0,1,1\nC:\\pictures\\ö.png,nose,0,0,1,1\n"
    assert [part.image for part in read_parts(written(tmp_path, rows), NAMES)] == ["dogs/a.png", "dogs/b.png", "ö.png"]
    with pytest.raises(PartsError, match=r"where: image 'b.png' could be any of dogs/b.png, cats/b.png"):
        finder(NAMES)("b.png", "where")
    with pytest.raises(
        PartsError, match=r"'dogs/c.png' is not among the 4 images. Close to it: dogs/b.png, dogs/a.png"
    ):
        finder(NAMES)("dogs/c.png", "where")
    assert finder(None)("anything", "") == "anything"


def test_one_image_under_two_names_is_marked_twice(tmp_path: Path) -> None:
    rows = f"{HEADER}a.png,nose,0,0,1,1\ndogs/a.png,nose,0,0,1,1\n"
    with pytest.raises(PartsError, match=r"line 3 of .*: the 'nose' of 'dogs/a.png' is marked a second time"):
        read_parts(written(tmp_path, rows), NAMES)


BAD: list[tuple[object, str]] = [
    ("", "begins with ''"),
    ("image,part,x,y,w,h\n", "begins with 'image,part,x,y,w,h'"),
    (HEADER, "marks no part"),
    (HEADER + "a,nose,1,2,3\n", "line 2 of .* has 5 cells, expected 6"),
    (HEADER + "a,nose,1,2,3,4\nb,nose,1,2,x,4\n", "line 3 .*the box is .*'x'"),
    (HEADER + "a,nose,nan,2,3,4\n", "line 2 .*the box is .nan"),
    (HEADER + "a,nose,1,2,inf,4\n", "line 2 .*the box is"),
    (HEADER + "a,nose,-1,2,3,4\n", "line 2 .*the box is"),
    (HEADER + "a,nose,1,2,1,4\n", "is empty"),
    (HEADER + ",nose,1,2,3,4\n", "image ''"),
    (HEADER + "a,,1,2,3,4\n", "part ''"),
    (HEADER + "a,nose,1,2,3,4\na,nose,1,2,3,4\n", "line 3 .*a second time"),
    (HEADER + '"a,nose,1,2,3,4\n', "is not CSV"),
    ("[", "is not JSON"),
    ("[" * 100_000, "is not JSON"),
    ("[]", "marks no part"),
    ("[1]", "is no list of objects"),
    ('[{"image": "a", "part": "b"}]', "entry 0 .* has the fields image, part;"),
    ('[{"image": "a", "part": "b", "box": [NaN, 0, 1, 1]}]', "NaN is no number"),
    ('[{"image": "a", "part": "b", "box": [1e999, 0, 1, 1]}]', "the box is"),
    ([{"image": 3, "part": "b", "box": [0, 0, 1, 1]}], "image 3"),
    ([{"image": "a", "part": "b", "box": [0, 0, True, 1]}], "the box is"),
    ([{"image": "a", "part": "b", "box": [0, 0, 10**400, 1]}], "the box is"),
    ([{"image": "a", "part": "b", "box": "0011"}], "the box is"),
    ({"images": []}, "has the fields images. Write CSV"),
]


@pytest.mark.parametrize(("content", "message"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_what_is_badly_written_is_named(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(PartsError, match=message):
        read_parts(written(tmp_path, content))


FIELDS = "image part box images annotations categories id file_name name bbox keypoints image_id category_id".split()
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=12,
)


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_there_it_is_parts_or_one_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "any").write_bytes(content)
    with contextlib.suppress(PartsError):
        assert read_parts(tmp_path / "any", NAMES, side=3)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PartsError, match="cannot be read: no such file"):
        read_parts(tmp_path / "nowhere.csv")
    (tmp_path / "latin").write_bytes(b"image,part\xe9")
    with pytest.raises(PartsError, match="not UTF-8 text"):
        read_parts(tmp_path / "latin")


def coco() -> dict[str, Any]:
    return {
        "images": [
            {"id": 7, "file_name": "a.png", "width": 40, "height": 30},
            {"id": 8, "file_name": "far/away.png", "width": 40, "height": 30},
        ],
        "categories": [{"id": 1, "name": "dog", "keypoints": ["eye", "nose", "tail"]}, {"id": 2, "name": "ball"}],
        "annotations": [
            {"image_id": 7, "category_id": 1, "bbox": [4, 2, 20, 10], "keypoints": [10, 8, 2, 1, 9, 2, 30, 9, 1]},
            {"image_id": 7, "category_id": 1, "bbox": [0, 0, 5, 5], "keypoints": [1, 1, 2, 0, 0, 0, 3, 3, 2]},
            {"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4.5]},
            {"image_id": 8, "category_id": 99, "bbox": "never looked at"},
        ],
    }


def test_coco_boxes_by_category_and_seen_keypoints_as_squares(tmp_path: Path) -> None:
    found = read_parts(written(tmp_path, coco()), NAMES, side=4)
    assert {part.name: part.box for part in found} == {
        "dog": (4, 2, 24, 12),
        "eye": (8, 6, 12, 10),
        "nose": (0, 7, 3, 11),  # cut at the picture's edge
        "tail": (1, 1, 5, 5),  # hidden on the larger dog, so that of the smaller one counts
        "ball": (1, 2, 4, 6.5),
    }
    assert {part.image for part in found} == {"dogs/a.png"}


BAD_COCO: list[tuple[str, Any, str]] = [
    ("images", [{"id": 7}], "image 0 of .* lacks an id or a file_name"),
    ("images", [{"id": 1, "file_name": "x.png"}], "none of the 1 images"),
    ("categories", [{"id": 1}], "lacks an id or a name"),
    ("categories", [{"id": 1, "name": "dog", "keypoints": [1]}], "expected a list of names"),
    ("categories", [], "annotation 0 .* has category 1"),
    ("annotations", [{"image_id": 7, "category_id": 1, "bbox": [1, 2, 3]}], "bbox is"),
    ("annotations", [{"image_id": 7, "category_id": 1, "bbox": [1, 2, 0, 3]}], "is empty"),
    ("annotations", [{"image_id": 7, "category_id": 1, "keypoints": [1, 2]}], "for each of the 3 keypoints of 'dog'"),
    ("annotations", [{"image_id": [7], "category_id": 1}], "marks no part"),
    ("annotations", {}, "annotations of .* is no list of objects"),
]


@pytest.mark.parametrize(("field", "value", "message"), BAD_COCO)
def test_what_is_wrong_in_coco_is_named(tmp_path: Path, field: str, value: Any, message: str) -> None:
    with pytest.raises(PartsError, match=message):
        read_parts(written(tmp_path, coco() | {field: value}), NAMES, side=4)


@pytest.mark.parametrize(
    ("side", "message"), [(None, "say how large"), (0, "side of 0"), (float("nan"), "side of nan")]
)
def test_keypoints_need_a_size(tmp_path: Path, side: float | None, message: str) -> None:
    with pytest.raises(PartsError, match=message):
        read_parts(written(tmp_path, coco()), NAMES, side=side)
