"""A small CLIP learns from captions, and is saved as segmenters load it."""

from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch.nn import functional as F
from torch.optim import AdamW

from callbacks.clip_writer import ClipWriter
from datamodules.batch import Batch
from datamodules.sample import MaskKind
from lightningmodules.image_text import ImageText
from lightningmodules.losses.image_text import image_text_contrast
from networks.clip_model import clip_model, small_clip

pytestmark = [
    pytest.mark.filterwarnings("ignore:Attribute '.*' is an instance of `nn.Module`"),
    # no trainer is attached: nothing is logged
    pytest.mark.filterwarnings("ignore:You are trying to `self.log"),
]


def unit(rows: int, seed: int) -> torch.Tensor:
    values = torch.randn(rows, 5, generator=torch.Generator().manual_seed(seed))
    return F.normalize(values, dim=1)


def test_different_captions_give_the_cross_entropy_of_the_diagonal() -> None:
    image, text, scale = unit(3, 0), unit(3, 1), torch.tensor(4.0)
    logits, own = 4 * image @ text.T, torch.arange(3)
    expected = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    found = image_text_contrast(image, text, scale, ["a", "b", "c"])
    torch.testing.assert_close(found, expected)


def test_pairs_of_one_caption_share_the_truth() -> None:
    image, text = unit(1, 0).expand(2, -1), unit(1, 1).expand(2, -1)
    found = image_text_contrast(image, text, torch.tensor(9.0), ["a", "a"])
    torch.testing.assert_close(found, torch.tensor(2.0).log())  # the least there is for two alike


def tiny() -> ImageText:
    torch.manual_seed(0)
    net = small_clip(width=32, num_layers=1, patch_size=8, image_size=16, dim=32, text_layers=1)
    return ImageText(net, partial(AdamW, lr=3e-4))


def batch(*prompts: str) -> Batch:
    number = len(prompts)
    images = torch.rand(number, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return Batch(
        id=[f"sample{k}" for k in range(number)],
        image=images,
        mask=torch.zeros(number, 16, 16, dtype=torch.long),
        weight=torch.ones(number, 1, 16, 16),
        mask_kind=MaskKind.LABELS,
        class_names=[("background",)] * number,
        prompt=list(prompts),
        size=[(16, 16)] * number,
        counterfactual=None,
        has_counterfactual=torch.zeros(number, dtype=torch.bool),
        truth=[None] * number,
        truth_weight=[None] * number,
    )


def test_module_learns_which_caption_is_which() -> None:
    model, seen = tiny(), batch("a", "b", "c")
    optimizer = model.configure_optimizers()
    losses = []
    for _ in range(20):
        loss = model.training_step(seen, 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_sample_without_a_caption_is_named() -> None:
    with pytest.raises(ValueError, match="'sample1' has no prompt"):
        tiny().training_step(batch("black", "", "white"), 0)


def test_saved_clip_is_loaded_with_the_same_features(tmp_path: Path) -> None:
    model, seen = tiny().eval(), batch("black", "white")
    model.save_clip(tmp_path / "clip")
    loaded = ImageText(clip_model(str(tmp_path / "clip")), partial(AdamW, lr=1e-3)).eval()
    for found, expected in zip(
        loaded(seen.image, seen.prompt), model(seen.image, seen.prompt), strict=True
    ):
        torch.testing.assert_close(found, expected, atol=5e-3, rtol=0)  # half precision


def test_writer_refuses_a_module_without_a_clip() -> None:
    with pytest.raises(ValueError, match="leave the callback out"):
        ClipWriter().setup(
            Trainer(logger=False, enable_checkpointing=False, accelerator="cpu"),
            LightningModule(),
            "fit",
        )
