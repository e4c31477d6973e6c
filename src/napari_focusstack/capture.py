"""Capture quality: a burst in, what is wrong with how it was taken out, as maps and in words."""
