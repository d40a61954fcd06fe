"""What a set of images holds, read by whoever has the time: a single reader of a million images takes hours."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain

from convscope.engine.executor import Executor, Steps
from convscope.errors import ImageSetError
from convscope.images import ImageSet
from convscope.images.imageset import UNREADABLE
from convscope.images.stretch import SHARE, Stretch, cut

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
    done = [0] * len(parts)

    def progress(job: int, read: int) -> None:
        done[job] = max(done[job], read)
        report(sum(done), len(images))

    jobs = [cut(images, part, witnessed=True) for part in parts]
    with closing(executor.run(ReadContents(), jobs, progress)) as results:
        for job, digests in results:
            _check_unreadable(jobs[job].images, digests)
            found[job] = digests
            progress(job, len(digests))
    return images.digest_from(chain.from_iterable(found))


def _check_unreadable(images: ImageSet, digests: Digests) -> None:
    """What a worker cannot read must be what cannot be read here: its disk is not to decide the answer."""
    for place, digest in enumerate(digests):
        if digest.startswith(UNREADABLE) and images.content(place)[0] != digest:
            raise ImageSetError(
                f"image {images.names[place]!r} can be read here, and a worker cannot: {digest}. {SHARE}"
            )
