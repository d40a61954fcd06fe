# Optional system packages, read by setup.sh with `.`; nothing here may fail the set-up.
# shellcheck shell=sh

# package -> a file it brings (so that checking costs nothing), and what happens without it
evidence() {
    case "$1" in
    tuxpaint-stamps-default) echo /usr/share/tuxpaint/stamps/animals ;;
    opencv-doc) echo /usr/share/doc/opencv-doc/examples/data ;;
    dataset-fashion-mnist) echo /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz ;;
    chromium) echo /usr/bin/chromium ;;
    esac
}

without() {
    case "$1" in
    tuxpaint-stamps-default) echo "the demo has about 300 photographs fewer" ;;
    opencv-doc) echo "the demo has 29 photographs fewer" ;;
    dataset-fashion-mnist) echo "torchvision downloads Fashion-MNIST when it is first needed" ;;
    chromium) echo "browser tests are skipped" ;;
    esac
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Says in $apt_refusal why apt-get cannot be used.
may_apt() {
    apt_refusal=
    if [ -n "${CONVSCOPE_NO_APT:-}" ]; then
        apt_refusal="CONVSCOPE_NO_APT is set"
    elif ! command -v apt-get >/dev/null 2>&1; then
        apt_refusal="no apt-get here"
    elif [ "$(id -u)" != 0 ] && ! sudo -n true >/dev/null 2>&1; then
        apt_refusal="not root"
    fi
    [ -z "$apt_refusal" ]
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=60 -o Acquire::Retries=1 -o Acquire::http::Timeout=30 \
        "$@" </dev/null >>.venv/apt.log 2>&1
}

# The package lists are fetched only if there are none, or if the first try fails for want of fresh ones; once a run.
apt_updated=
apt_failed=
apt_install() {
    may_apt || return 1
    printf '%s\n' "setup: apt-get install $* (a minute or two; log in .venv/apt.log)"
    if ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1 && apt install --no-install-recommends "$@"; then return 0; fi
    if [ -z "$apt_updated" ]; then
        apt_updated=yes
        if apt update && apt install --no-install-recommends "$@"; then return 0; fi
    fi
    apt_failed=yes
    apt_refusal="apt-get: $(grep '^E:' .venv/apt.log | tail -n 1)"
    return 1
}

# Install what is missing of a list, and say in one line each what is done without.
# A failed try is remembered, so that a machine without network does not wait for it again and again.
provide() {
    for package in $1; do
        if [ -e "$(evidence "$package")" ]; then continue; fi
        if [ -e .venv/.apt-failed ]; then
            apt_refusal="apt-get failed before; remove .venv/.apt-failed to try again"
        # one at a time: a package that this distribution lacks must not keep out the others
        elif apt_install "$package" && [ -e "$(evidence "$package")" ]; then
            continue
        fi
        printf '%s\n' "setup: without $package ($apt_refusal): $(without "$package")"
    done
    if [ -n "$apt_failed" ]; then touch .venv/.apt-failed; fi
}
