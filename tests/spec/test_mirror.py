"""What of a folder can be read at an address, and by whom; here an address of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.engines.mirror import Mirror
from pipeline.errors import ServiceUnavailable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the rows of two shards, and what both have."""
    folder = tmp_path / "here"
    for path in ("tables/orders/shard=0/a.parquet", "tables/orders/shard=1/b.parquet"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    (folder / "tables/orders/none.parquet").write_text("no rows")
    return folder


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    """An address that nothing is at yet."""
    return Mirror((tmp_path / "there" / "of a run").as_uri())


def below(folder: Path) -> set[str]:
    return {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}


def test_what_was_put_is_fetched_as_far_as_it_is_wanted(
    folder: Path, mirror: Mirror, tmp_path: Path
) -> None:
    mirror.put(folder / "tables/orders", "tables/orders")
    mirror.fetch("tables", tmp_path / "all")
    assert below(tmp_path / "all") == below(folder)
    mirror.fetch("tables", tmp_path / "some", lambda path: "shard=1" not in path)
    assert below(tmp_path / "some") == {
        "tables/orders/shard=0/a.parquet",
        "tables/orders/none.parquet",
    }


def test_a_file_that_two_put_is_that_of_the_last_and_nothing_is_left_beside(
    mirror: Mirror, tmp_path: Path
) -> None:
    for text in ("first", "second"):
        (tmp_path / "answer").write_text(text)
        mirror.put(tmp_path / "answer", "answers/wanted/3.parquet")
    mirror.fetch("answers", tmp_path / "back")
    assert below(tmp_path / "back") == {"answers/wanted/3.parquet"}
    assert (tmp_path / "back/answers/wanted/3.parquet").read_text() == "second"


def test_removing_takes_a_part_or_all_and_may_be_done_again(
    folder: Path, mirror: Mirror, tmp_path: Path
) -> None:
    mirror.put(folder / "tables/orders", "tables/orders")
    mirror.remove("tables/orders/shard=0")
    mirror.fetch("tables", tmp_path / "left")
    assert "tables/orders/shard=0/a.parquet" not in below(tmp_path / "left")
    for _ in range(2):
        mirror.remove()
    assert [*(tmp_path / "there").iterdir()] == []


def test_a_place_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    mirror = Mirror((tmp_path / "file" / "below").as_uri())
    (tmp_path / "answer").write_text("")
    with pytest.raises(ServiceUnavailable, match=r"`engine\.work_folder` file://.*every executor"):
        mirror.put(tmp_path / "answer", "answers/1.parquet")


@pytest.mark.parametrize(
    ("arrow", "spark"),
    [("s3://b/f", "s3a://b/f"), ("hdfs://n:1/f", "hdfs://n:1/f"), ("file:///f", "file:///f")],
)
def test_spark_calls_some_file_systems_otherwise(arrow: str, spark: str) -> None:
    assert Mirror(arrow).for_spark == spark
