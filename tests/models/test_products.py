"""Products with one column, which are computed in another way than with several."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.func import vmap  # pyright: ignore[reportPrivateImportUsage]

from models.layers.products import product


@pytest.mark.parametrize("many", [(), (5,)], ids=["one", "many"])
@pytest.mark.parametrize("columns", [1, 2, 7])
def test_product(columns: int, many: tuple[int, ...]) -> None:
    drawn = torch.Generator().manual_seed(0)
    left = torch.randn(*many, 4, 3, dtype=torch.float64, generator=drawn, requires_grad=True)
    right = torch.randn(*many, 3, columns, dtype=torch.float64, generator=drawn, requires_grad=True)
    torch.testing.assert_close(product(left, right), left @ right)
    assert gradcheck(product, (left, right))
    assert gradgradcheck(product, (left, right))


def test_a_member_is_the_same_bits_at_any_width() -> None:
    drawn = torch.Generator().manual_seed(0)
    left, right = torch.randn(36, 33, 17, generator=drawn), torch.randn(36, 17, 1, generator=drawn)
    all_of_them = vmap(product)(left, right)
    for width in (1, 2, 8, 20, 35):
        assert torch.equal(vmap(product)(left[:width], right[:width]), all_of_them[:width])
