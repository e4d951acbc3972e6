"""Layers derived from first principles, a layer a file."""
