"""What the installation must fulfil before anything of ours is imported."""

import importlib
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec


def torchvision_mismatch() -> str | None:
    """Return one line that says what to install where torch and torchvision do not match.

    torchvision's operators are compiled against one build of torch; with another (a CPU-only
    wheel from a local folder, say) its import fails far from the cause.
    """
    if find_spec("torch") is None:
        return "torch is not in this Python's environment: make install, then .venv/bin/python"
    try:
        importlib.import_module("torchvision")
    except (RuntimeError, ImportError, OSError) as error:
        return (
            f"torchvision {_version('torchvision')} does not load with torch {_version('torch')} "
            f"({str(error).splitlines()[0]}): install a matching pair, "
            "pip install --force-reinstall -r requirements.lock"
        )
    return None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
