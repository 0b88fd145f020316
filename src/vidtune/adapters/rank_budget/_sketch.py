"""The spectrum of what flows into a layer, in memory that does not grow with the number of tokens."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_WIDEST_EXACT = 512
_NUM_TESTS = 256


class SecondMoment:
    """The eigenvalues of the sum of ``x xᵀ`` over all inputs ``x`` of a layer.

    Exact for layers of at most 512 inputs. Of wider ones the product of the sum with 256 random directions is kept, and
    the Nyström approximation taken from it, which is never more than the truth (Tropp et al. 2017, "Fixed-rank
    approximation of a positive-semidefinite matrix from streaming data", algorithm 3). The sum is not centred: an
    adapter's first matrix has no offset, so the mean is a direction like any other.

    Letters of shapes: ``n`` rows, ``d`` inputs, ``k`` random directions.
    """

    def __init__(self, num_in: int) -> None:
        self._is_exact = num_in <= _WIDEST_EXACT
        self._num_in = num_in
        self._image: torch.Tensor | None = None
        self._total: torch.Tensor | None = None

    def add(self, x_nd: torch.Tensor) -> None:
        """Add inputs (n, d); the sums stay on their device."""
        rows = x_nd.detach().float()
        right = rows if self._is_exact else rows @ _test_directions(self._num_in).to(rows.device)
        image, total = rows.T @ right, rows.square().sum().double()
        self._image = image if self._image is None else self._image + image
        self._total = total if self._total is None else self._total + total

    @property
    def total(self) -> float:
        """The trace, always exact."""
        return 0.0 if self._total is None else float(self._total)

    def eigenvalues(self) -> list[float]:
        """Return the eigenvalues, falling; of a wide layer the largest 256. Nothing before inputs were added."""
        import torch

        if self._image is None:
            return []
        image = self._image.double().cpu()
        if self._is_exact:
            values = torch.linalg.eigvalsh(image).flip(0)
        else:
            values = _nystroem(image, _test_directions(self._num_in).double())
        return [float(value) for value in values.clamp_min(0)]

    def shares(self) -> list[float]:
        """Return the share of the trace that each of the largest directions carries, falling."""
        return [value / self.total for value in self.eigenvalues()] if self.total > 0 else []


def _nystroem(image_dk: torch.Tensor, tests_dk: torch.Tensor) -> torch.Tensor:
    """Return the eigenvalues (k,) of the approximation; the shift keeps the root of a nearly singular core real."""
    import torch

    # The image was summed in float32: below its rounding there is only noise.
    shift: torch.Tensor = torch.finfo(torch.float32).eps * torch.linalg.matrix_norm(image_dk)
    shifted = image_dk + shift * tests_dk
    core = tests_dk.T @ shifted
    values, vectors = torch.linalg.eigh((core + core.T) / 2)
    roots = values.clamp_min(float(shift) / 2).sqrt()
    found: torch.Tensor = torch.linalg.svdvals(shifted @ (vectors / roots)).square() - shift
    return found


@lru_cache(maxsize=16)
def _test_directions(num_in: int) -> torch.Tensor:
    """Return orthonormal random directions (d, k), the same in every run."""
    import torch

    generator = torch.Generator().manual_seed(num_in)
    directions: torch.Tensor = torch.linalg.qr(torch.randn(num_in, _NUM_TESTS, generator=generator)).Q
    return directions
