"""A photo through the page of the demo, over HTTP, as a browser would send it."""

import json
import socket
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import cv2
import httpx
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.train.demo_toys import demo, rotated_photo, served, trained
from tests.train.launchers import ROOT
from train.cli import main as train
from train.cut_out import CutOut
from train.demo import main

pytestmark = pytest.mark.slow  # runs of their own, and a server
needs_gradio = pytest.mark.skipif(
    find_spec("gradio") is None, reason="gradio is an extra: pip install gradio"
)


@pytest.fixture(scope="module")
def checkpoint(tiny_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("trained"), tiny_set)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return rotated_photo(tmp_path / "photos")


def predicted(checkpoint: Path, photos: Path, output: Path, *flags: str) -> NDArray[np.uint8]:
    train(
        [
            *("predict", "--config", str(ROOT / "configs/dis/predict.yaml"), *flags),
            *("--ckpt_path", str(checkpoint), "--data.root", str(photos)),
            *("--data.num_workers", "0", "--trainer.default_root_dir", str(output)),
            *("--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"),
        ]
    )
    return np.array(Image.open(output / "predictions" / "cutouts" / "a chair.png"))


def test_mask_is_that_of_predict(checkpoint: Path, photo: Path, tmp_path: Path) -> None:
    whole = predicted(checkpoint, photo.parent, tmp_path / "whole")
    assert np.array_equal(CutOut(checkpoint)(photo), whole[..., 3])
    tiled = predicted(checkpoint, photo.parent, tmp_path / "tiled", "--data.finer", "2")
    assert np.array_equal(CutOut(checkpoint, finer=2)(photo), tiled[..., 3])


@pytest.fixture(scope="module")
def page(checkpoint: Path) -> Iterator[httpx.Client]:
    """A visitor of the page."""
    with served(checkpoint) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


def answer(page: httpx.Client, name: str, session: str, *data: object) -> tuple[str, list]:  # type: ignore[type-arg]
    """Return the last event of a call, and what came with it."""
    body = {"data": data, "session_hash": session}
    event = page.post(f"/gradio_api/call/{name}", json=body).json()["event_id"]
    lines = page.get(f"/gradio_api/call/{name}/{event}").text.strip().splitlines()
    return lines[-2].removeprefix("event: "), json.loads(lines[-1].removeprefix("data: "))


def uploaded(page: httpx.Client, path: Path) -> dict[str, object]:
    files = {"files": (path.name, path.read_bytes())}
    (place,) = page.post("/gradio_api/upload", files=files).json()
    return {"path": place, "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


@needs_gradio
def test_upload_gives_the_upright_cutout_to_download(
    page: httpx.Client, checkpoint: Path, photo: Path, tmp_path: Path
) -> None:
    session = uuid4().hex
    event, _ = answer(page, "look", session, uploaded(page, photo))
    assert event == "complete"
    event, found = answer(page, "show", session, 0.5, 1, "white", False)
    assert event == "complete"
    slider, mask, button = found
    file = button["value"]
    assert file["path"].endswith("/a chair.png")
    sizes = []
    for part in (*slider, mask, file):
        content = page.get(part["url"]).content
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        sizes.append(pixels.shape[:2])
    assert sizes == [(70, 50)] * 4
    cutout = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA)
    assert np.array_equal(cutout, predicted(checkpoint, photo.parent, tmp_path))


@needs_gradio
def test_file_that_is_no_photo_is_one_line_without_the_servers_folders(
    page: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    event, found = answer(page, "look", uuid4().hex, uploaded(page, tmp_path / "broken.jpg"))
    assert event == "error"
    assert "broken.jpg: no image, or broken from the start" in str(found)
    assert str(Path(sys.prefix)) not in str(found)


@needs_gradio
def test_small_file_of_very_many_pixels_is_one_line(page: httpx.Client, tmp_path: Path) -> None:
    Image.new("1", (12_000, 12_000)).save(tmp_path / "huge.png")
    assert (tmp_path / "huge.png").stat().st_size < 1e6
    event, found = answer(page, "look", uuid4().hex, uploaded(page, tmp_path / "huge.png"))
    assert event == "error"
    assert "huge.png: 12000 x 12000 are more than 100 million pixels" in str(found)


@needs_gradio
def test_file_above_50_megabytes_is_refused(page: httpx.Client) -> None:
    files = {"files": ("large.jpg", bytes(51 * 2**20))}
    assert page.post("/gradio_api/upload", files=files).status_code == 413


@needs_gradio
def test_page_names_the_checkpoint_without_the_servers_folders(
    page: httpx.Client, checkpoint: Path
) -> None:
    text = page.get("/").text
    assert checkpoint.name in text
    assert str(checkpoint.parent) not in text


@needs_gradio
def test_page_asks_for_nothing_from_elsewhere(page: httpx.Client) -> None:
    """Neither fonts nor scripts: examples inside the description of the API are but text."""
    text = page.get("/").text
    for word in ("fonts.googleapis", "fonts.gstatic", "cdnjs", "jsdelivr", "unpkg"):
        assert word not in text


@needs_gradio
def test_taken_port_is_one_line(checkpoint: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = demo(checkpoint, port)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 2
    assert said == f"error: no page at 127.0.0.1:{port}, the port may be taken: give --port\n"


def test_missing_checkpoint_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "checkpoints" / "none.ckpt"
    with pytest.raises(SystemExit) as leaving:
        main(["--ckpt_path", str(path)])
    assert leaving.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"no checkpoint at {path}" in line


@needs_gradio
def test_error_of_several_lines_is_told_whole_in_one(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content["hyper_parameters"]["net"] = {"class_path": "networks.none.Net"}
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(SystemExit):
        main(["--ckpt_path", str(tmp_path / "other.ckpt")])
    (line,) = capsys.readouterr().err.splitlines()
    assert "networks.none" in line
