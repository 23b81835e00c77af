from pathlib import Path

import numpy as np
import pytest

from datamodules.vocabulary import read_vocabulary
from generation import objects
from generation.procedural import ProceduralScenes
from generation.procedural_label_maps import ProceduralLabelMaps

SCENES = ProceduralScenes(size=32, classes=["bench", "bed", "table"], seed=2)


def test_set_is_written_once_and_holds_the_labels_of_its_classes(tmp_path: Path) -> None:
    source = ProceduralLabelMaps(tmp_path / "set", SCENES, number=3)
    found = source.find()
    assert found.class_names == ("background", "bench", "bed", "table")
    assert found.has_background
    assert len(found.files) == 3
    before = {files.labels: files.labels.stat().st_mtime_ns for files in found.files}
    again = source.find()
    assert before == {files.labels: files.labels.stat().st_mtime_ns for files in again.files}


def test_labels_are_those_of_the_scene_under_the_numbers_of_the_set(tmp_path: Path) -> None:
    found = ProceduralLabelMaps(tmp_path, SCENES, number=2, crowded_every=0).find()
    for index, files in enumerate(sorted(found.files, key=lambda files: files.id[-6:])):
        _, labels = found.read(files)
        own = SCENES.labelled(SCENES.spec("test", index))
        name = own.class_names[1]
        assert np.array_equal(labels == found.class_names.index(name), own.mask.numpy() == 1)


def test_every_third_photo_may_show_two_classes(tmp_path: Path) -> None:
    files = ProceduralLabelMaps(tmp_path, SCENES, number=3).find().files
    assert [file.id.startswith("crowd") for file in files].count(True) == 1


def test_another_recipe_in_its_place_is_refused(tmp_path: Path) -> None:
    ProceduralLabelMaps(tmp_path, SCENES, number=1).find()
    with pytest.raises(ValueError, match="another count"):
        ProceduralLabelMaps(tmp_path, SCENES, number=2).find()


def test_numbers_out_of_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="number 0"):
        ProceduralLabelMaps(tmp_path, SCENES, number=0)
    with pytest.raises(ValueError, match="one class alone"):
        ProceduralLabelMaps(tmp_path, ProceduralScenes(size=32, classes=["bed"]), number=1)


def test_shipped_list_names_the_classes_of_all_scenes() -> None:
    shipped = Path(objects.__file__).with_name("names.txt")
    assert read_vocabulary(shipped).names == tuple(objects.CLASSES)
