"""The version of the installed package."""

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """The installed version; a checkout on the path that was never installed has none to tell."""
    try:
        return version("convscope")
    except PackageNotFoundError:
        return "0+not.installed"
