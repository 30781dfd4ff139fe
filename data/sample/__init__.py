"""The scripts that made the sample images and the sample model. Clipper itself never imports them."""
