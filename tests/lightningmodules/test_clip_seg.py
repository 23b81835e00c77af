from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.optim import AdamW
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from datamodules.batch import Batch, collate
from datamodules.sample import MaskKind, Provenance, Sample, View
from lightningmodules.clip_seg import OpenVocabulary, require_names
from lightningmodules.losses.counterfactual import (
    CosineContrast,
    CounterfactualPairs,
    EmptyScene,
    PatchContrast,
)
from lightningmodules.losses.open_vocabulary import ClassMasks, MaskMatching
from lightningmodules.schedules import Polynomial
from metrics.background_threshold import ThresholdSweep
from networks.clip_model import small_clip
from networks.clip_prompts import ImageFeatures
from networks.clip_seg import ClipSeg

pytestmark = [
    pytest.mark.filterwarnings("ignore:Attribute '.*' is an instance of `nn.Module`"),
    # the function that stands for the command line's optimizer
    pytest.mark.filterwarnings("ignore:Attribute 'optimizer' removed from hparams"),
    pytest.mark.filterwarnings("ignore:You defined a `validation_step`"),
]
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0)}


class Squares(Dataset[View]):
    """A coloured square on grey, in one of two corners; its name is its colour."""

    def __init__(self, number: int = 4, *, counterfactual: bool = True, size: int = 32) -> None:
        self.number = number
        self.counterfactual = counterfactual
        self.size = size

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, k: int) -> View:
        name, half = list(COLOURS)[k % 2], self.size // 2
        grey = torch.full((3, self.size, self.size), 128, dtype=torch.uint8)
        place = slice(half * (k // 2 % 2), half * (k // 2 % 2 + 1))
        image, mask = grey.clone(), torch.zeros(self.size, self.size, dtype=torch.uint8)
        image[:, place, place] = torch.tensor(COLOURS[name], dtype=torch.uint8).view(3, 1, 1)
        mask[place, place] = 1
        mask[0, -1] = 255
        sample = Sample(
            id=f"square{k}",
            image=image,
            mask=mask,
            mask_kind=MaskKind.LABELS,
            class_names=("background", name),
            provenance=Provenance(source="squares"),
            counterfactual=grey if self.counterfactual else None,
        )
        return View(sample=sample, size=(self.size, self.size))


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    path = tmp_path / "colours.txt"
    path.write_text("\n".join([*COLOURS, *(f"shade {k}" for k in range(20))]))
    return path


def tiny_net(*, num_prompts: int = 2, full: bool = False) -> ClipSeg:
    torch.manual_seed(0)
    clip = small_clip(width=32, num_layers=2, patch_size=8, image_size=32, dim=32, text_layers=1)
    torch.nn.init.normal_(clip.token_embedding.weight)  # so that random names differ
    return ClipSeg(clip, num_prompts=num_prompts, num_heads=4, train_image_encoder=full)


def model_of(vocabulary: Path, net: ClipSeg | None = None, **kwargs: object) -> OpenVocabulary:
    return OpenVocabulary(
        tiny_net() if net is None else net,
        MaskMatching(),
        lambda parameters: AdamW(parameters, lr=1e-3),
        vocabulary=vocabulary,
        **({"num_categories": 5} | kwargs),  # type: ignore[arg-type]
    )


def batch_of(number: int = 4, *, counterfactual: bool = True) -> Batch:
    views = Squares(number, counterfactual=counterfactual)
    return collate([views[k] for k in range(number)]).to_float()


def trained(
    model: OpenVocabulary,
    data: Dataset[View],
    folder: Path,
    steps: int = 2,
    *,
    validated: bool = False,
) -> None:
    loader = DataLoader(data, batch_size=2, collate_fn=floats)
    quiet_trainer(folder, steps).fit(model, loader, loader if validated else None)


def floats(views: list[View]) -> Batch:
    return collate(views).to_float()


def quiet_trainer(folder: Path, steps: int = 1) -> Trainer:
    return Trainer(
        accelerator="cpu",
        max_steps=steps,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )


def test_a_run_trains_what_is_to_learn_and_nothing_else(vocabulary: Path, tmp_path: Path) -> None:
    contrast = {"cosine": CosineContrast(), "patches": PatchContrast(), "empty": EmptyScene()}
    model = model_of(
        vocabulary, contrast=contrast, schedule=Polynomial(warmup_steps=1), max_steps=2
    )
    before = {name: value.clone() for name, value in model.net.state_dict().items()}
    trained(model, Squares(), tmp_path)
    after = model.net.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.partition(".")[0] for name in moved} == {"prompts", "decoder"}
    assert {f"train/{name}" for name in (*contrast, "focal", "dice", "loss")} <= set(
        model.trainer.callback_metrics
    )


@pytest.mark.slow
def test_training_finds_the_squares_of_a_name() -> None:
    net, batch = tiny_net(num_prompts=0, full=True), batch_of(4)
    text = torch.eye(32)[: len(COLOURS)]  # the names of a random text encoder are nearly one
    numbers = torch.tensor([list(COLOURS).index(names[1]) for names in batch.class_names])
    labels = torch.where(batch.mask == 1, numbers[:, None, None], -1)
    masks = ClassMasks(labels=labels, weight=batch.weight, is_void=batch.mask == 255)
    others = [*net.decoder.parameters()]
    optimizer = AdamW([{"params": net.clip.visual.parameters()}, {"params": others, "lr": 0.01}])
    for _ in range(100):
        optimizer.zero_grad()
        terms = MaskMatching()(net.decoder(net.encode(batch.image), text), masks)
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
    found = net.eval()(batch.image, text) > 0
    truth = labels[:, None] == torch.arange(len(COLOURS))[:, None, None]
    known = (batch.mask != 255)[:, None].expand_as(truth)
    assert (found == truth)[known].float().mean() > 0.97


def test_prompts_and_decoder_learn_ten_times_as_fast_as_the_encoder(vocabulary: Path) -> None:
    model = model_of(vocabulary, tiny_net(full=True))
    optimizer = model.configure_optimizers()
    encoder, others = optimizer.param_groups
    assert (encoder["lr"], others["lr"]) == pytest.approx((1e-3, 1e-2))
    assert {id(p) for p in encoder["params"]} == {id(p) for p in model.net.clip.visual.parameters()}
    assert len(others["params"]) == sum(
        1 for name, _ in model.net.named_parameters() if not name.startswith("clip")
    )


def test_frozen_encoder_leaves_one_group(vocabulary: Path) -> None:
    (group,) = model_of(vocabulary).configure_optimizers().param_groups
    assert group["lr"] == pytest.approx(1e-2)


def test_a_schedule_needs_the_length_of_the_run(vocabulary: Path) -> None:
    with pytest.raises(ValueError, match=r"set trainer\.max_steps"):
        model_of(vocabulary, schedule=Polynomial()).configure_optimizers()


def test_draws_of_a_sample_do_not_depend_on_the_others(vocabulary: Path) -> None:
    model = model_of(vocabulary)
    chosen, _ = model._masks(batch_of(4), 8)
    of_last, _ = model._masks(collate([Squares()[3]]).to_float(), 11)
    assert torch.equal(chosen[3:], of_last)


def test_a_large_vocabulary_costs_a_step_what_a_small_one_does(tmp_path: Path) -> None:
    flops = []
    for number in (5, 1203):
        path = tmp_path / f"{number}.txt"
        path.write_text(
            "\n".join([*COLOURS, *(f"shade {k}" for k in range(number - len(COLOURS)))])
        )
        net = tiny_net()
        net.templates = ("{}",)
        model, batch = model_of(path, net), batch_of()
        net.embed(model.names)  # once a run
        with FlopCounterMode(display=False) as counter:
            torch.stack(list(model.losses(batch, 0).values())).sum().backward()
        flops.append(counter.get_total_flops())
    assert flops[0] == flops[1] > 0


def test_validation_meets_the_same_classes_each_time(vocabulary: Path) -> None:
    model = model_of(vocabulary).eval()
    (first, masks), (second, again) = (model._masks(batch_of(), None) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(masks.labels, again.labels)


def test_validation_logs_the_miou_of_the_best_threshold(vocabulary: Path) -> None:
    model, batch = model_of(vocabulary, tiny_net(num_prompts=0)).eval(), batch_of()
    truths = model._truths(batch)
    # the right one of 22 names is found, weakly, where the square is
    logits = torch.full((4, 22, 32, 32), -3.0)
    for own, truth in zip(logits, truths, strict=True):
        own[int(truth.max()) - 1][truth > 0] = -1.0
        model._score(own, truth)
    scores = model.val_scores.compute()
    assert float(scores["mean_iou"]) == 1
    assert torch.tensor([-3.0, -1.0]).sigmoid()[0] <= scores["threshold"] < 0.27
    model.val_scores.reset()
    logits[:, 0] = 5.0  # everything is red
    for own, truth in zip(logits, truths, strict=True):
        model._score(own, truth)
    assert float(model.val_scores.compute()["mean_iou"]) < 0.5


class Knows(nn.Module):
    """A decoder that finds one name everywhere."""

    def __init__(self, text: Tensor) -> None:
        super().__init__()
        self.text = text
        self.grids: list[tuple[int, ...]] = []

    def forward(self, features: ImageFeatures, text: Tensor) -> Tensor:
        self.grids.append(tuple(features.patches.shape[2:]))
        cosines = text.expand(len(features.image), -1, -1) @ self.text
        return cosines[..., None, None]


class Recorded(ThresholdSweep):
    def update(self, best: Tensor, label: Tensor, truth: Tensor) -> None:
        self.found = label.unique().tolist()
        super().update(best, label, truth)


def test_validation_may_find_names_that_were_not_drawn(vocabulary: Path, tmp_path: Path) -> None:
    model = model_of(vocabulary, num_categories=1)  # the one in the image
    model.net.decoder = Knows(model.net.embed(model.names)[20])  # type: ignore[assignment]
    model.val_scores = Recorded(23, void=-1)
    loader = DataLoader(Squares(1), collate_fn=floats)
    quiet_trainer(tmp_path).validate(model, loader, verbose=False)
    assert model.val_scores.found == [21]


def test_a_large_validation_photo_reaches_the_network_small(
    vocabulary: Path, tmp_path: Path
) -> None:
    model = model_of(vocabulary, val_side=32)
    decoder = Knows(model.net.embed(model.names)[20])
    model.net.decoder = decoder  # type: ignore[assignment]
    loader = DataLoader(Squares(1, size=96), collate_fn=floats)
    quiet_trainer(tmp_path).validate(model, loader, verbose=False)
    assert decoder.grids == [(4, 4), (4, 4)]  # patches of 8 pixels: for the loss, and for the score


def test_a_class_of_weight_zero_is_no_mask_of_the_empty_scene(vocabulary: Path) -> None:
    seen: list[CounterfactualPairs] = []
    model = model_of(vocabulary, contrast={"empty": EmptyScene()})
    model.contrast["empty"].register_forward_hook(lambda _, pairs, __: seen.append(pairs[0]))
    batch = batch_of(2)
    batch.weight[0] = 0
    model.losses(batch, 0)
    assert seen[0].is_there.sum(1).tolist() == [0, 1]


def test_pixels_without_weight_and_void_ones_do_not_count(vocabulary: Path) -> None:
    model, batch = model_of(vocabulary), batch_of(1)
    batch.weight[0, 0, 3:] = 0
    model._score(torch.zeros(22, 4, 4), model._truths(batch)[0])
    assert int(model.val_scores.counts[0].sum()) == 3 * 32 - 1


def test_a_run_logs_its_validation(vocabulary: Path, tmp_path: Path) -> None:
    model = model_of(vocabulary)
    trained(model, Squares(), tmp_path, validated=True)
    logged = model.trainer.callback_metrics
    assert 0 <= float(logged["val/mean_iou"]) <= 1
    assert {"val/loss", "val/threshold"} <= set(logged)
    assert not model.val_scores.update_called  # for the next validation


def test_a_soft_mask_is_refused() -> None:
    batch = batch_of()
    batch.mask_kind = MaskKind.ALPHA
    with pytest.raises(ValueError, match="'square0' has a mask of one object"):
        require_names(batch)


def test_a_label_without_a_name_is_named() -> None:
    batch = batch_of()
    batch.mask[2, 5, 5] = 7
    with pytest.raises(ValueError, match="'square2' has label 7 and 2 class names"):
        require_names(batch)


def test_a_missing_counterfactual_is_named(vocabulary: Path, tmp_path: Path) -> None:
    model = model_of(vocabulary, contrast={"cosine": CosineContrast()})
    with pytest.raises(ValueError, match="'square0' has no counterfactual to train with"):
        trained(model, Squares(counterfactual=False), tmp_path)


def test_numbers_out_of_range_are_refused(vocabulary: Path) -> None:
    with pytest.raises(ValueError, match="num_categories 0 and val_side 512 must be 1 or more"):
        model_of(vocabulary, num_categories=0)


def test_validation_takes_the_loss_without_the_other_processes(
    vocabulary: Path, tmp_path: Path
) -> None:
    model, seen = model_of(vocabulary), []
    model.loss = MaskMatching()  # the first is a hyperparameter, and must be picklable
    model.loss.register_forward_hook(lambda loss, *_: seen.append(loss.training))
    loader = DataLoader(Squares(1), collate_fn=floats)
    quiet_trainer(tmp_path).validate(model, loader, verbose=False)
    assert seen == [False]
