"""The axes of meaning on the page: the fields in which they are chosen, and the words along them."""
