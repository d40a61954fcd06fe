"""The tables of an atlas: one frozen row type per Parquet file, each column documented.

The row types are the contract with every reader, ours or not: ``docs/atlas-format.md`` is generated from
them, and the Parquet schemas are derived from them, so the three cannot drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

FORMAT_VERSION = 2


def column(doc: str, arrow: str) -> Any:
    """A documented column of Arrow type ``arrow`` (as spelled by ``pyarrow.type_for_alias``)."""
    return field(metadata={"doc": doc, "arrow": arrow})


@dataclass(frozen=True)
class ImageRow:
    """``images.parquet``: one row per image of the set, in the set's order."""

    image: int = column("index of the image in the set", "int32")
    name: str = column("path or key inside the image set", "string")
    label: str | None = column("class of the image, where the set has labels", "string")
    width: int | None = column("width in pixels after orientation; null if never decoded", "int32")
    height: int | None = column("height in pixels after orientation; null if never decoded", "int32")
    skipped: str | None = column("why the image was left out; null if it was used", "string")


@dataclass(frozen=True)
class LayerRow:
    """``layers.parquet``: one row per layer, from input to output."""

    layer: str = column("address of the layer, e.g. features.28 or layer3.1.relu#2", "string")
    depth: int = column("order of the layer from the input, from 0", "int32")
    op: str = column("the op that makes the map, e.g. relu", "string")
    units: int = column("number of units (channels)", "int32")
    height: int = column("height of the map for the model's input size", "int32")
    width: int = column("width of the map for the model's input size", "int32")
    field_height: int = column("receptive field height in input pixels", "int32")
    field_width: int = column("receptive field width in input pixels", "int32")
    stride_y: int = column("input pixels between neighbouring rows of the map", "int32")
    stride_x: int = column("input pixels between neighbouring columns of the map", "int32")
    start_y: int = column("first input row that row 0 of the map sees; negative inside padding", "int32")
    start_x: int = column("first input column that column 0 of the map sees", "int32")
    gated: bool = column(
        "true if values also depend on the whole image through gates (squeeze-excite, attention); "
        "the field above then leaves the gates out",
        "bool",
    )


@dataclass(frozen=True)
class UnitRow:
    """``units.parquet``: one row per unit; a *peak* is the unit's strongest activation in one image."""

    layer: str = column("address of the layer", "string")
    unit: int = column("channel of the layer", "int32")
    images: int = column("images the statistics are over", "int32")
    peak_max: float = column("strongest peak", "float")
    peak_mean: float = column("mean of the peaks", "float")
    peak_std: float = column("standard deviation of the peaks (population)", "float")
    active: float = column("fraction of images whose peak is above zero", "float")
    dead: bool = column("true if no image of the set drives the unit above zero", "bool")
    best_class: str | None = column("class with the highest mean peak; null without labels", "string")
    selectivity: float | None = column(
        "(best - rest) / (best + rest) of the mean peaks of the best class and of all other images, "
        "negative means taken as 0 (Morcos et al. 2018); null without labels or if both are 0",
        "float",
    )


@dataclass(frozen=True)
class TopRow:
    """``top.parquet``: the strongest activations of each unit, as far as they are above zero."""

    layer: str = column("address of the layer", "string")
    unit: int = column("channel of the layer", "int32")
    among: str | None = column("null: among all images; else among the images of this class", "string")
    rank: int = column("0 is the strongest", "int32")
    image: int = column("index of the image", "int32")
    value: float = column("the activation", "float")
    y: int = column("row of the activation in the map", "int32")
    x: int = column("column of the activation in the map", "int32")
    top: int = column("first row of the receptive window, clipped to the image, in input pixels", "int32")
    left: int = column("first column of the receptive window, clipped", "int32")
    bottom: int = column("row after the last of the receptive window, clipped", "int32")
    right: int = column("column after the last of the receptive window, clipped", "int32")
    clipped: bool = column("true if the receptive window reaches past the image", "bool")


