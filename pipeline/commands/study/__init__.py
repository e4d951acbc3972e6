"""`batchscope study`: run studies without DVC, and look at how far they are."""
