"""Drawing of the map: pure functions from points in view to a picture, and the loop that calls them."""
