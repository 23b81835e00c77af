"""Scores by the shape of the truth, and the spread of single images."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr

from callbacks.report_content import Row, build_content
from callbacks.report_drawings import draw_plots
from callbacks.report_histograms import click_edges, score_edges
from callbacks.report_shapes import MIN_IMAGES, relations, summary
from callbacks.thumbnails import decode, thumbnails
from metrics.measures import OF_THE_SET, PIXELWISE
from metrics.scores import ImageScores, image_scores
from metrics.shape import Shape


def row(place: int, mean_f: float, *, holes: int = 0, width: float = 1.0) -> Row:
    curve = torch.full((256,), mean_f, dtype=torch.float64)
    names = ("precision", "recall", "f", "e", "iou", "dice")
    return Row(
        id=f"{place:04}",
        subset="",
        class_name="",
        size=(8, 8),
        scores=ImageScores(
            values={
                **dict.fromkeys(PIXELWISE - OF_THE_SET.keys(), mean_f),
                "hce": float(holes),
            },
            curves=dict.fromkeys(names, curve),
            found=torch.ones(2, 256, dtype=torch.int64),
            shape=Shape(
                area_share=0.25,
                components=1,
                holes=holes,
                strut_width=width,
                thin_strut_width=width,
                isoperimetric=2.0,
                num_contours=1 + holes,
                num_dominant_points=4,
            ),
        ),
        priors={},
    )


@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.floats(0, 1, allow_subnormal=False)),
        min_size=MIN_IMAGES,
        max_size=60,
    )
)
@pytest.mark.slow
def test_groups_hold_every_image_once_in_order(pairs: list[tuple[int, float]]) -> None:
    rows = [row(place, f, holes=holes) for place, (holes, f) in enumerate(pairs)]
    found = relations(rows)
    holes, f = np.array(pairs).T
    if holes.min() == holes.max():
        assert not found
        return
    (relation,) = found  # all else is the same for all images
    groups = relation.groups
    assert 2 <= len(groups) <= 4
    assert sum(group.num_images for group in groups) == len(pairs)
    assert all(a.high < b.low for a, b in pairwise(groups))
    for group in groups:
        inside = f[(holes >= group.low) & (holes <= group.high)]
        assert len(inside) == group.num_images > 0
        assert group.mean == pytest.approx(inside.mean())
        assert group.quartiles[1] == pytest.approx(np.median(inside))


def test_rank_correlation_is_that_of_scipy() -> None:
    random = np.random.default_rng(0)
    holes, f = random.integers(0, 5, 40), random.integers(0, 10, 40) / 10
    (relation,) = relations([row(i, f[i], holes=int(holes[i])) for i in range(40)])
    assert relation.rank_correlation == pytest.approx(spearmanr(holes, f).statistic)


def test_unrelated_scores_are_said_to_be_so() -> None:
    random = np.random.default_rng(1)
    found = relations([row(i, random.uniform(), holes=i % 7) for i in range(200)])
    assert "chance" in summary(found)


def test_the_strongest_relation_is_told_with_its_numbers() -> None:
    random = np.random.default_rng(1)
    rows = [row(i, 1 - i / 100, width=1 + i, holes=int(random.integers(9))) for i in range(100)]
    told = summary(relations(rows))
    assert "strut width" in told
    assert "0.880" in told  # the mean of 1 - i / 100 over the first 25
    assert "-1.00 over 100 images" in told


def test_images_without_struts_are_left_out_of_that_relation_alone() -> None:
    rows = [row(i, i / 20, holes=i, width=math.nan if i < 2 else i) for i in range(20)]
    numbers = {relation.aspect.key: relation.num_images for relation in relations(rows)}
    assert numbers == {"holes": 20, "strut_width": 18}


def test_few_images_or_none_measured_give_no_relation() -> None:
    few = [row(i, 0.5, holes=i) for i in range(MIN_IMAGES - 1)]
    assert relations(few) == []
    truth = torch.zeros(8, 8, dtype=torch.uint8)
    plain = image_scores(truth, truth, None, measures=PIXELWISE)
    assert relations([Row(**{**_fields(r), "scores": plain}) for r in few * 2]) == []


def _fields(of: Row) -> dict[str, object]:
    return {name: getattr(of, name) for name in Row.__slots__}


@given(st.lists(st.floats(0, 1.001, allow_subnormal=False), min_size=1, max_size=20))
def test_bins_hold_every_score(values: list[float]) -> None:
    _holds_all(score_edges(np.array(values)), np.array(values))


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=20))
def test_bins_hold_every_count_of_clicks(clicks: list[int]) -> None:
    _holds_all(click_edges(np.array(clicks, np.float64)), np.array(clicks, np.float64))


def _holds_all(edges: NDArray[np.float64], values: NDArray[np.float64]) -> None:
    assert (np.diff(edges) > 0).all()
    assert np.histogram(values, edges)[0].sum() == len(values)


@pytest.mark.slow
def test_histograms_and_shapes_are_drawn_in_both_themes() -> None:
    plane = torch.zeros(4, 4, dtype=torch.uint8)
    pictures = thumbnails(torch.zeros(3, 0, 0), plane, plane, None)
    rows = [row(i, i / 12, holes=i) for i in range(12)]
    plots = draw_plots(
        build_content(
            rows,
            title="run",
            beside={},
            pictures={r.id: pictures for r in rows},
            num_examples=1,
            problems=None,
            facts={},
        )
    )
    assert [plot.name for plot in plots.histograms] == [
        "histogram_mean_f",
        "histogram_mae",
        "histogram_s",
        "histogram_mean_e",
        "histogram_hce",
    ]
    assert [plot.name for plot in plots.shapes] == ["mean_f_by_holes"]
    for plot in plots.all():
        light, dark = decode(plot.light), decode(plot.dark)
        assert light.shape == dark.shape
        assert light[0, 0].min() == 255
        assert dark[0, 0].max() < 64
