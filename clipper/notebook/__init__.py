"""The viewer inside of a notebook: its server as a child process, and the frame that a cell shows."""
