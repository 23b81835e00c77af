import json
import pickle
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from metrics.dis import DISMetrics, cores_of_one
from metrics.measures import PIXELWISE
from metrics.set_scores import set_scores

ROOT = Path(__file__).parents[2]


def pair(index: int) -> tuple[Tensor, Tensor]:
    noise = torch.Generator().manual_seed(index)
    size = (11 + index, 17)
    truth = (torch.rand(size, generator=noise) > 0.6).to(torch.uint8) * 255
    guess = torch.rand(size, generator=noise) * 160 + truth * 0.3
    return guess.to(torch.uint8), truth


def metrics_of(indices: range) -> DISMetrics:
    metric = DISMetrics()
    for index in indices:
        prediction, truth = pair(index)
        metric.update([prediction], [truth], [None])
    return metric


def test_batches_of_any_size_give_the_same_digits() -> None:
    one_by_one = metrics_of(range(7))
    at_once = DISMetrics()
    maps, truths = zip(*(pair(index) for index in reversed(range(7))), strict=True)
    at_once.update(list(maps), list(truths), [None] * 7)
    assert one_by_one.compute() == at_once.compute()


def test_the_numbers_are_those_of_the_set() -> None:
    metric = DISMetrics()
    maps, truths = zip(*(pair(index) for index in range(5)), strict=True)
    metric.update(list(maps), list(truths), [None] * 5)
    computed = {key: float(value) for key, value in metric.compute().items()}
    assert computed == set_scores(metric.latest).values()


def test_variants_are_added_on_request() -> None:
    prediction, truth = pair(0)
    metric = DISMetrics(variants=True)
    metric.update([prediction], [truth], [None])
    computed = {key: float(value) for key, value in metric.compute().items()}
    expected = set_scores(metric.latest)
    assert computed == expected.values() | expected.variants()


def test_the_pixelwise_measures_can_be_had_alone() -> None:
    prediction, truth = pair(0)
    metric = DISMetrics(PIXELWISE)
    metric.update([prediction], [truth], [None])
    whole = metrics_of(range(1)).compute()
    assert metric.compute() == {key: whole[key] for key in whole if key in PIXELWISE}


def test_an_unknown_measure_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\['fmax'\]: take from"):
        DISMetrics({"fmax"})


def test_threads_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="num_threads 0: give at least 1"):
        DISMetrics(num_threads=0)


@pytest.mark.parametrize(
    ("allowed", "environment", "expected"),
    [
        (64, {}, 64),
        (64, {"WORLD_SIZE": "4"}, 16),  # Lightning's launcher
        (64, {"LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}, 16),  # torchrun on two machines
        (16, {"LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "4"}, 4),  # torchrun in a container
        (16, {"SLURM_NTASKS_PER_NODE": "4", "WORLD_SIZE": "8"}, 16),  # bound: its own already
        (64, {"SLURM_NTASKS_PER_NODE": "4", "WORLD_SIZE": "8"}, 16),  # tasks share the machine
        (2, {"LOCAL_WORLD_SIZE": "4"}, 1),
    ],
)
def test_processes_of_a_run_share_the_cores_once(
    allowed: int, environment: dict[str, str], expected: int
) -> None:
    assert cores_of_one(allowed, 64, environment) == expected


def test_threads_change_no_digit() -> None:
    maps, truths = zip(*(pair(index) for index in range(9)), strict=True)
    results = []
    for num_threads in (1, 4):
        metric = DISMetrics(num_threads=num_threads)
        metric.update(list(maps), list(truths), [None] * 9)
        results.append(metric.compute())
    assert results[0] == results[1]


def test_no_image_gives_no_number() -> None:
    metric = DISMetrics()
    metric.update([], [], [])
    with pytest.warns(UserWarning, match="compute"):  # torchmetrics' own, after reset
        computed = DISMetrics().compute()
    assert all(value.isnan() for value in computed.values())


def test_weights_reach_the_scores() -> None:
    metric = DISMetrics()
    prediction, truth = pair(0)
    metric.update([prediction], [truth], [torch.zeros_like(truth)])
    computed = metric.compute()
    assert (computed["mae"], computed["max_f"], computed["adaptive_f"]) == (0, 1, 1)


def test_reset_forgets_everything() -> None:
    metric = metrics_of(range(3))
    metric.reset()
    metric.update(*([plane] for plane in pair(5)), [None])
    assert metric.compute() == metrics_of(range(5, 6)).compute()


def test_a_pickled_a_cloned_and_a_copied_metric_go_on() -> None:
    metric = metrics_of(range(3))
    for twin in (pickle.loads(pickle.dumps(metric)), metric.clone(), deepcopy(metric)):
        twin.update(*([plane] for plane in pair(3)), [None])
        assert twin.compute() == metrics_of(range(4)).compute()


def test_lists_of_unlike_length_are_refused() -> None:
    prediction, truth = pair(0)
    with pytest.raises(ValueError, match="zip"):
        DISMetrics().update([prediction], [truth, truth], [None, None])


RANK = """
import sys, json, torch
sys.path[:0] = sys.argv[1:3]
from test_dis import metrics_of
rank, folder = int(sys.argv[3]), sys.argv[4]
torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank,
                                     world_size=2)
first = metrics_of(range(0, 6) if rank == 0 else range(6, 7))
second = metrics_of(range(0, 3) if rank == 0 else range(0, 0))
second.update([], [], [])
both = [{k: v.item().hex() for k, v in m.compute().items()} for m in (first, second)]
print(json.dumps(both))
torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_give_the_digits_of_one_even_when_uneven(tmp_path: Path) -> None:
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, str(ROOT), str(Path(__file__).parent), str(r), tmp_path],
            stdout=subprocess.PIPE,
        )
        for r in (0, 1)
    ]
    printed = [json.loads(rank.communicate(timeout=120)[0]) for rank in ranks]
    alone = [
        {key: value.item().hex() for key, value in metrics_of(indices).compute().items()}
        for indices in (range(7), range(3))
    ]
    assert printed == [alone, alone]


def test_a_batch_may_be_one_tensor_and_weights_may_be_left_out() -> None:
    generator = torch.Generator().manual_seed(0)
    maps, truths = torch.randint(256, (2, 3, 8, 8), generator=generator, dtype=torch.uint8)
    short, long = DISMetrics(), DISMetrics()
    short.update(maps, truths)
    long.update(list(maps), list(truths), [None] * 3)
    assert short.compute() == long.compute()
