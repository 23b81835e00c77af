"""The page of the demo: a photo in, its cut-out beside it, sliders for the mask, a file out."""

import os
from collections.abc import Callable
from functools import partial

import gradio as gr
from gradio.components import Component

from train.demo_answers import GROUNDS, Mask, look, nothing, show, still_wanted

_KEPT = 3600  # seconds that a visitor's pictures and files stay
_MOST_BYTES = "50mb"  # of a file
_MOST_VISITORS = 20  # whose photos are kept in memory, some hundred megabytes each
# gradio's sliders tell of their release by the mouse alone
_KEYS_RELEASE = """() => document.addEventListener("keyup", (event) => {
  const moves = /^(Arrow|Page|Home|End)/.test(event.key) && event.target.type === "range";
  if (moves) event.target.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
})"""


def demo_page(mask_of: Mask, title: str) -> gr.Blocks:
    """Return the page; it loads nothing from elsewhere and tells nobody of its use.

    Args:
        mask_of: From a file to its mask, ``(h, w)`` uint8, upright.
        title: What was loaded.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read again at several places
    with gr.Blocks(analytics_enabled=False, title="Cut out", delete_cache=(_KEPT, _KEPT)) as page:
        gr.Markdown(f"# Cut out\n{title}. Photos stay on the machine that serves this page.")
        seen = gr.State(time_to_live=_KEPT)  # a photo and its mask are a hundred megabytes
        with gr.Row():
            with gr.Column(scale=1):
                file = gr.File(label="Photo", file_types=["image"], height=140, elem_id="photo")
                controls = _controls()
                # grey until there is something to download
                download = gr.DownloadButton(
                    "Download the cut-out (PNG)",
                    variant="primary",
                    interactive=False,
                    elem_id="download",
                )
            with gr.Column(scale=2):
                pictures = _pictures()
        shows = partial(show, cache=download.GRADIO_CACHE)
        chosen, shown = [seen, *controls], [*pictures, download]
        looked = file.upload(
            partial(look, mask_of),
            file,
            seen,
            api_name="look",
            show_progress_on=pictures[0],  # `seen` is invisible, and a network takes its time
        )
        wanted = looked.success(still_wanted, [file, seen], seen, api_visibility="private")
        wanted.success(shows, chosen, shown, api_name="show")
        file.clear(lambda: (None, *nothing()), None, [seen, *shown], api_visibility="private")
        for control in controls:
            # a slider that is dragged would ask for a file at every step
            change = control.release if isinstance(control, gr.Slider) else control.input
            change(shows, chosen, shown, api_visibility="private")
        page.load(None, js=_KEYS_RELEASE, api_visibility="private")
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


def _controls() -> list[gr.Slider | gr.Dropdown | gr.Checkbox]:
    """Return what a visitor can choose, in the order of `show`."""
    return [
        gr.Slider(0.05, 0.95, 0.5, step=0.05, label="Threshold: less keeps more"),
        gr.Slider(0, 1, 1, step=0.05, label="Softness of the border"),
        gr.Dropdown(
            list(GROUNDS),
            value="transparent",
            label="Background",
            info="For looking only: the file stays transparent.",
        ),
        gr.Checkbox(
            label="The object's own colours at soft edges",
            info="The first time on a machine takes a minute.",
        ),
    ]


def _pictures() -> list[Component]:
    # PNG, for the edges are what one looks at. No button to share: that sends the picture to a hub.
    # None to download: what is shown may be smaller than the photo
    return [
        gr.ImageSlider(
            label="Photo and cut-out",
            format="png",
            elem_id="pictures",
            interactive=False,
            buttons=["fullscreen"],
        ),
        gr.Image(
            label="Mask", format="png", elem_id="mask", interactive=False, buttons=["fullscreen"]
        ),
    ]
