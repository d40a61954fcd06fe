import pytest

from convscope.errors import SpecError
from convscope.models import load_model
from convscope.models.sources import SOURCES
from convscope.models.spec import Spec, parse_spec, refuse_variant, unknown


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("torchvision:vgg16", ("torchvision", "vgg16", None)),
        ("torchvision:vgg16@none", ("torchvision", "vgg16", "none")),
        ("timm:resnet18.a1_in1k", ("timm", "resnet18.a1_in1k", None)),
        ("python:my.nets:build", ("python", "my.nets:build", None)),
    ],
)
def test_a_spec_has_three_parts_and_prints_as_written(text: str, parts: tuple[str, str, str | None]) -> None:
    spec = parse_spec(text, SOURCES)
    assert spec == Spec(*parts)
    assert str(spec) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Say where it comes from"),
        ("vgg16", "torchvision:NAME"),
        ("weights.pt", "give the file as weights"),
        ("torchvison:vgg16", "Did you mean torchvision"),
        ("hub:vgg16", "Known forms"),
        ("timm:", "incomplete: write timm:NAME"),
        ("timm:@none", "incomplete"),
        ("timm:resnet18@", "incomplete"),
    ],
)
def test_a_bad_spec_is_explained(text: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        load_model(text)


def test_something_that_is_no_spec_is_refused() -> None:
    with pytest.raises(SpecError, match="met a int"):
        load_model(3)  # type: ignore[arg-type]


def test_unknown_words_get_their_nearest_neighbours() -> None:
    assert "Did you mean resnet18" in unknown("net", "resnt18", ["resnet18", "vgg16"])
    assert "Known are a, b" in unknown("net", "zzz", ["b", "a"])


def test_only_listed_variants_are_accepted() -> None:
    refuse_variant(Spec("zoo", "zfnet", None), "none")
    refuse_variant(Spec("zoo", "zfnet", "none"), "none")
    with pytest.raises(SpecError, match="zoo:zfnet or zoo:zfnet@none"):
        refuse_variant(Spec("zoo", "zfnet", "V1"), "none")


@pytest.mark.parametrize("text", ["zoo:zf", "sample:lite9", "zoo:zfnet@V1", "sample:lite0@V1", "timm:resnet18@V1"])
def test_every_scheme_refuses_names_and_variants_it_does_not_know(text: str) -> None:
    with pytest.raises(SpecError):
        load_model(text)