@dataclass(frozen=True)
class ProjectionRow:
    """``projections/*.parquet``: one activation carried down to pixels; sorted by layer, unit, rank."""

    layer: str = column("address of the layer", "string")
    unit: int = column("channel of the layer", "int32")
    rank: int = column("rank of the activation in top.parquet (among null)", "int32")
    image: int = column("index of the image", "int32")
    method: str = column("deconvnet, guided_backprop or gradient", "string")
    top: int = column("first row of the stored box in input pixels; outside the box the projection is 0", "int32")
    left: int = column("first column of the stored box", "int32")
    height: int = column("rows of the stored box", "int32")
    width: int = column("columns of the stored box", "int32")
    channels: int = column("channels of the model's input", "int32")
    peak: float = column("largest absolute value; the stored numbers are divided by it", "float")
    format: str = column("how values are stored: webp, avif or float16", "string")
    values: bytes = column(
        "webp (without loss) and avif (with loss): a picture of 8 bits; with v = (level - 128) / 127, v * |v| * peak = "
        "projection. So 128 is 0, 255 and 1 are the peak, and level 0 counts as 1. 3 channels are red, green, blue; "
        "else the channels are grey pictures side by side, the first on the left. float16: little-endian, "
        "[height, width, channels]; times peak = projection",
        "binary",
    )
    spectrum: bytes | None = column(
        "float32, little-endian, [46]: the projection's own part of spectra.parquet, from the numbers before they were "
        "stored; null for projections that are not part of it",
        "binary",
    )


@dataclass(frozen=True)
class PictureRow:
    """``pictures/*.parquet``: what the model saw of an image: resized and cropped, before normalisation."""

    image: int = column("index of the image", "int32")
    width: int = column("width in pixels", "int32")
    height: int = column("height in pixels", "int32")
    format: str = column("jpeg or png", "string")
    encoded: bytes = column("the encoded picture", "binary")


@dataclass(frozen=True)
class TrustRow:
    """``trust.parquet``: sanity scores of the pictures, one row per method, layer and test; the table may be absent."""

    method: str = column("deconvnet, guided_backprop or gradient", "string")
    layer: str = column("address of the layer; those that were not tested are missing", "string")
    test: str = column(
        "what was changed between the two pictures of a pair: weight (re-initialised from the top down), unit "
        "(another, same place and image), signal (random positive, instead of one unit), image (another)",
        "string",
    )
    rank: float | None = column("mean rank correlation of the pairs' signed values; null without pairs", "float")
    absolute: float | None = column("the same of absolute values; null if not defined", "float")
    ssim: float | None = column("mean structural similarity, as displayed; null if not defined", "float")
    spread: float | None = column("standard deviation of the rank correlation over the pairs", "float")
    pairs: int = column("pairs that were compared", "int32")
    empty: int = column("pairs left out because one of the two pictures was empty", "int32")
    verdict: str = column(
        "passes, partly or fails; for image: follows the image, in part or ignores the image; or not measured", "string"
    )
    badge: str = column(
        "all tests of the method and layer together: reads as the unit, mixed, do not read as the unit's meaning, or "
        "not measured",
        "string",
    )
    sentence: str = column("the same in plain words, with the number that decided", "string")


@dataclass(frozen=True)
class PeakRow:
    """``peaks.parquet``: the peaks themselves, of a sample of the images; the table may be absent.

    One row per layer, unit and sampled image: at most 1,000 images, evenly spread over the set; those that were
    skipped are missing. Sorted by the layer's depth, unit and image; a row group holds rows of one layer only.
    """

    layer: str = column("address of the layer", "string")
    unit: int = column("channel of the layer", "int32")
    image: int = column("index of the image", "int32")
    value: float = column("the unit's strongest activation in the image", "float")


@dataclass(frozen=True)
class SpectrumRow:
    """``spectra.parquet``: how fine the patterns are that a layer's projections show; the table may be absent.

    One row per layer and ring of the radial power spectrum, 46 rings of 1/64 cycles per pixel from 0 on. Over at most
    32 of the layer's projected units, evenly spaced by channel, and the three strongest projections of each. From each
    picture its mean is taken away, it is tapered to the borders of its box, and its power is set to 1; all units count
    the same. Layers without projections are missing.
    """

    layer: str = column("address of the layer", "string")
    ring: int = column("ring, from 0; it begins at ring / 64 cycles per pixel of the input", "int32")
    projected: float = column("share of the projections' power in this ring, mean over units", "float")
    projected_low: float = column("first quartile of that share over units", "float")
    projected_high: float = column("third quartile", "float")
    patch: float = column("the same share of the image patches at the same boxes, mean over units", "float")
    units: int = column("units that the means are over", "int32")


TABLES: dict[str, type] = {
    "images": ImageRow,
    "layers": LayerRow,
    "units": UnitRow,
    "top": TopRow,
    "projections": ProjectionRow,
    "pictures": PictureRow,
    "trust": TrustRow,
    "peaks": PeakRow,
    "spectra": SpectrumRow,
}
