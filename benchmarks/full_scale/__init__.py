"""Figures on public sets at full scale, which the book quotes; each module runs by `python -m`."""
