from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer

from datamodules.generation import GenerationRun
from datamodules.generation_result import DraftedShard, FinishedShard
from datamodules.shards import publish
from tests.datamodules.generation_toys import ToyDrafts


def run(folder: Path, drafts: ToyDrafts | None = None, *, num_workers: int = 0) -> GenerationRun:
    data = GenerationRun(folder, drafts or ToyDrafts(), shard_size=2, num_workers=num_workers)
    data.recipe = {"model": "none"}
    data.prepare_data()
    data.setup("predict")
    return data


def drafted(data: GenerationRun) -> list[DraftedShard]:
    return list(data.predict_dataloader())


def publish_all(data: GenerationRun, shards: Sequence[DraftedShard]) -> None:
    for each in shards:
        finished = FinishedShard(
            shard=each.shard, samples=tuple(each.samples.unpacked()), rejected=each.rejected
        )
        publish(data.folder, finished, plan=data.plan.digest, image_format="png", facts={})


def test_an_item_is_a_shard_with_the_plans_ids_seeds_and_recipe(tmp_path: Path) -> None:
    data = run(tmp_path)
    shards = drafted(data)
    assert [shard.shard for shard in shards] == list(data.plan.shards)
    samples = [sample for shard in shards for sample in shard.samples.unpacked()]
    items = [item for shard in data.plan.shards for item in shard.items]
    assert [(s.id, s.seed) for s in samples] == [(item.id, item.seed) for item in items]
    assert {s.provenance.config for s in samples} == {data.plan.recipe_hash}


def test_workers_make_the_same_pixels(tmp_path: Path) -> None:
    one, two = (drafted(run(tmp_path / str(k), num_workers=k)) for k in (0, 1))
    for first, second in zip(one, two, strict=True):
        assert torch.equal(first.samples.pixels, second.samples.pixels)
        assert first.samples.records == second.samples.records


def test_failed_draft_is_a_rejection_with_its_reason_in_one_line(tmp_path: Path) -> None:
    shards = drafted(run(tmp_path, ToyDrafts(number=4, failing=3)))
    reasons = [(each.filter, each.reason) for shard in shards for each in shard.rejected]
    assert reasons == [("draft", "it is on the list")] * 2
    assert [len(shard.samples.records) for shard in shards] == [1, 1]


def test_only_what_is_missing_is_made(tmp_path: Path) -> None:
    data = run(tmp_path)
    assert not data.nothing_left(is_first=True)
    first, *others = drafted(data)
    publish_all(data, [first])
    again = run(tmp_path)
    assert [each.shard for each in drafted(again)] == [each.shard for each in others]
    publish_all(data, others)
    assert data.nothing_left(is_first=True)
    assert drafted(run(tmp_path)) == []


def test_changed_inputs_are_another_plan(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(ValueError, match=r"another inputs \(toys, now other\)"):
        run(tmp_path, ToyDrafts(inputs="other"))
    other = GenerationRun(tmp_path, ToyDrafts(inputs="other"), shard_size=2)
    other.recipe = {"model": "none"}
    with pytest.raises(ValueError, match="another inputs"):
        other.nothing_left(is_first=True)


def test_source_is_made_ready_by_the_first_process_alone(tmp_path: Path) -> None:
    class Counted(ToyDrafts):
        num_prepared = 0

        def prepare(self) -> None:
            self.num_prepared += 1

    run(tmp_path)
    source = Counted()
    data = GenerationRun(tmp_path, source, shard_size=2)
    data.recipe = {"model": "none"}
    assert not data.nothing_left(is_first=False)
    assert source.num_prepared == 0
    assert not data.nothing_left(is_first=True)
    assert source.num_prepared == 1


def test_unwritable_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        run(tmp_path / "file" / "set")


class Named(ToyDrafts):
    class_names = ("chair", "fan")


class Preparing(LightningModule):
    """Notes the classes that it is made ready for; has no prompt for an unknown one."""

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__()
        self.known = known
        self.ready: list[str] = []

    def prepare_classes(self, class_names: Sequence[str]) -> None:
        for name in class_names:
            if name not in self.known:
                raise ValueError(f"no prompt for {name}")
            self.ready.append(name)

    def predict_step(self, batch: DraftedShard, batch_idx: int) -> int:
        assert self.ready == ["chair", "fan"]
        return batch_idx


def predict(folder: Path, module: LightningModule) -> None:
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        default_root_dir=f"{folder}.run",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    data = GenerationRun(folder, Named(), num_workers=0)
    trainer.predict(module, datamodule=data, return_predictions=False)


def test_module_is_made_ready_for_all_classes_before_the_first_shard(tmp_path: Path) -> None:
    predict(tmp_path / "set", Preparing(["chair", "fan"]))
    assert (tmp_path / "set" / "plan.json").is_file()


def test_nothing_is_written_where_the_module_cannot_be_made_ready(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no prompt for fan"):
        predict(tmp_path / "set", Preparing(["chair"]))
    assert not (tmp_path / "set").exists()
