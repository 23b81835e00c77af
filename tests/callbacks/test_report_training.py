"""What a report says of the fit in the same folder."""

import json
import re
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from callbacks.gallery import (
    FOLDER,
    PICTURES,
    Gallery,
    GalleryPair,
    NotMade,
    gallery_json,
    picture_name,
)
from callbacks.pool_facts import PoolFacts
from tests.callbacks.report_runs import Blobs, run

pytestmark = pytest.mark.filterwarnings("ignore:The 'test_dataloader' does not have many workers")

PAIR = GalleryPair(
    slot=3,
    source="TR/<chair>",
    made="TR/<chair>~view-00~warp-11",
    steps=("view", "warp"),
    others=("TR/table",),
    components=(1, 1),
    holes=(4, 3),
    iou=0.625,
)


BROKEN_POOL = json.dumps(
    {
        "data_stall": 0.1,
        "seconds": 1,
        "seconds_to_first_batch": 1,
        "num_batches": 1,
        "pools": [{"echo": 1}],
    }
)


def write_timing(root: Path, share: float) -> None:
    timing = {
        "data_stall": share,
        "seconds": 1234.5,
        "seconds_waited": 1234.5 * share,
        "seconds_to_first_batch": 2.25,
        "num_batches": 5678,
    }
    (root / "timing.json").write_text(json.dumps(timing))


def write_gallery(root: Path, *pairs: GalleryPair, not_made: tuple[NotMade, ...] = ()) -> None:
    folder = root / FOLDER
    folder.mkdir()
    gallery = Gallery(
        pairs=pairs, not_made=not_made, num_tried=9, seconds=1.0, out_of_time=bool(not_made)
    )
    (folder / "gallery.json").write_bytes(gallery_json(gallery))
    for place in range(len(pairs)):
        for picture in PICTURES:
            path = folder / picture_name(place, picture)
            assert cv2.imwrite(str(path), np.zeros((160, 120, 3), np.uint8))


def page_of(root: Path) -> str:
    run(root, Blobs(("one",)))
    return " ".join((root / "report/index.html").read_text().split())


@pytest.mark.slow
def test_page_says_nothing_of_a_fit_that_left_nothing(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    for word in ('id="training"', 'id="synthesis"', '"#training"', '"#synthesis"', "waited"):
        assert word not in page


@pytest.mark.slow
def test_run_without_a_mixture_shows_its_data_stall_alone(tmp_path: Path) -> None:
    write_timing(tmp_path, 0.032)
    page = page_of(tmp_path)
    assert "waited 3.2 % of 1,234 s for its 5,678 batches" in page
    assert "the first one took 2.2 s." in page
    assert "That is much" not in page
    assert "synthetic pair" not in page  # "synthetic" may stand in the command, which is shown
    assert "What was synthesised" not in page
    assert page.index('href="#training"') < page.index('id="training"')


@pytest.mark.slow
def test_pool_shows_what_it_was_asked_for_and_what_it_had(tmp_path: Path) -> None:
    write_timing(tmp_path, 0.001)
    path = tmp_path / "timing.json"
    facts = PoolFacts(
        root="sets/warp",
        num_asked=2000,
        num_had=500,
        share_asked=0.5,
        share_had=0.125,
        num_pairs=96,
        num_drawn=80,
        mean_echo=6.25,
        max_echo=8,
        sizes=((0, 0), (16, 64), (48, 96)),
    )
    path.write_text(json.dumps({**json.loads(path.read_text()), "pools": [asdict(facts)]}))
    page = page_of(tmp_path)
    assert "<code>sets/warp</code> was asked for 2,000 of the samples (50.0 %)" in page
    assert "had 500 of them (12.5 %)" in page
    assert "It grew from 0 to 96 pairs, of which 80 were drawn, 6.2 times each" in page
    assert "and 8 at most" in page


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a fit that left everything."""
    root = tmp_path_factory.mktemp("full")
    write_timing(root, 0.05)
    counts = {"num_samples": 4000, "num_synthetic": 1000, "num_failed": 26}
    (root / "synthesis.json").write_text(json.dumps(counts))
    rows = [f"{batch},TR/p{batch:02d},no {batch % 2}" for batch in range(24)]
    for rank, extra in enumerate(("30,TR/p05,no 1", "31,TR/p05,no 1")):
        lines = ["batch,id,reason", *rows[rank::2], extra, ""]
        (root / f"synthesis_failures.{rank}.csv").write_text("\n".join(lines))
    write_gallery(root, PAIR, not_made=(NotMade(slot=1, source="TR/lamp", reason="all gone"),))
    return page_of(root)


def test_much_waiting_has_its_cure(full: str) -> None:
    assert "waited 5.0 %" in full
    assert "data.num_workers" in full


def test_share_and_failures_are_counted_and_the_list_is_cut(full: str) -> None:
    assert "Of 4,000 training samples 1,000 (25.0 %) were drawn as synthetic pairs" in full
    assert "26 of these could not be made" in full
    table = full[full.index("Training pair") :].partition("</table>")[0]
    listed = re.findall(r"<th scope=\"row\">(.*?)</th><td>(.*?)</td><td.*?>(\d+)</td>", table)
    assert len(listed) == 20
    assert listed[0] == ("TR/p05", "no 1", "3")
    assert listed[1] == ("TR/p00", "no 0", "1")
    assert "The 20 most frequent of 24 are listed" in full
    assert "<code>synthesis_failures.0.csv</code>, <code>synthesis_failures.1.csv</code>" in full


def test_gallery_is_shown_with_what_changed(full: str) -> None:
    section = full[full.index('id="synthesis"') :]
    assert "TR/&lt;chair&gt;" in section
    assert "another view; the photo&#39;s own pixels moved to fit; new background" in section
    assert "parts 1 &rarr; 1" in section
    assert 'holes 4 <span class="warn">&rarr; 3</span>' in section
    assert "IoU 0.62" in section
    assert "background, that of TR/table" in section
    alts = re.findall(r'alt="([^"]+)"', section)
    assert alts == ["photo", "mask", "edited mask", "edited photo", "graph", "edited graph"]


def test_gallery_names_what_could_not_be_made(full: str) -> None:
    section = full[full.index('id="synthesis"') :]
    assert "1 of 9 could not be made: TR/lamp (all gone)." in section
    assert "time ran out" in section


@pytest.mark.slow
def test_gallery_of_failures_alone_names_them(tmp_path: Path) -> None:
    write_gallery(tmp_path, not_made=(NotMade(slot=1, source="TR/lamp", reason="empty"),))
    page = page_of(tmp_path)
    assert "TR/lamp (empty)" in page
    assert 'class="pictures six"' not in page
    assert 'id="training"' not in page


@pytest.mark.parametrize("text", ["{", "[]", '{"data_stall": "much"}', BROKEN_POOL])
def test_broken_file_of_a_fit_is_an_error_before_the_test(text: str, tmp_path: Path) -> None:
    (tmp_path / "timing.json").write_text(text)
    with pytest.raises(ValueError, match=r"timing\.json is not what a fit leaves .* remove it"):
        run(tmp_path, Blobs(("one",)))


def test_missing_picture_is_an_error_with_a_cure(tmp_path: Path) -> None:
    write_gallery(tmp_path, PAIR)
    (tmp_path / FOLDER / picture_name(0, "graph")).unlink()
    with pytest.raises(ValueError, match=r"01_graph\.png is missing: remove"):
        run(tmp_path, Blobs(("one",)))
