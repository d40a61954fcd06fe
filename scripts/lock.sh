#!/bin/sh
# Write locks/*.txt: the exact version and the hashes of every package, for every platform and each Python that is allowed.
# Usage: sh scripts/lock.sh [--upgrade]     (without: what is pinned and still fits stays)
#
#   UV_*     settings of uv, which looks the packages up; it does not read pip's
set -eu
cd "$(dirname "$0")/.."
. scripts/purposes.sh

pin() {
    purpose=$1
    shift
    # shellcheck disable=SC2046 # one word for each extra
    .venv/bin/uv pip compile pyproject.toml $(extras_of "$purpose" | sed 's/^\|,/ --extra /g') "$@" \
        --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
        --no-emit-find-links --custom-compile-command "make lock" --output-file "locks/$purpose.txt" >/dev/null
    printf '%s\n' "lock: locks/$purpose.txt pins $(grep -c == "locks/$purpose.txt") packages"
}

pin dev "$@"
pin demo "$@" --constraint locks/dev.txt # the demo shows what the tests saw
