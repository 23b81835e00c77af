from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from datamodules.sample import MaskKind, Provenance, Sample

SAMPLE = Sample(
    id="set/a",
    image=torch.zeros(3, 4, 5, dtype=torch.uint8),
    mask=torch.zeros(4, 5, dtype=torch.uint8),
    mask_kind=MaskKind.ALPHA,
    class_names=("object",),
    provenance=Provenance(source="folder"),
)


def test_optional_planes_are_absent_unless_given() -> None:
    assert SAMPLE.weight is None
    assert SAMPLE.counterfactual is None
    assert (SAMPLE.prompt, SAMPLE.seed) == ("", -1)


def test_sample_cannot_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        SAMPLE.id = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image", torch.zeros(3, 4, 5)),
        ("image", torch.zeros(4, 5, 3, dtype=torch.uint8)),
        ("image", torch.zeros(1, 4, 5, dtype=torch.uint8)),
        ("mask", torch.zeros(4, 6, dtype=torch.uint8)),
        ("mask", torch.zeros(1, 4, 5, dtype=torch.uint8)),
        ("mask", torch.zeros(4, 5, dtype=torch.bool)),
        ("weight", torch.zeros(5, 4, dtype=torch.uint8)),
        ("weight", torch.zeros(4, 5)),
        ("counterfactual", torch.zeros(3, 4, 6, dtype=torch.uint8)),
    ],
)
def test_plane_that_does_not_fit_is_refused_by_id(field: str, value: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="set/a"):
        replace(SAMPLE, **{field: value})
