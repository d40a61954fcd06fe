from dataclasses import fields
from pathlib import Path

from convscope.models import Model, Preprocessing
from convscope.models.preprocessing import FILTERS
from convscope.models.sources import SOURCES
from convscope.models.weights import NESTS, READERS
from convscope.zoo import ARCHITECTURES

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "models.md").read_text()


def test_the_page_on_models_names_everything_there_is() -> None:
    known = [f"`{scheme}:" for scheme in SOURCES] + [f"`zoo:{name}`" for name in ARCHITECTURES]
    known += [f"`{word}`" for word in (*READERS, *NESTS, *FILTERS)]
    known += [f"`{field.name}`" for field in fields(Preprocessing)]
    known += [f"model.{field.name}" for field in fields(Model) if field.name != "spec"]
    assert [word for word in known if word not in PAGE] == []
