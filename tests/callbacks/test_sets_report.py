"""The page about sets, and the numbers beside it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer

from callbacks.sets_html import SetsContent, SetsPictures, diversity_rows, drift_rows, page
from callbacks.sets_measures import MEASURES, cell, verdict
from callbacks.sets_plots import TRAITS as DRAWN
from callbacks.sets_plots import Trait, drift_pictures, plane_picture, trait_picture
from callbacks.sets_report import SetsReport, numbers
from callbacks.thumbnails import decode
from datamodules.pair_sets import PairSets
from metrics.feature_scores import Plane, Recipe, compare_features
from metrics.mask_traits import TRAITS
from metrics.set_comparison import SetComparison
from metrics.synthetic import DescribedSet, score_set


def described(num: int, seed: int) -> DescribedSet:
    generator = torch.Generator().manual_seed(seed)
    return DescribedSet(
        features={
            kind: torch.randn(num, 4, generator=generator) + seed for kind in ("images", "masks")
        },
        traits=torch.rand(num, len(TRAITS), generator=generator).double(),
        class_names=[("fan", "<b>")[place % 2] for place in range(num)],
        groups=[("shape", "view", "odd")[min(2, place % 7)] for place in range(num)],
    )


@pytest.fixture(scope="module")
def content() -> SetsContent:
    sets = {"people": described(24, 0), "ours & co": described(20, 1), "theirs": described(12, 2)}
    real, *others = sets.values()
    recipe = Recipe(num_kernel_draws=3, num_draws=2, umap_images=0)
    names = list(sets)[1:]
    return SetsContent(
        described=sets,
        qualities={n: score_set(real, s, recipe) for n, s in zip(names, others, strict=True)},
        extractor="Pyramid",
        extractor_hash="0123456789abcdef",
        origins={"people": "here"},
        facts={"commit": "unknown"},
    )


def comparison(matched: float, floor: float, spread: float) -> SetComparison:
    value, mean, std = (torch.tensor(n, dtype=torch.float64) for n in (matched, floor, spread))
    return SetComparison(value, value, std, mean, std, 24, 20, 12, 2)


@pytest.mark.parametrize(
    ("matched", "higher_is_closer", "expected"),
    [
        (5.0, False, "apart"),
        (5.0, True, "closer"),
        (1.9, False, ""),
        (1.0, True, ""),
        (-3.0, True, "apart"),
    ],
)
def test_only_what_is_outside_the_band_of_the_floor_is_judged(
    matched: float, higher_is_closer: bool, expected: str
) -> None:
    found = comparison(matched, floor=1.0, spread=0.5)
    assert verdict(found, higher_is_closer=higher_is_closer) == expected


def test_a_floor_without_spread_judges_what_differs_from_it() -> None:
    assert verdict(comparison(1, 1, 0), higher_is_closer=True) == ""
    assert verdict(comparison(0.9, 1, 0), higher_is_closer=True) == "apart"


def test_cell_has_value_floor_and_ratio() -> None:
    kid = MEASURES[0]
    shown = cell(kid, comparison(0.02, 0.001, 0.0005), comparison(0.04, 0.02, 0.001))
    assert (shown.value, shown.floor, shown.ratio) == ("20.00", "1.00 \xb1 0.50", "2.00")


def test_every_measure_has_a_row(content: SetsContent) -> None:
    real = content.described["people"].features["images"]
    recipe = Recipe(num_kernel_draws=2, num_draws=2)
    found = compare_features(real, real + 1, recipe)
    assert {m.key for m in MEASURES} | {"kid_biased"} == {*found, "umap_mixing"}
    assert [trait.key for trait in DRAWN] == list(TRAITS)


def test_page_shows_all_sets_groups_and_classes_and_escapes_them(content: SetsContent) -> None:
    html = page(content, SetsPictures(planes={"images": [], "masks": []}, drift=[], examples={}))
    assert "ours &amp; co" in html
    assert "&lt;b&gt;" in html
    assert "<b>\n" not in html
    for text in (
        "Kinds of edit",
        "shape (",
        "view (",
        "Drift",
        "FID",
        "coverage",
        "0123456789abcdef",
    ):
        assert text in html
    assert "http" not in html


def test_numbers_are_json_without_nan(content: SetsContent) -> None:
    found = json.loads(json.dumps(numbers(content), allow_nan=False))
    ours = found["sets"]["ours & co"]
    assert ours["num_images"] == 20
    assert ours["images"]["fid"]["size"] == 12
    assert ours["masks"]["cmmd"]["ratio"] > 0
    assert ours["drift"]["class"]["value"] == pytest.approx(0)
    assert set(ours["groups"]) == {"odd"}
    assert ours["too_small"] == {"shape": 3, "view": 3}


def test_only_distances_whose_floor_is_above_0_have_a_ratio(content: SetsContent) -> None:
    ours = json.loads(json.dumps(numbers(content)))["sets"]["ours & co"]
    for scores in (ours, *ours["groups"].values()):
        for kind in ("images", "masks"):
            with_ratio = {name for name, found in scores[kind].items() if "ratio" in found}
            assert with_ratio == {"kid_biased", "cmmd", "fid"}
        assert not any("ratio" in found for found in scores["drift"].values())


def test_rows_have_a_cell_for_each_set(content: SetsContent) -> None:
    rows = drift_rows([quality.whole for quality in content.qualities.values()])
    assert [row.title for row in rows][:2] == ["Class", "Area"]
    assert all(len(row.cells) == 2 for row in rows)
    classes = diversity_rows(content)
    assert [row.name for row in classes] == ["<b>", "fan"]
    assert [num for num, _ in classes[0].cells] == [10, 6]


@pytest.mark.slow  # nine pictures in two themes
def test_class_is_drawn_where_there_are_several(content: SetsContent) -> None:
    sets = dict(list(content.described.items())[:2])
    assert len(drift_pictures(sets)) == 1 + len(TRAITS)


@pytest.mark.parametrize("trait", [DRAWN[3], DRAWN[5]])
def test_trait_is_drawn_in_both_themes_also_where_it_never_varies(trait: Trait) -> None:
    values = {"real": np.full(9, 3.0), "empty": np.zeros(0)}
    picture = trait_picture(trait, values)
    light, dark = decode(picture.light), decode(picture.dark)
    assert light.shape == dark.shape
    assert light.mean() > 200 > 60 > dark.mean()


def test_plane_is_drawn() -> None:
    places = torch.randn(9, 2, generator=torch.Generator().manual_seed(0))
    plane = Plane(real=places, generated=places + 1, places=torch.arange(9))
    first, second = (decode(plane_picture(plane, "a$b$", n).light) for n in (0, 1))
    assert first.shape == second.shape
    assert np.any(first != second)  # each set has its colour


class NoScores(LightningModule):
    def test_step(self, batch: object, batch_idx: int) -> None: ...


def test_a_module_that_scores_nothing_is_refused(tiny_set: Path) -> None:
    folder = str(tiny_set / "DIS-TR")
    trainer = Trainer(accelerator="cpu", logger=False, callbacks=[SetsReport()])
    with pytest.raises(ValueError, match=r"PairSetQuality and .* got NoScores"):
        trainer.test(NoScores(), PairSets({"real": folder, "b": folder}))
