"""What the page sets beside a result: unions, published rows, formats."""

from statistics import mean

import numpy as np
import pytest
import torch

from callbacks.published import TE_SUBSETS, TE_UNION, differing_subsets, published_tables
from callbacks.report_content import Content, Row, build_content
from callbacks.report_definitions import DEFINITIONS, USERS_OF_VARIANTS
from callbacks.report_drawings import Plots
from callbacks.report_html import page
from callbacks.report_measures import further, literature, number
from callbacks.thumbnails import thumbnails
from metrics.measures import MEASURES, PIXELWISE, VARIANTS
from metrics.scores import ImageScores, image_scores
from metrics.set_scores import set_scores

BY_KEY = {measure.key: measure for measure in MEASURES}
COUNTS = {"DIS-VD": 470, **dict.fromkeys(TE_SUBSETS, 500), TE_UNION: 2000}
NO_PLOTS = Plots(curves=[], histograms=[], shapes=[], shape_summary="")


def scores(seed: int) -> ImageScores:
    noise = torch.Generator().manual_seed(seed)
    truth = torch.zeros(12, 16, dtype=torch.uint8)
    truth[3:9, 4:12] = 255
    prediction = torch.randint(0, 256, (12, 16), dtype=torch.uint8, generator=noise)
    return image_scores(prediction // 2 + truth // 2, truth, None, measures=PIXELWISE)


def content(counts: dict[str, int], **options: bool) -> Content:
    """Return a report of so many images per subset; all images of a subset score alike."""
    plane = torch.zeros(4, 4, dtype=torch.uint8)
    pictures = thumbnails(torch.zeros(3, 0, 0), plane, plane, None)
    rows = []
    for seed, (subset, count) in enumerate(counts.items()):
        same = scores(seed)
        rows += [
            Row(
                id=f"{subset}/{place:04}",
                subset=subset,
                class_name="",
                size=(12, 16),
                scores=same,
                priors={"centre prior": same},
            )
            for place in range(count)
        ]
    return build_content(
        sorted(rows, key=lambda row: row.id),
        title="run",
        beside={},
        pictures={row.id: pictures for row in rows},
        num_examples=1,
        problems=None,
        facts={"finished": "now"},
        **options,
    )


def test_published_means_over_the_four_subsets_agree_with_their_parts() -> None:
    tables = {table.subset: table for table in published_tables(COUNTS)}
    checked = 0
    for row in tables[TE_UNION].rows:
        for key, value in row.values.items():
            parts = [
                part.values[key]
                for subset in TE_SUBSETS
                for part in tables[subset].rows
                if part.name == row.name and key in part.values
            ]
            if len(parts) == len(TE_SUBSETS):
                # papers round both; no subset outweighs another
                assert mean(parts) == pytest.approx(value, abs=0.0021 if value < 1 else 1)
                checked += 1
    assert checked > 40


def test_published_values_are_of_our_measures_and_in_their_range() -> None:
    for table in published_tables(COUNTS):
        assert [row.year for row in table.rows] == sorted(row.year for row in table.rows)
        for row in table.rows:
            assert row.sources
            assert row.values.keys() <= BY_KEY.keys()
            assert all((0 < v < 1) == (key != "hce") for key, v in row.values.items())


def test_an_impossible_published_number_is_left_out_and_the_reason_given() -> None:
    (union,) = published_tables({TE_UNION: 2000})
    row = next(row for row in union.rows if row.name == "FP-DIS")
    assert "mae" not in row.values
    assert "cannot be the mean" in " ".join(row.notes)


def test_only_whole_sets_of_dis5k_stand_beside_published_numbers() -> None:
    counts = {"all": 550, "DIS-VD": 470, "DIS-TE1": 80}
    assert [table.subset for table in published_tables(counts)] == ["DIS-VD"]
    assert differing_subsets(counts) == {"DIS-TE1": 500}


def test_union_is_the_mean_over_the_images_of_the_four_subsets() -> None:
    made = content(dict(zip((*TE_SUBSETS, "DIS-VD"), (1, 2, 3, 4, 5), strict=True)))
    expected = set_scores([s for seed in range(4) for s in [scores(seed)] * (seed + 1)])
    assert made.unions[TE_UNION].num_images == 10
    assert made.unions[TE_UNION].values() == expected.values()
    assert made.contenders[0].values[TE_UNION] == expected.values()
    assert TE_UNION not in made.scores


def test_three_of_the_four_subsets_make_no_union() -> None:
    assert content(dict.fromkeys(TE_SUBSETS[:3], 1)).unions == {}


def test_page_shows_published_rows_beside_the_own_one() -> None:
    made = content(dict.fromkeys(TE_SUBSETS, 500))
    html = page(made, NO_PLOTS)
    assert html.count("BiRefNet (Swin-L)") == 5
    assert f"{TE_UNION}, 2,000 images" in html
    assert "arXiv 2605.05077" in html
    assert f"{made.contenders[0].values[TE_UNION]['mae']:.3f}" in html


def test_a_network_that_was_told_where_objects_are_has_no_published_rows_beside_it() -> None:
    assert content({"DIS-VD": 470}).published
    assert not content({"DIS-VD": 470}, is_prompted=True).published


def test_page_says_why_a_set_of_another_size_has_no_published_rows() -> None:
    html = page(content({"DIS-TE1": 2, "mine": 1}), NO_PLOTS)
    assert "DIS-TE1 here has 2 images, that of DIS5K has 500" in html
    assert "BiRefNet" not in html


def test_a_run_of_pixelwise_measures_has_only_their_columns() -> None:
    html = page(content({"a": 2, "b": 1}), NO_PLOTS)
    for title in ("weighted F", "HCE", "mBA"):
        assert f">{title}&nbsp;" not in html
        assert f'<th scope="row">{title}</th>' not in html
    assert ">max F&nbsp;" in html


def test_page_warns_where_a_prior_is_as_good() -> None:
    assert "The centre prior scores as high or higher in max F" in page(content({"a": 1}), NO_PLOTS)


def test_masks_without_photos_show_three_pictures() -> None:
    html = page(content({"a": 1}), NO_PLOTS)
    assert 'alt="photo"' not in html
    assert html.count('alt="error"') == 1


def test_other_definitions_are_shown_when_asked_for() -> None:
    made = content({"a": 2}, variants=True)
    assert made.variants is not None
    assert "BinaryPrecisionRecallCurve" in page(made, NO_PLOTS)
    assert f"{made.variants['all']['mean_of_max_f']:.3f}" in page(made, NO_PLOTS)
    assert "Other definitions" not in page(content({"a": 2}), NO_PLOTS)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("hce", 1016.4, "1,016"),
        ("hce", 63.14, "63.1"),
        ("hce", 7.0, "7"),
        ("mae", 0.0705, "0.070"),
        ("max_f", 1.0, "1.000"),
        ("s", None, "\N{EN DASH}"),
        ("s", float("nan"), "\N{EN DASH}"),
    ],
)
def test_numbers_are_written_as_papers_do(key: str, value: float | None, expected: str) -> None:
    assert number(BY_KEY[key], value) == expected


def test_every_measure_is_shown_once_and_defined() -> None:
    shown = [m.key for m in (*literature(BY_KEY), *further(BY_KEY))]
    assert sorted(shown) == sorted(BY_KEY)
    assert list(DEFINITIONS) == list(BY_KEY)
    assert list(USERS_OF_VARIANTS) == [variant.key for variant in VARIANTS]


def test_published_rows_without_a_number_keep_their_place() -> None:
    html = page(content({"DIS-VD": 470}), NO_PLOTS)
    row = html[html.index("PDFNet") :]
    cells = row[: row.index("</tr>")]
    assert cells.count("\N{EN DASH}") == 3  # MAE, S, mean E; weighted F and HCE are not measured
    assert np.isclose(float(cells.split('class="number">')[2][:5]), 0.915)
