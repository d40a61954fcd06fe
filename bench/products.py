"""Linear layers by oneDNN against PyTorch's own, by shape: of classifiers' heads, of vision transformers, of ConvNeXt.

    python -m bench.products [--rounds 9]

10^9 multiply-adds a second, alone and with a GELU behind; all take turns. The largest difference is relative to the
largest value.
"""

from __future__ import annotations

import argparse

import torch
import torch.nn.functional as F

from bench.timing import alternate, prepare_process

SHAPES = (
    ("vgg16, first of the head, 1 image", 1, 25088, 4096),
    ("the same, 16 images", 16, 25088, 4096),
    ("resnet50, head, 16 images", 16, 2048, 1000),
    ("swin_s, last stage, 1 image", 49, 768, 3072),
    ("swin_s, last stage, 9 images", 441, 3072, 768),
    ("swin_s, third stage, 9 images", 1764, 384, 1536),
    ("swin_s, first stage, 9 images", 28224, 96, 384),
    ("vit_l_16, 1 image", 197, 1024, 4096),
    ("vit_l_16, 7 images", 1379, 4096, 1024),
)


def row(name: str, rows: int, width: int, out: int, rounds: int) -> str:
    """One line of the table."""
    x, weight, bias = torch.randn(rows, width), torch.randn(out, width), torch.randn(out)
    pointwise = torch.ops.mkldnn._linear_pointwise.default
    with torch.inference_mode():
        own = F.linear(x, weight, bias)
        difference = (pointwise(x, weight, bias, "none", [], "") - own).abs().max() / own.abs().max()
        times = alternate(
            {
                "own": lambda: F.linear(x, weight, bias),
                "onednn": lambda: pointwise(x, weight, bias, "none", [], ""),
                "own, gelu": lambda: F.gelu(F.linear(x, weight, bias)),
                "onednn, gelu": lambda: pointwise(x, weight, bias, "gelu", [], "none"),
            },
            rounds,
        )
    speeds = [rows * width * out / timing.median / 1e9 for timing in times.values()]
    plain, gelu = speeds[1] / speeds[0], speeds[3] / speeds[2]
    return (
        f"| {name} | {rows} x {width} x {out} | {speeds[0]:.0f} | {speeds[1]:.0f} | {plain:.2f} "
        f"| {speeds[2]:.0f} | {speeds[3]:.0f} | {gelu:.2f} | {float(difference):.0e} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    print(prepare_process())
    print("| layer | rows x inputs x outputs | own | oneDNN | ratio | own, GELU | oneDNN, GELU | ratio | difference |")
    print("|" + "---|" * 9)
    for shape in SHAPES:
        print(row(*shape, options.rounds), flush=True)


if __name__ == "__main__":
    main()
