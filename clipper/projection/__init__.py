"""The map: laying out vectors in 2-D, placing more among them, and measuring how well it serves."""
