"""Random geometries for property tests of layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from models.layers.geometry import Padding, TotalPadding

Pair = tuple[int, int]


@dataclass(frozen=True)
class Case:
    """Arguments of a convolution and the shape of its input."""

    batch: int
    inputs: int
    outputs: int
    size: Pair
    kernel: Pair
    stride: Pair
    dilation: Pair
    groups: int
    padding: Padding
    output_padding: Pair = (0, 0)

    @property
    def arguments(self) -> dict[str, Any]:
        return {
            "kernel": self.kernel, "stride": self.stride, "dilation": self.dilation,
            "groups": self.groups, "padding": self.padding,
        }  # fmt: skip


def pairs(low: int, high: int) -> st.SearchStrategy[Pair]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


PADDINGS: st.SearchStrategy[Padding] = st.one_of(
    st.just("same"),
    st.integers(0, 3),
    pairs(0, 3),
    st.builds(TotalPadding, st.integers(0, 5), st.integers(0, 5)),
)


@st.composite
def cases(draw: st.DrawFn, *, transposed: bool = False) -> Case:
    groups = draw(st.integers(1, 3))
    stride, dilation = draw(pairs(1, 3)), draw(pairs(1, 3))
    kernel = draw(pairs(1, 4))
    # Mostly windows that fit, sometimes one that is a pixel too large for what padding adds.
    size = tuple(
        max(1, d * (k - 1) + draw(st.integers(0, 5))) for k, d in zip(kernel, dilation, strict=True)
    )
    top = [max(s, d) - 1 for s, d in zip(stride, dilation, strict=True)]
    extra = draw(st.tuples(*(st.integers(0, t) for t in top))) if transposed else (0, 0)
    return Case(
        batch=draw(st.integers(1, 2)),
        inputs=groups * draw(st.integers(1, 2)),
        outputs=groups * draw(st.integers(1, 2)),
        size=size,
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        groups=groups,
        padding=draw(pairs(0, 3) if transposed else PADDINGS),
        output_padding=extra,
    )
