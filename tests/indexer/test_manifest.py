import io
from pathlib import Path

import pytest

from indexer.errors import PermissionRefused, UsageRefused
from indexer.manifest import Facts, read_manifest
from tests.conftest import Command
from tests.pictures import save
from tests.trust.in_process import modes_obeyed


def test_a_csv_gives_labels_and_every_further_column_as_an_attribute(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("path,label,seller\na.jpg,cup,ann\nb.jpg,,bob\n", encoding="utf-8")
    facts = read_manifest(table)
    assert facts[str(tmp_path / "a.jpg")] == Facts("cup", {"seller": "ann"})
    assert facts[str(tmp_path / "b.jpg")] == Facts(None, {"seller": "bob"})


def test_a_spreadsheets_byte_order_mark_and_spaces_are_no_part_of_the_values(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_bytes(b"\xef\xbb\xbfpath , label\r\na.jpg , cup \r\n")
    assert read_manifest(table)[str(tmp_path / "a.jpg")].label == "cup"


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {"path": ["a.jpg", "b.jpg"], "label": ["cup", None], "price": [3, 4]}
    parquet.write_table(pa.table(columns), tmp_path / "labels.parquet")
    facts = read_manifest(tmp_path / "labels.parquet")
    assert facts[str(tmp_path / "a.jpg")] == Facts("cup", {"price": "3"})
    assert facts[str(tmp_path / "b.jpg")] == Facts(None, {"price": "4"})


def test_relative_paths_are_looked_for_beside_the_table_and_then_below_the_catalogues(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "a.jpg").touch()
    table = tmp_path / "labels.csv"
    table.write_text("path,label\na.jpg,cup\n")
    assert list(read_manifest(table, [str(tmp_path / "shop")])) == [str(tmp_path / "shop" / "a.jpg")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"file,label\na.jpg,cup\n", "no column `path`"),
        (b"path,label\n,cup\n", "row 2: no path"),
        (b"path,label\na.jpg,cup\na.jpg,bass\n", "already listed"),
        (b"path,label\na.jpg,cup,more\n", "more values than columns"),
        (b"path,label\n\xff\xfe.jpg,cup\n", "not a CSV file in UTF-8"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused_with_its_place(
    tmp_path: Path, content: bytes, says: str
) -> None:
    table = tmp_path / "labels.csv"
    table.write_bytes(content)
    with pytest.raises(UsageRefused, match=says):
        read_manifest(table)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "labels.parquet").write_bytes(b"garbage")
    with pytest.raises(UsageRefused, match="not a Parquet file"):
        read_manifest(tmp_path / "labels.parquet")


def test_a_table_that_is_no_file_is_refused_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for name in ("folder.csv", "missing.parquet"):
        with pytest.raises(UsageRefused, match=f"{name} is not a file"):
            read_manifest(tmp_path / name)


def test_a_parquet_file_that_may_not_be_read_is_not_told_to_be_broken(tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = tmp_path / "labels.parquet"
    parquet.write_table(pa.table({"path": ["a.jpg"], "label": ["cup"]}), table)
    table.chmod(0)
    with modes_obeyed(), pytest.raises(PermissionRefused, match=str(table)):
        read_manifest(table)
    table.chmod(0o600)
    assert len(read_manifest(table)) == 1


def test_a_parquet_file_is_refused_wherever_it_is_broken(tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table, content = tmp_path / "labels.parquet", io.BytesIO()
    parquet.write_table(pa.table({"path": ["a.jpg"], "label": ["cup"]}), content)
    refused = 0
    for place in range(4, len(content.getvalue()) - 4, 7):
        broken = bytearray(content.getvalue())
        broken[place] ^= 0xFF
        table.write_bytes(broken)
        try:
            read_manifest(table)
        except UsageRefused:
            refused += 1
    assert refused > 20


def test_a_zero_byte_in_a_path_is_a_rejection_and_stays_one(index: Command, workplace: Path) -> None:
    save(workplace / "one.png", 1)
    names = ("one.png", "two\0.png", "s3://bucket/three\0.png")
    (workplace / "shop.csv").write_text("path,label\n" + "".join(f"{name},cup\n" for name in names))
    for _ in range(2):
        built = index("build", "shop.csv", "--json")
        assert (built.code, [entry["reason"] for entry in built.json()["rejected"]]) == (
            3,
            ["not-a-file", "missing"],
        )
    assert index("status").code == 0
    assert index("check").code == 0


def test_a_manifest_that_is_a_link_to_a_file_of_any_name_is_one(index: Command, workplace: Path) -> None:
    save(workplace / "one.png", 1)
    (workplace / "blob").write_text(f"path,label\n{workplace}/one.png,cup\n")
    (workplace / "shop.csv").symlink_to("blob")
    assert [index("build", *named, "--json").json()["found"] for named in (["shop.csv"], [])] == [1, 1]


def test_a_broken_file_of_two_manifests_is_rejected_by_both(index: Command, workplace: Path) -> None:
    save(workplace / "one.png", 1)
    (workplace / "broken.png").write_bytes(b"no picture")
    for name in ("a.csv", "b.csv", "a.csv"):
        (workplace / name).write_text("path\none.png\nbroken.png\n")
        assert index("build", name).code == 3
    assert index("check").code == 0
