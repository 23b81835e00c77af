"""What the page of the demo answers to a photo and to its controls."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import numpy as np
from gradio.processing_utils import save_bytes_to_cache
from numpy.typing import NDArray

from callbacks.foreground_colours import foreground_colours
from datamodules.decode import read_image
from train.demo_pictures import adjusted, on_ground, png, preview, require_photo

GROUNDS = {
    "transparent": None,
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "green": (0, 177, 64),
}
Mask = Callable[[Path], NDArray[np.uint8]]
Shown = tuple[tuple[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.uint8], gr.DownloadButton]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What stays of a photo between two moves of a slider."""

    name: str
    photo: NDArray[np.uint8]
    """``(h, w, 3)`` RGB."""
    alpha: NDArray[np.uint8]
    """``(h, w)``, as the network has it."""


def look(mask_of: Mask, path: str) -> Seen:
    """Find the mask of an uploaded file.

    Raises:
        gradio.Error: If it is no photo; the page shows its text.
    """
    file = Path(path)
    try:
        require_photo(file)
        return Seen(file.stem, read_image(file), mask_of(file))
    except ValueError as error:  # of a file that is no photo, too
        # without the folder of the server
        raise gr.Error(str(error).replace(str(file), file.name), duration=None) from error


def still_wanted(path: str | None, seen: Seen | None) -> Seen | None:
    """Return what was seen, if the page still has that file: visitors do not wait for networks."""
    return seen if path and seen and Path(path).stem == seen.name else None


def show(
    seen: Seen | None, threshold: float, softness: float, ground: str, own: bool, *, cache: str
) -> Shown | tuple[None, None, gr.DownloadButton]:
    """Return photo and cut-out, the mask, and the button with the file.

    Args:
        seen: None, if there is no photo: `nothing`.
        threshold: See `train.demo_pictures.adjusted`.
        softness: See there.
        ground: One of `GROUNDS`.
        own: Whether soft edges take the object's own colours.
        cache: Folder of the file.
    """
    if seen is None:
        return nothing()
    alpha = adjusted(seen.alpha, threshold, softness)
    colours = foreground_colours(seen.photo, alpha) if own else seen.photo
    # where gradio serves files from, and deletes them
    file = save_bytes_to_cache(png(colours, alpha), f"{seen.name}.png", cache)
    small = preview(alpha)
    cut_out = on_ground(preview(colours), small, GROUNDS[ground])
    return (preview(seen.photo), cut_out), small, gr.DownloadButton(value=file, interactive=True)


def nothing() -> tuple[None, None, gr.DownloadButton]:
    """Return what the page shows without a photo."""
    return None, None, gr.DownloadButton(value=None, interactive=False)
