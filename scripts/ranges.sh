#!/bin/sh
# Run the heart of the tests with the oldest or the newest packages that pyproject.toml allows.
# Usage: sh scripts/ranges.sh oldest|newest     (an environment of 6 GB below .ranges/, kept for the next time)
#
#   PYTHON=python3.13      which interpreter
#   RANGES_TESTS="…"       which tests instead
set -eu
cd "$(dirname "$0")/.."

case "${1:-}" in
oldest) resolution=lowest-direct ;;
newest) resolution=highest ;;
*) printf '%s\n' "usage: sh scripts/ranges.sh oldest|newest" >&2; exit 1 ;;
esac
place=.ranges/$1
heart="tests/graph tests/rules tests/engine tests/atlas tests/images tests/models tests/pipeline"

.venv/bin/uv venv --quiet --allow-existing --python "${PYTHON:-.venv/bin/python}" "$place"
install() { VIRTUAL_ENV=$place .venv/bin/uv pip install --quiet "$@"; }
install --resolution "$resolution" --upgrade -e ".[timm,train,transfer,serve]"
install -e ".[dev]" # the tools of the tests are not a user's: any that go with the rest
"$place/bin/python" -c 'import torch, torchvision, numpy, sys; print("ranges:", *(f"{m.__name__} {m.__version__}" for m in (torch, torchvision, numpy)), "Python", sys.version.split()[0])'
OMP_NUM_THREADS=1 "$place/bin/python" -m pytest -q -n auto --maxprocesses 8 --dist loadfile --no-cov ${RANGES_TESTS:-$heart}
