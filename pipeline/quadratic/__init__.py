"""The noisy quadratic on paper: what `batchscope selftest` compares the pipeline with."""
