"""One visitor's state, and the work done for it in the background."""
