"""Geometry of the map: the part in view, an index of the points, the points inside an outline."""
