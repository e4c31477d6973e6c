"""Quality and speed of the focus-stacking methods, beside other programs where they are installed.

Run from the root of the repository::

    python -m benchmarks quality
    python -m benchmarks speed
"""
