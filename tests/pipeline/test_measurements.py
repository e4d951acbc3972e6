from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.measurements import read_measurements
from pipeline.outcome import Ended

HEADER = "model,batch_size,steps,replicate,ended"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "steps.csv"


def lines(file: Path, *rows: str, header: str = HEADER) -> Path:
    file.write_text("\n".join([header, *rows]) + "\n")
    return file


def test_what_ended_how_counts_as_in_the_study(file: Path) -> None:
    rows = [
        "a,1,30.5,0,reached", "a,1,40,1,exhausted", "a,1,40,2,outraced", "a,1,,3,diverged",
        "a,1,,4,failed", "a,1,7,5,out_of_memory", "a,1,40,6,outpaced",
    ]  # fmt: skip
    found = read_measurements(lines(file, *rows)).models["a"]
    assert found.kind.tolist() == [
        "reached", "censored", "censored", "infinite", "missing", "missing", "censored",
    ]  # fmt: skip
    assert found.steps[:4].tolist() == [30.5, 40, 40, math.inf]
    assert found.size.dtype == np.int64
    assert len(rows) == len(Ended)


def test_without_the_optional_columns_every_row_reached_the_goal(file: Path) -> None:
    found = read_measurements(
        lines(file, "b,4.0,1e2,note", " a , 1 , 5 , ", "", header="model,batch_size,steps,why")
    )
    assert list(found.models) == ["b", "a"]
    assert found.ignored == ("why",)
    b = found.models["b"]
    assert (b.size.tolist(), b.steps.tolist(), b.kind.tolist()) == ([4], [100.0], ["reached"])


def test_a_spreadsheets_byte_order_mark_is_no_part_of_the_header(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfmodel,batch_size,steps\r\na,1,5\r\n")
    assert list(read_measurements(file).models) == ["a"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,one,5,0,reached", r"line 2, column batch_size: 'one' is not a number; write digits"),
        ("a,1.5,5,0,reached", r"column batch_size: '1.5' is no whole number"),
        ("a,0,5,0,reached", r"column batch_size: '0' is not positive; write a number above 0"),
        ("a,-4,5,0,reached", r"column batch_size: '-4' is not positive"),
        ("a,1e30,5,0,reached", r"column batch_size: '1e30' is above 1e15"),
        ("a,1,nan,0,reached", r"column steps: 'nan' is not a number"),
        ("a,1,inf,0,reached", r"column steps: 'inf' is not a number"),
        ("a,1,1_000,0,reached", r"column steps: '1_000' is not a number"),
        ('a,1,"1,347",0,reached', r"column steps: '1,347' is not a number; .* separators"),
        ("a,1,,0,exhausted", r"column steps: '' is not a number"),
        ("a,1,5,0,converged", r"column ended: 'converged' is unknown; write reached, exhausted"),
        ("a,1,5,0,", r"column ended: '' is unknown"),
        (",1,5,0,reached", r"column model: '' is no name"),
        (
            "a\x01b,1,5,0,reached",
            r"line 2, column model: 'a\\x01b' has a character that can't be pr",
        ),
        ("a,1,5,,reached", r"column replicate: '' is no label"),
        ("a,1,5", r"line 2: 3 values for 5 columns"),
        ("a,1,5,0,reached,6", r"line 2: 6 values for 5 columns"),
        ("a,1,5,0,reached\na,1,6,0,reached", r"line 3, .* '0' of a at batch size 1 is on line 2"),
        ('a,"1,5,0,reached', r"line 2: unexpected end of data; .* quote"),
    ],
)
def test_a_bad_value_is_named_with_its_place_and_a_remedy(file: Path, row: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        read_measurements(lines(file, row))
    assert str(file) in str(refused.value)


def test_ten_problems_are_listed_and_the_others_counted(file: Path) -> None:
    with pytest.raises(ValueError, match="and 3 more") as refused:
        read_measurements(lines(file, *[f"a,x,5,{i},reached" for i in range(13)]))
    assert len(str(refused.value).splitlines()) == 11


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty; give a header line model,batch_size,steps"),
        (b"model,batch_size,steps\n", "no rows; add a row"),
        (b"model,steps\na,1\n", "line 1: no column batch_size, only 'model', 'steps'; name it"),
        (b"model;batch_size;steps\na;1;5\n", "separate columns by commas, not semicolons"),
        (b'"model,batch_size,steps', "line 1: unexpected end of data"),
        (b"model,model,batch_size,steps\na,a,1,5\n", "line 1: column model is there twice"),
        ("model,batch_size,steps\né,1,5\n".encode("latin-1"), "line 2: byte 0xe9 is not UTF-8"),
        ("model,batch_size,steps\na,1,5\n".encode("utf-16"), "line 1: byte 0xff is not UTF-8"),
        (b"model,batch_size,steps\n" + b"a,1,5\n" * 4_000_000, "is larger than 20 MB"),
    ],
)
def test_another_file_is_refused(file: Path, content: bytes, said: str) -> None:
    file.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_measurements(file)


def test_a_directory_or_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a directory; give the CSV file in it"):
        read_measurements(tmp_path)
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read_measurements(tmp_path / "none.csv")


@given(content=st.binary(max_size=60), rows=st.text(max_size=60))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, rows: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.csv"
    for tried in (content, (HEADER + "\n").encode() + content, f"{HEADER}\n{rows}".encode()):
        file.write_bytes(tried)
        try:
            found = read_measurements(file)
        except ValueError as refused:
            assert str(file) in str(refused)
        else:
            assert all(len(part.size) for part in found.models.values())
