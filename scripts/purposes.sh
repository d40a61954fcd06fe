# What .venv can be made ready for, read with `.` by setup.sh and lock.sh.
# shellcheck shell=sh

# purpose -> extras of pyproject.toml; locks/PURPOSE.txt pins all that they come to (`make lock` after a change here)
extras_of() {
    case "$1" in
    demo) echo build,demo,train,transfer,serve ;;
    dev) echo build,demo,dev,timm,train,transfer,serve,ray ;;
    *) return 1 ;;
    esac
}

# purpose -> system packages (each listed in system_packages.sh)
packages_of() {
    case "$1" in
    demo) echo tuxpaint-stamps-default opencv-doc dataset-fashion-mnist ;;
    dev) echo chromium tuxpaint-stamps-default opencv-doc dataset-fashion-mnist ;;
    esac
}
