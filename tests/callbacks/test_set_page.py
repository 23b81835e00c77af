import html
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import which
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from callbacks.contact_sheet import contact_sheet
from callbacks.generation_summary import finish_set, summary
from callbacks.label_overlay import label_colour
from callbacks.set_contents import kept_pairs
from callbacks.set_page import PAGE, write_set_page
from callbacks.set_page_sheets import TILE
from callbacks.set_records import read_set
from datamodules.sample import MaskKind, Sample
from datamodules.shard_index import rejected_later
from datamodules.shards import DONE, SHARDS
from tests.datamodules.generated_sets import toy_set

BROWSER = which("chromium") or which("chromium-browser") or which("google-chrome")


def write(folder: Path) -> Path:
    found = read_set(folder)
    write_set_page(found, summary(found), progress=False)
    return folder / PAGE


def known(folder: Path) -> dict[str, list[list[int]]]:
    text = (folder / PAGE).with_name("pairs.js").read_text()
    content: dict[str, list[list[int]]] = json.loads(text[len("const SET = ") :].rstrip(";\n"))
    return content


def half(sample: Sample, height: int, width: int) -> Sample:
    """A red photo whose left half is the object."""
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    image[0] = 255
    mask = torch.zeros(height, width, dtype=torch.uint8)
    mask[:, : width // 2] = 255
    return replace(sample, image=image, mask=mask)


def test_page_knows_all_pairs_and_tells_the_cost(tmp_path: Path) -> None:
    ids = toy_set(tmp_path)
    (tmp_path / "rejected_by_hand.txt").write_text(f"{ids[0]}\n")
    (tmp_path / "rejected_duplicates.txt").write_text(f"{ids[1]}\trepeats a pair\tx\n")
    page = write(tmp_path).read_text()
    found = known(tmp_path)
    assert [pair[0] for pair in found["pairs"]] == ids
    assert found["byHand"] == [ids[0]]
    assert found["fixed"] == {ids[1]: "rejected_duplicates: repeats a pair"}
    assert "80.0 %" in page
    assert "blankness: 0.5 of it is blank" in page
    assert "rejected_duplicates: repeats a pair" in page
    # three shards of 3.5 s for four pairs, and what encoding took
    assert re.search(r"<dd>2\.6\d s", page)
    assert "0.75 s" in page


@pytest.mark.parametrize(("height", "width"), [(20, 40), (400, 100), (1, 1)])
def test_sheet_holds_photo_and_mask_in_their_proportions(
    tmp_path: Path, height: int, width: int
) -> None:
    toy_set(tmp_path, made=partial(half, height=height, width=width))
    write(tmp_path)
    found = known(tmp_path)
    assert sum(rows for _, rows in found["sheets"]) == len(found["pairs"])
    for _, sheet, row, tall, wide, *_ in found["pairs"]:
        name, rows = found["sheets"][sheet]
        pixels = cv2.imread(str(tmp_path / "page" / "sheets" / str(name)))
        assert pixels is not None
        assert pixels.shape == (rows * TILE, 2 * TILE, 3)
        assert max(tall, wide) == TILE
        assert tall / wide == pytest.approx(height / width, rel=0.02)
        photo = pixels[row * TILE :][:tall, :wide].astype(int)
        mask = pixels[row * TILE :][:tall, TILE : TILE + wide].astype(int)
        assert np.median(photo, axis=(0, 1)) == pytest.approx([0, 0, 255], abs=4)
        assert mask.mean() == pytest.approx(255 * (width // 2) / width, abs=3)


def test_pictures_that_stand_are_not_drawn_again_and_stale_ones_go(tmp_path: Path) -> None:
    toy_set(tmp_path)
    write(tmp_path)
    sheets = tmp_path / "page" / "sheets"
    before = {path.name: path.stat().st_mtime_ns for path in sheets.iterdir()}
    (sheets / "stale.jpg").write_text("")
    write(tmp_path)
    assert before == {path.name: path.stat().st_mtime_ns for path in sheets.iterdir()}


def test_several_processes_may_write_the_page_at_once(tmp_path: Path) -> None:
    toy_set(tmp_path)
    sheets = write(tmp_path).parent / "sheets"
    for number in range(300):
        (sheets / f"stale{number}.jpg").write_text("")
    with ThreadPoolExecutor(max_workers=3) as pool:
        list(pool.map(write, [tmp_path] * 3))
    assert len(list(sheets.iterdir())) == 3


def test_reasons_that_differ_in_numbers_are_counted_under_the_first(tmp_path: Path) -> None:
    toy_set(tmp_path, last=1)
    (done,) = tmp_path.rglob(DONE)
    record = json.loads(done.read_text())
    record["rejected"] = [
        {"id": "a", "filter": "topology", "reason": "2 holes more, 1 allowed"},
        {"id": "b", "filter": "topology", "reason": "4 holes more, 1 allowed"},
        {"id": "c", "filter": "topology", "reason": "it is empty"},
    ]
    done.write_text(json.dumps(record))
    assert summary(read_set(tmp_path))["rejections"] == {
        "topology, such as: 2 holes more, 1 allowed": 2,
        "topology: it is empty": 1,
    }


def test_rate_of_one_shard_counts_from_the_beginning_of_its_process(tmp_path: Path) -> None:
    toy_set(tmp_path, last=1)
    (done,) = tmp_path.rglob(DONE)
    record = json.loads(done.read_text())
    record |= {"begun": "2026-01-01T00:00:00+00:00", "published": "2026-01-01T00:00:04+00:00"}
    done.write_text(json.dumps(record))
    assert "<dt>Rate</dt><dd>0.25<" in write(tmp_path).read_text()


def test_records_are_read_once(tmp_path: Path) -> None:
    ids = toy_set(tmp_path)
    found = read_set(tmp_path)
    for path in tmp_path.rglob(DONE):
        path.unlink()
    figures = summary(found)
    assert figures["num_pairs"] == len(kept_pairs(found)) == len(ids)
    assert contact_sheet(found) is not None
    write_set_page(found, figures, progress=False)
    assert [pair[0] for pair in known(tmp_path)["pairs"]] == ids


def test_what_is_no_shard_is_named_where_a_run_ends(tmp_path: Path) -> None:
    toy_set(tmp_path)
    (tmp_path / SHARDS / "notes.txt").write_text("mine")
    with pytest.raises((OSError, ValueError)) as refusal:
        finish_set(tmp_path)
    assert str(tmp_path / SHARDS / "notes.txt") in str(refusal.value)
    assert "written" not in str(refusal.value)


def test_run_leaves_its_page(tmp_path: Path) -> None:
    toy_set(tmp_path)
    finish_set(tmp_path)
    assert (tmp_path / PAGE).is_file()


def test_set_without_pairs_has_no_page(tmp_path: Path) -> None:
    toy_set(tmp_path, last=0)
    with pytest.raises(ValueError, match="nothing to show"):
        write(tmp_path)


PRESSES = """
<script>
const stage = sessionStorage.getItem("stage") || "first";
const press = (key) => document.dispatchEvent(new KeyboardEvent("keydown", { key }));
if (stage === "first") {
  sessionStorage.setItem("stage", "second");
  press("x");                     // pair 0, taken back below
  press("ArrowRight"); press("x"); // pair 1 stands on another list
  press("ArrowDown"); press("x");  // 13
  press("ArrowLeft"); press("ArrowLeft"); press("x"); // 11, on the first screen again
  press("ArrowUp"); press("x");    // 0
  location.reload();
} else {
  const screen = [...document.querySelectorAll(".pair.rejected span")].map((e) => e.textContent);
  document.body.dataset.result = JSON.stringify(
    { list: list(), screen, place: cursor, button: at("download").textContent });
}
</script>
"""


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_keys_page_and_reject_and_a_reload_forgets_nothing(tmp_path: Path) -> None:
    ids = toy_set(tmp_path / "set", number=20)
    (tmp_path / "set" / "rejected_duplicates.txt").write_text(f"{ids[1]}\trepeats a pair\n")
    (tmp_path / "set" / "rejected_by_hand.txt").write_text(f"{ids[5]}\n")
    page = write(tmp_path / "set")
    page.write_text(page.read_text().replace("</body>", f"{PRESSES}</body>"))
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic")
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync")
    own = (f"--user-data-dir={tmp_path / 'user'}", "--virtual-time-budget=5000", "--dump-dom")
    command = [str(BROWSER), *flags, *quiet, *own, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    match = re.search(r'data-result="([^"]*)"', done.stdout)
    assert match is not None, done.stdout[-2000:]
    result = json.loads(html.unescape(match[1]))
    mine = [ids[5], ids[11], ids[13]]
    assert result["place"] == 0
    assert result["button"] == "Download list (3)"
    assert result["screen"] == [ids[1], ids[5], ids[11]]
    (tmp_path / "set" / "rejected_by_hand.txt").write_text(result["list"])
    assert rejected_later(tmp_path / "set") == {ids[1], *mine}


def test_counterfactual_and_its_difference_stand_beside_photo_and_mask(tmp_path: Path) -> None:
    def pair(sample: Sample) -> Sample:
        image = torch.full((3, 6, 8), 150, dtype=torch.uint8)
        mask = torch.full((6, 8), 200, dtype=torch.uint8)
        return replace(sample, image=image, mask=mask, counterfactual=image - 110)

    toy_set(tmp_path, made=pair)
    page = write(tmp_path).read_text()
    assert "below them the counterfactual" in page
    name, rows = known(tmp_path)["sheets"][0]
    pixels = cv2.imread(str(tmp_path / "page" / "sheets" / str(name)))
    assert pixels is not None
    assert pixels.shape == (rows * TILE, 4 * TILE, 3)
    levels = [int(pixels[20, column * TILE + 20, 0]) for column in range(4)]
    assert levels == pytest.approx([150, 200, 40, 110], abs=3)


def test_labels_have_the_colours_that_stand_beside_their_names(tmp_path: Path) -> None:
    def scene(sample: Sample) -> Sample:
        mask = torch.tensor([[0, 1, 2, 255]], dtype=torch.uint8).repeat_interleave(2, 1)
        names = ("background", "bed", "fan")
        mask = mask.expand(6, 8).contiguous()
        return replace(sample, mask=mask, mask_kind=MaskKind.LABELS, class_names=names)

    toy_set(tmp_path, made=scene)
    page = write(tmp_path).read_text()
    assert "Photo, labels, labels over photo" in page
    content: dict[str, Any] = known(tmp_path)
    assert content["hasLabels"]
    assert content["pairs"][0][6] == ["bed", "fan"]
    assert content["colours"] == [f"rgb{label_colour(1)}", f"rgb{label_colour(2)}"]
    pixels = cv2.imread(str(tmp_path / "page" / "sheets" / content["sheets"][0][0]))
    assert pixels is not None
    wanted = [(0, 0, 0), label_colour(1), label_colour(2), (0, 0, 0)]
    for number, colour in enumerate(wanted):
        found = pixels[20, TILE + 26 + 52 * number, ::-1]
        assert found.tolist() == pytest.approx(colour, abs=12)  # JPEG halves the colours' size
