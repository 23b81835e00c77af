"""A pool's log, what is allotted from it, and who draws what."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.generation_plan import Plan, write_plan
from datamodules.generation_result import FinishedShard
from datamodules.held_out import HeldOut
from datamodules.pool import Pool
from datamodules.pool_log import NONE_LEFT, Block, LoggedShard, PoolLog, append, as_lines, mend
from datamodules.pool_pairs import PoolPairs
from datamodules.pool_writer import PoolWriter, allotted
from datamodules.problems import DatasetError
from datamodules.shards import publish
from tests.datamodules.generation_toys import toy_sample, toy_shard

BATCH, EVERY, SEED = 4, 2, 3
BLOCK = BATCH * EVERY


def add_shard(root: Path, number: int, *ids: str) -> None:
    samples = tuple(toy_sample(id, number, size=(12, 8)) for id in ids)
    finished = FinishedShard(shard=toy_shard(*ids, number=number), samples=samples, rejected=())
    publish(root, finished, plan="p", image_format="png", facts={})


def writer(
    root: Path, log: Path, *, held_out: dict[str, str] | None = None, **arguments: float
) -> PoolWriter:
    pool = Pool(root=root, every=EVERY, **arguments)  # type: ignore[arg-type]
    return PoolWriter(
        pool,
        PoolLog(log),
        wants=lambda slot: slot % 2 == 0,
        held_out=HeldOut(held_out or {}),
        seed=SEED,
        batch_size=BATCH,
    )


def ids_at(root: Path, log: Path, before: int) -> list[str | None]:
    pairs = PoolPairs(root, PoolLog(log), size=(8, 8))
    views = [pairs.training_view(slot, SEED) for slot in range(0, before, 2)]
    return [None if view is None else view.sample.id for view in views]


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "pool", tmp_path / "run" / "pool.0.jsonl"


@given(
    st.lists(st.integers(0, 5), max_size=20),
    st.integers(0, 60),
    st.integers(1, 4),
    st.integers(0, 2**63 - 1),
)
def test_no_pair_is_drawn_too_often_and_no_slot_is_left_without_need(
    counts: list[int], num_slots: int, max_echo: int, seed: int
) -> None:
    before = np.array(counts, np.int64)
    pairs = allotted(before, num_slots, max_echo=max_echo, seed=seed)
    had = pairs[pairs != NONE_LEFT]
    after = before + np.bincount(had, minlength=len(before))
    assert np.all(after <= np.maximum(before, max_echo))
    assert len(had) == min(num_slots, int(np.maximum(0, max_echo - before).sum()))
    again = allotted(before, num_slots, max_echo=max_echo, seed=seed)
    assert np.array_equal(pairs, again)


def test_slots_without_a_pair_are_spread_over_the_block() -> None:
    pairs = allotted(np.zeros(20, np.int64), 200, max_echo=5, seed=0)
    first, second = (int((part >= 0).sum()) for part in np.split(pairs, 2))
    assert first + second == 100
    assert 35 <= first <= 65  # hypergeometric, 3.5 standard deviations of 3.5 and some


def test_empty_pool_leaves_every_slot_to_the_real_pair(paths: tuple[Path, Path]) -> None:
    root, log = paths
    writer(root, log).reach(0)  # the folder is not even there
    assert ids_at(root, log, BLOCK) == [None] * (BLOCK // 2)


def test_log_is_a_whole_look_ahead_of_the_step(paths: tuple[Path, Path]) -> None:
    root, log = paths
    ahead = writer(root, log)
    for step in range(9):
        ahead.reach(step)
        assert ahead.log.before >= (step + 1 + EVERY) * BATCH
        assert ahead.log.before <= (step + 1 + 2 * EVERY) * BATCH


def test_new_shard_is_drawn_from_blocks_that_no_step_has_reached(paths: tuple[Path, Path]) -> None:
    root, log = paths
    ahead = writer(root, log)
    ahead.reach(0)
    decided = ahead.log.before
    add_shard(root, 0, "a~1", "a~2", "a~3")
    ahead.reach(1)  # nothing to decide: nobody looks into the folder
    ahead.reach(2)
    ids = ids_at(root, log, ahead.log.before)
    assert set(ids[: decided // 2]) == {None}
    assert None not in ids[decided // 2 :]


def test_draws_of_a_killed_writer_go_on_as_if_it_had_not_been(paths: tuple[Path, Path]) -> None:
    root, log = paths
    add_shard(root, 0, "a~1", "a~2")
    undisturbed = writer(root, log, max_echo=5)
    for step in range(12):
        undisturbed.reach(step)
    expected = ids_at(root, log, 12 * BATCH)
    assert None in expected
    other = log.with_name("other")
    for step in range(12):  # a new process at each step, and the batches of three steps again
        writer(root, other, max_echo=5).reach(max(0, step - 3))
        writer(root, other, max_echo=5).reach(step)
    assert other.read_bytes() == log.read_bytes()
    assert ids_at(root, other, 12 * BATCH) == expected


def test_torn_line_is_cut_off_and_written_anew(paths: tuple[Path, Path]) -> None:
    root, log = paths
    add_shard(root, 0, "a~1", "a~2")
    writer(root, log).reach(0)
    whole = log.read_bytes()
    for length in range(0, len(whole), 29):
        log.write_bytes(whole[:length])
        reader = PoolLog(log)
        reader.read()  # another process sees the torn line and takes none of it
        writer(root, log).reach(0)
        assert log.read_bytes() == whole
        reader.read()
        assert reader.before == 2 * BLOCK


def test_reader_takes_in_what_is_appended(paths: tuple[Path, Path]) -> None:
    _, log = paths
    reader = PoolLog(log)
    reader.read()
    empty = np.zeros(0, np.int64)
    append(log, as_lines([LoggedShard("s", "x", (0, 2))], Block(0, 8, empty, empty)))
    reader.read()
    assert (reader.before, reader.num_pairs, reader.growth) == (8, 2, [(0, 2)])
    slots, pairs = np.array([9, 11, 14]), np.array([1, NONE_LEFT, 0])
    append(log, as_lines([LoggedShard("t", "y", (5,))], Block(8, 16, slots, pairs)))
    first, last = LoggedShard("s", "x", (0, 2)), LoggedShard("t", "y", (5,))
    assert [reader.pair_at(slot) for slot in (9, 11, 14)] == [(first, 2), None, (first, 0)]
    assert [reader.pair_at(slot) for slot in (8, 10, 15)] == [None] * 3  # these did not ask
    append(log, as_lines([], Block(16, 24, np.array([16]), np.array([2]))))
    assert reader.pair_at(16) == (last, 5)
    assert reader.counts.tolist() == [1, 1, 1]
    assert reader.drawn(15).tolist() == [1, NONE_LEFT, 0]
    assert reader.growth == [(0, 2), (8, 3)]


def test_slot_that_nobody_decides_is_an_error_with_the_cure(paths: tuple[Path, Path]) -> None:
    with pytest.raises(TimeoutError, match=r"no slot 3 after 0 s: put .*default_root_dir"):
        PoolLog(paths[1]).wait_for(3, timeout=0)


def test_log_of_another_version_is_an_error(paths: tuple[Path, Path]) -> None:
    root, log = paths
    for text in ('{"format": 2}\n', "no log\n", '{"first": 1}\n'):
        log.parent.mkdir(exist_ok=True)
        log.write_text(text)
        with pytest.raises(ValueError, match="is no log of this version"):
            writer(root, log)


def test_missing_log_needs_no_mending(paths: tuple[Path, Path]) -> None:
    mend(paths[1])
    assert not paths[1].exists()


def test_run_that_begins_in_the_middle_spends_nothing_on_the_steps_before(
    paths: tuple[Path, Path],
) -> None:
    root, log = paths
    add_shard(root, 0, "a~1")
    late = writer(root, log)
    late.reach(101)
    assert late.log.blocks[0].first == 100 * BATCH
    assert late.log.drawn(100 * BATCH).size == 0


def test_rejected_pairs_are_never_drawn(paths: tuple[Path, Path]) -> None:
    root, log = paths
    add_shard(root, 0, "a~1", "a~2")
    (root / "rejected.txt").write_text("a~1\tugly\n")
    writer(root, log, max_echo=100).reach(0)
    assert set(ids_at(root, log, 2 * BLOCK)) == {"a~2"}


def test_pair_made_of_a_held_out_photo_is_left_out_with_a_warning(
    paths: tuple[Path, Path],
) -> None:
    root, log = paths
    add_shard(root, 0, "a~1", "secret~2")
    with pytest.warns(UserWarning, match="1 pairs left out .*secret~2 from secret, .* in DIS-VD"):
        writer(root, log, max_echo=100, held_out={"secret": "DIS-VD"}).reach(0)
    assert set(ids_at(root, log, 2 * BLOCK)) == {"a~1"}


def test_silent_generator_is_one_warning_and_no_stop(paths: tuple[Path, Path]) -> None:
    root, log = paths
    add_shard(root, 0, "a~1")
    ahead = writer(root, log, patience=0.0)
    ahead.reach(0)
    with pytest.warns(UserWarning, match=r"no new shard for 0 s, 1 so far; training goes on"):
        ahead.reach(EVERY)
    ahead.reach(2 * EVERY)  # a second warning would be an error
    add_shard(root, 1, "b~1")
    ahead.reach(3 * EVERY)
    with pytest.warns(UserWarning, match="2 so far"):
        ahead.reach(4 * EVERY)


def test_finished_plan_is_a_warning(paths: tuple[Path, Path]) -> None:
    root, log = paths
    write_plan(root, Plan(recipe={}, keys=("a~0",), shard_size=1, seed=0))
    ahead = writer(root, log)
    ahead.reach(0)
    add_shard(root, 0, "a~1")
    ahead.reach(EVERY)
    with pytest.warns(UserWarning, match="all 1 shards are published"):
        ahead.reach(2 * EVERY)


def test_shard_that_is_gone_or_another_one_is_an_error(paths: tuple[Path, Path]) -> None:
    root, log = paths
    add_shard(root, 0, "a~1")
    writer(root, log).reach(0)
    shard = root / "shards" / "000000-toy"
    shard.rename(root / "elsewhere")
    with pytest.raises(DatasetError, match="is gone or another one"):
        ids_at(root, log, BLOCK)
    samples = (toy_sample("a~1", 9, size=(12, 8)),)
    publish(
        root,
        FinishedShard(shard=toy_shard("a~1"), samples=samples, rejected=()),
        plan="p",
        image_format="png",
        facts={},
    )
    with pytest.raises(DatasetError, match="is gone or another one"):
        ids_at(root, log, BLOCK)


@pytest.mark.parametrize(("name", "value"), [("weight", 0.0), ("max_echo", 0), ("every", 0)])
def test_number_out_of_range_is_an_error_that_names_it(
    tmp_path: Path, name: str, value: float
) -> None:
    with pytest.raises(ValueError, match=f"{name} {value}"):
        Pool(root=tmp_path, **{name: value})  # type: ignore[arg-type]


def test_pair_rejected_later_is_in_no_later_block(paths: tuple[Path, Path]) -> None:
    root, log = paths
    add_shard(root, 0, "a~1", "a~2")
    ahead = writer(root, log, max_echo=100)
    ahead.reach(0)
    decided = ahead.log.before
    assert set(ids_at(root, log, decided)) == {"a~1", "a~2"}
    (root / "rejected_by_hand.txt").write_text("a~1\tugly\n")
    add_shard(root, 1, "b~1", "b~2")
    ahead.reach(EVERY)
    (root / "rejected_repeats.txt").write_text("b~2\n")
    for step in range(2 * EVERY, 8 * EVERY):
        ahead.reach(step)
    later = ids_at(root, log, ahead.log.before)[(decided + BLOCK) // 2 :]
    assert set(later) == {"a~2", "b~1"}
    assert ahead.log.growth[-1][1] == 2


def test_pair_rejected_while_a_run_was_stopped_is_not_drawn_when_it_goes_on(
    paths: tuple[Path, Path],
) -> None:
    root, log = paths
    add_shard(root, 0, "a~1", "a~2", "a~3")
    (root / "rejected_by_hand.txt").write_text("a~1\n")  # numbers are not places
    writer(root, log, max_echo=100).reach(0)
    decided = ids_at(root, log, 2 * BLOCK)
    (root / "rejected_by_hand.txt").write_text("a~1\na~3\n")
    writer(root, log, max_echo=100).reach(EVERY)
    ids = ids_at(root, log, 3 * BLOCK)
    assert ids[:BLOCK] == decided  # what was decided stays, so that it can be replayed
    assert set(ids[BLOCK:]) == {"a~2"}


def test_rejection_is_for_the_rest_of_the_run_and_logged_once(paths: tuple[Path, Path]) -> None:
    root, log = paths
    add_shard(root, 0, "a~1", "a~2")
    writer(root, log, max_echo=100).reach(0)
    listed = root / "rejected_by_hand.txt"
    listed.write_text("a~1\n")
    writer(root, log, max_echo=100).reach(EVERY)
    writer(root, log, max_echo=100).reach(2 * EVERY)
    listed.unlink()
    writer(root, log, max_echo=100).reach(3 * EVERY)
    assert set(ids_at(root, log, 5 * BLOCK)[BLOCK:]) == {"a~2"}
    assert log.read_text().count("rejected") == 1


def test_rejection_torn_from_its_block_is_written_anew(paths: tuple[Path, Path]) -> None:
    root, log = paths
    add_shard(root, 0, "a~1", "a~2")
    writer(root, log).reach(0)
    first = log.stat().st_size
    (root / "rejected.txt").write_text("a~2\n")
    writer(root, log).reach(EVERY)
    whole = log.read_bytes()
    for length in range(first, len(whole), 7):
        log.write_bytes(whole[:length])
        writer(root, log).reach(EVERY)
        assert log.read_bytes() == whole


def test_reject_list_that_cannot_be_read_is_one_warning_and_no_stop(
    paths: tuple[Path, Path],
) -> None:
    root, log = paths
    add_shard(root, 0, "a~1", "a~2")
    ahead = writer(root, log, max_echo=100)
    ahead.reach(0)
    listed = root / "rejected.txt"
    listed.write_bytes("a~1".encode("utf-16"))
    with pytest.warns(UserWarning, match="reject lists of pool .* do not count yet"):
        ahead.reach(EVERY)
    ahead.reach(2 * EVERY)  # a second warning would be an error
    listed.write_text("a~1")
    ahead.reach(3 * EVERY)
    assert set(ids_at(root, log, 5 * BLOCK)[2 * BLOCK :]) == {"a~2"}


@pytest.mark.parametrize("bad", ["empty", "file", "copy", "torn"])
def test_bad_entry_among_the_shards_is_one_warning_and_no_stop(
    paths: tuple[Path, Path], bad: str
) -> None:
    root, log = paths
    add_shard(root, 0, "a~1")
    entry = root / "shards" / "000000-bad"
    if bad == "copy":
        shutil.copytree(root / "shards" / "000000-toy", entry)
    elif bad == "file":
        entry.write_text("")
    else:
        entry.mkdir()
        if bad == "torn":
            (entry / "done.json").write_text("{")
    ahead = writer(root, log, max_echo=100)
    with pytest.warns(UserWarning, match="000000-bad is left out"):
        ahead.reach(0)
    ahead.reach(EVERY)  # a second warning would be an error
    assert set(ids_at(root, log, 2 * BLOCK)) == {"a~1"}


def test_shard_that_became_whole_is_drawn_from(paths: tuple[Path, Path]) -> None:
    root, log = paths
    entry = root / "shards" / "000000-toy"
    entry.mkdir(parents=True)
    ahead = writer(root, log)
    with pytest.warns(UserWarning, match="000000-toy is left out"):
        ahead.reach(0)
    entry.rmdir()
    add_shard(root, 0, "a~1")
    ahead.reach(EVERY)
    assert "a~1" in ids_at(root, log, 3 * BLOCK)


def test_silence_of_a_pool_with_a_bad_entry_is_a_warning(paths: tuple[Path, Path]) -> None:
    root, log = paths
    (root / "shards" / "000000-bad").mkdir(parents=True)
    ahead = writer(root, log, patience=0.0)
    silence = pytest.warns(UserWarning, match="no new shard for 0 s, 0 so far")
    with silence, pytest.warns(UserWarning, match="is left out"):
        ahead.reach(0)
