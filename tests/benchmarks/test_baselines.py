import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.optim import Adam, AdamW, Optimizer

from benchmarks import baselines_table
from benchmarks.ablation_rows import read_rows
from benchmarks.baselines_plan import ARMS, MIXTURE, NETWORKS, REAL, Run, network, runs_of
from benchmarks.baselines_runs import Campaign, data_of, finish, model_of, scores_file
from benchmarks.baselines_scores import load, save
from callbacks.compare_statistics import RunScores, scores_of_set
from networks.birefnet import BiRefNet
from networks.fp_dis import FPDIS
from networks.isnet import ISNet
from networks.u2net import U2NetP

NUM_IMAGES = 5
without_checkpoints = pytest.mark.filterwarnings("ignore:Attribute '.*' is an instance of `nn.Mod")


def campaign(folder: Path) -> Campaign:
    return Campaign(
        photos=None,
        work=folder,
        rows=folder / "rows.jsonl",
        device=torch.device("cpu"),
        is_trial=True,
    )


def drawn_scores(seed: int, more: float = 0.0) -> RunScores:
    generator = np.random.default_rng(seed)
    values = {key: generator.random(NUM_IMAGES) / 2 + more for key in ("mae", "iou")}
    values["boundary_iou"] = np.linspace(0.1, 0.4, NUM_IMAGES) + more
    return RunScores(values=values, curves={"max_f": np.full((NUM_IMAGES, 256), 0.25 + more)})


def kept_row(rows: Path, key: str, arm: str, more: float) -> str:
    """Keep the scores of a run, and return its row."""
    scores = drawn_scores(0, more)
    name = f"people-{key}-{arm}-0"
    save(scores_file(rows, name), scores)
    return json.dumps(
        {
            "run": name,
            "set": "people",
            "network": key,
            "arm": arm,
            "seed": 0,
            "scores": scores_of_set(scores),
            "rising_max_f": {"0": 0.1, "100": 0.3 + more},
        }
    )


def test_every_run_has_a_name_of_its_own() -> None:
    names = [run.name for net in NETWORKS for run in runs_of(net)]
    assert len(set(names)) == len(names)


def test_arms_of_a_network_differ_in_nothing_else() -> None:
    for net in NETWORKS:
        seeds = {arm: [run.seed for run in runs_of(net) if run.arm == arm] for arm in ARMS}
        assert seeds[REAL] == seeds[MIXTURE]
        assert all(run.network is net for run in runs_of(net))


def test_prompts_and_published_weights_are_those_of_sam_hq_alone() -> None:
    assert [net.key for net in NETWORKS if net.is_prompted] == ["sam_hq"]
    assert [net.key for net in NETWORKS if net.initialisation != "random"] == ["sam_hq"]


@pytest.mark.slow
@without_checkpoints
@pytest.mark.parametrize(
    ("key", "kind", "optimizer", "rate"),
    [
        ("u2netp", U2NetP, Adam, 1e-3),
        ("isnet_narrow", ISNet, Adam, 1e-3),
        ("birefnet_tiny", BiRefNet, AdamW, 1.414e-4),
        ("fp_dis", FPDIS, AdamW, 1e-4),
    ],
)
def test_network_is_trained_as_its_configuration_says(
    key: str, kind: type, optimizer: type[Optimizer], rate: float
) -> None:
    model = model_of(Run(network=network(key), arm=REAL, seed=1))
    found = model.optimizer(model.parameters())
    assert isinstance(model.net.net, kind)
    assert type(found) is optimizer
    assert found.defaults["lr"] == pytest.approx(rate)
    assert (model.max_steps, model.seed) == (network(key).steps, 1)


@pytest.mark.slow
@without_checkpoints
def test_arms_of_a_seed_begin_with_the_same_weights() -> None:
    nets = {
        (arm, seed): model_of(Run(network=network("isnet_narrow"), arm=arm, seed=seed)).net
        for arm, seed in ((REAL, 0), (MIXTURE, 0), (REAL, 1))
    }
    first = {key: next(net.parameters()) for key, net in nets.items()}
    assert torch.equal(first[REAL, 0], first[MIXTURE, 0])
    assert not torch.equal(first[REAL, 0], first[REAL, 1])


def test_real_arm_has_no_synthesis(tmp_path: Path) -> None:
    found = {
        arm: data_of(campaign(tmp_path), Run(network=network("u2netp"), arm=arm, seed=0))
        for arm in ARMS
    }
    assert found[REAL].mixture is None
    assert found[MIXTURE].mixture.synthesis is not None
    assert found[REAL].size == found[MIXTURE].size


def test_scores_come_back_from_their_file(tmp_path: Path) -> None:
    scores = drawn_scores(1)
    save(tmp_path / "a" / "b.npz", scores)
    found = load(tmp_path / "a" / "b.npz")
    for key, values in scores.values.items():
        np.testing.assert_allclose(found.values[key], values, atol=2**-16)
    assert found.curves["max_f"].shape == (NUM_IMAGES, 52)
    assert scores_of_set(found)["max_f"] == pytest.approx(0.25, abs=2**-16)


def test_table_has_paired_differences_and_leaves_untrained_rows_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [kept_row(path, "u2netp", arm, more) for arm, more in ((REAL, 0.0), (MIXTURE, 0.125))]
    path.write_text("\n".join(lines))
    baselines_table.show(path)
    out = capsys.readouterr().out.splitlines()
    small = next(line for line in out if line.startswith("| U2-NetP |"))
    assert "| random | 1 | 0.250 (0.250-0.250) | 0.375 (0.375-0.375) |" in small
    assert small.count("+0.125 (+0.125 to +0.125)") == 2
    assert "| UDUN | 1024, 8, 300 | random | 0 |  |  |  |  |  |  |" in out
    assert "| U2-NetP, real | 1, 1 rose | 0: 0.100, 100: 0.300 |" in out


def test_prompted_network_stands_in_a_table_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(kept_row(path, "u2netp", REAL, 0.0))
    baselines_table.show(path)
    tables = capsys.readouterr().out.split("\n\n")
    assert ["SAM-HQ" in table for table in tables] == [False, True, False]
    assert tables[1].startswith("| people, prompted |")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of libraries, in a script and not in our code
def test_run_is_made_once_and_notes_how_max_f_moved(tmp_path: Path) -> None:
    run = Run(network=network("isnet_narrow"), arm=MIXTURE, seed=0)
    row = finish(campaign(tmp_path), run)
    assert list(row["rising_max_f"]) == ["0", "1", "2"]
    assert (row["tested"], row["steps"], row["failures"]) == (2, 2, 0)
    kept = load(scores_file(tmp_path / "rows.jsonl", row["run"]))
    assert scores_of_set(kept)["max_f"] == pytest.approx(row["scores"]["max_f"], abs=5e-4)
    assert finish(campaign(tmp_path), run) == row
    assert read_rows(tmp_path / "rows.jsonl") == [row]
