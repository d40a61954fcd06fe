#!/bin/sh
# Make .venv ready for one purpose. Usage: sh scripts/setup.sh demo|dev
#
# Quick when nothing has to be done: a stamp inside .venv records what was installed (hash of pyproject.toml and of the
# lock, Python version, place of the checkout). An installation that was cut short is started again from nothing,
# because pip takes a half-unpacked package for an installed one. What is installed is pinned in locks/, with hashes.
#
#   PYTHON=python3.13      which interpreter to build .venv with (default: the first that is 3.11 or newer)
#   CONVSCOPE_NO_LOCK=1    the newest packages that pyproject.toml allows, where the pinned ones do not fit
#   CONVSCOPE_NO_APT=1     never install system packages, whatever the rights
#   PIP_*                  pip's own settings are passed on untouched
set -eu
cd "$(dirname "$0")/.."
. scripts/system_packages.sh
. scripts/purposes.sh

say() { printf '%s\n' "setup: $*"; }
die() { printf '%s\n' "setup: $*" >&2; exit 1; }

extras=$(extras_of "${1:-}") || die "usage: sh scripts/setup.sh demo|dev"
lock=locks/$1.txt
if [ -n "${CONVSCOPE_NO_LOCK:-}" ]; then lock=/dev/null; fi
stamp=.venv/.ready-$1
started=.venv/.installing

is_python() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_python "$PYTHON" || die "PYTHON=$PYTHON is not Python 3.11 or newer."
        python=$PYTHON
        return
    fi
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        if is_python "$python"; then return; fi
    done
    die "no Python 3.11 or newer found (tried python3 and python3.11 to python3.14). Install one, then run:
       make PYTHON=/path/to/python3.13 TARGET"
}

# What an installation depends on, as one line; fails where the environment cannot be used at all.
key() {
    .venv/bin/python - "$extras" "$lock" <<'EOF'
import hashlib, importlib.util, os, pathlib, sys
if sys.version_info < (3, 11) or importlib.util.find_spec("pip") is None:
    sys.exit(1)
texts = b"".join(pathlib.Path(path).read_bytes() for path in ("pyproject.toml", sys.argv[2]))
print(hashlib.sha256(texts).hexdigest(), sys.version.split()[0], sys.argv[1], os.getcwd())
EOF
}

remove_venv() {
    if [ -L .venv ]; then die ".venv is a link to $(readlink .venv) and $1. Repair or remove it by hand."; fi
    say "removing .venv: it $1"
    rm -rf .venv
}

# Interpreter of another version than the one asked for by PYTHON=
wrong_python() {
    [ -n "${PYTHON:-}" ] && version='import sys; print(sys.version)' &&
        [ "$("$PYTHON" -c "$version")" != "$(.venv/bin/python -c "$version")" ]
}

discard_unusable() {
    [ -e .venv ] || [ -L .venv ] || return 0
    if [ -e "$started" ]; then
        other=$(cat "$started")
        if kill -0 "$other" 2>/dev/null; then
            die "another set-up is running (process $other). Wait for it; if it is something else, remove $started."
        fi
        remove_venv "holds an installation that was cut short"
    elif ! key >/dev/null 2>&1; then
        remove_venv "has no working Python 3.11 or newer with pip"
    elif wrong_python; then
        remove_venv "was built with another Python than PYTHON=$PYTHON"
    fi
}

# Debian splits venv: without python3-venv, `python3 -m venv` stops half way for want of ensurepip.
create_venv() {
    find_python
    say "creating .venv with $("$python" --version) (a few seconds)"
    mkdir -p .venv
    echo $$ >"$started"
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        apt_install "python$minor-venv" || true
    fi
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -m venv .venv
    elif "$python" -m pip --version >/dev/null 2>&1 && "$python" -m venv --without-pip .venv; then
        "$python" -m pip -qq --python .venv/bin/python install pip
    else
        rm -rf .venv
        die "$python cannot create virtual environments: its module ensurepip is missing.
       On Debian or Ubuntu run:  apt-get install python$minor-venv     (as root)
       or use another Python:    make PYTHON=/path/to/python3 TARGET"
    fi
}

warn_if_small() {
    free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
    if [ "$free" -lt 8 ]; then say "warning: $free GB free here; torch and its libraries take about 6 GB"; fi
}

pip_install() {
    # without compiling: Python does that for what is imported, a fraction of 16,000 files
    .venv/bin/python -m pip install --disable-pip-version-check --no-input --progress-bar off --no-compile "$@" \
        </dev/null >>.venv/pip.log 2>&1
}

# The lock names every package, so pip has nothing to look for; what builds this one is pinned there too.
install_packages() {
    if [ "$lock" = /dev/null ]; then
        pip_install -e ".[$extras]"
    else
        pip_install --no-deps --require-hashes -r "$lock" && pip_install --no-deps --no-build-isolation -e .
    fi
}

install_project() {
    warn_if_small
    say "installing convscope[$extras] with torch: about 3 minutes and 6 GB the first time (tail -f .venv/pip.log)"
    echo $$ >"$started"
    : >.venv/pip.log
    if ! install_packages; then
        tail -n 20 .venv/pip.log >&2
        die "pip failed; the end of its log is above, all of it in .venv/pip.log.
       Run the same command again once that is mended: the installation starts afresh.
       If a pinned version does not fit this machine, CONVSCOPE_NO_LOCK=1 installs what does."
    fi
    key >"$stamp"
    rm -f "$started"
}

discard_unusable
if [ ! -e .venv ]; then create_venv; fi
if [ -e "$stamp" ] && [ "$(key)" = "$(cat "$stamp")" ]; then
    say ".venv is ready for '$1'"
else
    install_project
    say ".venv is now ready for '$1'"
fi
provide "$(packages_of "$1")"
