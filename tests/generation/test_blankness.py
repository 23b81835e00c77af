import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from datamodules.sample import MaskKind, Provenance, Sample
from generation.filters.blankness import Blankness
from generation.filters.topology import KeptTopology


def sample(image: torch.Tensor, mask: torch.Tensor, kind: MaskKind = MaskKind.ALPHA) -> Sample:
    return Sample(
        id="a",
        image=image,
        mask=mask,
        mask_kind=kind,
        class_names=("background", "thing"),
        provenance=Provenance(source="test"),
    )


def noise(height: int = 20, width: int = 10) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=random)


def half(height: int = 20, width: int = 10) -> torch.Tensor:
    mask = torch.zeros(height, width, dtype=torch.uint8)
    mask[: height // 2] = 255
    return mask


def reason(pair: Sample) -> str:
    found = Blankness()(pair)
    return "" if found is None else found.reason


def test_ordinary_pair_is_kept_with_its_measures() -> None:
    judgement = Blankness().judge(sample(noise(), half()))
    assert judgement.rejection is None
    assert judgement.scores["object_share"] == 0.5


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_flat_image_is_rejected_whatever_its_colour(red: int, green: int, blue: int) -> None:
    colour = torch.tensor([red, green, blue], dtype=torch.uint8)
    assert "grey levels deviate by 0.0" in reason(
        sample(colour[:, None, None].expand(3, 20, 10), half())
    )


def test_deviation_is_that_of_two_levels() -> None:
    image = half().expand(3, 20, 10).clone() // 255 * 100
    found = Blankness().judge(sample(image, half()))
    assert found.scores["grey_deviation"] == pytest.approx(50)


@pytest.mark.parametrize(("value", "word"), [(0, "less"), (255, "more"), (127, "less")])
def test_empty_and_full_masks_are_rejected(value: int, word: str) -> None:
    assert f"{word} than" in reason(sample(noise(), torch.full((20, 10), value, dtype=torch.uint8)))


def test_void_of_labels_is_no_object() -> None:
    labels = half() // 255
    labels[-5:] = 255
    judgement = Blankness().judge(sample(noise(), labels, MaskKind.LABELS))
    assert judgement.scores["object_share"] == 0.5


def test_limits_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="ascending"):
        Blankness(min_object=0.5, max_object=0.4)
    with pytest.raises(ValueError, match="max_parts_off -1"):
        KeptTopology(max_parts_off=-1)


def ring(*, holes: int) -> Sample:
    mask = torch.full((64, 64), 255, dtype=torch.uint8)
    mask[:4] = mask[-4:] = mask[:, :4] = mask[:, -4:] = 0
    for number in range(holes):
        mask[12:24, 8 + 18 * number : 20 + 18 * number] = 0
    return sample(noise(64, 64), mask)


def test_topology_is_kept_within_its_limits() -> None:
    assert KeptTopology().compare(ring(holes=2), ring(holes=2)) is None
    assert KeptTopology(max_holes_off=1).compare(ring(holes=2), ring(holes=1)) is None
    found = KeptTopology().compare(ring(holes=2), ring(holes=1))
    assert found is not None
    assert found.reason == "1 holes for the source's 2, off by more than 0"
