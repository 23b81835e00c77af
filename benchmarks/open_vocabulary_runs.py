"""One run of the proof of open-vocabulary training: its network, its training, its scores."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from lightning.pytorch import Trainer
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import AdamW

from benchmarks.open_vocabulary_data import REAL_SIZES, SIZE
from benchmarks.open_vocabulary_plan import CAMVID, CLOTHING, COUNTERFACTUAL, NAMES, UNTRAINED, Run
from benchmarks.open_vocabulary_sets import Sets
from datamodules.labelled_photos import LabelledPhotos
from lightningmodules.clip_seg import OpenVocabulary
from lightningmodules.evaluation_protocol import EvaluationProtocol
from lightningmodules.label_decision import LabelDecision, SigmoidDecision, SoftmaxDecision
from lightningmodules.losses.counterfactual import (
    CosineContrast,
    CounterfactualLoss,
    EmptyScene,
    NameContrast,
    PatchContrast,
)
from lightningmodules.losses.open_vocabulary import MaskMatching
from lightningmodules.open_vocabulary import OpenVocabularyTest
from lightningmodules.schedules import Polynomial
from metrics.semantic import mean_of_frequent
from networks.clip_model import clip_model
from networks.clip_seg import ClipSeg
from networks.clip_training_free import CorrelativeAttention, TrainingFreeClip, ValueAttention

STEPS = {COUNTERFACTUAL: 400, NAMES: 600, CAMVID: 800, CLOTHING: 1600}
LEARNING_RATE, REAL_LEARNING_RATE = 5e-4, 1e-3
"""Of the image encoder; twice as much for prompts and decoder.

On real photos the small CLIP, which saw none, learns at the higher one (mIoU .26 against .23).
"""
Scores = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """What all runs share.

    Args:
        sets: Where data lie.
        clip: Folder of the small CLIP.
        steps: Optimizer steps of every run. None: those of its question.
    """

    sets: Sets
    clip: Path
    steps: int | None = None

    def num_steps(self, run: Run) -> int:
        """Return the length of a run."""
        return self.steps or STEPS[run.group]

    def weights(self, run: Run) -> Path:
        """Return where the weights of a run are kept that others begin with."""
        return self.sets.work / "weights" / f"{run.key}.safetensors"


def contrast_of(arm: str) -> dict[str, CounterfactualLoss]:
    """Return the losses of image and counterfactual of an arm."""
    kind, _, pairs = arm.partition(" ")
    if kind == "paper":
        return {"cosine": CosineContrast()}
    if kind == "empty":
        return {"empty": EmptyScene()}
    if kind == "ours":
        outside = 0.0 if pairs == "unaligned" else 1.0
        return {"patch": PatchContrast(outside=outside), "name": NameContrast()}
    return {}


def trained(campaign: Campaign, run: Run) -> ClipSeg:
    """Train the network of a run."""
    torch.manual_seed(run.seed)  # of prompts and decoder
    pretrained = Run(group=COUNTERFACTUAL, arm="none", seed=run.seed)
    net = ClipSeg(
        clip_model(str(campaign.clip)),
        num_heads=2,
        train_image_encoder=run.group != NAMES or run.arm.endswith("learns"),
        templates=("a {}",),
        prior=0.5 if run.arm.endswith("one half") else 0.01,
        weights=str(campaign.weights(pretrained)) if run.arm.endswith("pretrained") else None,
    )
    learning_rate = REAL_LEARNING_RATE if run.group in REAL_SIZES else LEARNING_RATE
    model = OpenVocabulary(
        net,
        MaskMatching(),
        partial(AdamW, lr=learning_rate, weight_decay=0.01),
        vocabulary=campaign.sets.vocabulary(run),
        contrast=contrast_of(run.arm) if run.group == COUNTERFACTUAL else None,
        num_categories=run.num_categories,
        lr_factor=2.0,
        schedule=Polynomial(warmup_steps=20, end=0.01),
        max_steps=campaign.num_steps(run),
        seed=run.seed,
    )
    trainer = _trainer(campaign, max_steps=campaign.num_steps(run))
    trainer.fit(model, datamodule=campaign.sets.training(run))
    return net.eval()


def network(campaign: Campaign, run: Run) -> nn.Module:
    """Return the network of a run, trained where it is trained at all."""
    if run.arm in UNTRAINED:
        attention = ValueAttention() if run.arm == "MaskCLIP" else CorrelativeAttention()
        return TrainingFreeClip(clip_model(str(campaign.clip)), attention)
    return trained(campaign, run)


def scores_of(campaign: Campaign, run: Run, net: nn.Module) -> Scores:
    """Score the network of a run: means over labels, and what its question asks for."""
    results = _tested(campaign, run, net, campaign.sets.test(run))
    scores = {key: float(value) for key, value in results.items() if value.ndim == 0}
    iou = results["iou"]
    if run.group == CLOTHING:
        scores["frequent_iou"] = float(mean_of_frequent(iou, results["num_images"]))
    if run.group == NAMES:
        seen = set(campaign.sets.names(Run(group=NAMES, arm="half", seed=0)))
        names = campaign.sets.names(Run(group=NAMES, arm="all", seed=0))
        is_seen = torch.tensor([name in seen for name in names])
        scores["seen_iou"] = float(iou[1:][is_seen].nanmean())
        scores["unseen_iou"] = float(iou[1:][~is_seen].nanmean())
    if run.group == COUNTERFACTUAL:
        empty = _tested(campaign, run, net, campaign.sets.empty(run), threshold=scores["threshold"])
        scores["found_in_empty"] = 1 - float(empty["pixel_accuracy"])
    return {key: round(value, 5) for key, value in scores.items() if not math.isnan(value)}


def keep_weights(campaign: Campaign, run: Run, net: nn.Module) -> None:
    """Keep the weights of a run that others begin with."""
    if run.group == COUNTERFACTUAL and run.arm == "none":
        path = campaign.weights(run)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({key: value.contiguous() for key, value in net.state_dict().items()}, path)


def needed(run: Run) -> Sequence[Run]:
    """Return the runs whose weights a run begins with."""
    if run.arm.endswith("pretrained"):
        return [Run(group=COUNTERFACTUAL, arm="none", seed=run.seed)]
    return []


def _tested(
    campaign: Campaign,
    run: Run,
    net: nn.Module,
    data: LabelledPhotos,
    *,
    threshold: float | None = None,
) -> Mapping[str, Tensor]:
    """Return what a test finds.

    Args:
        campaign: What all runs share.
        run: Which run.
        net: Its network.
        data: What is scored.
        threshold: Of background. None: the best one on training photos.
    """
    side = min(REAL_SIZES.get(run.group, (SIZE, SIZE)))
    decision: LabelDecision = SigmoidDecision(threshold=threshold or 0.0)
    if run.arm in UNTRAINED:
        decision = SoftmaxDecision(threshold=threshold or 0.0)
    protocol = EvaluationProtocol(
        name="own",
        decision=decision,
        templates=("a {}",),
        short_side=side,
        window=side,
        stride=side // 2,
        calibrate_on=campaign.sets.num_scenes // 5 if threshold is None else 0,
    )
    module = OpenVocabularyTest(net, [protocol])
    _trainer(campaign).test(module, datamodule=data, verbose=False)
    return module.results["own"]


def _trainer(campaign: Campaign, *, max_steps: int = -1) -> Trainer:
    return Trainer(
        accelerator="cpu",
        max_steps=max_steps,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=campaign.sets.work / "lightning",
    )
