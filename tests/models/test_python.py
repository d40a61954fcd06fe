"""``python:module:factory``, with real modules in a real folder."""

import sys
from pathlib import Path

import pytest
from torch import nn

from convscope.errors import ModelError, SpecError
from convscope.models import load_model

NETS = """
from torch import nn
from convscope.models import Preprocessing

SHARED = nn.Sequential(nn.Conv2d(2, 4, 3))

def shared():
    return SHARED

def stated():
    net = nn.Sequential(nn.Conv2d(1, 4, 3))
    net.preprocessing = Preprocessing(28, 28, None, "bilinear", (33.0,), (70.0,), True)
    net.classes = ("shirt", "shoe")
    return net

def number():
    return 3

value = 4
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = tmp_path / "my_nets_for_test"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "nets.py").write_text(NETS)
    (package / "broken.py").write_text("import a_module_that_is_not_there")
    monkeypatch.chdir(tmp_path)
    for name in [each for each in sys.modules if each.startswith("my_nets_for_test")]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def test_a_factory_in_the_current_folder_is_called(folder: Path) -> None:
    path = list(sys.path)
    model = load_model("python:my_nets_for_test.nets:stated")
    assert sys.path == path
    assert isinstance(model.module, nn.Sequential)
    assert model.preprocessing.mean == (33.0,)
    assert model.classes == ("shirt", "shoe")
    assert model.notes == ()
    assert load_model("python:my_nets_for_test.nets:stated").digest == model.digest


def test_what_the_factory_returns_is_copied(folder: Path) -> None:
    model = load_model("python:my_nets_for_test.nets:shared")
    shared = sys.modules["my_nets_for_test.nets"].SHARED
    assert model.module is not shared
    assert shared.training
    assert model.preprocessing.channels == 2
    assert "preprocessing is assumed" in model.notes[0]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("python:nets", "write python:package.module:factory"),
        ("python:../nets:stated", "write python:package.module:factory"),
        ("python:my_nets_for_test.nets:state", "Did you mean stated"),
        ("python:my_nets_for_test.nets:value", "no factory 'value'"),
        ("python:my_nets_for_test.none:stated", "no Python module 'my_nets_for_test.none'"),
        ("python:none_for_test.nets:stated", "no Python module 'none_for_test'"),
    ],
)
def test_factories_that_are_not_there_are_explained(folder: Path, spec: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        load_model(spec)


def test_other_results_and_the_users_own_errors_are_shown(folder: Path) -> None:
    with pytest.raises(ModelError, match="returned a int, expected"):
        load_model("python:my_nets_for_test.nets:number")
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there"):
        load_model("python:my_nets_for_test.broken:stated")
