"""What a set of images holds, read by whoever has the time: a single reader of a million images takes hours."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain

from convscope.engine.executor import Advance, Executor, Steps
from convscope.images import ImageSet
from convscope.images.imageset import UNREADABLE
from convscope.images.stretch import Stretch, check_unread, cut

STRETCH = 1024
"""Images that one job reads."""
_AT_ONCE = 4
"""Images that a core reads at the same time: it mostly waits for them."""
_BETWEEN = 64
"""Images between two words on how far it is."""

Digests = tuple[str, ...]


@dataclass(frozen=True)
class ReadContents:
    """The work of reading images and keeping the digest of each."""

    def prepare(self, cores: int) -> Callable[[Stretch], Steps[Digests]]:
        """See ``Work``: yields the images that are read, returns the digest of each content."""

        def read(stretch: Stretch) -> Steps[Digests]:
            stretch.check()
            images, found = stretch.images, list[str]()
            with ThreadPoolExecutor(_AT_ONCE * cores) as pool:
                for digest in pool.map(lambda place: images.content(place)[0], range(len(images))):
                    found.append(digest)
                    if len(found) % _BETWEEN == 0:
                        yield len(found)
            return tuple(found)

        return read


def digest_of_images(images: ImageSet, executor: Executor, report: Callable[[int, int], None]) -> str:
    """``images.digest``, read on the executor; raises ImageSetError where others see other images than are here."""
    if executor.here:
        return images.digest
    parts = [range(start, min(start + STRETCH, len(images))) for start in range(0, len(images), STRETCH)]
    found: list[Digests] = [()] * len(parts)
    advance = Advance(len(images), report)
    jobs = [cut(images, part, witnessed=True) for part in parts]
    with closing(executor.run(ReadContents(), jobs, advance)) as results:
        for job, digests in results:
            read = zip(parts[job], map(_reason, digests), strict=True)
            unread = ((index, reason) for index, reason in read if reason is not None)
            check_unread(images, unread, lambda index: _reason(images.content(index)[0]))
            found[job] = digests
            advance(job, len(digests))
    return images.digest_from(chain.from_iterable(found))


def _reason(digest: str) -> str | None:
    """Why a content cannot be loaded; None if it can."""
    return digest.removeprefix(UNREADABLE) if digest.startswith(UNREADABLE) else None
