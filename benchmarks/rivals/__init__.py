"""The same trials, trained three ways: as libraries teach, by hand, and by batchscope."""
