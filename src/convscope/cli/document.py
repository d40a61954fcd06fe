"""The page ``docs/commands.md``, made from the app by ``python -m convscope.cli.document``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from inspect import getdoc
from typing import Any, get_args, get_type_hints

from typer.main import get_command

from convscope.cli.main import app

INTRODUCTION = """\
# Commands

<!-- Made by `python -m convscope.cli.document > docs/commands.md`: change its sources in `src/convscope/cli/`. -->

`convscope --help` lists the commands, `convscope COMMAND --help` the options of one, `convscope --version` the version.
A model is named as in [load a model](how-to/models.md), images as in [image sets](how-to/image-sets.md), a unit as
`LAYER:CHANNEL` or `LAYER:CHANNEL@ROW,COLUMN` with a layer address that `convscope layers` lists.

Results go to standard output, progress and messages to standard error. Progress is drawn in a terminal. Elsewhere,
as in the log of a batch job, it is a line every 30 seconds, with `--json` an object with the key `progress`.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | `coverage` found an op that is refused |
| 2 | the request cannot be met: an error message says what was met, what was expected and what to do |
| 130, 143 | stopped (Ctrl-C) or terminated; the same command goes on from there |

With `--json`, an error of convscope's is also printed on standard output, as `{"error": …, "message": …}`.
"""


@dataclass(frozen=True)
class Example:
    """What a person would type, and what comes of it."""

    command: str
    outcome: str


EXAMPLES = {
    "atlas": Example(
        "convscope atlas torchvision:vgg16 photographs/ -o atlas --units 32",
        "Makes the folder `atlas`: the tables of [the format](atlas-format.md), a contact sheet per layer in "
        "`sheets/`, and [pages](how-to/pages.md) in `site/`; the last line printed is the page to open. A run that was "
        "stopped goes on where it stopped; a finished one is found and not repeated. A folder that holds an atlas of "
        "another model, data set or settings is refused unless `--overwrite` is given. Scanning is one forward pass "
        "per image; most of the time goes into projections, so begin with few `--units`. See "
        "[scan](how-to/scan.md), [atlas](how-to/atlas.md) and, for `--ray`, [cluster](how-to/cluster.md).",
    ),
    "serve": Example(
        "convscope serve atlas/ --model torchvision:vgg16 --open",
        "Prints the address to open, `http://127.0.0.1:8000/`, and shows [pages](how-to/pages.md) there until it is "
        "stopped. With `--model`, pages lead to questions that are asked of the model as you look, also about your own "
        "images, which stay in memory. Only this machine can connect, unless `--host` says otherwise: then the printed "
        "address holds a token, and without it nothing is shown. Needs `pip install 'convscope[serve]'`. See "
        "[serve](how-to/serve.md).",
    ),
    "export": Example(
        "convscope export atlas/ evolution/ runs/zfnet site",
        "Makes the folder `site`: open `index.html` with any browser, or put the folder on any web server. One folder "
        "gives its own pages, several a list of them as the first page. See [pages](how-to/pages.md).",
    ),
    "transfer": Example(
        "convscope transfer torchvision:vgg16 photographs/ -o transfer --per-class 1,3,10 --pooled",
        "Writes the folder `transfer`: `report.md` with accuracy by layer, classifier and number of training images, "
        "figures, tables, what is confused with what. Features are kept in `features/`, so that another classifier "
        "does not run the network again. A stopped run goes on. See [transfer](how-to/transfer.md).",
    ),
    "overlap": Example(
        "convscope overlap photographs benchmark -o overlap",
        "Writes the folder `overlap`: pairs of near-duplicates as pictures and as a table, how sure they are, and for "
        "either set a list of the images to leave out, for the `--exclude` of `train`, `evaluate` and `transfer`. "
        "Without a second set, duplicates within the first are found. What was read of the images is kept: a run that "
        "was stopped goes on, and another threshold decodes nothing again. See [overlap](how-to/overlap.md).",
    ),
    "train": Example(
        "convscope train zfnet-small /usr/share/datasets/fashion-mnist -o run",
        "Trains the small form of the paper's network and writes the folder `run`: snapshots, which are models by the "
        "spec `snapshot:run`, the loss of every step, the errors of every epoch. A stopped or killed run goes on where "
        "its last epoch ended, and gives what an unbroken one gives. See [training](how-to/training.md).",
    ),
    "evaluate": Example(
        "convscope evaluate torchvision:vgg16 photographs/ --ten-crops",
        "Prints top-1 and top-5 error on images whose folders are named after classes; several models vote by the mean "
        "of their probabilities. See [training](how-to/training.md#evaluation).",
    ),
    "ablate": Example(
        "convscope ablate headline /usr/share/datasets/fashion-mnist -o headline --jobs 2",
        "Trains every variant of the plan with every seed, two at a time, and compares them in pairs: prints a table, "
        "and makes the folder `headline` with `report.md`, figures, tables for every run and every difference, and the "
        "runs themselves. A run that fails is listed with its reason. The same command again runs only what is "
        "missing. With `--dry-run` it lists runs, sizes and a rough time. See [ablation](how-to/ablation.md).",
    ),
    "project": Example(
        "convscope project torchvision:vgg16 owl.jpg features.29:12 -o owl.png",
        "Writes a PNG: the projection on the left, what the model saw on the right. Prints the unit with the position "
        "that was taken, its activation, the method, the receptive window (top, left, bottom, right) in pixels of the "
        "model's input, and the value shown at full contrast. See [project](how-to/project.md).",
    ),
    "occlude": Example(
        "convscope occlude torchvision:vgg16 owl.jpg -o owl --patch 32 --stride 16",
        "Makes the folder `owl`: `figure.png` with the five panels of the paper's figure 7, `overlay.png`, the raw "
        "numbers in `grids.npz`, and settings, digests, peak box and scores in `occlusion.json`. Given a folder of "
        "images, makes a sub-folder for each; an image that cannot be read is listed as skipped. Finished images are "
        "not repeated, and results of other settings are only replaced with `--overwrite`. See "
        "[occlusion](how-to/occlusion.md).",
    ),
    "correspond": Example(
        "convscope correspond torchvision:vgg16 dogs/ --parts dogs.csv -o parts",
        "Makes the folder `parts`: `figure.png`, the paper's figure 8; `table.png`, its table 1 as a picture "
        "with intervals and random draws; the table in `table.csv`, the distances in `pairs.parquet` and "
        "`random.parquet`, and settings, notes and digests in `correspondence.json`. Prints the table: a negative "
        "difference says that the part is more consistent than random regions. Parts that the crop cuts away and "
        "images that cannot be read are listed as left out. See [correspondence](how-to/correspondence.md).",
    ),
    "invariance": Example(
        "convscope invariance torchvision:vgg16 photographs/ -o invariance --limit 100",
        "Makes the folder `invariance`: `figure.png` with a row per transform as in the paper's figure 5, `layers.png` "
        "with all layers and the score of each, every number in `curves.parquet`, `labels.parquet`, `units.parquet` "
        "and `scores.csv`, and settings, digests and means in `invariance.json`. Prints for each transform the layers "
        "that change least and most, and how often the label stays. A finished folder is not made again; images that "
        "cannot be read are listed as skipped. See [invariance](how-to/invariance.md).",
    ),
    "compare": Example(
        "convscope compare early late -o comparison --diagnosis-a early-diagnosis --diagnosis-b late-diagnosis",
        "Makes the folder `comparison` from two atlases over the same images: open `index.html`. Each unit of the "
        "first stands beside the unit of the second whose peaks correlate best with its own; `matches.csv` and "
        "`matches.parquet` hold the same as rows, `comparison.json` the numbers of each pair of layers. See "
        "[compare](how-to/compare.md).",
    ),
    "diagnose": Example(
        "convscope diagnose torchvision:vgg16 photographs/ -o diagnosis --limit 100 --against torchvision:resnet18",
        "Makes the folder `diagnosis`: all findings, worst first, in `findings.csv`; each filter in `filters.parquet`, "
        "each unit in `units.parquet`, each measured channel of the ops with a stride in `strided.parquet`; "
        "`first_layer.png`, the paper's figure 6(a) to (c), with one scaling and with one per filter; `spectra.png`, "
        "`layers.png`, `aliasing.png`, and of two models `comparison.png`; settings, digests and per-layer figures in "
        "`diagnosis.json`. Prints a line per kind of finding, what may help, and what was not measured and why. A "
        "finished folder is not made again. See [diagnosis](how-to/diagnosis.md).",
    ),
    "evolve": Example(
        "convscope evolve runs/zfnet photographs/ -o evolution --at 1,2,5,10,20,30,40,64",
        "Makes the folder `evolution`: `figure.png` as the paper's figure 4, `patches.png` with the images behind it, "
        "`curves.png` with convergence by layer, films in `evolution.webp` and `evolution.gif`, every unit at every "
        "checkpoint in `evolution.parquet`, `curves.csv`, the raw pictures in `projections.npz`, and settings, digests "
        "and settling points in `evolution.json`. Prints for each layer where it settles and whether lower layers do "
        "so first. All checkpoints are compared before any work: one of another architecture is refused. See "
        "[evolution](how-to/evolution.md).",
    ),
    "trust": Example(
        "convscope trust torchvision:vgg16 photographs/ -o trust --layers features.15,features.29",
        "Prints rank correlations, a line per method and layer, and what they mean in a sentence per method; makes the "
        "folder `trust`: `figure.png`, the scores in `trust.parquet` and `trust.csv`, the cascade of re-initialised "
        "weights in `cascade.parquet`, and settings, digests and times in `trust.json`. A finished folder is kept, and "
        "one of another run only replaced with `--overwrite`. See [trust](how-to/trust.md).",
    ),
    "plan": Example(
        "convscope plan torchvision:vgg16 --patch 16 --stride 8",
        "Makes no files: lists the ops in the order in which `occlude` runs them, with the size of the map and of the "
        "windows on it, and whether windows pay. A convolution with its rectifier is one op, under the rectifier's "
        "address. All ops behind one cut are run on whole maps, so one *before the cut* or *behind the cut* goes with "
        "the others although alone it would not; windows in brackets are not used. Predicted times are rough, and "
        "only compared with each other. With `--measure` the sweep is run once, over noise, on the CPU. `--json` has "
        "times in seconds. See [occlusion](how-to/occlusion.md#windows).",
    ),
    "layers": Example(
        "convscope layers torchvision:vgg16",
        "Nothing is computed for any image. The default layers are the activation maps that follow a convolution or a "
        "residual sum; `--all` lists every op that gives feature maps. *Start* is the first pixel that position 0 "
        "sees, negative inside padding; *gated* layers also depend on the whole image through squeeze-excite, "
        "attention or statistics, which the receptive field leaves out.",
    ),
    "coverage": Example(
        "convscope coverage torchvision:vgg16 --method deconvnet",
        "Answers before any image is read whether the model can be projected, and how. An op without a rule is listed "
        "as refused and the exit code is 1. See [rules](how-to/rules.md).",
    ),
    "verify": Example(
        "convscope verify torchvision:vgg16 photographs/",
        "A table with a line per layer, the largest difference of each comparison, and `pass` or `FAIL`; the exit code "
        "is 1 if anything failed. Run it once on a model of your own before you believe its pictures. "
        "`convscope verify atlas/` compares an atlas's files with their digests, and with a model and images after it "
        "also a sample of its values; `--repair` makes again what is damaged. See [verify](how-to/verify.md).",
    ),
}


def document() -> str:
    """The whole page, in Markdown."""
    commands = vars(get_command(app))["commands"]
    return "\n".join([INTRODUCTION, *(_section(name, commands[name]) for name in commands)])


def _section(name: str, command: Any) -> str:
    example = EXAMPLES[name]
    lines = [f"## `convscope {name}`", "", getdoc(command.callback) or ""]
    lines += ["", "```sh", example.command, "```", "", example.outcome, ""]
    lines += ["| argument or option | default | meaning |", "|---|---|---|"]
    hints = get_type_hints(command.callback)
    lines += [_row(parameter, hints[parameter.name]) for parameter in command.params]
    return "\n".join((*lines, ""))


def _row(parameter: Any, hint: Any) -> str:
    default = "required" if parameter.required else _default(parameter.default)
    meaning = parameter.help.replace("|", "\\|")
    return f"| {', '.join(f'`{name}`' for name in _names(parameter, hint))} | {default} | {meaning} |"


def _names(parameter: Any, hint: Any) -> list[str]:
    """An option as it is typed, every spelling; an argument by the name that stands for it."""
    if parameter.param_type_name == "argument":
        return [parameter.metavar]
    value = parameter.metavar or ("N" if int in (hint, *get_args(hint)) else "WORD")
    spelled = sorted(parameter.opts, key=len)
    return [*spelled, *parameter.secondary_opts] if parameter.is_flag else [f"{name} {value}" for name in spelled]


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "" if value is None else f"`{value}`"


def main() -> None:
    """Write the page to standard output."""
    sys.stdout.write(document())


if __name__ == "__main__":
    main()
