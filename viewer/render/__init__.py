"""From points in view to a picture: pure functions, and the loop that calls them."""
