"""The rows that stand beside a result."""

from callbacks.published_open_vocabulary import published_results


def test_magicseg_stands_beside_the_methods_of_both_protocols() -> None:
    rows = {row.name: row for row in published_results("PASCAL VOC 2012 (21)", 1449)}
    assert rows["MagicSeg"].mean_iou == 62.9
    assert "not stated" in rows["MagicSeg"].protocol
    assert rows["TCL"].protocol.startswith("GroupViT's")
    assert rows["NACLIP"].protocol.startswith("SCLIP's")


def test_rows_are_the_oldest_first() -> None:
    years = [row.year for row in published_results("PASCAL Context (60)", 5105)]
    assert years == sorted(years)


def test_a_method_without_a_number_has_no_row() -> None:
    names = {row.name for row in published_results("COCO-Stuff (171)", 5000)}
    assert "MagicSeg" not in names
    assert "SCLIP" in names


def test_a_part_of_a_set_and_an_own_set_have_no_rows() -> None:
    assert published_results("PASCAL VOC 2012 (21)", 100) == []
    assert published_results("clothing", 126) == []


def test_backbones_are_called_as_their_sources_call_them() -> None:
    rows = {row.name: row for row in published_results("PASCAL VOC 2012 (21)", 1449)}
    assert rows["CorrCLIP-L"].backbone == "ViT-L"
    assert rows["CorrCLIPv2-L, bank of COCO's images"].backbone == "MetaCLIP ViT-L/14"
    assert rows["GroupViT, GCC + YFCC"].backbone == "ViT-S"
