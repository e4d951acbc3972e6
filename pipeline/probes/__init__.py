"""Probes: what a network's loss looks like where training has come to. None perturbs training."""
