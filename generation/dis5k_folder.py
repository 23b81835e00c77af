"""Writing pairs as a folder of the DIS5K layout, whole or not at all."""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from datamodules.sample import Sample

Recipe = Mapping[str, int | str | list[str]]
"""All arguments that decide the bytes."""
RECIPE = "recipe.json"
"""Inside each subset: what it was made from. Written last, before the folder gets its name."""
_OWN_PHOTOS = (
    "if these are photos of your own, switch the source of scenes off by --data.source null (by "
    "--data.source.source null where photos are edited); else choose another root"
)
_QUALITY = 95  # of the JPEG files, as the resized cache of the data module


def write_subset(
    folder: Path,
    recipe: Recipe,
    count: int,
    sample: Callable[[int], Sample],
    *,
    masks: str = "gt",
) -> None:
    """Write samples 0..count-1 as ``im/<id>.jpg`` and ``gt/<id>.png``.

    The folder is built beside its place under another name and renamed when whole. A second
    process waits; what a killed one left is removed.

    Args:
        folder: Where the subset is to appear. If it is there with this recipe, nothing is done.
        recipe: All that decides the bytes.
        count: Number of pairs.
        sample: The pair of a number; called from several threads.
        masks: Name of the folder of masks.

    Raises:
        ValueError: If the folder is there and was not made by this recipe, or `im` or `gt` is
            beside it: then those are a user's own photos.
    """
    if any((folder.parent / part).exists() for part in ("im", "gt")):
        raise ValueError(f"{folder.parent} holds im or gt: {_OWN_PHOTOS}")
    with _alone(folder):
        if folder.exists():
            _check(folder, recipe)
            return
        for leftover in folder.parent.glob(f".{folder.name}-*"):
            shutil.rmtree(leftover)
        building = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        building.chmod(0o755)  # mkdtemp lets nobody else read it
        for part in ("im", masks):
            (building / part).mkdir()
        _fill(folder.name, count, lambda index: _save(building, masks, sample(index)))
        (building / RECIPE).write_text(json.dumps(recipe, indent=1) + "\n")
        building.rename(folder)


def _check(folder: Path, recipe: Recipe) -> None:
    path = folder / RECIPE
    found = json.loads(path.read_text()) if path.is_file() else None
    if found == recipe:
        return
    if found is None:
        raise ValueError(f"{folder} was not written by ProceduralScenes: {_OWN_PHOTOS}")
    changed = [name for name in recipe if found.get(name) != recipe[name]]
    raise ValueError(
        f"{folder} was written with another {', '.join(changed)}; delete this folder or choose "
        "another root"
    )


def _fill(name: str, count: int, save: Callable[[int], None]) -> None:
    # drawing and encoding release the interpreter lock
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        done = pool.map(save, range(count))
        silent = not Console().is_terminal
        for _ in track(done, f"Drawing {name}", total=count, disable=silent):
            pass


def _save(folder: Path, masks: str, sample: Sample) -> None:
    image = sample.image.permute(1, 2, 0).numpy()[:, :, ::-1]
    _encode(folder / "im" / f"{sample.id}.jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    _encode(folder / masks / f"{sample.id}.png", sample.mask.numpy(), [])


def _encode(
    path: Path, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], options: list[int]
) -> None:
    # imencode: imwrite reports a full disk by a result that is easily overlooked
    _, encoded = cv2.imencode(path.suffix, pixels, options)
    path.write_bytes(encoded.tobytes())


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock that the system releases even when the process is killed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
