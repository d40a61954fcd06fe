"""A place all of whose addresses are known from the start: a table from address to what makes its content."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from convscope.web.place import Answer, answered, one_by_one
from convscope.web.sources import static_file

Maker = Callable[[], bytes | str]
Contents = Mapping[str, Maker]


@dataclass(frozen=True)
class ListedPlace:
    """A ``Place`` that makes content when it is asked for; an address is only ever looked up."""

    kind: str
    title: str
    first: str
    contents: Contents

    def names(self) -> Iterator[str]:
        """All addresses."""
        return iter(self.contents)

    def answer(self, name: str) -> Answer | None:
        """What stands at an address, None if it is none of them."""
        make = self.contents.get(name)
        return None if make is None else answered(name, make())

    def answers(self) -> Iterator[tuple[str, Answer]]:
        """Every address with what stands there."""
        return one_by_one(self)


@dataclass(frozen=True)
class ChangingPlace:
    """A ``Place`` whose table is made anew for each question, because its files change while it is shown."""

    kind: str
    title: str
    first: str
    contents: Callable[[], Contents]

    def names(self) -> Iterator[str]:
        """All addresses of now."""
        return iter(self.contents())

    def answer(self, name: str) -> Answer | None:
        """What stands at an address now, None if it is none of them."""
        make = self.contents().get(name)
        return None if make is None else answered(name, make())

    def answers(self) -> Iterator[tuple[str, Answer]]:
        """Every address with what stands there."""
        return one_by_one(self)


def static_contents(*names: str) -> dict[str, Maker]:
    """Style sheets and scripts of the program, at ``static/``."""
    return {f"static/{name}": partial(static_file, name) for name in names}
