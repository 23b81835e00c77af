"""The page of the demo: a photo in, its cut-out beside it, sliders for the mask, a file out."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
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
_KEPT = 3600  # seconds that a visitor's pictures and files stay
_MOST_BYTES = "50mb"  # of a file
_MOST_VISITORS = 20  # whose photos are kept in memory, some hundred megabytes each
Mask = Callable[[Path], NDArray[np.uint8]]
Pictures = tuple[tuple[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.uint8], str]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What stays of a photo between two moves of a slider."""

    name: str
    photo: NDArray[np.uint8]
    """``(h, w, 3)`` RGB."""
    alpha: NDArray[np.uint8]
    """``(h, w)``, as the network has it."""


def demo_page(mask_of: Mask, title: str) -> gr.Blocks:
    """Return the page; it loads nothing from elsewhere and tells nobody of its use.

    Args:
        mask_of: From a file to its mask, ``(h, w)`` uint8, upright.
        title: What was loaded.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read again at several places
    with gr.Blocks(analytics_enabled=False, title="Cut out", delete_cache=(_KEPT, _KEPT)) as page:
        gr.Markdown(f"# Cut out\n{title}")
        seen = gr.State(time_to_live=_KEPT)  # a photo and its mask are a hundred megabytes
        with gr.Row():
            with gr.Column(scale=1):
                file = gr.File(label="Photo", file_types=["image"], height=140, elem_id="photo")
                threshold = gr.Slider(
                    0.05, 0.95, 0.5, step=0.05, label="Threshold: less keeps more"
                )
                softness = gr.Slider(0, 1, 1, step=0.05, label="Softness of the border")
                ground = gr.Dropdown(list(GROUNDS), value="transparent", label="Ground")
                own = gr.Checkbox(
                    label="The object's own colours at soft edges",
                    info="The first time on a machine takes a minute.",
                )
                download = gr.DownloadButton("Download the cut-out (PNG)", elem_id="download")
            with gr.Column(scale=2):
                # PNG, for the edges are what one looks at. No button to share: that sends the
                # picture to a hub. None to download: what is shown may be smaller than the photo
                slider = gr.ImageSlider(
                    label="Photo and cut-out",
                    format="png",
                    elem_id="pictures",
                    interactive=False,
                    buttons=["fullscreen"],
                )
                mask = gr.Image(
                    label="Mask",
                    format="png",
                    elem_id="mask",
                    interactive=False,
                    buttons=["fullscreen"],
                )
        show = partial(_show, cache=download.GRADIO_CACHE)
        chosen, shown = [seen, threshold, softness, ground, own], [slider, mask, download]
        looked = file.upload(partial(_look, mask_of), file, seen, api_name="look")
        looked.success(show, chosen, shown, api_name="show")
        file.clear(lambda: (None, None, None, None), None, [seen, *shown], api_visibility="private")
        for change in (threshold.release, softness.release, ground.input, own.input):
            change(show, chosen, shown, api_visibility="private")
    return page


def serve(page: gr.Blocks, host: str, port: int, *, ready: Callable[[str], None]) -> None:
    """Serve a page until it is interrupted.

    Args:
        page: See `demo_page`.
        host: Address to listen at.
        port: The one port that is tried.
        ready: Is told where the page is.

    Raises:
        OSError: If the port is taken.
    """
    # fonts of the system: those of gradio's own themes are asked for at fonts.googleapis.com
    theme = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["monospace"])
    try:
        page.launch(
            server_name=host,
            server_port=port,
            theme=theme,
            quiet=True,
            share=False,
            footer_links=[],
            prevent_thread_lock=True,
            show_error=True,
            max_file_size=_MOST_BYTES,
            state_session_capacity=_MOST_VISITORS,
        )
    except OSError as error:
        raise OSError(f"no page at {host}:{port}, the port may be taken: give --port") from error
    ready(f"the demo is at http://{host}:{port}, Ctrl-C ends it")
    page.block_thread()


def _look(mask_of: Mask, path: str) -> Seen:
    """Find the mask of an uploaded file."""
    file = Path(path)
    try:
        require_photo(file)
        return Seen(file.stem, read_image(file), mask_of(file))
    except ValueError as error:  # of a file that is no photo, too
        # without the folder of the server
        raise gr.Error(str(error).replace(str(file), file.name), duration=None) from error


def _show(
    seen: Seen | None, threshold: float, softness: float, ground: str, own: bool, *, cache: str
) -> Pictures | tuple[None, None, None]:
    """Return photo and cut-out, the mask, and the file."""
    if seen is None:
        return None, None, None
    alpha = adjusted(seen.alpha, threshold, softness)
    colours = foreground_colours(seen.photo, alpha) if own else seen.photo
    # where gradio serves files from, and deletes them
    file = save_bytes_to_cache(png(colours, alpha), f"{seen.name}.png", cache)
    small = preview(alpha)
    cut_out = on_ground(preview(colours), small, GROUNDS[ground])
    return (preview(seen.photo), cut_out), small, file
