"""What each gate is in torch. torch is imported by the first call."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from symgrad.numeric import kernels_arrays

HALF_ROOT = 0.5**0.5


@lru_cache(maxsize=1)
def table() -> kernels_arrays.Table:
    """Return the kernels by gate name."""
    import torch
    from torch import special

    found = kernels_arrays.table(torch)
    found |= {
        "where": lambda c, x, y: torch.where(c if c.dtype is torch.bool else c != 0, x, y),
        "eq": torch.eq,  # `torch.equal` is one truth for a whole array
        "cbrt": lambda x: _cube_root(torch, x),
        "stop_gradient": lambda x: x.detach(),
        "sigmoid": torch.sigmoid,
        "swish": lambda x: x * torch.sigmoid(x),
        "sign": lambda x: torch.where(torch.isnan(x), x, torch.sign(x)),
        "gelu": lambda x: x * special.erfc(-x * HALF_ROOT) / 2,
        "erf": special.erf,
        "erfc": special.erfc,
        "erfinv": special.erfinv,
        "gamma": lambda x: _gamma(torch, x),
        "factorial": lambda x: _gamma(torch, x + 1),
        "loggamma": lambda x: torch.where(x < 0, torch.full_like(x, torch.nan), torch.lgamma(x)),
        "polygamma": lambda n, x: _polygamma(torch, n, x),
        "lowergamma": lambda s, x: _gamma(torch, s) * special.gammainc(s, x),
        "uppergamma": lambda s, x: _gamma(torch, s) * special.gammaincc(s, x),
    }
    return found


def _cube_root(torch: Any, x: Any) -> Any:
    """Return the real cube root: a power, and one step of Newton's method."""
    plain = torch.isfinite(x) & (x != 0)
    apart = torch.where(plain, x, torch.ones_like(x))
    root = torch.sign(apart) * torch.abs(apart) ** (1 / 3)
    return torch.where(plain, root - (root - apart / (root * root)) / 3, x)


def _gamma(torch: Any, x: Any) -> Any:
    """Return the gamma function through its logarithm; nan at negative integers, as in SciPy."""
    whole = torch.floor(x)
    odd = torch.remainder(whole, 2.0) != 0
    found = torch.exp(torch.lgamma(x)) * torch.where((x < 0) & odd, -1.0, 1.0)
    return torch.where((x < 0) & (whole == x), torch.full_like(x, torch.nan), found)


def _polygamma(torch: Any, n: Any, x: Any) -> Any:
    """Return the polygamma function for x > 0, of order 0 for every x."""
    if n.ndim == 0 and n >= 0 and n == torch.floor(n):
        found = torch.polygamma(int(n), x)
        return found if n == 0 else torch.where(x > 0, found, torch.full_like(found, torch.nan))
    order = torch.where(n == 0, torch.ones_like(n), n)
    sign = torch.where(torch.remainder(order, 2.0) == 0, -1.0, 1.0)
    place = torch.where(x > 0, x, torch.full_like(x, torch.nan))
    raised = sign * _gamma(torch, order + 1) * torch.special.zeta(order + 1, place)
    return torch.where(n == 0, torch.digamma(x), raised)
