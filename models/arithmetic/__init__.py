"""The arithmetic of sliding windows: sizes, receptive fields, use of pixels, costs."""
