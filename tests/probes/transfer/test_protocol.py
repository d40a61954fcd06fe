"""Protocols as data: those of the paper by its numbers, and files that say something else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from convscope.errors import SettingError
from convscope.probes.transfer.protocol import Protocol, Published, load_protocol, shipped_protocols


def test_the_shipped_ones() -> None:
    assert shipped_protocols() == ("caltech-101", "caltech-256", "folders", "voc-2012")
    for name in shipped_protocols():
        found = load_protocol(name)
        assert found.name == name
        assert found.title
        assert found.note.strip()


@pytest.mark.parametrize("name", shipped_protocols())
def test_notes_state_no_number_that_an_option_changes(name: str) -> None:
    """The report prints the note beside what was in fact done."""
    found = load_protocol(name)
    words = {word.strip(".,:;()").lower() for word in re.sub(r"table \d+", "", found.note).split()}
    assert not words & {*map(str, (*found.per_class, found.test, found.folds)), "five"}


def test_those_of_the_paper() -> None:
    """Zeiler & Fergus 2013, section 5.2."""
    first, second, voc = (load_protocol(name) for name in ("caltech-101", "caltech-256", "voc-2012"))
    assert (first.per_class, first.test, first.folds, first.metric) == ((15, 30), 50, 5, "accuracy")
    assert (first.images, first.classes, first.without) == (9144, 102, ())
    assert (second.per_class, second.test, second.folds) == ((15, 30, 45, 60), 25, 5)
    assert (second.images, second.classes, second.without) == (30_607, 257, ("257.clutter",))
    assert (voc.layout, voc.metric, voc.classes, voc.images) == ("voc", "average-precision", 20, 11_540)


OURS, PLAIN = "Zeiler & Fergus 2013, pretrained", "Zeiler & Fergus 2013, not pretrained"
TABLE_4 = {
    OURS: {15: "83.8 ± 0.5", 30: "86.5 ± 0.5"},
    PLAIN: {15: "22.8 ± 1.5", 30: "46.5 ± 1.7"},
    "Jianchao et al. 2009": {15: "73.2", 30: "84.3"},
    "Bo et al. 2013": {30: "81.4 ± 0.33"},
}
TABLE_5 = {
    OURS: {15: "65.7 ± 0.2", 30: "70.6 ± 0.2", 45: "72.7 ± 0.4", 60: "74.2 ± 0.3"},
    PLAIN: {15: "9.0 ± 1.4", 30: "22.5 ± 0.7", 45: "31.2 ± 0.5", 60: "38.8 ± 1.4"},
    "Bo et al. 2013": {15: "40.5 ± 0.4", 30: "48.0 ± 0.2", 45: "51.9 ± 0.2", 60: "55.2 ± 0.3"},
    "Sohn et al. 2011": {15: "35.1", 30: "42.1", 45: "45.7", 60: "47.9"},
}
TABLE_7 = {
    "caltech-101": {"svm": "44.8±0.7 66.2±0.5 72.3±0.4 76.6±0.4 86.2±0.8 85.5±0.4", "softmax": "82.9±0.4 85.4±0.4"},
    "caltech-256": {"svm": "24.6±0.4 39.6±0.3 46.0±0.3 51.3±0.1 65.6±0.3 71.7±0.2", "softmax": "65.7±0.5 72.6±0.1"},
}


def printed(each: Published) -> str:
    return f"{each.value}" + ("" if each.spread is None else f" ± {each.spread}")


@pytest.mark.parametrize(("name", "table"), [("caltech-101", TABLE_4), ("caltech-256", TABLE_5)])
def test_published_numbers_are_those_of_the_paper(name: str, table: dict[str, dict[int, str]]) -> None:
    published = load_protocol(name).published
    found: dict[str, dict[int, str]] = {}
    for each in published:
        if not each.layer:
            found.setdefault(each.who, {})[each.per_class] = printed(each)
    assert found == table
    for classifier, row in TABLE_7[name].items():
        layers = [each for each in published if each.classifier == classifier]
        assert [each.layer for each in layers] == ([1, 2, 3, 4, 5, 7] if classifier == "svm" else [5, 7])
        assert " ".join(printed(each).replace(" ", "") for each in layers) == row
        assert {each.per_class for each in layers} == {30 if name == "caltech-101" else 60}


def test_table_6_has_its_means() -> None:
    assert [each.value for each in load_protocol("voc-2012").published] == [79.0, 74.3, 82.2]


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_one_of_ones_own(tmp_path: Path) -> None:
    path = write(tmp_path, 'per_class = [3]\ntest = 4\npublished = [{ who = "me", value = 12, layer = 2 }]')
    assert load_protocol(path) == Protocol("mine", per_class=(3,), test=4, published=(Published("me", 12.0, layer=2),))
    assert load_protocol(str(path)) == load_protocol(path)


WRONG = [
    ("per_class = [3", "is not TOML"),
    ("unknown = 3", "unknown fields: unknown"),
    ("per_class = 3", "per_class: expected list, found int"),
    ("test = true", "test: expected int, found bool"),
    ("published = [{ value = 3.0 }]", "missing fields: who"),
    ('published = [{ who = "me", value = nan }]', r"published\[0\].value: expected a finite number, found nan"),
    ('published = [{ who = "me", value = 3, spread = -inf }]', "spread: expected a finite number, found -inf"),
    ("x = " + "[" * 5000 + "]" * 5000, "is not TOML: it is nested too deeply"),
    ("test = " + "1" * 5000, "is not TOML: it has a number of too many digits"),
    ("test = 0x" + "f" * 5000, "test: expected int of at most 64 bits, found one of 20000 bits"),
    ("per_class = [3, 0]", "protocol mine: numbers of training images per class must be at least 1"),
    ("test = 0", "test and folds must be at least 1"),
    ("folds = -2", "test and folds must be at least 1"),
    ("folds = 1000000000", "folds must be at most 1,000, not 1,000,000,000"),
    ('inside = ["/etc"]', r"inside names folders in the data set: no absolute path, and no \.\."),
    ('inside = ["a/../../b"]', r"no absolute path, and no \.\."),
    ('layout = "coco"', "layout is 'coco'; choose one of: folders, voc"),
    ('metric = "loss"', "metric is 'loss'; choose one of: accuracy, average-precision"),
    ('layout = "voc"', "images of layout voc show several classes, which metric accuracy cannot judge"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_files_that_are_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        load_protocol(write(tmp_path, text))


def test_names_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"there is no protocol 'caltech'; choose one of caltech-101, .*or a \.toml"):
        load_protocol("caltech")
    with pytest.raises(SettingError, match=r"nowhere\.toml cannot be read"):
        load_protocol(tmp_path / "nowhere.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingError, match=r"bytes\.toml cannot be read"):
        load_protocol(tmp_path / "bytes.toml")
