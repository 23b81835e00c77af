import json
from pathlib import Path

import pytest

from datamodules.generation_plan import PLAN, Plan, Recipe, read_plan, write_plan

KEYS = ("DIS-TR/chair~0", "DIS-TR/fan~0", "DIS-TR/chair~1")


def plan(
    recipe: Recipe | None = None,
    *,
    keys: tuple[str, ...] = KEYS,
    shard_size: int = 2,
    seed: int = 0,
) -> Plan:
    return Plan(
        recipe={"size": 8} if recipe is None else recipe,
        keys=keys,
        shard_size=shard_size,
        seed=seed,
    )


def ids(made: Plan) -> list[str]:
    return [item.id for shard in made.shards for item in shard.items]


def test_shards_hold_all_items_once_and_in_order() -> None:
    assert [len(shard.items) for shard in plan().shards] == [2, 1]
    assert [item.key for shard in plan().shards for item in shard.items] == list(KEYS)
    assert len(set(ids(plan()))) == len(KEYS)


def test_id_begins_with_the_name_of_the_photo() -> None:
    assert [id.partition("~")[0] for id in ids(plan())] == ["chair", "fan", "chair"]
    assert all(len(id.partition("~")[2]) == 12 for id in ids(plan()))


def test_name_may_hold_a_tilde_itself() -> None:
    assert ids(plan(keys=("a~b~0",)))[0].startswith("a~b~")


def test_ids_and_seeds_follow_from_the_recipe() -> None:
    assert plan() == plan()
    assert plan().digest == plan().digest
    others = [plan({"size": 9}), plan(seed=1), plan(shard_size=3)]
    for other in others:
        assert not set(ids(other)) & set(ids(plan()))
        assert other.digest != plan().digest


def test_order_of_a_recipes_keys_does_not_count() -> None:
    assert plan({"a": 1, "b": 2}).digest == plan({"b": 2, "a": 1}).digest


def test_plan_comes_back_from_its_file(tmp_path: Path) -> None:
    write_plan(tmp_path / "set", plan())
    assert read_plan(tmp_path / "set") == plan()
    write_plan(tmp_path / "set", plan())


def test_other_recipe_is_refused_and_named(tmp_path: Path) -> None:
    write_plan(tmp_path, plan({"model": {"size": 8}}))
    before = (tmp_path / PLAN).read_bytes()
    with pytest.raises(ValueError, match=r"another model\.size \(8, now 9\)") as error:
        write_plan(tmp_path, plan({"model": {"size": 9}}))
    assert "\n" not in str(error.value)
    assert (tmp_path / PLAN).read_bytes() == before


def test_other_seed_and_other_keys_are_refused(tmp_path: Path) -> None:
    write_plan(tmp_path, plan())
    with pytest.raises(ValueError, match=r"another seed \(0, now 1\)"):
        write_plan(tmp_path, plan(seed=1))
    with pytest.raises(ValueError, match="another list of keys"):
        write_plan(tmp_path, plan(keys=KEYS[:2]))


def test_changed_plan_and_shards_without_one_are_refused(tmp_path: Path) -> None:
    write_plan(tmp_path / "one", plan())
    content = json.loads((tmp_path / "one" / PLAN).read_text())
    (tmp_path / "one" / PLAN).write_text(json.dumps({**content, "keys": ["other~0"]}))
    with pytest.raises(ValueError, match="was changed"):
        read_plan(tmp_path / "one")
    (tmp_path / "two" / "shards").mkdir(parents=True)
    with pytest.raises(ValueError, match="holds shards but no plan"):
        write_plan(tmp_path / "two", plan())


def test_plan_is_not_written_among_somebodys_photos(tmp_path: Path) -> None:
    for part in ("im", "gt"):
        (tmp_path / part).mkdir()
    with pytest.raises(ValueError, match=r"holds something else than a set \(gt, im\)"):
        write_plan(tmp_path, plan())
    assert not (tmp_path / PLAN).exists()


def test_plan_is_written_into_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / ".hidden").touch()
    write_plan(tmp_path, plan())
    assert read_plan(tmp_path) == plan()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", '{"format": 1}', '{"format": 1, "recipe": {}, "keys": [3], '
     '"shard_size": 2, "seed": 0, "digest": ""}'],
)  # fmt: skip
def test_broken_plan_is_named_with_a_cure(tmp_path: Path, text: str) -> None:
    (tmp_path / PLAN).write_text(text)
    with pytest.raises(ValueError, match=r"plan\.json is broken .*: put back a copy") as error:
        read_plan(tmp_path)
    assert "\n" not in str(error.value)


def test_plan_of_another_version_is_named(tmp_path: Path) -> None:
    (tmp_path / PLAN).write_text('{"format": 2}')
    with pytest.raises(ValueError, match="has format 2, this version reads 1"):
        read_plan(tmp_path)


@pytest.mark.parametrize(
    ("keys", "shard_size", "message"),
    [
        ((), 2, "nothing to make"),
        (("a~0", "a~0"), 2, "'a~0' twice"),
        (("a~0",), 0, "shard_size is 0"),
    ],
)
def test_useless_plans_are_refused(keys: tuple[str, ...], shard_size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan(keys=keys, shard_size=shard_size)


def test_key_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="must be <name>~<which>"):
        assert plan(keys=("chair",)).shards
