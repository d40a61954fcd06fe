"""What the documents promise exists, and what exists is documented."""

from __future__ import annotations

import ast
import re
import subprocess
from importlib import import_module
from pathlib import Path

import pytest
from typer.main import get_command

import convscope
from tests.structure.source import ROOT

README = ROOT / "README.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])
SHELL_FILES = sorted((ROOT / "scripts").glob("*.sh"))


def examples(path: Path, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_python_examples_parse(path: Path) -> None:
    for example in examples(path, "python"):
        ast.parse(example)


def shell_syntax(text: str) -> str:
    """What ``sh -n`` has to say; empty if the text parses."""
    return subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_shell_examples_parse(path: Path) -> None:
    for example in examples(path, "sh"):
        assert shell_syntax(example) == ""


@pytest.mark.parametrize("path", SHELL_FILES, ids=lambda path: path.name)
def test_scripts_parse(path: Path) -> None:
    assert shell_syntax(path.read_text()) == ""


def test_shell_check_bites() -> None:
    assert shell_syntax("if true; then") != ""


def test_readme_has_both_kinds_of_example() -> None:
    assert examples(README, "python")
    assert examples(README, "sh")


def public_names_used(example: str) -> set[str]:
    """The names that an example takes from ``cs``, the usual short name of the package."""
    return {
        node.attr
        for node in ast.walk(ast.parse(example))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "cs"
    }


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_examples_use_public_names_only(path: Path) -> None:
    used = {name for example in examples(path, "python") for name in public_names_used(example)}
    assert used <= set(convscope.__all__)


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_exist(path: Path) -> None:
    named = {name for example in examples(path, "sh") for name in re.findall(r"^make ([a-z]+)", example, re.MULTILINE)}
    assert named <= make_targets()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text())
    missing = [target for target in targets if not (path.parent / target).exists()]
    assert not missing


def links(path: Path) -> set[Path]:
    """The files of this checkout that a document links to."""
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text())
    return {(path.parent / target).resolve() for target in targets}


def test_every_page_is_in_the_index() -> None:
    index, reports = ROOT / "docs/README.md", ROOT / "docs/reports/README.md"
    assert index in links(README)
    listed = set(reports.parent.glob("**/*.md")) - {reports}
    assert links(reports) == listed
    assert links(index) == set((ROOT / "docs").glob("**/*.md")) - {index} - listed


def test_every_other_document_is_linked_from_the_front_page() -> None:
    assert set(ROOT.glob("*.md")) - {README} <= links(README)


def heading_anchors(path: Path) -> set[str]:
    """The anchors that a code host makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_headings_lead_somewhere(path: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", path.read_text()):
        page = (path.parent / target) if target else path
        assert anchor in heading_anchors(page), f"{path.name} links to {target}#{anchor}"


def test_every_command_has_its_heading() -> None:
    commands = set(vars(get_command(import_module("convscope.cli").app))["commands"])
    headings = set(re.findall(r"^## `convscope ([a-z-]+)", (ROOT / "docs/commands.md").read_text(), re.MULTILINE))
    assert commands == headings
