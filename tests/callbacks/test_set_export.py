import json
import tarfile
from collections import defaultdict
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml

from callbacks.export_layouts import Dis5kFolders, HuggingFaceFolder, Layout, WebDatasetTars
from callbacks.set_export import Rights, export_set
from datamodules.decode import DecodeError, read_image
from datamodules.decode_mask import read_mask
from datamodules.folder import find_pairs
from datamodules.sample import Sample
from datamodules.shard_index import index_of
from datamodules.shards import SHARDS, TAR, published_shards, read_sample
from tests.datamodules.generated_sets import licensed, toy_set
from tests.datamodules.generation_toys import toy_sample

NOTHING = Rights(credits={})


def export(folder: Path, out: Path, layout: Layout, rights: Rights = NOTHING) -> bool:
    return export_set(folder, out, layout, rights=rights, progress=False)


def stored(folder: Path, id: str) -> Sample:
    return read_sample(folder, *index_of(folder).places[id])


def contents(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_dis5k_folders_hold_the_pixels_of_what_was_not_rejected(tmp_path: Path) -> None:
    ids = toy_set(tmp_path / "set")
    (tmp_path / "set" / "rejected_by_hand.txt").write_text(f"{ids[1]}\tblurred\n")
    assert export(tmp_path / "set", tmp_path / "out", Dis5kFolders())
    pairs, problems = find_pairs(tmp_path / "out", "")
    assert not problems
    assert sorted(pair.id for pair in pairs) == sorted(id for id in ids if id != ids[1])
    for pair in pairs:
        sample = stored(tmp_path / "set", pair.id)
        assert (read_image(pair.image) == sample.image.permute(1, 2, 0).numpy()).all()
        assert (read_mask(pair.mask) == sample.mask.numpy()).all()
    listed = [json.loads(x) for x in (tmp_path / "out" / "pairs.jsonl").read_text().splitlines()]
    assert [each["id"] for each in listed] == [id for id in ids if id != ids[1]]
    assert "| rejected_by_hand: blurred | 1 |" in (tmp_path / "out" / "README.md").read_text()


def test_tars_are_samples_by_the_convention_of_webdataset(tmp_path: Path) -> None:
    ids = toy_set(tmp_path / "set", made=lambda sample: toy_sample(sample.id, whole=True))
    layout = WebDatasetTars()
    layout.part_bytes = 2000  # two shards do not fit
    export(tmp_path / "set", tmp_path / "out", layout)
    tars = sorted((tmp_path / "out").glob("*.tar"))
    assert [tar.name for tar in tars] == [f"pairs-{k:06d}.tar" for k in range(len(tars))]
    assert len(tars) > 1
    samples: dict[str, dict[str, bytes]] = defaultdict(dict)
    for path in tars:
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, name = member.name.partition(".")
                file = tar.extractfile(member)
                assert file is not None
                samples[key][name] = file.read()
    assert [json.loads(sample["json"])["id"] for sample in samples.values()] == ids
    for sample in samples.values():
        assert sample.keys() == {
            *("image.png", "mask.png", "weight.png", "counterfactual.png", "json")
        }
        assert "files" not in json.loads(sample["json"])


def test_metadata_of_huggingface_name_files_that_stand(tmp_path: Path) -> None:
    ids = toy_set(tmp_path / "set", image_format="jpg")
    export(tmp_path / "set", tmp_path / "out", HuggingFaceFolder())
    train = tmp_path / "out" / "train"
    rows = [json.loads(line) for line in (train / "metadata.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ids
    for row in rows:
        assert row["licence"] == "CC0-1.0"
        mask = read_mask(train / row["mask_file_name"])
        assert (mask == stored(tmp_path / "set", row["id"]).mask.numpy()).all()
        assert read_image(train / row["image_file_name"]).shape[:2] == mask.shape


def test_masks_of_labels_have_no_place_in_dis5k(tmp_path: Path) -> None:
    toy_set(tmp_path / "set", made=lambda sample: toy_sample(sample.id, whole=True))
    with pytest.raises(ValueError, match="masks of labels"):
        export(tmp_path / "set", tmp_path / "out", Dis5kFolders())


def test_second_export_is_there_already_and_another_is_refused(tmp_path: Path) -> None:
    ids = toy_set(tmp_path / "set")
    (tmp_path / "out").mkdir()  # an empty place is free
    assert export(tmp_path / "set", tmp_path / "out", Dis5kFolders())
    assert not export(tmp_path / "set", tmp_path / "out", Dis5kFolders())
    (tmp_path / "set" / "rejected_by_hand.txt").write_text(ids[0])
    with pytest.raises(ValueError, match="out holds another export"):
        export(tmp_path / "set", tmp_path / "out", Dis5kFolders())


def test_nobody_is_told_to_remove_what_is_no_export(tmp_path: Path) -> None:
    toy_set(tmp_path / "set")
    (tmp_path / "photos" / "im").mkdir(parents=True)
    with pytest.raises(ValueError, match="photos holds something else: give a place") as refusal:
        export(tmp_path / "set", tmp_path / "photos", Dis5kFolders())
    assert "remove" not in str(refusal.value).rpartition("/")[2]


@pytest.mark.parametrize("layout", [Dis5kFolders(), WebDatasetTars(), HuggingFaceFolder()])
def test_stopped_export_shows_nothing_and_goes_on_to_the_same_files(
    tmp_path: Path, layout: Layout
) -> None:
    toy_set(tmp_path / "set")
    layout.part_bytes = 0
    export(tmp_path / "set", tmp_path / "out", layout)
    tar = tmp_path / "set" / SHARDS / published_shards(tmp_path / "set")[1] / TAR
    whole = tar.read_bytes()
    tar.write_bytes(whole[:-1])
    with pytest.raises(DecodeError, match="verify"):
        export(tmp_path / "set", tmp_path / "again", layout)
    assert not (tmp_path / "again").exists()
    (left,) = (path for path in tmp_path.iterdir() if path.name == ".again.partial")
    (left / "half.png.tmp").write_text("of a kill")
    begun = {path: path.stat().st_mtime_ns for path in left.rglob("*.*") if path.suffix != ".tmp"}
    tar.write_bytes(whole)
    assert export(tmp_path / "set", tmp_path / "again", layout)
    assert not left.exists()
    one, other = contents(tmp_path / "out"), contents(tmp_path / "again")
    cards = [files.pop("README.md").splitlines() for files in (one, other)]
    assert cards[0] == cards[1]
    assert b"# set" in cards[0]  # named as the set, not as the place
    assert one == other
    kept = [path for path in begun if path.suffix in {".png", ".tar"}]
    assert kept
    for path in kept:
        moved = tmp_path / "again" / path.relative_to(left)
        assert moved.stat().st_mtime_ns == begun[path]


def test_what_may_not_be_given_on_is_refused_in_one_line(tmp_path: Path) -> None:
    ids = toy_set(tmp_path / "set", made=partial(licensed, licence="MIT AND CC-BY-NC-4.0"))
    with pytest.raises(ValueError, match="for non-commercial use") as refusal:
        export(tmp_path / "set", tmp_path / "out", Dis5kFolders())
    line = str(refusal.value)
    assert f"CC-BY-NC-4.0 is for non-commercial use ({', '.join(ids[:3])} and 1 more)" in line
    assert "--licence-checked" in line
    assert "\n" not in line
    assert not list(tmp_path.glob("*out*"))
    checked = Rights(credits={}, more_credits=("by Ann",), licence_checked="for my own group")
    assert export(tmp_path / "set", tmp_path / "out", Dis5kFolders(), checked)
    text = (tmp_path / "out" / "README.md").read_text()
    assert "for this reason: for my own group" in text
    assert yaml.safe_load(text.split("---")[1])["license"] == ["other"]


def test_unknown_licence_is_refused(tmp_path: Path) -> None:
    toy_set(tmp_path / "set", made=partial(licensed, licence=""))
    with pytest.raises(ValueError, match="the licence is not known") as refusal:
        export(tmp_path / "set", tmp_path / "out", Dis5kFolders())
    assert "--data.source.licence" in str(refusal.value)
    assert "--licence-checked" in str(refusal.value)


def test_licence_that_names_its_authors_wants_them_named(tmp_path: Path) -> None:
    toy_set(tmp_path / "set", made=partial(licensed, licence="CC-BY-4.0"))
    with pytest.raises(ValueError, match="--credit"):
        export(tmp_path / "set", tmp_path / "out", Dis5kFolders())
    for number, rights in enumerate(
        (Rights(credits={"toy": "by Ann"}), Rights(credits={}, more_credits=("by Ann",)))
    ):
        out = tmp_path / f"out{number}"
        export(tmp_path / "set", out, Dis5kFolders(), rights)
        assert "by Ann" in (out / "README.md").read_text()


def test_authors_are_asked_for_where_somebody_has_checked_the_licence(tmp_path: Path) -> None:
    toy_set(tmp_path / "set", made=partial(licensed, licence="CC-BY-NC-4.0"))
    checked = Rights(credits={}, licence_checked="for my own group")
    with pytest.raises(ValueError, match="--credit"):
        export(tmp_path / "set", tmp_path / "out", Dis5kFolders(), checked)


def test_card_says_that_some_licences_are_not_known(tmp_path: Path) -> None:
    licences = iter(("CC0-1.0", "", "CC0-1.0", ""))
    toy_set(tmp_path / "set", made=lambda sample: licensed(sample, next(licences)))
    checked = Rights(credits={}, licence_checked="they are mine")
    export(tmp_path / "set", tmp_path / "out", Dis5kFolders(), checked)
    text = (tmp_path / "out" / "README.md").read_text()
    assert yaml.safe_load(text.split("---")[1])["license"] == ["cc0-1.0", "other"]


@pytest.mark.parametrize("layout", [Dis5kFolders(), HuggingFaceFolder()])
def test_card_counts_the_pairs_whose_planes_are_left_out(tmp_path: Path, layout: Layout) -> None:
    planes = iter((("weight",), ("weight", "counterfactual"), (), ()))

    def made(sample: Sample) -> Sample:
        named = next(planes)
        weight = torch.zeros_like(sample.mask) if "weight" in named else None
        other = sample.image if "counterfactual" in named else None
        return replace(sample, weight=weight, counterfactual=other)

    toy_set(tmp_path / "set", made=made)
    export(tmp_path / "set", tmp_path / "out", layout)
    text = (tmp_path / "out" / "README.md").read_text()
    assert "| plane that is left out | pairs that have one |" in text
    assert "| weight (0: the pixel does not count) | 2 |" in text
    assert "| counterfactual (the scene without the object) | 1 |" in text


def test_tars_leave_no_plane_out(tmp_path: Path) -> None:
    toy_set(tmp_path / "set", made=lambda sample: toy_sample(sample.id, whole=True))
    export(tmp_path / "set", tmp_path / "out", WebDatasetTars())
    assert "left out" not in (tmp_path / "out" / "README.md").read_text()


def test_place_may_be_a_link_to_an_empty_folder(tmp_path: Path) -> None:
    toy_set(tmp_path / "set")
    (tmp_path / "place").mkdir()
    (tmp_path / "out").symlink_to("place")
    assert export(tmp_path / "set", tmp_path / "out", Dis5kFolders())
    assert (tmp_path / "place" / "README.md").is_file()
    assert not export(tmp_path / "set", tmp_path / "out", Dis5kFolders())


@pytest.mark.parametrize("name", ["x" * 150, "\u00e4" * 70])
def test_tars_hold_long_ids(tmp_path: Path, name: str) -> None:
    ids = toy_set(tmp_path / "set", name=name)
    export(tmp_path / "set", tmp_path / "out", WebDatasetTars())
    with tarfile.open(tmp_path / "out" / "pairs-000000.tar", mode="r|*") as tar:
        keys = [member.name.partition(".")[0] for member in tar]
    assert list(dict.fromkeys(keys)) == [id.replace(".", "_") for id in ids]


def test_card_counts_classes_rejections_and_seconds(tmp_path: Path) -> None:
    toy_set(tmp_path / "set", last=2)
    export(tmp_path / "set", tmp_path / "out", Dis5kFolders())
    text = (tmp_path / "out" / "README.md").read_text()
    header = yaml.safe_load(text.split("---")[1])
    assert header["license"] == ["cc0-1.0"]
    assert header["size_categories"] == ["n<1K"]
    assert "3 generated pairs" in text
    assert "1 are not made yet" in text
    assert "| toy | 3 |" in text
    assert "| blankness: 0.5 of it is blank | 1 |" in text
    assert "| draft | 2.000 | 0.000 |" in text
    assert '"net": "none"' in text
    assert (tmp_path / "out" / "contact_sheet.png").is_file()


def test_set_of_rejected_pairs_alone_is_refused(tmp_path: Path) -> None:
    ids = toy_set(tmp_path / "set")
    (tmp_path / "set" / "rejected_by_hand.txt").write_text("\n".join(ids))
    with pytest.raises(ValueError, match="holds no published pair"):
        export(tmp_path / "set", tmp_path / "out", Dis5kFolders())
