"""``convscope transfer``: whether a network's features carry over to other data, layer by layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from convscope.cli.options import (
    Accelerator,
    AsJson,
    Device,
    Exclude,
    ModelSpec,
    Output,
    Overwrite,
    Weights,
    check_apart,
    listed,
    load,
    split,
)
from convscope.cli.planning import MaxMemory, planned

_DIGITS = 9


def _protocols(incomplete: str) -> list[str]:
    from convscope.probes.transfer.protocol import shipped_protocols

    return [name for name in shipped_protocols() if name.startswith(incomplete)]


def transfer(
    model: ModelSpec,
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="One folder per class, an idx.gz data set, or what the protocol says."),
    ],
    output: Output,
    weights: Weights = None,
    protocol: Annotated[
        str,
        typer.Option(
            "--protocol",
            help="folders (any labelled set), caltech-101, caltech-256, voc-2012; or a .toml file.",
            autocompletion=_protocols,
        ),
    ] = "folders",
    layers: Annotated[
        str | None,
        typer.Option(
            "--layers",
            metavar="A,B,…",
            help="Addresses, comma-separated; input stands for the pixels. Default: input and every stage.",
        ),
    ] = None,
    per_class: Annotated[
        str | None,
        typer.Option("--per-class", metavar="N,M,…", help="Training images per class; default: as the protocol says."),
    ] = None,
    folds: Annotated[int | None, typer.Option("--folds", min=1, help="Draws; default: as the protocol says.")] = None,
    test: Annotated[
        int | None, typer.Option("--test", min=1, metavar="N", help="Judge at most N images per class.")
    ] = None,
    skip_small: Annotated[
        bool, typer.Option("--skip-small", help="Leave out classes with too few images, and list them.")
    ] = False,
    exclude: Exclude = None,
    classifier: Annotated[str, typer.Option("--classifier", metavar="A,B", help="softmax, svm.")] = "softmax,svm",
    pooled: Annotated[
        bool, typer.Option("--pooled", help="Means of maps instead of all their numbers: small, and shifted alike.")
    ] = False,
    scratch: Annotated[
        str | None,
        typer.Option("--from-scratch", metavar="RECIPE", help="Also train whole networks on the same few images."),
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change the recipe: epochs=3, batch=64, …")
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option("--features", metavar="DIR", help="Where features are kept, to share them; default DIR/features."),
    ] = None,
    memory: Annotated[
        float, typer.Option("--memory", min=0, max=1e6, metavar="GB", help="Hold at most about this of features.")
    ] = 2.0,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the protocol's data set into DATA first.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides the draws.")] = 0,
    device: Device = "cpu",
    max_memory: MaxMemory = None,
    accelerator: Accelerator = "auto",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Fit linear classifiers on the features of each layer, with few and with more images: figure 9 and table 7.

    Writes report.md, curve.png, layers.png, confusion.png, confused.png and tables. A stopped run goes on.
    """
    from convscope.extras import optional

    optional("sklearn", "transfer", "transfer")
    from convscope.cli.progress import progress
    from convscope.cli.screen import print_table
    from convscope.engine.memory import keep_freed_memory
    from convscope.errors import SettingError
    from convscope.pipeline.transfer import FACTS, Place, from_scratch, transfer_to
    from convscope.pipeline.transfer_report import table_of
    from convscope.probes.transfer.labelled import fetch, open_labelled
    from convscope.probes.transfer.protocol import load_protocol
    from convscope.probes.transfer.transfer import Ask
    from convscope.resources import jobs

    keep_freed_memory()
    check_apart(data, output)
    if features is not None:
        check_apart(data, features, "--features")
    wanted = load_protocol(protocol)
    ask = Ask(
        wanted,
        None if layers is None else tuple(split(layers) or ()),
        numbers(per_class),
        folds,
        test,
        tuple(split(classifier) or ()),
        "pooled" if pooled else "flat",
        seed,
        int(memory * 1e9),
        skip_small,
    )
    alternative = None
    if changes and scratch is None:
        raise SettingError("--set changes the recipe of --from-scratch, which is not given")
    if scratch is not None:
        optional("lightning", "train", "training")
        from convscope.train.reading import changes_of

        alternative = from_scratch(scratch, changes_of(changes or []), accelerator)
    if download:
        fetch(data, wanted)
    labelled = open_labelled(data, wanted)
    if excluded := listed(exclude):
        labelled = labelled.without(excluded)
    loaded = load(model, weights, device)
    demand = jobs.transfer(loaded, labelled, ask, device)
    with planned(demand, max_memory, as_json, output), progress(as_json) as report:
        found = transfer_to(
            loaded,
            labelled,
            Place(output, features),
            ask,
            alternative,
            device=device,
            overwrite=overwrite,
            report=report,
        )
    facts = json.loads((output / FACTS).read_text(encoding="utf-8"))
    if as_json:
        kept = {name: facts[name] for name in ("best", "table", "skipped", "notes")}
        typer.echo(json.dumps({"folder": str(output), **kept}))
        return
    if found is not None:
        print_table(table_of(found))
    _say(output, facts)


def _say(output: Path, facts: dict[str, object]) -> None:
    from convscope.cli.screen import out

    for entry in facts["skipped"]:  # type: ignore[attr-defined]  # parsed JSON
        out.print(f"skipped {entry['image']}: {entry['reason']}", soft_wrap=True)
    for note in facts["notes"]:  # type: ignore[attr-defined]  # parsed JSON
        out.print(f"note: {note}", soft_wrap=True)
    out.print(str(output / "report.md"), soft_wrap=True)


def numbers(text: str | None) -> tuple[int, ...]:
    """``15,30`` as numbers; raises BadParameter."""
    parts = split(text) or []
    if (text is not None and not parts) or not all(part.isascii() and part.isdigit() for part in parts):
        raise typer.BadParameter(f"{text!r}: write whole numbers, as in 15,30")
    if long := next((part for part in parts if len(part) > _DIGITS), None):
        raise typer.BadParameter(f"{long[:20]}… has {len(long)} digits; a number of images has at most {_DIGITS}")
    return tuple(map(int, parts))
