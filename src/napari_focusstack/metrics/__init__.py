"""Metrics: a picture, a depth map or a mask in, one number out, each by a stated implementation."""

from __future__ import annotations

from .depth import abs_rel, bad_pixels, bumpiness, delta, log_rmse, mae, miou, rmse, sqr_rel
from .fusion import q_abf, q_mi, q_y, qcv_chen_varshney
from .pictures import band_beside_depth_edges, inside_range, psnr, spatial_frequency, ssim

__all__ = [
    "abs_rel",
    "bad_pixels",
    "band_beside_depth_edges",
    "bumpiness",
    "delta",
    "inside_range",
    "log_rmse",
    "mae",
    "miou",
    "psnr",
    "q_abf",
    "q_mi",
    "q_y",
    "qcv_chen_varshney",
    "rmse",
    "spatial_frequency",
    "sqr_rel",
    "ssim",
]
