from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from datamodules.sample import MaskKind, Provenance, Sample
from generation.edits.adversarial import AdversarialEdit
from metrics.topology import betti_numbers
from networks.mask_editor import FlowMaskEditor
from networks.published_mask_gan import PublishedMaskGenerator


def frame(height: int, width: int) -> Tensor:
    """A picture frame: one hole, square corners."""
    mask = torch.zeros(height, width, dtype=torch.uint8)
    mask[height // 5 : -height // 5, width // 5 : -width // 5] = 255
    mask[2 * height // 5 : -2 * height // 5, 2 * width // 5 : -2 * width // 5] = 0
    return mask


def sample(mask: Tensor, kind: MaskKind = MaskKind.ALPHA) -> Sample:
    return Sample(
        id="frame",
        image=mask.expand(3, -1, -1).clone(),
        mask=mask,
        mask_kind=kind,
        class_names=("frame",),
        provenance=Provenance(source="test", licence="CC0"),
    )


@pytest.fixture(scope="module")
def net() -> FlowMaskEditor:
    torch.manual_seed(0)
    return FlowMaskEditor(4)


@pytest.mark.parametrize("size", [(160, 160), (120, 201)])
def test_edit_changes_about_the_asked_share_and_keeps_the_hole(
    net: FlowMaskEditor, size: tuple[int, int]
) -> None:
    source = sample(frame(*size))
    shares = []
    for seed in range(8):
        edit = AdversarialEdit(net, 0.2)(source, seed)
        a, b = source.mask.numpy() >= 128, edit.mask.numpy() >= 128
        shares.append(1 - (a & b).sum() / (a | b).sum())
        assert betti_numbers(b) == (1, 1)
    assert np.mean(shares) == pytest.approx(0.2, rel=0.3)


def test_photo_moves_with_the_mask(net: FlowMaskEditor) -> None:
    edit = AdversarialEdit(net)(sample(frame(100, 80)), 3)
    assert torch.equal(edit.image, edit.mask.expand(3, -1, -1))


def test_same_seed_gives_the_same_bytes_and_another_seed_another_edit(net: FlowMaskEditor) -> None:
    source = sample(frame(90, 90))
    first, again, other = (AdversarialEdit(net)(source, seed) for seed in (1, 1, 2))
    assert torch.equal(first.mask, again.mask)
    assert first.id == again.id != other.id
    assert not torch.equal(first.mask, other.mask)


def test_id_and_provenance_name_the_parent_and_the_weights(net: FlowMaskEditor) -> None:
    source = sample(frame(40, 40))
    edit = AdversarialEdit(net)(source, 1)
    assert edit.id.startswith("frame~adversarial-")
    assert edit.provenance.parents == ("frame",)
    assert edit.provenance.licence == "CC0"
    torch.manual_seed(1)
    assert AdversarialEdit(FlowMaskEditor(4))(source, 1).id != edit.id


def test_editor_of_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="moves none"):
        AdversarialEdit(PublishedMaskGenerator(4))(sample(frame(40, 40)), 0)


@pytest.mark.parametrize("mask", [torch.zeros(40, 40, dtype=torch.uint8), None])
def test_empty_masks_and_labels_are_refused(net: FlowMaskEditor, mask: Tensor | None) -> None:
    source = sample(frame(40, 40), MaskKind.LABELS) if mask is None else sample(mask)
    with pytest.raises(ValueError, match="mask"):
        AdversarialEdit(net)(source, 0)


def test_editor_looks_at_masks_of_the_size_that_its_weights_were_trained_at(
    net: FlowMaskEditor, tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(net.state_dict(), path, metadata={"trained_size": "48x80"})
    trained = FlowMaskEditor(4, weights=str(path))
    source = sample(frame(60, 90))
    edit = AdversarialEdit(trained)
    assert edit.size == (48, 80)
    assert torch.equal(edit(source, 1).mask, AdversarialEdit(net, size=(48, 80))(source, 1).mask)
    assert AdversarialEdit(trained, size=64).size == (64, 64)  # an argument counts more


def test_editor_whose_weights_say_no_size_looks_at_96_pixels_under_the_id_it_had(
    net: FlowMaskEditor,
) -> None:
    source = sample(frame(60, 90))
    ids = {AdversarialEdit(net, size=size)(source, 1).id for size in (None, 96, (96, 96))}
    assert len(ids) == 1
    assert AdversarialEdit(net, size=(96, 64))(source, 1).id not in ids


@pytest.mark.parametrize("strength", [0.0, 1.0, -0.1])
def test_strength_outside_its_range_is_refused(net: FlowMaskEditor, strength: float) -> None:
    with pytest.raises(ValueError, match="strength"):
        AdversarialEdit(net, strength)
