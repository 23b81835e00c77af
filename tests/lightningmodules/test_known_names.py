"""Names and counterfactuals that a run misses are told before its first step."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn
from torch.optim import SGD

from datamodules.generated_labels import GeneratedLabels
from datamodules.label_names import LabelNames
from datamodules.sample import MaskKind, Sample
from datamodules.vocabulary import Vocabulary
from lightningmodules.clip_seg import OpenVocabulary
from lightningmodules.known_names import require_known
from lightningmodules.losses.counterfactual import CosineContrast
from lightningmodules.losses.open_vocabulary import MaskMatching
from networks.clip_model import small_clip
from networks.clip_seg import ClipSeg
from tests.datamodules.generated_sets import toy_set

pytestmark = [
    # they are arguments of the model: a file of results then says what it was made with
    pytest.mark.filterwarnings("ignore:Attribute '.*' is an instance of `nn.Module`"),
    # the function that stands for the command line's optimizer
    pytest.mark.filterwarnings("ignore:Attribute 'optimizer' removed from hparams"),
]
WORDS = Vocabulary.of_names(["chair", "table"])
CHAIR = LabelNames(
    where="sample 'a~0' of SET", class_names=("background", "chair"), lacks_counterfactual=False
)


@pytest.mark.parametrize("with_counterfactuals", [True, False])
def test_names_of_the_vocabulary_are_known(with_counterfactuals: bool) -> None:
    require_known([CHAIR], WORDS, with_counterfactuals=with_counterfactuals)


def test_an_unknown_name_is_told_with_its_sample_and_the_cure() -> None:
    wrong = replace(CHAIR, class_names=("background", "chiar"))
    with pytest.raises(ValueError, match="chiar") as error:
        require_known([CHAIR, wrong], WORDS, with_counterfactuals=False)
    assert str(error.value) == (
        "sample 'a~0' of SET: no class 'chiar' among 2: did you mean 'chair'? (add it to the list "
        "of model.vocabulary)"
    )


def test_a_missing_counterfactual_is_an_error_where_the_losses_need_one() -> None:
    alone = replace(CHAIR, lacks_counterfactual=True)
    require_known([alone], WORDS, with_counterfactuals=False)
    with pytest.raises(ValueError, match="'a~0' of SET has no counterfactual to train with"):
        require_known([CHAIR, alone], WORDS, with_counterfactuals=True)


class Untouched(nn.Module):
    """Fails if it is ever asked: no step may be taken."""

    def forward(self, *_: object) -> torch.Tensor:
        raise AssertionError("a step was taken")


def named(sample: Sample, name: str, *, with_other: bool) -> Sample:
    return replace(
        sample,
        mask=sample.mask % 2,
        mask_kind=MaskKind.LABELS,
        class_names=("background", name),
        counterfactual=sample.image if with_other else None,
    )


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (("sofa", True), "no class 'sofa' among 2"),
        (("table", False), "has no counterfactual to train with"),
    ],
)
def test_a_run_ends_before_its_first_step(
    last: tuple[str, bool], message: str, tmp_path: Path
) -> None:
    toy_set(
        tmp_path / "set",
        6,
        made=lambda sample: (
            named(sample, last[0], with_other=last[1])
            if sample.id.startswith("toy.5")
            else named(sample, "chair", with_other=True)
        ),
    )
    names = tmp_path / "names.txt"
    names.write_text("chair\ntable\n")
    clip = small_clip(width=32, num_layers=1, patch_size=8, image_size=32, dim=32, text_layers=1)
    model = OpenVocabulary(
        ClipSeg(clip, num_prompts=1, num_heads=4),
        MaskMatching(),
        lambda parameters: SGD(parameters, lr=0.1),
        vocabulary=names,
        contrast={"cosine": CosineContrast()},
    )
    model.net.decoder = Untouched()  # type: ignore[assignment]
    trainer = Trainer(
        accelerator="cpu",
        max_steps=1,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    data = GeneratedLabels([tmp_path / "set"], size=32, batch_size=1, num_workers=0)
    with pytest.raises(ValueError, match=message):
        trainer.fit(model, datamodule=data)
