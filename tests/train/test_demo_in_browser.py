"""The demo's page as a visitor has it: in a browser, by mouse and keys."""

import base64
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from datamodules.decode import read_image
from tests.train.browser import BROWSER, Tab, opened
from tests.train.demo_toys import rotated_photo, served, trained
from train.cut_out import CutOut
from train.demo_pictures import adjusted, on_ground

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs chromium"),
    pytest.mark.skipif(find_spec("gradio") is None, reason="gradio is an extra"),
]
INPUT = "#photo input[type=file]"
CUT_OUT = "document.querySelectorAll('#pictures img')[1]"
SOURCE = f"({CUT_OUT} || {{}}).src"
CAN_DOWNLOAD = "document.querySelector('#download:enabled')"
CANNOT_DOWNLOAD = "document.querySelector('#download:disabled')"
CLEAR = "#photo button[aria-label=Clear]"
AT_WORK = "#pictures [data-testid=status-tracker]:not(.hide)"
RANGE = "input[type=range]"  # the first is that of the threshold


class Visit(NamedTuple):
    """The page, and what it shall show."""

    tab: Tab
    photo: NDArray[np.uint8]
    alpha: NDArray[np.uint8]

    def expected(self) -> NDArray[np.uint8]:
        """Return the cut-out at the threshold that the page shows in figures."""
        threshold = float(self.tab.evaluate(f"document.querySelector('{RANGE}').value"))
        return on_ground(self.photo, adjusted(self.alpha, threshold, 1), None)

    def shown(self) -> NDArray[np.uint8]:
        """Return the pixels of the cut-out that the browser draws."""
        text = self.tab.evaluate(f"""(async () => {{
            const image = {CUT_OUT};
            await image.decode();
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            canvas.getContext("2d").drawImage(image, 0, 0);
            return canvas.toDataURL("image/png");
        }})()""")
        content = np.frombuffer(base64.b64decode(text.split(",")[1]), np.uint8)
        return cv2.imdecode(content, cv2.IMREAD_COLOR_RGB)  # type: ignore[return-value]

    def wait_for_change(self, before: str) -> None:
        self.tab.until(f"{SOURCE} && {SOURCE} !== {json.dumps(before)}")


@pytest.fixture(scope="module")
def checkpoint(tiny_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("trained"), tiny_set)


@pytest.fixture(scope="module")
def address(checkpoint: Path) -> Iterator[str]:
    with served(checkpoint) as found:
        yield found


@pytest.fixture
def tab(address: str, tmp_path: Path) -> Iterator[Tab]:
    """The page before a photo is chosen."""
    with opened(tmp_path) as found:
        found.open(address)
        found.until(f"document.querySelector('{INPUT}')")
        yield found


@pytest.fixture
def visit(tab: Tab, checkpoint: Path, tmp_path: Path) -> Visit:
    """The page after its first cut-out."""
    photo = rotated_photo(tmp_path / "photos")
    tab.choose_file(INPUT, photo)
    tab.until(SOURCE)
    return Visit(tab, read_image(photo), CutOut(checkpoint)(photo))


def test_cut_out_follows_the_slider_and_is_saved_as_it_is_shown(visit: Visit) -> None:
    first = visit.shown()
    assert np.array_equal(first, visit.expected())
    before = visit.tab.evaluate(SOURCE)
    visit.tab.click(RANGE, across=0.7)
    visit.wait_for_change(before)
    second = visit.shown()
    assert np.array_equal(second, visit.expected())
    assert not np.array_equal(first, second)
    visit.tab.until(CAN_DOWNLOAD)
    file = visit.tab.download(lambda: visit.tab.click("#download"))
    assert file.name == "a chair.png"
    pixels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    assert pixels.shape == (*visit.photo.shape[:2], 4)
    saved = cv2.cvtColor(pixels[..., :3], cv2.COLOR_BGR2RGB)
    assert np.array_equal(on_ground(saved, pixels[..., 3], None), second)  # type: ignore[arg-type]


def test_page_asks_no_other_server(visit: Visit, address: str) -> None:
    urls = [urlsplit(url) for url in visit.tab.urls()]
    asked = {url.netloc for url in urls if url.scheme not in ("data", "blob")}
    assert asked == {urlsplit(address).netloc}


def test_keys_move_the_slider_as_the_mouse_does(visit: Visit) -> None:
    before = visit.tab.evaluate(SOURCE)
    visit.tab.evaluate(f"document.querySelector('{RANGE}').focus()")
    visit.tab.press("ArrowRight", 39)
    visit.wait_for_change(before)
    assert np.array_equal(visit.shown(), visit.expected())


def test_file_that_is_no_photo_is_told_and_the_next_one_is_cut_out(
    tab: Tab, checkpoint: Path, tmp_path: Path
) -> None:
    tab.until(CANNOT_DOWNLOAD)
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    tab.choose_file(INPUT, tmp_path / "broken.jpg")
    tab.until("document.body.innerText.includes('broken.jpg: no image, or broken')")
    tab.until(CANNOT_DOWNLOAD)
    tab.click(CLEAR)
    tab.until(f"document.querySelector('{INPUT}')")
    photo = rotated_photo(tmp_path / "photos")
    tab.choose_file(INPUT, photo)
    tab.until(f"{SOURCE} && {CAN_DOWNLOAD}")
    visit = Visit(tab, read_image(photo), CutOut(checkpoint)(photo))
    assert np.array_equal(visit.shown(), visit.expected())


def test_page_tells_that_the_network_is_at_work(tab: Tab, tmp_path: Path) -> None:
    with tab.holding("*/queue/join*"):  # a network that takes its time
        tab.choose_file(INPUT, rotated_photo(tmp_path / "photos"))
        tab.until(f"document.querySelector('{AT_WORK}')")
        assert tab.evaluate(SOURCE) is None
    tab.until(f"{SOURCE} && !document.querySelector('{AT_WORK}')")


def test_photo_that_is_taken_back_while_the_network_works_is_not_shown(
    tab: Tab, tmp_path: Path
) -> None:
    with tab.holding("*/queue/join*"):
        tab.choose_file(INPUT, rotated_photo(tmp_path / "photos"))
        tab.until(f"document.querySelector('{AT_WORK}')")
        tab.click(CLEAR)
        tab.until(f"document.querySelector('{INPUT}')")
    # the photo, its removal, whether the photo is still wanted, what to show of it
    asked = "performance.getEntriesByType('resource').filter((e) => e.name.includes('queue/join'))"
    tab.until(f"{asked}.length === 4 && !document.querySelector('{AT_WORK}')")
    assert tab.evaluate(SOURCE) is None
    tab.until(CANNOT_DOWNLOAD)
