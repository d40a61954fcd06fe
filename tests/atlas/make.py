"""A small synthetic atlas, written with the real writer: for tests of whatever reads one."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convscope.atlas.manifest import DataFacts, Manifest, ModelFacts, Provenance, RuleUse, Settings
from convscope.atlas.projection import Projection
from convscope.atlas.schema import ImageRow, LayerRow, PictureRow, ProjectionRow, TopRow, TrustRow, UnitRow
from convscope.atlas.session import open_for_writing
from convscope.atlas.writer import write_columns, write_manifest, write_table
from convscope.pipeline.atlas_spectra import add_spectra
from convscope.window import Field

CLASSES = ("cat", "dog")
VERSIONS = {"convscope": "0.1.0", "python": "3.11.0", "torch": "2.9.0"}


def make_manifest(
    layers: Sequence[str] = ("features.0", "features.3"),
    images: int = 24,
    size: int = 64,
    top: int = 9,
    per_class: int = 0,
    labelled: bool = True,
    raw: bool | None = False,
    channels: int = 3,
    skipped: int = 1,
    suffix: str = "",
    projected: int | None = None,
) -> Manifest:
    """A manifest whose key is right."""
    classes = classes_of(suffix) if labelled else ()
    settings = Settings(tuple(layers), top, "one", per_class, "auto", "sum", projected, "float16" if raw else "none")
    return Manifest(
        model=ModelFacts("zfnet", "a1" * 32, "ZFNet", size, size, channels, ("tabby", "beagle"), ("random weights",)),
        data=DataFacts("photographs", "b2" * 32, images, skipped, classes),
        settings=settings,
        method="deconvnet",
        rules=(
            RuleUse("aten.relu", "rectifier", "rectify", 5),
            RuleUse("aten.convolution", "linear", "vjp", 5),
        ),
        notes=("This network has no max-pooling, so its projections carry no switches.",),
        versions=VERSIONS,
        created="2026-11-22T12:00:00+00:00",
        key=Provenance("a1" * 32, "b2" * 32, settings, VERSIONS["convscope"]).key,
    )


def smooth(generator: np.random.Generator, height: int, width: int, channels: int) -> NDArray[np.float32]:
    """A smooth random field around 0, float32 [height, width, channels]."""
    coarse = generator.normal(size=(channels, 5, 5)).astype(np.float32)
    planes = [Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC) for plane in coarse]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def make_atlas(
    path: Path,
    layers: Sequence[tuple[str, int]] = (("features.0", 6), ("features.3", 8)),
    images: int = 24,
    size: int = 64,
    top: int = 9,
    per_class: int = 0,
    labelled: bool = True,
    raw: bool | None = False,
    channels: int = 3,
    seed: int = 0,
    suffix: str = "",
    projected: int | None = None,
    peaks: bool = True,
    spectra: bool = False,
) -> Path:
    """Write an atlas of layers (address, units) over ``images`` images of ``size`` pixels; returns ``path``.

    The last image is skipped; the last unit of every layer is dead and has no top activations; the pictures of the
    second layer were not tested. ``suffix`` ends the
    name, class and reason of every image; ``raw``: whether projections are numbers or
    pictures, None for an atlas without any; ``projected`` limits projections to so many units of a layer, from unit 1.
    Without ``peaks`` it is like an atlas from before there were any; with them, units 0 and 1 of every layer are
    nearly the same, and the sample is all images that were used. With ``spectra`` it has those of its projections.
    """
    generator = np.random.default_rng(seed)
    manifest = make_manifest([layer for layer, _ in layers], images, size, top, per_class, labelled, raw, channels,
                             suffix=suffix, projected=projected)  # fmt: skip
    fields = fields_of(len(layers))
    with open_for_writing(path, manifest.provenance):
        write_table(path, "images", image_rows(images, size, labelled, suffix))
        write_table(path, "pictures", picture_rows(images - 1, size, channels, generator), part="0")
        rows = [layer_row(depth, *layers[depth], fields[depth], size) for depth in range(len(layers))]
        write_table(path, "layers", rows)
        write_table(
            path, "units", [unit_row(row, u, images - 1, labelled, suffix) for row in rows for u in range(row.units)]
        )
        groups = (None, *(classes_of(suffix) if labelled and per_class else ()))
        tops = [
            row
            for layer, extent in zip(rows, fields, strict=True)
            for unit in range(layer.units - 1)
            for among in groups
            for row in top_rows(
                layer,
                extent,
                unit,
                among,
                top if among is None else per_class,
                images - 1,
                size,
                generator,
                suffix,
            )
        ]
        write_table(path, "top", tops)
        write_table(path, "trust", trust_rows([layer for number, (layer, _) in enumerate(layers) if number != 1]))
        if peaks:
            write_columns(path, "peaks", (peak_columns(row, images - 1, seed + row.depth) for row in rows))
        if raw is not None:
            for layer in rows:
                chosen = [row for row in tops if row.layer == layer.layer and row.among is None]
                if projected is not None:
                    chosen = [row for row in chosen if 1 <= row.unit <= projected]
                write_table(
                    path,
                    "projections",
                    projection_rows(chosen, channels, generator, raw),
                    part=f"{layer.depth:03d}",
                )
        if spectra:
            add_spectra(path, lambda *_: None)
        write_manifest(path, manifest)
    return path


def fields_of(layers: int) -> list[Field]:
    """Receptive fields that grow with depth, as of 3x3 convolutions with stride 2 and padding 1 in turn."""
    fields = [Field(7, 2, -3)]
    while len(fields) < layers:
        fields.append(fields[-1].after(kernel=3, stride=2, padding=1, dilation=1))
    return fields


def classes_of(suffix: str) -> tuple[str, ...]:
    """The two classes, with the same ending."""
    return tuple(name + suffix for name in CLASSES)


def image_rows(images: int, size: int, labelled: bool, suffix: str = "") -> list[ImageRow]:
    classes = classes_of(suffix)
    used = [
        ImageRow(i, f"{CLASSES[i % 2]}/{i:03d}.jpg{suffix}", classes[i % 2] if labelled else None, size + i, size, None)
        for i in range(images - 1)
    ]
    return [*used, ImageRow(images - 1, f"broken.jpg{suffix}", None, None, None, f"the file ends too early{suffix}")]


def picture_rows(images: int, size: int, channels: int, generator: np.random.Generator) -> Iterator[PictureRow]:
    for image in range(images):
        pixels = (128 + 60 * smooth(generator, size, size, channels)).clip(0, 255).astype(np.uint8)
        encoded = io.BytesIO()
        Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(encoded, "PNG")
        yield PictureRow(image, size, size, "png", encoded.getvalue())


def layer_row(depth: int, layer: str, units: int, extent: Field, size: int) -> LayerRow:
    side = max(size // extent.stride, 1)
    return LayerRow(
        layer, depth, "relu", units, side, side, extent.size, extent.size, extent.stride, extent.stride,
        extent.start, extent.start, False,
    )  # fmt: skip


def unit_row(layer: LayerRow, unit: int, images: int, labelled: bool, suffix: str = "") -> UnitRow:
    dead = unit == layer.units - 1
    peak = 0.0 if dead else 10.0 / (1 + unit)
    return UnitRow(
        layer.layer, unit, images, peak, peak / 2, peak / 4, 0.0 if dead else 0.75, dead,
        classes_of(suffix)[unit % 2] if labelled and not dead else None, 0.25 if labelled and not dead else None,
    )  # fmt: skip


def top_rows(
    layer: LayerRow, extent: Field, unit: int, among: str | None, count: int, images: int, size: int,
    generator: np.random.Generator, suffix: str = "",
) -> Iterator[TopRow]:  # fmt: skip
    candidates = [i for i in range(images) if among is None or classes_of(suffix)[i % 2] == among]
    for rank, image in enumerate(generator.permutation(candidates)[:count].tolist()):
        y, x = generator.integers(0, layer.height, 2).tolist()
        rows, columns = extent.window(y), extent.window(x)
        down, across = rows.clip(size), columns.clip(size)
        yield TopRow(
            layer.layer, unit, among, rank, image, 10.0 / (1 + unit) / (1 + rank / 10), y, x,
            down.start, across.start, down.stop, across.stop, (rows, columns) != (down, across),
        )  # fmt: skip


def projection_rows(
    tops: Sequence[TopRow], channels: int, generator: np.random.Generator, raw: bool
) -> Iterator[ProjectionRow]:
    for row in tops:
        pixels = smooth(generator, row.bottom - row.top, row.right - row.left, channels)
        yield Projection(row.layer, row.unit, row.rank, row.image, "deconvnet", row.top, row.left, pixels).pack(raw=raw)


def peak_columns(layer: LayerRow, images: int, seed: int) -> Mapping[str, Any]:
    """Rectified noise, up to the largest peak of ``unit_row``; unit 1 is half of unit 0, with a little noise."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(layer.units, images)).clip(0)
    values[1:2] = (values[0] + 0.02 * generator.normal(size=images)).clip(0)
    for unit in range(layer.units):
        values[unit] *= 0 if unit == layer.units - 1 else 10 / (1 + unit) / max(values[unit].max(), 1e-9)
    return {
        "layer": layer.layer,
        "unit": np.repeat(np.arange(layer.units, dtype=np.int32), images),
        "image": np.tile(np.arange(images, dtype=np.int32), layer.units),
        "value": values.ravel().astype(np.float32),
    }


def trust_rows(layers: Sequence[str]) -> Iterator[TrustRow]:
    """Pictures that differ by layer in how they may be read; the image test had no pairs."""
    badges = ("do not read as the unit's meaning", "reads as the unit", "mixed", "of a later version")
    for number, layer in enumerate(layers):
        for test, rank in (("weight", 0.25), ("unit", 0.93), ("signal", -0.125), ("image", None)):
            yield TrustRow(
                "deconvnet", layer, test, rank, rank, rank, rank, 0 if rank is None else 30, 2,
                "not measured" if rank is None else "fails", badges[number % 4], f"Pictures of {layer} are alike.",
            )  # fmt: skip
