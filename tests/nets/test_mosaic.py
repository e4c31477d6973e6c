"""Colours of a mosaic: plain light, gradients, and every site's own value."""

import pytest
import torch

from napari_focusstack.nets.mosaic import demosaiced


def planes_of(picture):
    """RGGB planes of a picture (B, 3, H, W)."""
    return torch.stack(
        [picture[:, 0, ::2, ::2], picture[:, 1, ::2, 1::2], picture[:, 1, 1::2, ::2], picture[:, 2, 1::2, 1::2]], 1
    )


def test_plain_light_stays():
    picture = torch.tensor([0.2, 0.5, 0.9])[None, :, None, None].expand(1, 3, 12, 16)
    torch.testing.assert_close(demosaiced(planes_of(picture)), picture)


def test_slopes_of_grey_light_stay_inside():
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(20.0), indexing="ij")
    picture = (0.01 * rows + 0.02 * columns)[None, None].expand(1, 3, -1, -1)
    found = demosaiced(planes_of(picture))
    torch.testing.assert_close(found[..., 2:-2, 2:-2], picture[..., 2:-2, 2:-2])


def test_each_site_keeps_its_own_value():
    planes = torch.rand(2, 4, 6, 7)
    torch.testing.assert_close(planes_of(demosaiced(planes)), planes)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_it_is_linear(factor):
    one, other = torch.rand(2, 1, 4, 6, 6)
    both = demosaiced(factor * one + other)
    torch.testing.assert_close(both, factor * demosaiced(one) + demosaiced(other))
