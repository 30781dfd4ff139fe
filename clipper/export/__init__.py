"""A dataset outside of Clipper: folders and tables for other tools, a page and a picture of the map."""
