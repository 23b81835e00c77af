import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import diffusion_painter, diffusion_segmenter
from benchmarks.diffusion_pairs import ALL_THREE, ARMS, Arm, Pairs, load, reduced, save, scenes
from datamodules.sample import MaskKind, Provenance, Sample
from tests.generation.tiny_pipelines import save_sd15


def bright_boxes(count: int, size: int = 32) -> Pairs:
    """Bright boxes on dark noise, and where they are."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 80, (count, 3, size, size)).astype(np.uint8)
    masks = np.zeros((count, size, size), np.uint8)
    for image, mask in zip(images, masks, strict=True):
        top, left = generator.integers(2, size // 2, 2)
        image[:, top : top + 12, left : left + 12] += 150
        mask[top : top + 12, left : left + 12] = 255
    return Pairs(torch.from_numpy(images), torch.from_numpy(masks))


def sample(mask: torch.Tensor) -> Sample:
    return Sample(
        id="a",
        image=mask.expand(3, -1, -1).clone(),
        mask=mask,
        mask_kind=MaskKind.ALPHA,
        class_names=("table",),
        provenance=Provenance(source="test"),
    )


def test_arms_are_all_combinations_but_the_empty_one() -> None:
    assert len(set(ARMS)) == 7
    assert Arm(False, False, False) not in ARMS
    assert ALL_THREE.name == "mask+canny+prompt"


def test_arms_that_are_compared_are_trained_on() -> None:
    compared = {name for pair in diffusion_painter.AGAINST.items() for name in (pair[0], *pair[1])}
    assert compared == {*diffusion_painter.arm_names()}


def test_reduced_pair_covers_as_much_and_image_follows_mask() -> None:
    mask = torch.zeros(48, 48, dtype=torch.uint8)
    mask[7:31, 10:35] = 255
    found = reduced(sample(mask), 24)
    assert torch.equal(found.image[0], found.mask)
    assert found.mask.float().mean() == pytest.approx(255 * 24 * 25 / 48**2, rel=0.02)


def test_scenes_have_the_size_and_an_object() -> None:
    found = scenes("train", 500_000, 2, 24)
    assert [each.image.shape for each in found] == [(3, 24, 24)] * 2
    assert all(each.mask.max() > 128 for each in found)


def test_pairs_come_back_from_their_file(tmp_path: Path) -> None:
    pairs = bright_boxes(3)
    save(tmp_path / "sets" / "a.npz", pairs)
    found = load(tmp_path / "sets" / "a.npz")
    assert torch.equal(found.images, pairs.images)
    assert torch.equal(found.masks, pairs.masks)


def test_scores_come_back_from_their_file(tmp_path: Path) -> None:
    net = diffusion_segmenter.untrained(0).eval()
    scores = diffusion_segmenter.scored(net, bright_boxes(2))
    diffusion_segmenter.save(tmp_path / "a.npz", scores)
    found = diffusion_segmenter.load(tmp_path / "a.npz")
    assert found.values.keys() == scores.values.keys()
    np.testing.assert_array_equal(found.curves["max_f"], scores.curves["max_f"])
    assert found.curves["max_f"].shape == (2, 256)


@pytest.mark.slow
def test_segmenter_is_a_function_of_its_seed() -> None:
    pairs = bright_boxes(2)
    first, again = (diffusion_segmenter.trained(pairs, seed=3, num_steps=1) for _ in range(2))
    other = diffusion_segmenter.untrained(4)
    weights = [next(net.parameters()) for net in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.slow
def test_segmenter_learns_what_is_to_be_seen() -> None:
    net = diffusion_segmenter.trained(bright_boxes(32), seed=0, num_steps=80)
    assert diffusion_segmenter.scored(net, bright_boxes(40)).values["iou"].mean() > 0.9


@pytest.mark.slow
def test_study_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base = save_sd15(tmp_path)
    for name, own in (("canny", "controlnet_canny"), ("seg", "controlnet_mask")):
        (tmp_path / f"sd15-{name}").rename(base / own)
    rows = tmp_path / "rows.jsonl"
    given = ["", "--model", str(base), "--rows", str(rows), "--work", str(tmp_path / "work")]
    command = [*given, "--pairs", "4", "--tested", "3", "--paint-steps", "2"]
    command += ["--train-steps", "2", "--seeds", "1", "--size", "32"]
    command += ["--judge-pairs", "4", "--judge-steps", "2"]
    monkeypatch.setattr("sys.argv", command)
    diffusion_painter.main()
    first = rows.read_text()
    parts = [json.loads(line)["part"] for line in first.splitlines()]
    assert parts.count("agreement") == 8
    assert parts.count("segmenter") == 11
    assert parts.count("segmenter difference") == 6 * 2 + 3
    assert "filtered" in capsys.readouterr().out
    diffusion_painter.main()
    assert rows.read_text() == first
    monkeypatch.setattr("sys.argv", [*command, "--sheet", str(tmp_path / "sheet.jpg")])
    diffusion_painter.main()
    assert (tmp_path / "sheet.jpg").stat().st_size > 1000
