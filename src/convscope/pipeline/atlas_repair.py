"""Making again what of an atlas is damaged, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from convscope.atlas.damage import Damage
from convscope.atlas.digests import DIGESTS, forget, has_digests
from convscope.atlas.manifest import JOURNAL, MANIFEST, Provenance
from convscope.atlas.session import check_links, locked, stored_provenance
from convscope.atlas.stored import RAW
from convscope.atlas.strictjson import dumps
from convscope.atlas.tables import file_of
from convscope.atlas.writer import write_text
from convscope.engine.graphs import digest_of
from convscope.errors import AtlasError, AtlasMismatchError
from convscope.images import ImageSet
from convscope.models import Model
from convscope.pipeline.build import Ask, Report, Summary, build_atlas
from convscope.pipeline.match import check_continues
from convscope.version import installed_version


def repair(
    folder: Path,
    model: Model,
    images: ImageSet,
    damaged: Sequence[Damage],
    *,
    device: str = "cpu",
    report: Report = lambda _stage, _done, _total: None,
) -> Summary:
    """Take the ``damaged`` files out of the atlas, which makes it an unfinished one, and finish it again.

    A part of the projections is made from the images of that part; a table of the scan needs the scan. If the list of
    digests itself is damaged, nothing is vouched for and everything is made again. Stopped, the atlas is an unfinished
    one, and ``build_atlas`` goes on with it. Raises AtlasMismatchError, before anything changes, unless model, images
    and version are those of the atlas.
    """
    provenance = _provenance(folder, damaged)
    now = Provenance(digest_of(model), images.digest, provenance.settings, installed_version())
    check_continues(folder, now, images)
    if differences := now.differences(provenance):
        raise AtlasMismatchError(
            f"{folder} was made from other things: {', '.join(differences)} differ. A repair needs the model, the "
            "images and the version of convscope that made it; else make it again with --overwrite"
        )
    trust = (folder / file_of("trust")).exists() or any(each.file == file_of("trust") for each in damaged)
    check_links(folder)
    with locked(folder):
        # The journal first: from here on it alone says what the files belong to.
        write_text(folder / JOURNAL, dumps(provenance))
        _take_out(folder, [each.file for each in damaged if each.file != JOURNAL])
    return build_atlas(model, images, folder, _ask(provenance, trust=trust), device=device, report=report)


def _provenance(folder: Path, damaged: Sequence[Damage]) -> Provenance:
    """What the atlas was made from, by the manifest or, if that is damaged, by the journal."""
    sources = [name for name in (MANIFEST, JOURNAL) if name not in {each.file for each in damaged}]
    for name in sources:
        try:
            return stored_provenance(folder, name)
        except AtlasError:  # missing, damaged, or of another version
            continue
    raise AtlasError(
        f"neither {MANIFEST} nor {JOURNAL} in {folder} can say what the atlas was made from. Make it again with the "
        "command that made it, and --overwrite"
    )


def _take_out(folder: Path, names: Sequence[str]) -> None:
    (folder / MANIFEST).unlink(missing_ok=True)
    if DIGESTS in names or not has_digests(folder):
        (folder / DIGESTS).unlink(missing_ok=True)
    else:
        forget(folder, [MANIFEST, *names])
    for name in names:
        (folder / name).unlink(missing_ok=True)


def _ask(provenance: Provenance, *, trust: bool) -> Ask:
    s = provenance.settings
    return Ask(s.layers, s.top, s.per_image, s.per_class, s.method, s.unpool, s.units, trust, s.raw == RAW)
