"""The published way of learning: CLIP is frozen and knows the names; prompts and decoder learn."""

from pathlib import Path

import pytest
import torch
from torch.optim import AdamW

from datamodules.batch import Batch, collate
from datamodules.sample import MaskKind, Provenance, Sample, View
from lightningmodules.clip_seg import OpenVocabulary
from lightningmodules.losses.open_vocabulary import MaskMatching
from networks.clip_model import clip_model
from networks.clip_seg import ClipSeg

pytestmark = pytest.mark.filterwarnings("ignore:Attribute '.*' is an instance of `nn.Module`")
GENERATION = Path(__file__).parents[2] / "generation"
COLOURS = {"red metal bed": (255, 0, 0), "green wooden table": (0, 255, 0)}
"""Two of the eight names that the small CLIP has read captions of, and a colour for each."""


def squares(side: int = 32) -> Batch:
    """A square of either colour in either of two corners of grey, each called by its name."""
    views = []
    for number in range(4):
        name, half = list(COLOURS)[number % 2], side // 2
        place = slice(half * (number // 2), half * (number // 2 + 1))
        image = torch.full((3, side, side), 128, dtype=torch.uint8)
        image[:, place, place] = torch.tensor(COLOURS[name], dtype=torch.uint8).view(3, 1, 1)
        mask = torch.zeros(side, side, dtype=torch.uint8)
        mask[place, place] = 1
        sample = Sample(
            id=f"square{number}",
            image=image,
            mask=mask,
            mask_kind=MaskKind.LABELS,
            class_names=("background", name),
            provenance=Provenance(source="squares"),
        )
        views.append(View(sample=sample, size=(side, side)))
    return collate(views).to_float()


def mean_iou(model: OpenVocabulary, batch: Batch) -> float:
    """As a validation finds it, by all eight names."""
    model.eval()
    model.val_scores.reset()
    with torch.no_grad():
        logits = model.net.decoder(model.net.encode(batch.image), model.net.embed(model.names))
        for own, truth in zip(logits, model._truths(batch), strict=True):
            model._score(own, truth)
    model.train()
    return float(model.val_scores.compute()["mean_iou"])


@pytest.mark.slow  # three seconds
def test_prompts_and_decoder_learn_the_squares_of_a_name_on_a_frozen_clip() -> None:
    torch.manual_seed(0)
    clip = clip_model(str(GENERATION / "weights" / "tiny_clip"))
    model = OpenVocabulary(
        ClipSeg(clip, num_heads=2, templates=["a {}"]),
        MaskMatching(),
        lambda parameters: AdamW(parameters, lr=3e-4),
        vocabulary=GENERATION / "objects" / "composed.txt",
        num_categories=8,
    )
    frozen = {name: value.clone() for name, value in clip.state_dict().items()}
    batch, optimizer, losses = squares(), model.configure_optimizers(), []
    before = mean_iou(model, batch)
    for step in range(60):
        optimizer.zero_grad()
        losses.append(torch.stack(list(model.losses(batch, 4 * step).values())).sum())
        losses[-1].backward()
        optimizer.step()
    assert torch.stack(losses[-5:]).mean() < losses[0] / 10
    # of background and two names; with one of them missed it would be two thirds at most
    assert mean_iou(model, batch) > 0.9 > 0.5 > before
    assert all(value.equal(frozen[name]) for name, value in clip.state_dict().items())
