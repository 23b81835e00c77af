"""What a person sees of a report."""

import re
from pathlib import Path

import pytest

from tests.callbacks.report_runs import (
    Guess,
    IncompleteBlobs,
    MasksAlone,
    run,
    run_beside_another,
    run_without_check,
)

pytestmark = pytest.mark.filterwarnings("ignore:The 'test_dataloader' does not have many workers")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Guess]:
    return run_beside_another(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    return run_without_check(tmp_path_factory.mktemp("plain"))


def test_the_page_loads_nothing_and_runs_no_script(finished: tuple[Path, Guess]) -> None:
    page = (finished[0] / "index.html").read_text()
    sources = re.findall(r"(?:src|srcset|href)\s*=\s*\"([^\"]{0,20})", page)
    assert sources
    assert all(source.startswith(("data:image/", "#")) for source in sources)
    assert not re.search(r"<script|<link|@import|url\(", page)


def test_every_line_of_the_contents_leads_to_a_section(finished: tuple[Path, Guess]) -> None:
    page = (finished[0] / "index.html").read_text()
    listed = re.findall(r'href="#([^"]+)"', page)
    assert listed == re.findall(r'<h2 id="([^"]+)"', page)
    assert listed[0] == "result"
    assert listed.index("examples") < listed.index("curves")


def test_headline_numbers_have_an_interval_and_columns_without_a_best_a_reason(
    finished: tuple[Path, Guess],
) -> None:
    page = (finished[0] / "index.html").read_text()
    assert page.count('class="interval"') == 6
    assert "the ends themselves mean little" in page
    assert "compare in weighted F and HCE." in page


def test_the_page_escapes_ids_and_shows_findings(finished: tuple[Path, Guess]) -> None:
    page = (finished[0] / "index.html").read_text()
    for text in ("TE2/&lt;i&gt;&amp;", "TE1/3#Chair#7", "x&amp;y", "nothing above 128"):
        assert text in page
    assert "<i>" not in page


@pytest.mark.slow
def test_masks_without_photos_are_reported_all_the_same(tmp_path: Path) -> None:
    run(tmp_path, MasksAlone(("one",)))
    page = (tmp_path / "report" / "index.html").read_text()
    assert 'alt="error"' in page
    assert 'alt="photo"' not in page


def test_the_result_is_printed_with_the_path(plain: tuple[Path, str]) -> None:
    report, printed = plain
    assert str(report / "index.html") in printed
    assert "centre prior" in printed


def test_the_six_numbers_of_the_literature_are_printed(plain: tuple[Path, str]) -> None:
    titles = ("max F", "weighted F", "MAE", "S", "mean E", "HCE")
    heading = next(line for line in plain[1].splitlines() if "MAE" in line)
    places = [heading.index(title) for title in titles]
    assert places == sorted(places)


@pytest.mark.slow
def test_images_that_were_left_out_are_counted_under_the_title(tmp_path: Path) -> None:
    run(tmp_path, IncompleteBlobs(("TE1/a", "TE1/b")))
    page = (tmp_path / "report" / "index.html").read_text()
    (below_title,) = re.findall(r"<h1>.*?</header>", page, re.DOTALL)
    assert "3 of 5 left out: 1 missing, 2 unreadable." in below_title


def test_nothing_is_said_to_be_left_out_where_nothing_is(finished: tuple[Path, Guess]) -> None:
    assert "left out" not in (finished[0] / "index.html").read_text()


def test_pictures_of_a_few_pixels_are_enlarged(finished: tuple[Path, Guess]) -> None:
    page = (finished[0] / "index.html").read_text()
    assert '<div class="pictures small">' in page  # these truths are 30 to 71 pixels wide
    assert re.search(r"\.small img \{[^}]*min-width: \d+px;[^}]*pixelated", page)
