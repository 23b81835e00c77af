import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import diffusion_edits
from benchmarks.diffusion_edit_methods import img2img, matched, steps_of, there_and_back
from benchmarks.diffusion_masks import Masks, binary, is_holed, kept, photographed
from generation.diffusion.latent_model import LatentModel
from tests.generation.tiny_latent_models import write_sd


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sd(tmp_path_factory.mktemp("models") / "tiny-masks")


@pytest.fixture(scope="module")
def model(folder: Path) -> LatentModel:
    return LatentModel.load(str(folder))


def ring(shift: int = 0, hole: bool = True) -> torch.Tensor:
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, 6 + shift : 22 + shift] = 1
    if hole:
        mask[..., 12:20, 10 + shift : 18 + shift] = 0
    return mask


def masks(count: int) -> Masks:
    seen = torch.cat([ring(number) for number in range(count)])
    return Masks(seen, ["table"] * count, [*range(count)], [*range(count)])


def test_moved_mask_keeps_all_but_its_place() -> None:
    found = kept(ring(), ring(shift=3))
    assert found["iou"][0] > 0.97
    assert found["parts_kept"] == found["holes_kept"] == found["topology_kept"] == [1.0]


def test_filled_hole_is_a_hole_lost_and_no_part() -> None:
    found = kept(ring(), ring(hole=False))
    assert found["parts_kept"] == [1.0]
    assert found["holes_kept"] == found["topology_kept"] == [0.0]
    assert (found["parts_off"], found["holes_off"]) == ([0.0], [1.0])
    # 16 x 16 and the same without 8 x 8
    assert found["iou"][0] == pytest.approx(0.75, abs=0.03)


def test_empty_edit_keeps_nothing() -> None:
    found = kept(ring(), torch.zeros(1, 1, 32, 32))
    assert [values[0] for values in found.values()] == [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]


def test_holes_are_seen_at_the_models_size() -> None:
    assert is_holed(torch.cat([ring(), ring(hole=False)])).tolist() == [True, False]


def test_enlarged_masks_have_the_area_of_the_small_ones() -> None:
    assert binary(ring(hole=False))[0].mean() == pytest.approx(0.25, abs=0.005)


def test_masks_of_a_folder_fill_the_square(tmp_path: Path) -> None:
    mask = np.zeros((90, 120), np.uint8)
    mask[20:50, 60:110] = 255
    (tmp_path / "DIS-VD" / "gt").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "DIS-VD" / "gt" / "one.png"), mask)
    found = photographed(tmp_path, 5, 32)
    rows, columns = np.nonzero(found.seen[0, 0].numpy() >= 0.5)
    # the square's side is 50 / .75
    assert np.ptp(columns) + 1 == pytest.approx(0.75 * 32, abs=1)
    assert np.ptp(rows) + 1 == pytest.approx(0.45 * 32, abs=1)


def test_frames_of_a_video_are_one_unit(tmp_path: Path) -> None:
    folder = tmp_path / "DIS-VD" / "gt"
    folder.mkdir(parents=True)
    mask = np.full((20, 20), 255, np.uint8)
    for name in ("davis_cow_00000", "davis_cow_00005", "davis_dog_00000", "chair"):
        cv2.imwrite(str(folder / f"1#A#1#B#{name}.png"), mask)
    assert photographed(tmp_path, 4, 32).units == [0, 1, 1, 2]


def test_folder_without_masks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no masks"):
        photographed(tmp_path, 5, 32)


@given(strength=st.floats(0, 1), num_steps=st.integers(1, 50))
def test_each_mask_goes_its_strength_rounded(strength: float, num_steps: int) -> None:
    for count in steps_of(strength, range(5), num_steps):
        assert 0 <= count <= num_steps
        assert abs(count - strength * num_steps) <= 1


def test_masks_go_as_many_steps_as_the_strength_says_on_average() -> None:
    steps = steps_of(0.33, range(4000), 10)
    assert set(steps) == {3, 4}
    assert np.mean(steps) == pytest.approx(3.3, abs=0.03)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: 1 - x,
        lambda x: (1 - x) ** 2,
        lambda x: 1 - x**4,
        lambda x: 1 / (1 + 9 * x),
        lambda x: 1 - 0.3 * x,
    ],
)
@pytest.mark.parametrize("target", [0.97, 0.75])
def test_knob_is_found_where_a_falling_function_has_the_value(
    change: Callable[[float], float], target: float
) -> None:
    asked: list[float] = []

    def counted(knob: float) -> float:
        asked.append(knob)
        return change(knob)

    knob = matched(counted, target, tolerance=0.003)
    assert abs(change(knob) - target) <= 0.003
    assert asked[-1] == knob
    assert len(asked) <= 10


def test_function_that_never_falls_so_far_is_taken_to_its_end() -> None:
    assert matched(lambda x: 1 - 0.1 * x, 0.5, tolerance=0.003) == 1


def test_img2img_without_noise_is_the_mask(model: LatentModel) -> None:
    some = masks(3)
    made = img2img(model, some, ["a"] * 3, strength=0, num_steps=4, guidance=3)
    assert torch.equal(made, some.seen)


def test_img2img_is_the_same_alone_and_among_others(model: LatentModel) -> None:
    some = masks(3)
    prompts = ["a b", "c", "d e f"]
    together = img2img(model, some, prompts, strength=0.6, num_steps=4, guidance=3)
    for place in range(3):
        own = Masks(some.seen[[place]], ["table"], [place], [0])
        alone = img2img(model, own, [prompts[place]], strength=0.6, num_steps=4, guidance=3)
        torch.testing.assert_close(together[[place]], alone, atol=1e-5, rtol=0)


def test_more_refinements_come_nearer_to_the_mask(model: LatentModel) -> None:
    some = masks(2)
    with torch.no_grad():
        copy = (model.decode(model.encode(some.seen * 2 - 1)) / 2 + 0.5).clamp(0, 1)
    far = [
        (there_and_back(model, some, num_steps=3, num_refinements=again) - copy).abs().mean()
        for again in (0, 2)
    ]
    assert far[1] < far[0]


@pytest.mark.slow
def test_study_goes_on_where_it_stopped(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(diffusion_edits, "INVERTED", [(2, 0), (2, 1)])
    rows = tmp_path / "rows.jsonl"
    given = ["", "--model", str(folder), "--rows", str(rows), "--masks", "4", "--few", "2"]
    command = [*given, "--steps", "4", "--guidance", "3"]
    monkeypatch.setattr("sys.argv", command)
    diffusion_edits.main()
    first = rows.read_text()
    parts = [json.loads(line)["part"] for line in first.splitlines()]
    assert parts == ["inversion"] * 2 + ["masactrl", "img2img"] + ["sweep"] * 9
    assert "MasaCtrl - img2img, all (4)" in capsys.readouterr().out
    diffusion_edits.main()
    assert rows.read_text() == first
    monkeypatch.setattr("sys.argv", [*command, "--sheet", str(tmp_path / "sheet.jpg")])
    diffusion_edits.main()
    assert (tmp_path / "sheet.jpg").stat().st_size > 1000
