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
install --resolution "$resolution" --upgrade -e ".[demo,timm,train,transfer,serve]"
install -e ".[dev]" # the tools of the tests are not a user's: any that go with the rest
"$place/bin/python" - <<'EOF'
import sys
from importlib.metadata import version
packages = "torch torchvision numpy pillow pyarrow duckdb scipy matplotlib typer".split()
print("ranges: Python", sys.version.split()[0], *(f"{name} {version(name)}" for name in packages))
EOF

# Old packages beside new ones that they did not know of warn, and that is nothing a user of convscope can mend.
OMP_NUM_THREADS=1 exec "$place/bin/python" -m pytest -q -n auto --maxprocesses 8 -o filterwarnings=default \
    ${RANGES_TESTS:-$heart}
