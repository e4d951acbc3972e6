"""batchscope models and batchscope describe, as users run them."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from models.registry import names
from pipeline.cli import main
from tests import json_shapes

PARAMS = Path(__file__).parents[3] / "params.yaml"
ODD = "tests.models.odd_networks"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit status of the command line."""
    monkeypatch.setattr(sys, "argv", ["batchscope", *arguments])
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the tests' own handlers stay
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_models_lists_every_network_and_the_studys_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    params = tmp_path / "params.yaml"
    params.write_text(
        PARAMS.read_text().replace("models: [", "models: ['tests.pipeline.networks:dropout', ")
    )
    assert run(monkeypatch, "models", "--params", str(params), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    shape = json_shapes.shape(document)
    assert json_shapes.agrees(shape, json_shapes.frozen("batchscope models"))
    rows = {row["name"]: row for row in document["networks"]}
    assert set(rows) == {*names(), "tests.pipeline.networks:dropout"}
    assert rows["mlp"]["parameters"] == 64 * 64 + 64 + 640 + 10
    assert rows["resnet8"]["couples_examples"] is True
    assert rows["tests.pipeline.networks:dropout"]["stochastic"] is True
    assert not any(row["refused"] for row in rows.values())
    assert run(monkeypatch, "models", "--params", str(params), "--image", "3x64x64") == 0
    table = capsys.readouterr().out
    assert "On images of 3×64×64, 10 classes" in table
    assert "dense: dense needs 402,653,184 weights" in table


def test_describe_shows_sizes_costs_and_savings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "describe", "conv", "--image", "1x28x28", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    shape = json_shapes.shape(document)
    assert json_shapes.agrees(shape, json_shapes.frozen("batchscope describe"))
    layers = document["layers"]
    first = layers[0]
    assert first["output"] == [8, 28, 28]
    assert (first["kernel"], first["stride"], first["padding"]) == ([3, 3], [1, 1], [1, 1, 1, 1])
    assert (first["parameters"], first["multiply_adds"]) == (80, 8 * 9 * 784)
    assert first["dense_weights"] == 784 * 8 * 784
    assert first["saving"] == pytest.approx(784 * 8 * 784 / 72)
    assert [x["receptive_field"] for x in layers if x["kernel"]] == [
        [3, 3], [4, 4], [8, 8], [10, 10],
    ]  # fmt: skip
    assert run(monkeypatch, "describe", "conv", "--params", str(PARAMS)) == 0
    table = capsys.readouterr().out
    assert table.startswith("conv on images of 1×8×8, 10 classes\n")
    assert "in all: 1,898 parameters" in table


def test_describe_draws_pixel_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    target = tmp_path / "new" / "conv.svg"
    arguments = ("describe", "conv", "--image", "1x8x8", "--figure", str(target))
    assert run(monkeypatch, *arguments) == 0
    assert f"wrote {target}" in capsys.readouterr().out
    drawn = "".join(ElementTree.parse(target).getroot().itertext())
    assert "Pixel use and receptive fields of conv" in drawn
    assert "0 Convolution2d: use 4–9, field 3×3" in drawn
    flat = tmp_path / "mlp.svg"
    assert run(monkeypatch, "describe", "mlp", "--image", "1x8x8", "--figure", str(flat)) == 0
    assert "no layer slides" in "".join(ElementTree.parse(flat).getroot().itertext())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("convv",), "'convv' is no registered network; did you mean conv?"),
        (("conv", "--image", "28x28"), "--image is '28x28'; write channels, height and width"),
        (("conv", "--image", "1x0x8"), "height is 0"),
        (("conv", "--image", "1x3x8"), "conv pools 3×8 pixels by 4; use images of at least 4×4"),
        (("dense", "--image", "3x64x64"), "dense needs 402,653,184 weights"),
        (
            ("mlp", "--image", "3x60000x60000"),
            "3x60000x60000 has 10,800,000,000 numbers, more than",
        ),
        (
            ("lenet", "--image", "1x8x8", "--classes", "1000000000"),
            "weights on images of 1x8x8 with 1",
        ),
        (
            ("os:system", "--image", "1x8x8"),
            "os:system can't be made for images of 1x8x8 (TypeError",
        ),
        (("builtins:str", "--image", "1x8x8"), "builtins:str returns str; a factory takes a task"),
        (
            ("tests.pipeline.networks:narrowing", "--image", "1x4x4"),
            "layer 1 (Convolution2d) does not take 2×2×2: kernel 3 exceeds the padded input",
        ),
    ],
)
def test_bad_names_and_impossible_geometries_are_refused(
    arguments: tuple[str, ...], complaint: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:  # fmt: skip
    target = tmp_path / "figure.svg"
    assert run(monkeypatch, "describe", *arguments, "--figure", str(target)) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert complaint in said
    assert not target.exists()


def test_describe_takes_a_network_without_weights(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "weightless.py").write_text(
        "from torch import nn\n\n\ndef flat(task):\n    return nn.Flatten()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert run(monkeypatch, "describe", "weightless:flat") == 0
    assert "in all: 0 parameters, 0 multiply-adds\n" in capsys.readouterr().out


def described(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, image: str
) -> str:
    """What describe prints of a network, whose document has the frozen shape."""
    assert run(monkeypatch, "describe", name, "--image", image, "--json") == 0
    shape = json_shapes.shape(json.loads(capsys.readouterr().out))
    assert json_shapes.agrees(shape, json_shapes.frozen("batchscope describe"))
    assert run(monkeypatch, "describe", name, "--image", image) == 0
    return capsys.readouterr().out


def test_describe_names_what_the_total_lacks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = described(monkeypatch, capsys, f"{ODD}:tokens", "1x6x10")
    assert "in all: 197 parameters, 270 multiply-adds;" in table
    assert table.endswith(
        "\nwithout: _Tokens, normalise, mix, recur (their multiply-adds are not counted)\n"
    )
    table = described(monkeypatch, capsys, "noisy_quadratic", "1x10x10")
    assert "in all: 100 parameters, 0 multiply-adds\nwithout: _Quadratic (" in table
    row = next(line.split() for line in table.splitlines() if "_Quadratic  " in line)
    assert row[:7] == ["-", "_Quadratic", "1", "-", "-", "-", "10×10"]
    assert "without" not in described(monkeypatch, capsys, "conv", "1x8x8")


def test_describe_claims_nothing_of_patches_in_the_batch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = described(monkeypatch, capsys, f"{ODD}:patches", "1x6x10")
    assert "no field and no costs: row, rectify; their outputs are not one row an ex" in table
    assert "without: row (their multiply-adds are not counted)" in table
    assert "too large" not in table
    row = next(line.split() for line in table.splitlines() if line.startswith("row"))
    assert row[6:9] == ["-", "110", "-"]
